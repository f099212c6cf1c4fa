use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use clipseek::{Clipseek, Deletion, VectorFile};
use index::EngineKind;
use search::{CollectionInfo, Store};
use serde::Serialize;

use super::embed::print_written;
use super::{check, duplicates, forget, merge};
use crate::collection_argument::CollectionArgument;
use crate::error::Error;
use crate::exit::Outcome;
use crate::interrupt;
use crate::output;
use crate::terminal::{count, message};

/// List, describe, check, export, merge and delete collections
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the collections
    List(Listing),
    /// Describe a collection
    Info(Info),
    /// Write the embeddings of a collection to a file for other programs
    #[command(after_long_help = "Examples:
  clipseek collection export flickr8k --to flickr8k.parquet
  clipseek collection export --to vectors.npy

A Parquet file has one row per caption with the columns `id`, `image`, `caption`, `image_embedding` and \
`text_embedding`. An .npy file has one row per picture; the file next to it with .jsonl added to its name lists the \
pictures.")]
    Export(Export),
    /// Check a collection for faults, and repair them
    Check(check::Arguments),
    /// Find copies and near-duplicates, and how much space they take
    #[command(after_long_help = "Examples:
  clipseek collection duplicates
  clipseek collection duplicates --folder ~/Photos/2019 --to duplicates.html
  clipseek collection duplicates --threshold 1 --format json
  clipseek collection duplicates --format paths0 | xargs -0 rm --

A group has one picture to keep and its duplicates: copies of the file, and versions that were resized, cropped or \
saved again. The picture to keep has the most pixels; ties are broken by the larger, then by the older file. Every \
duplicate is similar to the picture to keep, so that no chain of similar pictures joins different ones.

Two pictures are near-duplicates if the cosine similarity of their embeddings reaches --threshold and their pixels look \
the same: resized, recompressed, brighter or darker, or slightly cropped. Different documents are not near-duplicates, even \
if their embeddings are similar. With the model mini, a test on 40 photographs found all versions saved as JPEG of quality \
50, 98 % of those cropped by 5 % on each side, and 78 % of those at half size. Other models have not been measured.

Nothing is deleted. --format paths and paths0 list exact copies; --near adds near-duplicates. Look at those before \
you delete them (--to duplicates.html): the pictures of a burst can be as similar as versions are.

The exit status is 1 if there are no duplicates.")]
    Duplicates(duplicates::Arguments),
    /// Remove pictures from a collection; their files stay
    #[command(after_long_help = "Examples:
  clipseek collection forget ~/Photos/Screenshots
  clipseek collection forget /mnt/old-disk --collection archive

The files need not exist any more. Adding a source again adds its pictures again.")]
    Forget(forget::Arguments),
    /// Copy the pictures of collections into another, with their embeddings
    #[command(after_long_help = "Examples:
  clipseek collection merge italy spain --into europe
  clipseek collection merge default --from-store /mnt/part2/store --into cc3m

Nothing is embedded again, so all collections must have the same model. The target is created if needed; pictures that \
it already has at the same location stay. Downloaded pictures are copied into its store. Other files stay where they are.")]
    Merge(merge::Arguments),
    /// Delete a collection; picture files stay unless downloaded or uploaded
    Delete(Delete),
}

#[derive(Args, Debug)]
pub(crate) struct Listing {
    /// Print the result in this format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct Info {
    #[command(flatten)]
    collection: CollectionArgument,

    /// Print the result in this format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    collection: CollectionArgument,

    /// Write this file: .parquet, .npy or .jsonl
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Delete {
    /// Collection to delete
    name: String,

    /// Delete without asking
    #[arg(short, long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Human-readable text
    Table,
    /// JSON
    Json,
}

pub(crate) fn run(command: &Command, clipseek: &Clipseek) -> Result<Outcome> {
    match command {
        Command::List(arguments) => list(arguments, clipseek.existing_store()?),
        Command::Info(arguments) => info(arguments, clipseek),
        Command::Export(arguments) => export(arguments, clipseek),
        Command::Check(arguments) => check::run(arguments, clipseek),
        Command::Duplicates(arguments) => duplicates::run(arguments, clipseek),
        Command::Forget(arguments) => forget::run(arguments, clipseek),
        Command::Merge(arguments) => merge::run(arguments, clipseek),
        Command::Delete(arguments) => delete(arguments, clipseek),
    }
}

fn list(arguments: &Listing, store: &Store) -> Result<Outcome> {
    let collections = store.collections()?;
    if collections.is_empty() {
        message!("no collections in {}", store.directory().display());
    }
    output::write(None, |out| match arguments.format {
        Format::Json => json(&collections, out),
        Format::Table => {
            let names = collections
                .iter()
                .map(|it| it.name.len())
                .max()
                .unwrap_or_default();
            for CollectionInfo {
                name,
                engine,
                pictures,
                missing,
                model,
            } in &collections
            {
                let missing = match missing {
                    0 => String::new(),
                    missing => format!("  ({missing} missing)"),
                };
                let at = match engine {
                    EngineKind::Embedded => String::new(),
                    engine => format!("  (at {engine})"),
                };
                let pictures = count(*pictures as usize, "picture");
                writeln!(
                    out,
                    "{name:<names$}  {pictures:>17}  {}{at}{missing}",
                    model.reference
                )?;
            }
            Ok(())
        }
    })?;
    Ok(Outcome::Done)
}

/// The output of `collection info`.
#[derive(Serialize)]
struct Description {
    #[serde(flatten)]
    collection: CollectionInfo,
    captions: u64,
    store: PathBuf,
}

fn info(arguments: &Info, clipseek: &Clipseek) -> Result<Outcome> {
    let collection = clipseek.collection(arguments.collection.name())?;
    let description = Description {
        captions: collection.captions()?,
        collection: collection.info(),
        store: clipseek.existing_store()?.directory().to_owned(),
    };
    output::write(None, |out| match arguments.format {
        Format::Json => json(&description, out),
        Format::Table => {
            let CollectionInfo {
                name,
                engine,
                model,
                pictures,
                missing,
            } = &description.collection;
            writeln!(out, "name         {name}")?;
            writeln!(out, "pictures     {pictures}")?;
            if *missing > 0 {
                writeln!(
                    out,
                    "missing      {missing}; searches find them again once their files are back"
                )?;
            }
            writeln!(out, "captions     {}", description.captions)?;
            writeln!(out, "engine       {engine}")?;
            writeln!(out, "model        {}", model.reference)?;
            if let Some(text) = &model.text {
                writeln!(out, "text model   {}", text.reference)?;
            }
            writeln!(out, "fingerprint  {}", model.fingerprint)?;
            writeln!(out, "precision    {}", model.precision)?;
            writeln!(out, "dimension    {}", model.dimension)?;
            Ok(writeln!(
                out,
                "store        {}",
                description.store.display()
            )?)
        }
    })?;
    Ok(Outcome::Done)
}

fn export(arguments: &Export, clipseek: &Clipseek) -> Result<Outcome> {
    let collection = clipseek.collection(arguments.collection.name())?;
    let mut file = VectorFile::create(&arguments.to, collection.model().dimension)?;
    let missing = collection.export(|embedding| file.write(&embedding))?;
    print_written(file.finish()?, &arguments.to);
    if missing > 0 {
        let pictures = count(missing, "picture");
        message!("left out {pictures} without an embedding; add their sources again to embed them");
    }
    Ok(Outcome::of(missing == 0))
}

fn delete(arguments: &Delete, clipseek: &Clipseek) -> Result<Outcome> {
    let info = clipseek.existing_store()?.info(&arguments.name)?;
    let at = match info.engine {
        EngineKind::Embedded => String::new(),
        EngineKind::Pinecone => format!(", and index {} at Pinecone", info.name),
    };
    let question = format!(
        "delete {} with {}{at}?",
        info.name,
        count(info.pictures as usize, "picture")
    );
    if !arguments.yes && !confirmed(&question, &arguments.name)? {
        message!("kept {}", arguments.name);
        return Ok(Outcome::Done);
    }
    let files = match clipseek.delete_collection(&arguments.name, interrupt::flag()?)? {
        Deletion::Stopped => return Ok(Outcome::Interrupted),
        Deletion::Done {
            with_fetched,
            with_uploaded,
        } => match (with_fetched, with_uploaded) {
            (true, false) => "with its downloaded pictures; other files stay where they are",
            (false, true) => "with its uploaded pictures; other files stay where they are",
            (true, true) => {
                "with its downloaded and uploaded pictures; other files stay where they are"
            }
            (false, false) => "the picture files stay where they are",
        },
    };
    message!("deleted {}; {files}", arguments.name);
    Ok(Outcome::Done)
}

/// Asks on the terminal whether to delete the collection `name`.
fn confirmed(question: &str, name: &str) -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let name = name.to_owned();
        return Err(Error::NotConfirmed { name }.into());
    }
    let mut stderr = std::io::stderr();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn json(value: &impl Serialize, out: &mut dyn Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    Ok(writeln!(out)?)
}
