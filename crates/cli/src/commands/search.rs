use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use clipseek::{Answer, Clipseek, Field, QueryText, SearchRequest};

use crate::argument_group::one_of;
use crate::environment;
use crate::error::Error;
use crate::exit::Outcome;
use crate::graphics::GraphicsArguments;
use crate::models::ModelArguments;
use crate::narrowing::Narrowing;
use crate::output;
use crate::picture_argument;
use crate::render;
use crate::terminal::{message, visible};

/// Find pictures with words, with a picture, or like one of the collection
#[derive(Args, Debug)]
#[command(group = one_of("question", ["words", "image", "like", "keywords"]))]
#[command(after_help = "Examples:
  clipseek search \"a dog on the beach\"
  clipseek search --image beach.jpg --top-k 12 --to found.html
  clipseek search --image https://example.org/beach.jpg
  clipseek search --like 3f2a90c1d4e5b677 --format grid --to found.png
  clipseek search \"red shoes\" --filter '{\"price\": {\"$lt\": 50}}' --format json
  clipseek search \"sunset\" -k 100 --threshold 0.25 --format paths
  clipseek search \"собака в снегу\" --text-model ./clip-multilingual
  clipseek search beach.jpg
  clipseek search \"2:golden retriever + ./beach.jpg - people\"
  clipseek search \"at night\" --image street.jpg
  clipseek search \"two friends laughing\" --in both
  clipseek search --keywords \"lisbon tram*\"
  clipseek search \"a tram\" --keywords lisbon --taken-after 2019 --taken-before 2020-06 --folder ~/Photos

Terms of a mix are joined by + and - with a blank on both sides; a number and a colon in front say how \
much a term counts. A term is a picture if it is a file that is there, begins with http://, \
https:// or file://, or is like:ID; in double quotes it is words, whatever it says.

--in captions compares with captions instead of pictures, --in both with either. Where there are several \
rankings, of pictures, captions and keywords, they are joined by rank (reciprocal rank fusion), and each \
hit says what found it; --threshold is then for each cosine by itself, and not for keywords. --keywords \
without anything else to look for takes no model.

On a terminal that shows pictures, pictures stand in the place of the table, unless --pictures never or \
--format table says otherwise. Whether it does is asked of the terminal itself. What is not a terminal, such \
as a pipe or a file, never gets any.

Similarity is the cosine of two vectors, shown as the raw number. Words against pictures rarely reach \
0.35 even for a perfect match, pictures against pictures often lie above 0.5: a threshold suits one \
kind of query. A query picture that is itself in the collection is left out of the results.")]
pub(crate) struct Arguments {
    /// What to look for: words, or a mix of words and pictures, as in `2:dog + ./beach.jpg - people`
    #[arg(value_name = "WORDS")]
    words: Vec<String>,

    /// Find pictures like that of this file or URL, or with - of standard input; several, and words, are
    /// added up
    #[arg(short, long, value_name = "FILE|URL")]
    image: Vec<PathBuf>,

    /// Find pictures like that with this id
    #[arg(short, long, value_name = "ID")]
    like: Vec<String>,

    /// The collection to search [default: `default`, or the only one there is]
    #[arg(short, long, value_name = "NAME", env = environment::COLLECTION, hide_env_values = true)]
    collection: Option<String>,

    /// How many pictures to find at most
    #[arg(short = 'k', long, alias = "limit", value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=index::TOP_K_LIMIT as i64))]
    top_k: u32,

    /// What to compare with, one or more of these [default: images]
    #[arg(long = "in", value_name = "WHERE", value_enum, value_delimiter = ',')]
    fields: Vec<FieldName>,

    /// Words to look up in captions, file names, folders, and titles, descriptions and keywords of files: all of them; "words in quotes" stand
    /// together, word* stands for any ending
    #[arg(long, value_name = "WORDS")]
    keywords: Option<String>,

    /// Leave out pictures, and captions, less similar than this cosine
    #[arg(short, long, value_name = "COSINE", value_parser = cosine, allow_negative_numbers = true)]
    threshold: Option<f32>,

    #[command(flatten)]
    narrowing: Narrowing,

    /// The form of the answer [default: by the ending of --to, or a table]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Write the answer to this file
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    #[command(flatten)]
    graphics: GraphicsArguments,

    #[command(flatten)]
    model: ModelArguments,
}

/// What a query is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FieldName {
    /// The pictures
    Images,
    /// Their captions, of which the nearest counts
    Captions,
    /// Pictures and captions, joined by rank
    Both,
    /// The question's words, as with --keywords
    Keywords,
}

impl From<FieldName> for Field {
    fn from(name: FieldName) -> Field {
        match name {
            FieldName::Images => Field::Images,
            FieldName::Captions => Field::Captions,
            FieldName::Both => Field::Both,
            FieldName::Keywords => Field::Keywords,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns for reading
    Table,
    /// One JSON object
    Json,
    /// A JSON object a picture, a line each
    Jsonl,
    /// A page that needs nothing else
    Html,
    /// A PNG: the query beside its results
    Grid,
    /// The pictures' paths, a line each
    Paths,
    /// The same for `xargs -0`: each ends with a zero byte
    Paths0,
}

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    let format = arguments.format()?;
    if let Some(to) = &arguments.to {
        output::check_folder(to)?;
        if format != Format::Grid {
            output::spare_picture(to)?;
        }
    }
    let answer = clipseek.search(&arguments.request()?)?;
    // JSON says it itself.
    if arguments.collection.is_none() && format != Format::Json {
        message!("searched collection {}", answer.collection);
    }
    if let Some(nothing) = &answer.nothing {
        message!("{}", visible(&nothing.to_string()));
    }
    arguments.show(&answer, format)?;
    let has_line_break = |hit: &search::Hit| hit.path().to_string_lossy().contains('\n');
    if format == Format::Paths && answer.found.hits.iter().any(has_line_break) {
        message!("note: a name has a line break in it; --format paths0 keeps names apart");
    }
    Ok(Outcome::of(answer.nothing.is_none()))
}

impl Arguments {
    fn show(&self, answer: &Answer, format: Format) -> Result<()> {
        let to = self.to.as_deref();
        if format == Format::Table {
            if answer.found.hits.is_empty() {
                return Ok(());
            }
            return self.show_table(answer, to);
        }
        output::write(to, |out| match format {
            Format::Table => render::table(answer, out),
            Format::Json => render::json(answer, out),
            Format::Jsonl => render::json_lines(answer, out),
            Format::Paths => render::paths(answer, "\n", out),
            Format::Paths0 => render::paths(answer, "\0", out),
            Format::Html => {
                Ok(out.write_all(render::page(std::slice::from_ref(answer)).as_bytes())?)
            }
            Format::Grid => Ok(out.write_all(&render::grid(answer)?.to_png())?),
        })
    }

    /// The table, or pictures where nobody asked for the one and the terminal shows the other.
    fn show_table(&self, answer: &Answer, to: Option<&Path>) -> Result<()> {
        let is_free = self.format.is_none() && to.is_none();
        match is_free.then(|| self.graphics.graphics()).flatten() {
            Some(graphics) => output::write(None, |out| {
                render::contact_sheet(answer, &graphics, output::is_plain(), out)
            }),
            None => output::write_styled(to, |out| render::table(answer, out)),
        }
    }

    fn request(&self) -> Result<SearchRequest> {
        Ok(SearchRequest {
            collection: self.collection.clone(),
            query: self.query()?,
            top_k: self.top_k as usize,
            threshold: self.threshold,
            conditions: self.narrowing.conditions(),
            model: self.model.choice(),
            output: self.to.clone(),
        })
    }

    fn query(&self) -> Result<QueryText> {
        let pictures = self.image.iter().map(|at| picture_argument::given(at));
        Ok(QueryText {
            words: self.words.join(" "),
            pictures: pictures.collect::<Result<_>>()?,
            like: self.like.clone(),
            keywords: self.keywords.clone(),
            fields: self.fields.iter().map(|field| (*field).into()).collect(),
        })
    }

    fn format(&self) -> Result<Format, Error> {
        let format = match (self.format, &self.to) {
            (Some(format), _) => format,
            (None, Some(path)) => Format::of_file(path)?,
            (None, None) => Format::Table,
        };
        self.note_format(format);
        let bulky = match format {
            Format::Html => "a page",
            Format::Grid => "a PNG picture",
            _ => return Ok(format),
        };
        if self.to.is_none() && std::io::stdout().is_terminal() {
            return Err(Error::NotForATerminal { format: bulky });
        }
        Ok(format)
    }
}

impl Arguments {
    /// Says so where the file's name promises another form than --format.
    fn note_format(&self, format: Format) {
        let Some(to) = &self.to else { return };
        // A text may have any of the forms for reading.
        let promised = Format::of_file(to).ok().filter(|it| *it != Format::Table);
        if promised.is_some_and(|promised| promised != format)
            && let Some(format) = format.to_possible_value()
        {
            message!(
                "note: {} is written as {}, as --format says",
                visible(&to.to_string_lossy()),
                format.get_name()
            );
        }
    }
}

impl Format {
    fn of_file(path: &Path) -> Result<Format, Error> {
        match output::ending(path).as_str() {
            "html" | "htm" => Ok(Format::Html),
            "png" => Ok(Format::Grid),
            "json" => Ok(Format::Json),
            "jsonl" | "ndjson" => Ok(Format::Jsonl),
            "txt" => Ok(Format::Table),
            _ => Err(Error::UnknownExtension {
                path: path.to_owned(),
                expected: "a name ending in .html, .png, .json, .jsonl or .txt, or --format",
            }),
        }
    }
}

/// A cosine; percents are the usual slip.
pub(crate) fn cosine(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (-1.0..=1.0).contains(&value) => Ok(value),
        Ok(_) => Err("expected a cosine from -1 to 1; 60 % is 0.6".to_owned()),
        Err(_) => Err("expected a number from -1 to 1".to_owned()),
    }
}
