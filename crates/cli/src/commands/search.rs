use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use search::{Collection, Hits, Keywords, SearchOptions, Store, Within};

use super::add::DEFAULT_COLLECTION;
use crate::arguments::{StoreArguments, one_of};
use crate::environment;
use crate::error::Error;
use crate::exit::Outcome;
use crate::graphics::GraphicsArguments;
use crate::models::{ModelArguments, NamedModel};
use crate::narrowing::Narrowing;
use crate::output;
use crate::question::{Question, What};
use crate::render::{self, Answer};
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
  clipseek search \"2:golden retriever + ./beach.jpg - people\"
  clipseek search \"at night\" --image street.jpg
  clipseek search \"two friends laughing\" --in both
  clipseek search --keywords \"lisbon tram*\"
  clipseek search \"a tram\" --keywords lisbon --taken-after 2019 --taken-before 2020-06 --folder ~/Photos

Terms of a mix are joined by + and - with a blank on both sides; a number and a colon in front say how
much a term counts. A term is a picture if it is a file that is there, begins with http://,
https:// or file://, or is like:ID; in double quotes it is words, whatever it says.

--in captions compares with captions instead of pictures, --in both with either. Where there are several
rankings, of pictures, captions and keywords, they are joined by rank (reciprocal rank fusion), and each
hit says what found it; --threshold is then for each cosine by itself, and not for keywords. --keywords
without anything else to look for takes no model.

On a terminal that shows pictures, pictures stand in the place of the table, unless --pictures never or
--format table says otherwise. Whether it does is asked of the terminal itself. What is not a terminal, such
as a pipe or a file, never gets any.

Similarity is the cosine of two vectors, shown as the raw number. Words against pictures rarely reach
0.35 even for a perfect match, pictures against pictures often lie above 0.5: a threshold suits one
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
    #[arg(short = 'k', long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=index::TOP_K_LIMIT as i64))]
    top_k: u32,

    /// What to compare with, one or more of these [default: images]
    #[arg(long = "in", value_name = "WHERE", value_enum, value_delimiter = ',')]
    fields: Vec<Field>,

    /// Words to look up in captions, file names and folders: all of them; "words in quotes" stand
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

/// What a question is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Field {
    /// The pictures
    Images,
    /// Their captions, of which the nearest counts
    Captions,
    /// Pictures and captions, joined by rank
    Both,
    /// The question's words, as with --keywords
    Keywords,
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

pub(crate) fn run(arguments: &Arguments, place: &StoreArguments) -> Result<Outcome> {
    let format = arguments.format()?;
    let filter = arguments.narrowing.filter()?;
    let store = place.open_existing()?;
    let collection = open_collection(&store, arguments.collection.as_deref())?;
    let question = arguments.question(&collection)?;
    if let Some(to) = &arguments.to {
        spare(&question, to)?;
        spare_pictures(&collection, format, to)?;
    }
    if question.is_mix() {
        message!("looking for {}", visible(&question.explanation()));
    }
    let options = SearchOptions {
        top_k: arguments.top_k as usize,
        threshold: arguments.threshold,
        filter,
        within: question.within,
        keywords: question.keywords.clone(),
    };
    let found = match (question.parts.is_empty(), &question.keywords) {
        (true, Some(keywords)) => {
            collection.search_keywords(keywords, options.top_k, options.filter.as_ref())?
        }
        _ => {
            let model = arguments.model_for(&question, &collection)?;
            find(&collection, &model, &question, &options)?
        }
    };
    explain(&found, &options, &collection, question.has_pictures());
    let outcome = Outcome::of(!found.hits.is_empty());
    let answer = Answer {
        question,
        collection: collection.name().to_owned(),
        model: collection.model().reference.clone(),
        found,
    };
    arguments.show(&answer, format)?;
    Ok(outcome)
}

/// The collection of that name; without a name the default one, or the only one there is.
pub(crate) fn open_collection<'store>(
    store: &'store Store,
    name: Option<&str>,
) -> Result<Collection<'store>> {
    Ok(store.collection(&collection_name(store, name)?)?)
}

/// The name of that collection.
pub(crate) fn collection_name(store: &Store, name: Option<&str>) -> Result<String> {
    // An empty variable names none.
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        return Ok(name.to_owned());
    }
    let mut names: Vec<String> = store
        .collections()?
        .into_iter()
        .map(|info| info.name)
        .collect();
    if names.iter().any(|name| name == DEFAULT_COLLECTION) {
        names = vec![DEFAULT_COLLECTION.to_owned()];
    }
    match names.as_slice() {
        [] => Err(Error::NoCollections {
            store: store.directory().to_owned(),
        }
        .into()),
        [name] => Ok(name.clone()),
        _ => Err(Error::WhichCollection { names }.into()),
    }
}

/// Asks the collection.
pub(crate) fn find(
    collection: &Collection<'_>,
    model: &NamedModel,
    question: &Question,
    options: &SearchOptions,
) -> Result<Hits> {
    question.ask(|query| Ok(collection.search(&model.model, query, options)?))
}

/// Refuses to write over a picture of the question.
fn spare(question: &Question, to: &Path) -> Result<(), Error> {
    let mut paths = question.parts.iter().filter_map(|part| part.what.path());
    paths.try_for_each(|path| output::spare(path, to))
}

/// Refuses to write over a picture that is somebody's; a grid may take an earlier one's place.
fn spare_pictures(collection: &Collection<'_>, format: Format, to: &Path) -> Result<()> {
    if format != Format::Grid {
        return Ok(output::spare_picture(to)?);
    }
    match to.canonicalize() {
        Ok(place) if collection.has_place(&crate::sources::place(&place))? => {
            Err(Error::OutputIsPicture { path: place }.into())
        }
        _ => Ok(()),
    }
}

/// Says why there is nothing, where there is nothing.
fn explain(found: &Hits, options: &SearchOptions, collection: &Collection<'_>, of_pictures: bool) {
    if !found.hits.is_empty() {
        return;
    }
    match (found.best, options.threshold) {
        (Some(best), Some(threshold)) => message!(
            "nothing is as similar as {}: the best is {}",
            render::similarity(threshold),
            render::similarity(best)
        ),
        _ if collection.pictures() == 0 => message!("collection {} is empty", collection.name()),
        _ => match (&options.keywords, &options.filter) {
            (Some(keywords), filter) => message!(
                "no caption, file name or folder{} has all of these words: {}",
                filter.as_ref().map_or("", |_| " of the pictures asked for"),
                visible(keywords.text())
            ),
            (None, Some(_)) => {
                message!("no picture has all that --filter, --folder and the dates ask for");
            }
            (None, None) if options.within == Within::Captions => {
                message!(
                    "no picture of collection {} has a caption",
                    collection.name()
                );
            }
            (None, None) if !of_pictures => message!(
                "the pictures of collection {} have no vectors: see clipseek collection check",
                collection.name()
            ),
            (None, None) => message!(
                "there is no other picture in collection {}",
                collection.name()
            ),
        },
    }
}

impl Arguments {
    fn show(&self, answer: &Answer, format: Format) -> Result<()> {
        let to = self.to.as_deref();
        if format == Format::Table {
            return match answer.found.hits.is_empty() {
                true => Ok(()),
                false => self.show_table(answer, to),
            };
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

    fn question(&self, collection: &Collection<'_>) -> Result<Question> {
        let mut question = Question::default();
        let words = self.words.join(" ");
        if !words.trim().is_empty() {
            question.add_words(&words, collection)?;
        }
        for path in &self.image {
            question.add(What::picture(path)?);
        }
        for id in &self.like {
            question.add(What::like(id, collection)?);
        }
        if question.parts.is_empty() && self.keywords.is_none() {
            return Err(Error::NoWords.into());
        }
        question.keywords = self.keywords.as_deref().map(Keywords::parse).transpose()?;
        self.direct(&mut question)?;
        Ok(question)
    }

    /// Sets what the question is compared with.
    fn direct(&self, question: &mut Question) -> Result<()> {
        let has = |fields: &[Field]| fields.iter().any(|field| self.fields.contains(field));
        let images = self.fields.is_empty() || has(&[Field::Images, Field::Both]);
        let captions = has(&[Field::Captions, Field::Both]);
        if question.parts.is_empty() {
            let vectors = has(&[Field::Images, Field::Captions, Field::Both]);
            return match vectors {
                true => Err(Error::NothingToCompare.into()),
                false => Ok(()),
            };
        }
        if has(&[Field::Keywords]) && question.keywords.is_none() {
            question.keywords = Some(question.words_as_keywords()?);
        }
        question.within = match (images, captions) {
            (true, true) => Within::Both,
            (false, true) => Within::Captions,
            (true, false) => Within::Images,
            (false, false) if question.has_pictures() => {
                return Err(Error::NoKeywordsIn { what: "a picture" }.into());
            }
            (false, false) => {
                question.parts.clear();
                Within::Images
            }
        };
        Ok(())
    }

    /// The model that the question takes.
    fn model_for(&self, question: &Question, collection: &Collection<'_>) -> Result<NamedModel> {
        match question.has_words() {
            true => self.model.load_for(collection.model()),
            false => self.model.load_pictures_for(collection.model()),
        }
    }

    fn format(&self) -> Result<Format, Error> {
        let format = match (self.format, &self.to) {
            (Some(format), _) => format,
            (None, Some(path)) => Format::of_file(path)?,
            (None, None) => Format::Table,
        };
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
