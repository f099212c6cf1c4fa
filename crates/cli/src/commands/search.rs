use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use clipseek::{Answer, Clipseek, Field, QueryText, SearchRequest};

use crate::environment;
use crate::error::Error;
use crate::exit::Outcome;
use crate::filter_arguments::FilterArguments;
use crate::graphics::GraphicsArguments;
use crate::model_arguments::ModelArguments;
use crate::output;
use crate::picture_argument;
use crate::render;
use crate::required_group::one_of;
use crate::terminal::{message, visible};

/// Find pictures with words, with a picture or by id
#[derive(Args, Debug)]
#[command(group = one_of("question", ["words", "image", "like", "keywords"]))]
#[command(after_help = "Examples:
  clipseek search \"a dog on the beach\"
  clipseek search --image beach.jpg --to found.html
  clipseek search \"red shoes\" --filter '{\"price\": {\"$lt\": 50}}' --format json")]
#[command(after_long_help = "Examples:
  clipseek search \"a dog on the beach\"
  clipseek search beach.jpg
  clipseek search --image beach.jpg --top-k 12 --to found.html
  clipseek search --image https://example.org/beach.jpg
  clipseek search \"at night\" --image street.jpg
  clipseek search \"2:golden retriever + ./beach.jpg - people\"
  clipseek search --like 3f2a90c1d4e5b677 --format grid --to found.png
  clipseek search \"red shoes\" --filter '{\"price\": {\"$lt\": 50}}' --format json
  clipseek search \"sunset\" -k 100 --threshold 0.25 --format paths
  clipseek search \"two friends laughing\" --in both
  clipseek search --keywords \"lisbon tram*\"
  clipseek search \"a tram\" --keywords lisbon --taken-after 2019
  clipseek search \"собака в снегу\" --text-model ./clip-multilingual

Mixing terms:
  Join terms with \" + \" and \" - \", with a space on both sides. A number and a colon in front of a term set its \
weight. A term is a picture if it names an existing file, begins with http://, https:// or file://, or is like:ID. \
Double quotes make a term words in any case.

Rankings:
  --in captions compares the query with captions, --in both with pictures and captions. The rankings of pictures, captions \
and keywords are combined by reciprocal rank fusion, and each result says what found it. --threshold applies to each \
cosine similarity, not to keywords. --keywords alone needs no model.

Pictures on the terminal:
  A terminal that supports it shows pictures instead of the table, unless --pictures never or --format table is given. \
clipseek asks the terminal itself. Pipes and files never get pictures.

Similarity:
  Similarity is the cosine of two embeddings. Words and pictures rarely reach 0.35 even for a perfect match, while two \
pictures often reach 0.5, so that each kind of query needs its own --threshold. A query picture that is in the collection \
itself is left out of the results.")]
pub(crate) struct Arguments {
    /// Words, a picture file, or a mix: `2:dog + ./beach.jpg - people`
    #[arg(value_name = "WORDS")]
    words: Vec<String>,

    /// Find pictures like this file or URL; `-` is standard input
    ///
    /// May be repeated. Several pictures and words are combined.
    #[arg(short, long, value_name = "FILE|URL")]
    image: Vec<PathBuf>,

    /// Find pictures like the one with this id
    #[arg(short, long, value_name = "ID")]
    like: Vec<String>,

    /// Search this collection [default: `default`, or the only one]
    ///
    /// CLIPSEEK_COLLECTION sets another default.
    #[arg(short, long, value_name = "NAME", env = environment::COLLECTION, hide_env = true)]
    collection: Option<String>,

    /// Return at most this many pictures
    #[arg(short = 'k', long, alias = "limit", value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=index::TOP_K_LIMIT as i64))]
    top_k: u32,

    /// Compare with these fields [default: images]
    #[arg(long = "in", value_name = "WHERE", value_enum, value_delimiter = ',')]
    fields: Vec<FieldName>,

    /// Find pictures whose texts contain all these words
    ///
    /// Searches captions, file names, folder names, and the titles, descriptions and keywords in files. "Words in quotes"
    /// must be adjacent; word* matches any ending.
    #[arg(long, value_name = "WORDS")]
    keywords: Option<String>,

    /// Drop pictures and captions below this cosine similarity
    #[arg(short, long, value_name = "COSINE", value_parser = cosine, allow_negative_numbers = true)]
    threshold: Option<f32>,

    #[command(flatten)]
    filters: FilterArguments,

    /// Write this format [default: from the extension of --to, else table]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    #[command(flatten)]
    graphics: GraphicsArguments,

    #[command(flatten)]
    model: ModelArguments,
}

/// A field to compare the query with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FieldName {
    /// Pictures
    Images,
    /// Captions; the most similar caption of a picture counts
    Captions,
    /// Pictures and captions, combined by rank
    Both,
    /// The words of the query as keywords, like --keywords
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
    /// Human-readable columns
    Table,
    /// One JSON object
    Json,
    /// One JSON object per picture and line
    Jsonl,
    /// A self-contained page
    Html,
    /// A PNG picture of the query and its results
    Grid,
    /// The paths of the pictures, one per line
    Paths,
    /// The same paths, each followed by a zero byte, for `xargs -0`
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
    // JSON has the name.
    if arguments.collection.is_none() && format != Format::Json {
        message!("searched collection {}", answer.collection);
    }
    if let Some(nothing) = &answer.nothing {
        message!("{}", visible(&nothing.to_string()));
    }
    arguments.show(&answer, format)?;
    let has_line_break = |hit: &search::Hit| hit.path().to_string_lossy().contains('\n');
    if format == Format::Paths && answer.found.hits.iter().any(has_line_break) {
        message!(
            "note: a path contains a line break; --format paths0 separates paths by zero bytes"
        );
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

    /// Prints the table, or pictures if the terminal shows them and no format was asked for.
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
            conditions: self.filters.conditions(),
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
            Format::Html => "HTML",
            Format::Grid => "PNG",
            _ => return Ok(format),
        };
        if self.to.is_none() && std::io::stdout().is_terminal() {
            return Err(Error::NotForATerminal { format: bulky });
        }
        Ok(format)
    }
}

impl Arguments {
    /// Notes that --format differs from the file's extension.
    fn note_format(&self, format: Format) {
        let Some(to) = &self.to else { return };
        // Any text format may be written to a .txt file.
        let promised = Format::of_file(to).ok().filter(|it| *it != Format::Table);
        if promised.is_some_and(|promised| promised != format)
            && let Some(format) = format.to_possible_value()
        {
            message!(
                "note: writing {} as {}, as --format says",
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
                expected: "use .html, .png, .json, .jsonl or .txt, or --format",
            }),
        }
    }
}

/// Parses a cosine. The usual mistake is a percentage.
pub(crate) fn cosine(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (-1.0..=1.0).contains(&value) => Ok(value),
        Ok(_) => Err("expected a cosine similarity from -1 to 1; write 60 % as 0.6".to_owned()),
        Err(_) => Err("expected a number from -1 to 1".to_owned()),
    }
}
