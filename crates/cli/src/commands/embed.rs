use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use clipseek::{Clipseek, VectorFile, embed_listing};

use crate::exit::Outcome;
use crate::model_arguments::ModelArguments;
use crate::output;
use crate::picture_argument;
use crate::progress;
use crate::required_group::one_of;
use crate::sources::{Readings, SourceArguments};
use crate::terminal::{count, message};

/// What the picture is for, in errors: `could not embed …`.
const PURPOSE: &str = "embed";

/// Embed words, a picture or a whole source
#[derive(Args, Debug)]
#[command(group = one_of("what", ["input", "image"]))]
#[command(after_long_help = "Examples:
  clipseek embed \"a dog on the beach\" --model mini
  clipseek embed --image beach.jpg --model mini
  clipseek embed --image https://example.org/beach.jpg --model mini
  clipseek embed captions.tsv --to vectors.parquet --model mini
  clipseek embed ~/Photos --to vectors.npy --model mini
  clipseek embed captions.tsv --to vectors.jsonl --model mini

A single embedding is printed as a JSON array. An argument that names an existing picture file is that picture, \
not words.

A whole source needs --to. A .parquet file has one row per caption with the columns `id`, `image`, `caption`, \
`image_embedding` and `text_embedding`. An .npy file has one row per picture; VECTORS.npy.jsonl next to it lists the \
pictures. A .jsonl file has one line per picture, as `clipseek index upsert` reads them.")]
pub(crate) struct Arguments {
    /// Words or a picture file; with --to a folder, table or picture file
    #[arg(value_name = "WORDS|SOURCE")]
    input: Option<String>,

    /// Embed this picture file or URL; `-` is standard input
    #[arg(short, long, value_name = "FILE|URL", conflicts_with_all = ["input", "to"])]
    image: Option<PathBuf>,

    /// Embed a whole source into this file: .parquet, .npy or .jsonl
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
    // Fail before downloading a model.
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
        skipped.add_picture(&bar, failure);
    })?;
    bar.finish_and_clear();
    skipped.finish();
    print_written(file.finish()?, to);
    Ok(Outcome::of(failed == 0 && is_complete))
}

/// Reports how many rows were written to which files.
pub(crate) fn print_written(rows: usize, to: &Path) {
    let rows = match output::ending(to).as_str() {
        "parquet" => format!("{} (one per caption)", count(rows, "row")),
        "npy" => format!("{} (one per picture)", count(rows, "row")),
        _ => count(rows, "row"),
    };
    match VectorFile::files(to).as_slice() {
        [array, names] => {
            message!(
                "wrote {rows} to {} and their names to {}",
                array.display(),
                names.display()
            );
        }
        _ => message!("wrote {rows} to {}", to.display()),
    }
}
