//! What is looked for, as the command line says it.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::Address;
use picture::{Format, Limits, Picture};
use search::{Collection, Keywords, MixTerm, Query, Within};

use crate::error::Error;
use crate::output;
use crate::received::{Given, Received};
use crate::terminal::{message, visible};

/// Begins a term of a mix that is a picture of the collection.
const LIKE: &str = "like:";

/// What was asked: parts that are added up, and keywords beside them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    /// What is compared; nothing where keywords are looked up alone.
    pub(crate) parts: Vec<Part>,
    /// What it is compared with.
    pub(crate) within: Within,
    pub(crate) keywords: Option<Keywords>,
}

/// Says so where words look like a picture's file: its name may be mistyped.
pub(crate) fn note_if_file(words: &str) {
    let path = Path::new(words);
    let ending = output::ending(path);
    let mut endings = Format::ALL.iter().flat_map(|format| format.extensions());
    let is_name = !words.contains(char::is_whitespace) && endings.any(|it| *it == ending);
    if is_name || path.exists() {
        message!(
            "note: `{}` is taken as words; a picture is given with --image",
            visible(words)
        );
    }
}

/// A part of a question, and how much it counts: negative where it is subtracted.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) weight: f32,
    pub(crate) what: What,
}

/// What a part is.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Words.
    Words(String),
    /// A picture's file.
    Picture(PathBuf),
    /// A picture that came from a server or standard input.
    Received(Received),
    /// A picture of the collection.
    Like { id: String, place: PathBuf },
}

impl Question {
    pub(crate) fn of(what: What) -> Question {
        Question {
            parts: vec![Part { weight: 1.0, what }],
            ..Question::default()
        }
    }

    /// The parts that words come to: one, or those of a mix.
    pub(crate) fn add_words(&mut self, words: &str, collection: &Collection<'_>) -> Result<()> {
        match MixTerm::parse(words)? {
            None if words.trim().starts_with(LIKE) => {
                let id = words.trim().trim_start_matches(LIKE);
                self.add(What::like(id.trim(), collection)?);
            }
            None if Address::is_meant(words.trim()) => {
                self.add(What::picture(words.trim().as_ref())?);
            }
            None => {
                note_if_file(words);
                self.add(What::Words(words.to_owned()));
            }
            Some(terms) => {
                for term in terms {
                    let what = What::of_term(&term, collection)?;
                    let weight = term.weight;
                    self.parts.push(Part { weight, what });
                }
            }
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, what: What) {
        self.parts.push(Part { weight: 1.0, what });
    }

    /// The keywords that the words of the question come to; what is subtracted should not be there.
    ///
    /// # Errors
    /// Where there are no words.
    pub(crate) fn words_as_keywords(&self) -> Result<Keywords> {
        let words = |is_wanted: bool| {
            let parts = self.parts.iter();
            let parts = parts.filter(move |part| (part.weight > 0.0) == is_wanted);
            parts.filter_map(|part| part.what.words())
        };
        let wanted: Vec<&str> = words(true).collect();
        if wanted.is_empty() {
            return Err(Error::NoKeywordsIn { what: "a picture" }.into());
        }
        let unwanted: Vec<&str> = words(false).collect();
        Ok(Keywords::without(&wanted.join(" "), &unwanted)?)
    }

    /// Where it looks, in the words of `--in`.
    pub(crate) fn fields(&self) -> Vec<&'static str> {
        let mut fields = match self.within {
            _ if self.parts.is_empty() => vec![],
            Within::Images => vec!["images"],
            Within::Captions => vec!["captions"],
            Within::Both => vec!["images", "captions"],
        };
        fields.extend(self.keywords.as_ref().map(|_| "keywords"));
        fields
    }

    /// Whether it takes a sum to answer it.
    pub(crate) fn is_mix(&self) -> bool {
        self.parts.len() > 1
    }

    /// Whether it takes a text model to answer it.
    pub(crate) fn has_words(&self) -> bool {
        self.parts.iter().any(|part| part.what.words().is_some())
    }

    /// Whether one of its parts is a picture.
    pub(crate) fn has_pictures(&self) -> bool {
        let is_words = |part: &Part| part.what.words().is_some();
        !self.parts.iter().all(is_words)
    }

    /// The question in a few words.
    pub(crate) fn title(&self) -> String {
        match (self.parts.as_slice(), &self.keywords) {
            ([], Some(keywords)) => keywords.text().to_owned(),
            ([part], _) => part.what.title(),
            (parts, _) => joined(parts.iter().map(|part| (part.weight, part.what.name()))),
        }
    }

    /// How a mix was understood, term by term.
    pub(crate) fn explanation(&self) -> String {
        joined(self.parts.iter().map(|part| {
            let what = match &part.what {
                What::Words(words) => format!("\"{words}\""),
                What::Picture(path) => format!("picture {}", path.display()),
                What::Received(received) => format!("picture {}", received.name),
                What::Like { id, place } => format!("picture {id} ({})", file_name(place)),
            };
            (part.weight, what)
        }))
    }

    /// Reads what has to be read, and hands the query to `ask`. There has to be a part.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&Query<'_>) -> Result<T>) -> Result<T> {
        let read = self.parts.iter().map(|part| part.what.read());
        let read: Vec<Option<Cow<'_, [u8]>>> = read.collect::<Result<_>>()?;
        let parts = self.parts.iter().zip(&read);
        let mut terms: Vec<(f32, Query<'_>)> = parts
            .map(|(part, read)| (part.weight, part.what.query(read.as_deref())))
            .collect();
        match terms.len() {
            1 => ask(&terms.remove(0).1),
            _ => ask(&Query::Mix(terms)),
        }
    }
}

impl What {
    /// A term of a mix: `like:ID`, a URL, a file that is there, or else words.
    fn of_term(term: &MixTerm, collection: &Collection<'_>) -> Result<What> {
        let text = term.text.as_str();
        if term.is_literal {
            return Ok(What::Words(text.to_owned()));
        }
        if let Some(id) = text.strip_prefix(LIKE) {
            return What::like(id.trim(), collection);
        }
        if Address::is_meant(text) || Path::new(text).is_file() {
            return What::picture(text.as_ref());
        }
        Ok(What::Words(text.to_owned()))
    }

    /// The picture of a file, of a URL, or with `-` of standard input. What is not a file is received now.
    pub(crate) fn picture(at: &Path) -> Result<What> {
        Ok(match Given::of(at)? {
            Given::File(path) => What::Picture(path),
            Given::Received(received) => What::Received(received),
        })
    }

    /// The picture of the collection with that id.
    pub(crate) fn like(id: &str, collection: &Collection<'_>) -> Result<What> {
        let record = collection.record(id)?;
        Ok(What::Like {
            place: record.path().to_owned(),
            id: record.id,
        })
    }

    /// The file of the picture that it is, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            What::Words(_) | What::Received(_) => None,
            What::Picture(path) | What::Like { place: path, .. } => Some(path),
        }
    }

    fn title(&self) -> String {
        match self {
            What::Words(words) => words.clone(),
            What::Received(received) => format!("like {}", received.name),
            What::Picture(path) | What::Like { place: path, .. } => {
                format!("like {}", path.display())
            }
        }
    }

    /// What to call it beside others.
    pub(crate) fn name(&self) -> String {
        match self {
            What::Words(words) => words.clone(),
            What::Received(received) => received.name.clone(),
            What::Picture(path) | What::Like { place: path, .. } => file_name(path),
        }
    }

    /// The bytes of the picture that it is, if it is one from outside of the collection.
    fn read(&self) -> Result<Option<Cow<'_, [u8]>>> {
        let limits = Limits::default();
        let (bytes, name) = match self {
            What::Words(_) | What::Like { .. } => return Ok(None),
            What::Received(received) => (
                Ok(Cow::Borrowed(received.bytes.as_slice())),
                received.name.clone(),
            ),
            What::Picture(path) => (
                picture::read_within(path, &limits).map(Cow::Owned),
                path.display().to_string(),
            ),
        };
        let cannot = || format!("`{name}` cannot be the query");
        let bytes = bytes.with_context(cannot)?;
        // Of several pictures the one is named that is none.
        Picture::decode_reduced(&bytes, &limits, 1).with_context(cannot)?;
        Ok(Some(bytes))
    }

    fn query<'a>(&'a self, bytes: Option<&'a [u8]>) -> Query<'a> {
        match (self, bytes) {
            (_, Some(bytes)) => Query::Picture(bytes),
            (What::Like { id, .. }, None) => Query::Like(id),
            (what, None) => Query::Text(what.words().unwrap_or_default()),
        }
    }

    fn words(&self) -> Option<&str> {
        match self {
            What::Words(words) => Some(words),
            _ => None,
        }
    }
}

/// `2 × a + b - c`.
fn joined(terms: impl Iterator<Item = (f32, String)>) -> String {
    let mut text = String::new();
    for (n, (weight, what)) in terms.enumerate() {
        let sign = Sign {
            weight,
            is_first: n == 0,
        };
        text.push_str(&format!("{sign}{what}"));
    }
    text.trim_start().to_owned()
}

/// What stands in front of a term: ` + `, ` - 2 × `.
pub(crate) struct Sign {
    pub(crate) weight: f32,
    pub(crate) is_first: bool,
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_first, self.weight < 0.0) {
            (true, false) => {}
            (false, false) => f.write_str(" + ")?,
            (_, true) => f.write_str(" - ")?,
        }
        let weight = self.weight.abs();
        if weight == 1.0 {
            return Ok(());
        }
        write!(f, "{weight} × ")
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
