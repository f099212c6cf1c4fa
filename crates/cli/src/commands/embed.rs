use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use picture::{Limits, Picture};

use crate::arguments::one_of;
use crate::exit::Outcome;
use crate::models::ModelArguments;
use crate::output;
use crate::question::note_if_file;
use crate::received::Given;
use crate::sources::SourceArguments;
use crate::vector_file::VectorFile;

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

A single vector is printed as a JSON list. A source needs --to: a Parquet file has a row a caption with
`id`, `image`, `caption`, `image_embedding` and `text_embedding`; an .npy file has a row a picture, and
VECTORS.npy.jsonl beside it says which; a .jsonl file has a line a picture, as `clipseek index upsert`
takes them.")]
pub(crate) struct Arguments {
    /// Words; with --to a folder, a table or a picture file
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

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    if let (Some(source), Some(to)) = (&arguments.input, &arguments.to) {
        return embed_source(arguments, Path::new(source), to);
    }
    // What is to be embedded is looked at before a model is downloaded for it.
    let vector = match &arguments.image {
        Some(at) => embed_picture(&arguments.model, at)?,
        None => {
            let words = arguments.input.as_deref().unwrap_or_default();
            note_if_file(words);
            arguments.model.load()?.model.embed_text(words)?
        }
    };
    output::write(None, |out| {
        serde_json::to_writer(&mut *out, &vector)?;
        Ok(writeln!(out)?)
    })?;
    Ok(Outcome::Done)
}

fn embed_picture(model: &ModelArguments, at: &Path) -> Result<Vec<f32>> {
    let limits = Limits::default();
    let (bytes, name) = match Given::of(at)? {
        Given::Received(received) => (Ok(received.bytes), received.name),
        Given::File(path) => (
            picture::read_within(&path, &limits),
            path.display().to_string(),
        ),
    };
    let cannot = || format!("`{name}` cannot be embedded");
    let bytes = bytes.with_context(cannot)?;
    Picture::decode_reduced(&bytes, &limits, 1).with_context(cannot)?;
    let model = model.load()?.model;
    model.embed_bytes(&bytes, &limits).with_context(cannot)
}

fn embed_source(arguments: &Arguments, source: &Path, to: &Path) -> Result<Outcome> {
    VectorFile::spare(source, to)?;
    VectorFile::check_ending(to)?;
    let listing = arguments.reading.read(&[source.to_owned()])?;
    let model = arguments.model.load()?;
    let mut file = VectorFile::create(to, model.model.dimension())?;
    let failed = arguments
        .reading
        .embed_all(&model.model, listing.records, |embedding| {
            file.write(&embedding)
        })?;
    file.finish()?;
    Ok(Outcome::of(failed == 0 && listing.problems.is_empty()))
}
