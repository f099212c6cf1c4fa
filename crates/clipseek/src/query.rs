//! Queries, and how they are parsed.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use dataset::Address;
use picture::{Format, Limits, Picture};
use search::{Collection, Keywords, Query as VectorQuery, Within};

use crate::clipseek::Clipseek;
use crate::error::{Error, Result};
use crate::event::Note;
use crate::mix::MixTerm;
use crate::picture_input::{GivenPicture, PictureInput, is_picture};

/// The prefix of a term that is a picture of the collection.
const LIKE: &str = "like:";

/// The name of a vector term.
const A_VECTOR: &str = "a vector";

/// What the picture is for, in errors: `could not search with …`.
const PURPOSE: &str = "search with";

/// A query: a sum of terms, and keywords.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The terms; empty if only keywords are searched.
    pub terms: Vec<Term>,
    /// What to compare the terms with.
    pub within: Within,
    /// The keywords.
    pub keywords: Option<Keywords>,
}

/// A term of a query.
#[derive(Clone, Debug)]
pub struct Term {
    /// The weight, negative if the term is subtracted.
    pub weight: f32,
    /// The kind and content of the term.
    pub kind: TermKind,
}

/// The kind and content of a term.
#[derive(Clone, Debug)]
pub enum TermKind {
    /// Words.
    Words(String),
    /// A given picture.
    Picture(PictureInput),
    /// A picture of the collection.
    Like {
        /// Its id.
        id: String,
        /// Its file.
        path: PathBuf,
    },
    /// A vector in the model's space.
    Vector(Vec<f32>),
}

/// A field that a query is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Pictures.
    Images,
    /// Captions; the most similar caption of a picture counts.
    Captions,
    /// Pictures and captions, combined by rank.
    Both,
    /// The words of the query, as keywords.
    Keywords,
}

/// A query as the user writes it.
#[derive(Clone, Debug, Default)]
pub struct QueryText {
    /// Words, or a mix of words and pictures, as in `2:dog + ./beach.jpg - people`; may be empty.
    pub words: String,
    /// Pictures, each added to the words.
    pub pictures: Vec<GivenPicture>,
    /// Ids of pictures of the collection, each added to the words.
    pub like: Vec<String>,
    /// Keywords to find in captions, file names and folders.
    pub keywords: Option<String>,
    /// The fields to compare with; empty for pictures.
    pub fields: Vec<Field>,
}

impl Clipseek {
    /// Parses a query for a collection. URLs are fetched now.
    pub(crate) fn query(&self, text: &QueryText, collection: &Collection<'_>) -> Result<Query> {
        let mut query = Query::default();
        if !text.words.trim().is_empty() {
            query.terms = self.terms_of(&text.words, collection)?;
        }
        for picture in &text.pictures {
            query.add(TermKind::Picture(self.picture(picture)?));
        }
        for id in &text.like {
            query.add(TermKind::like(id, collection)?);
        }
        if query.terms.is_empty() && text.keywords.is_none() {
            return Err(Error::NoWords);
        }
        query.keywords = text.keywords.as_deref().map(Keywords::parse).transpose()?;
        query.set_fields(&text.fields)?;
        Ok(query)
    }

    /// The given picture. A URL is fetched now.
    ///
    /// # Errors
    /// The errors of [`PictureInput::at`].
    pub fn picture(&self, given: &GivenPicture) -> Result<PictureInput> {
        match given {
            GivenPicture::At(location) => self.picture_at(location),
            GivenPicture::Read(picture) => Ok(picture.clone()),
        }
    }

    fn picture_at(&self, location: &Path) -> Result<PictureInput> {
        PictureInput::at(location, &self.settings().fetch)
    }

    /// The picture file that words name, if there is one. Notes other possible meanings of the words.
    ///
    /// # Errors
    /// [`Error::NoFile`] for words that look like the path of a missing file.
    pub fn picture_named(&self, words: &str) -> Result<Option<PictureInput>> {
        let trimmed = words.trim();
        let path = Path::new(trimmed);
        if path.is_file() && (is_path(trimmed) || has_picture_name(path) || is_picture(path)) {
            return Ok(Some(PictureInput::File(path.to_owned())));
        }
        refuse_path(trimmed)?;
        let listener = &self.settings().listener;
        let meant = with_minus(words);
        if looks_like_file(path) {
            listener.note(Note::WordsLookLikeFile { words });
        } else if path.is_dir() {
            listener.note(Note::WordsAreFolder { words: trimmed });
        } else if trimmed.ends_with(" +") || trimmed.ends_with(" -") {
            listener.note(Note::OperatorAtEnd { words: trimmed });
        } else if let Some(meant) = &meant {
            listener.note(Note::MinusWithoutBlank { words, meant });
        }
        Ok(None)
    }

    /// Parses words: a single term or a mix.
    fn terms_of(&self, words: &str, collection: &Collection<'_>) -> Result<Vec<Term>> {
        let trimmed = words.trim();
        let single = match MixTerm::parse(words)? {
            Some(terms) => {
                let term = |term: &MixTerm| {
                    Ok(Term {
                        weight: term.weight,
                        kind: self.kind_of(term, collection)?,
                    })
                };
                return terms.iter().map(term).collect();
            }
            None if trimmed.starts_with(LIKE) => {
                TermKind::like(trimmed.trim_start_matches(LIKE).trim(), collection)?
            }
            None if Address::is_meant(trimmed) => {
                TermKind::Picture(self.picture_at(trimmed.as_ref())?)
            }
            None => match self.picture_named(words)? {
                Some(picture) => TermKind::Picture(picture),
                None => TermKind::Words(words.to_owned()),
            },
        };
        Ok(vec![Term::of(single)])
    }

    /// Parses a term of a mix: `like:ID`, a URL, an existing file, or words.
    fn kind_of(&self, term: &MixTerm, collection: &Collection<'_>) -> Result<TermKind> {
        let text = term.text.as_str();
        if term.is_literal {
            return Ok(TermKind::Words(text.to_owned()));
        }
        if let Some(id) = text.strip_prefix(LIKE) {
            return TermKind::like(id.trim(), collection);
        }
        if Address::is_meant(text) || Path::new(text).is_file() {
            return Ok(TermKind::Picture(self.picture_at(text.as_ref())?));
        }
        refuse_path(text)?;
        Ok(TermKind::Words(text.to_owned()))
    }
}

/// Refuses a text that looks like the path of a missing file.
fn refuse_path(text: &str) -> Result<()> {
    if is_path(text) {
        return Err(Error::NoFile { path: text.into() });
    }
    Ok(())
}

/// Whether a text looks like a path and not like words: `./beach`, `/photos`, `photos/beach.jpg`.
fn is_path(text: &str) -> bool {
    let begins = ["./", "../", "/", "~/"]
        .iter()
        .any(|it| text.starts_with(it));
    begins || (text.contains(std::path::is_separator) && has_picture_name(text.as_ref()))
}

/// Whether a text looks like the name of a picture file.
fn looks_like_file(path: &Path) -> bool {
    let has_blanks = path.to_string_lossy().contains(char::is_whitespace);
    !has_blanks && has_picture_name(path)
}

fn has_picture_name(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    let extension = extension.to_string_lossy().to_lowercase();
    let mut extensions = Format::ALL.iter().flat_map(|format| format.extensions());
    extensions.any(|known| *known == extension)
}

/// Rewrites `dog -snow` as `dog - snow`, which subtracts. `None` if no word begins with a minus.
pub fn with_minus(words: &str) -> Option<String> {
    let is_minus = |word: &&str| {
        let rest = word.strip_prefix('-');
        rest.is_some_and(|rest| rest.starts_with(char::is_alphabetic))
    };
    let words: Vec<&str> = words.split_whitespace().collect();
    if !words.iter().skip(1).any(is_minus) {
        return None;
    }
    let separate = |word: &&str| match word.strip_prefix('-') {
        Some(rest) if is_minus(word) => format!("- {rest}"),
        _ => (*word).to_owned(),
    };
    let words: Vec<String> = words.iter().map(separate).collect();
    Some(words.join(" "))
}

impl Query {
    /// A query of one term.
    pub fn of(kind: TermKind) -> Query {
        Query {
            terms: vec![Term::of(kind)],
            ..Query::default()
        }
    }

    /// A query of terms and keywords, compared with `fields`; without fields, with pictures. Without terms, keywords and
    /// fields it matches all pictures.
    ///
    /// # Errors
    /// [`Error::NothingToCompare`] and [`Error::NoKeywordsIn`] for fields that don't fit the query.
    pub fn with(terms: Vec<Term>, keywords: Option<Keywords>, fields: &[Field]) -> Result<Query> {
        let mut query = Query {
            terms,
            keywords,
            ..Query::default()
        };
        query.set_fields(fields)?;
        Ok(query)
    }

    /// A query for words.
    pub fn words(words: &str) -> Query {
        Query::of(TermKind::Words(words.to_owned()))
    }

    fn add(&mut self, kind: TermKind) {
        self.terms.push(Term::of(kind));
    }

    /// Sets the fields that the query is compared with.
    fn set_fields(&mut self, fields: &[Field]) -> Result<()> {
        let has = |some: &[Field]| some.iter().any(|field| fields.contains(field));
        let images = fields.is_empty() || has(&[Field::Images, Field::Both]);
        let captions = has(&[Field::Captions, Field::Both]);
        if self.terms.is_empty() {
            let has_vectors = has(&[Field::Images, Field::Captions, Field::Both]);
            return if has_vectors {
                Err(Error::NothingToCompare)
            } else {
                Ok(())
            };
        }
        if has(&[Field::Keywords]) && self.keywords.is_none() {
            self.keywords = Some(self.words_as_keywords()?);
        }
        self.within = match (images, captions) {
            (true, true) => Within::Both,
            (false, true) => Within::Captions,
            (true, false) => Within::Images,
            (false, false) if self.has_pictures() => {
                return Err(Error::NoKeywordsIn { what: "a picture" });
            }
            (false, false) => {
                self.terms.clear();
                Within::Images
            }
        };
        Ok(())
    }

    /// The words of the query as keywords. Words of subtracted terms must not occur.
    fn words_as_keywords(&self) -> Result<Keywords> {
        let words = |is_wanted: bool| {
            let terms = self.terms.iter();
            let terms = terms.filter(move |term| (term.weight > 0.0) == is_wanted);
            terms.filter_map(|term| term.kind.words())
        };
        let wanted: Vec<&str> = words(true).collect();
        if wanted.is_empty() {
            return Err(Error::NoKeywordsIn { what: "a picture" });
        }
        let unwanted: Vec<&str> = words(false).collect();
        Ok(Keywords::without(&wanted.join(" "), &unwanted)?)
    }

    /// The names of the fields that are compared: `images`, `captions`, `keywords`.
    pub fn fields(&self) -> Vec<&'static str> {
        let mut fields = match self.within {
            _ if self.terms.is_empty() => vec![],
            Within::Images => vec!["images"],
            Within::Captions => vec!["captions"],
            Within::Both => vec!["images", "captions"],
        };
        fields.extend(self.keywords.as_ref().map(|_| "keywords"));
        fields
    }

    /// Whether it has several terms.
    pub fn is_mix(&self) -> bool {
        self.terms.len() > 1
    }

    /// Whether it needs a text model.
    pub fn has_words(&self) -> bool {
        self.terms.iter().any(|term| term.kind.words().is_some())
    }

    /// Whether a term is a picture or vector.
    pub fn has_pictures(&self) -> bool {
        let is_words = |term: &Term| term.kind.words().is_some();
        !self.terms.iter().all(is_words)
    }

    /// A short description.
    pub fn title(&self) -> String {
        match (self.terms.as_slice(), &self.keywords) {
            ([], Some(keywords)) => keywords.text().to_owned(),
            ([term], _) => term.kind.title(),
            (terms, _) => joined(terms.iter().map(|term| (term.weight, term.kind.name()))),
        }
    }

    /// The parsed terms of a mix.
    pub fn explanation(&self) -> String {
        joined(self.terms.iter().map(|term| {
            let what = match &term.kind {
                TermKind::Words(words) => format!("\"{words}\""),
                TermKind::Picture(picture) => format!("picture {picture}"),
                TermKind::Like { id, path } => format!("picture {id} ({})", file_name(path)),
                TermKind::Vector(_) => A_VECTOR.to_owned(),
            };
            (term.weight, what)
        }))
    }

    /// Reads the pictures and calls `ask` with the query. There must be a term.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&VectorQuery<'_>) -> Result<T>) -> Result<T> {
        let read = self.terms.iter().map(|term| term.kind.read());
        let read: Vec<Option<Cow<'_, [u8]>>> = read.collect::<Result<_>>()?;
        let terms = self.terms.iter().zip(&read);
        let mut terms: Vec<(f32, VectorQuery<'_>)> = terms
            .map(|(term, read)| (term.weight, term.kind.query(read.as_deref())))
            .collect();
        match terms.len() {
            1 => ask(&terms.remove(0).1),
            _ => ask(&VectorQuery::Mix(terms)),
        }
    }

    /// Converts an error of the collection. An error of a picture gets its name.
    pub(crate) fn explain(&self, error: search::Error) -> Error {
        let search::Error::Picture(source) = error else {
            return error.into();
        };
        let mut pictures = self.terms.iter().filter_map(|term| match &term.kind {
            TermKind::Picture(picture) => Some(picture),
            _ => None,
        });
        let is_damaged = |picture: &&PictureInput| {
            let bytes = picture.read(PURPOSE);
            bytes.is_ok_and(|it| Picture::decode_reduced(&it, &Limits::default(), 1).is_err())
        };
        match pictures.find(is_damaged) {
            Some(picture) => picture.unusable(PURPOSE, source),
            None => search::Error::Picture(source).into(),
        }
    }
}

impl Term {
    fn of(kind: TermKind) -> Term {
        Term { weight: 1.0, kind }
    }
}

impl TermKind {
    /// The picture of the collection with this id.
    ///
    /// # Errors
    /// [`Error::Search`] if there is none.
    pub fn like(id: &str, collection: &Collection<'_>) -> Result<TermKind> {
        let record = collection.record(id)?;
        Ok(TermKind::Like {
            path: record.path().to_owned(),
            id: record.id,
        })
    }

    /// The path, if it is a picture file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            TermKind::Words(_) | TermKind::Vector(_) => None,
            TermKind::Picture(picture) => picture.path(),
            TermKind::Like { path, .. } => Some(path),
        }
    }

    fn title(&self) -> String {
        match self {
            TermKind::Words(words) => words.clone(),
            TermKind::Picture(picture) => format!("like {picture}"),
            TermKind::Like { path, .. } => format!("like {}", path.display()),
            TermKind::Vector(_) => A_VECTOR.to_owned(),
        }
    }

    /// A short name.
    pub fn name(&self) -> String {
        match self {
            TermKind::Words(words) => words.clone(),
            TermKind::Picture(PictureInput::Bytes { name, .. }) => name.clone(),
            TermKind::Picture(PictureInput::File(path)) | TermKind::Like { path, .. } => {
                file_name(path)
            }
            TermKind::Vector(_) => A_VECTOR.to_owned(),
        }
    }

    fn read(&self) -> Result<Option<Cow<'_, [u8]>>> {
        match self {
            TermKind::Picture(picture) => picture.read(PURPOSE).map(Some),
            TermKind::Words(_) | TermKind::Like { .. } | TermKind::Vector(_) => Ok(None),
        }
    }

    fn query<'a>(&'a self, read: Option<&'a [u8]>) -> VectorQuery<'a> {
        match (self, read) {
            (_, Some(bytes)) => VectorQuery::Picture(bytes),
            (TermKind::Like { id, .. }, None) => VectorQuery::Like(id),
            (TermKind::Vector(values), None) => VectorQuery::Vector(values),
            (kind, None) => VectorQuery::Text(kind.words().unwrap_or_default()),
        }
    }

    fn words(&self) -> Option<&str> {
        match self {
            TermKind::Words(words) => Some(words),
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

/// The sign and weight before a term: ` + `, ` - 2 × `.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    /// The weight of the term.
    pub weight: f32,
    /// Whether it is the first term.
    pub is_first: bool,
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
