use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use clipseek::{Clipseek, VectorFile, embed_listing};

use crate::argument_group::one_of;
use crate::exit::Outcome;
use crate::models::ModelArguments;
use crate::output;
use crate::picture_argument;
use crate::progress;
use crate::sources::{Readings, SourceArguments};
use crate::terminal::{count, message};

/// What a picture that cannot be read cannot be.
const PURPOSE: &str = "embedded";

/// Turn words, a picture or a whole source into vectors
#[derive(Args, Debug)]
#[command(group = one_of("what", ["input", "image"]))]
#[command(after_help = "Examples:
  clipseek embed \"a dog on the beach\" --model mini
  clipseek embed --image beach.jpg --model mini
  clipseek embed --image https://example.org/beach.jpg --model mini
  clipseek embed captions.tsv --to vectors.parquet --model mini
  clipseek embed ~/Photos --to vectors.npy --model mini
  clipseek embed captions.tsv --to vectors.jsonl --model mini

A single vector is printed as a JSON list; the name of a picture file that exists is taken as that picture. A source needs --to: a Parquet file has a row a caption with \
`id`, `image`, `caption`, `image_embedding` and `text_embedding`; an .npy file has a row a picture, and \
VECTORS.npy.jsonl beside it says which; a .jsonl file has a line a picture, as `clipseek index upsert` \
takes them.")]
pub(crate) struct Arguments {
    /// Words or a picture file; with --to a folder, a table or a picture file
    #[arg(value_name = "WORDS|SOURCE")]
    input: Option<String>,

    /// Embed the picture of this file or URL, or with - of standard input
    #[arg(short, long, value_name = "FILE|URL", conflicts_with_all = ["input", "to"])]
    image: Option<PathBuf>,

    /// Embed a source into this file: .parquet, .npy or .jsonl
    #[arg(long, value_name = "FILE", requires = "input")]
    to: Option<PathBuf>,

    #[command(flatten)]
    model: ModelArguments,

    #[command(flatten)]
    reading: SourceArguments,
}

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    if let (Some(source), Some(to)) = (&arguments.input, &arguments.to) {
        return embed_source(arguments, clipseek, Path::new(source), to);
    }
    let models = clipseek.models();
    let words = arguments.input.as_deref().unwrap_or_default();
    let picture = match &arguments.image {
        Some(at) => Some(clipseek.picture(&picture_argument::given(at)?)?),
        None => clipseek.picture_named(words)?,
    };
    // Before a model is downloaded for it.
    if let Some(picture) = &picture {
        picture.check(PURPOSE)?;
    }
    let model = models.load(&arguments.model.choice())?.model;
    let vector = match picture {
        Some(picture) => picture.embed(&model, PURPOSE)?,
        None => model.embed_text(words)?,
    };
    output::write(None, |out| {
        serde_json::to_writer(&mut *out, &vector)?;
        Ok(writeln!(out)?)
    })?;
    Ok(Outcome::Done)
}

fn embed_source(
    arguments: &Arguments,
    clipseek: &Clipseek,
    source: &Path,
    to: &Path,
) -> Result<Outcome> {
    for file in VectorFile::files(to) {
        output::spare(source, &file)?;
    }
    VectorFile::check_extension(to)?;
    output::check_folder(to)?;
    let reading = &arguments.reading;
    let Readings {
        listing,
        is_complete,
    } = reading.read(clipseek, &[source.to_owned()])?;
    let model = clipseek.models().load(&arguments.model.choice())?.model;
    let mut file = VectorFile::create(to, model.dimension())?;
    let bar = progress::bar(listing.file_count() as usize, "embedding");
    let skipped = reading.skipped();
    let visit = |embedding| {
        bar.inc(1);
        file.write(&embedding)
    };
    let failed = embed_listing(&model, &listing, visit, |failure| {
        bar.inc(1);
        skipped.tell_of(&bar, failure);
    })?;
    bar.finish_and_clear();
    skipped.finish();
    say_written(file.finish()?, to);
    Ok(Outcome::of(failed == 0 && is_complete))
}

/// Says how many rows were written to which files.
pub(crate) fn say_written(rows: usize, to: &Path) {
    let rows = match output::ending(to).as_str() {
        "parquet" => format!("{}, one for each caption", count(rows, "row")),
        "npy" => format!("{}, one for each picture", count(rows, "row")),
        _ => count(rows, "row"),
    };
    match VectorFile::files(to).as_slice() {
        [array, names] => {
            message!(
                "{rows} in {}, named in {}",
                array.display(),
                names.display()
            );
        }
        _ => message!("{rows} in {}", to.display()),
    }
}
