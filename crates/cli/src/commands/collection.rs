use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use clipseek::{Clipseek, Deletion, VectorFile};
use index::EngineKind;
use search::{CollectionInfo, Store};
use serde::Serialize;

use super::embed::say_written;
use super::{check, duplicates, forget, merge};
use crate::collection_argument::CollectionArgument;
use crate::error::Error;
use crate::exit::Outcome;
use crate::interrupt;
use crate::output;
use crate::terminal::{count, message};

/// List, describe, check, export, merge and delete collections; find duplicates, forget pictures
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the collections
    List(Listing),
    /// Describe a collection
    Info(Info),
    /// Write the vectors of a collection to a file for other programs
    #[command(after_help = "Examples:
  clipseek collection export flickr8k --to flickr8k.parquet
  clipseek collection export --to vectors.npy

A Parquet file has a row a caption with `id`, `image`, `caption`, `image_embedding` and \
`text_embedding`; an .npy file has a row a picture, and a file of its name and .jsonl says which.")]
    Export(Export),
    /// See whether a collection is whole, and mend it
    Check(check::Arguments),
    /// Find pictures that are there several times, and what could be freed
    #[command(after_help = "Examples:
  clipseek collection duplicates
  clipseek collection duplicates --folder ~/Photos/2019 --to duplicates.html
  clipseek collection duplicates --threshold 1 --format json
  clipseek collection duplicates --format paths0 | xargs -0 rm --

A group is a picture to keep and those like it: as copies of its file, or resized, cropped, saved once \
more. To keep is the one with the most pixels, of these the largest file, of these the oldest. Every \
other picture of a group is like that one, so that no chain of likenesses joins what differs.

Two pictures are near-duplicates if their vectors are as similar as --threshold and their pixels look the same: \
resized, saved as another JPEG, brighter or darker, cropped a little. Different documents are not, however alike their \
vectors. With the model mini, versions of 40 photographs were found: all of those saved as JPEG of quality 50, 98 % of \
those cropped by 5 % on each side, 78 % of those half as large. Other models have not been measured.

Nothing is deleted. --format paths and paths0 name exact copies; with --near also near-duplicates: look at \
them before you delete them (--to duplicates.html), as a burst of photographs may be as alike as versions are.

The exit code is 1 where there are no duplicates.")]
    Duplicates(duplicates::Arguments),
    /// Take pictures out of a collection, whether their files are there or not; the files stay
    #[command(after_help = "Examples:
  clipseek collection forget ~/Photos/Screenshots
  clipseek collection forget /mnt/old-disk --collection archive

Adding a source again takes up those of its pictures that are there.")]
    Forget(forget::Arguments),
    /// Take the pictures of collections into another, with their vectors
    #[command(after_help = "Examples:
  clipseek collection merge italy spain --into europe
  clipseek collection merge default --from-store /mnt/part2/store --into cc3m

Nothing is embedded again: the collections have to be of one model. The one that is merged into is made if it \
is not there, and keeps what it has at the same place. Fetched pictures are copied into its store; other \
files stay where they are.")]
    Merge(merge::Arguments),
    /// Delete a collection with its vectors; pictures' files stay, unless they were fetched or uploaded
    Delete(Delete),
}

#[derive(Args, Debug)]
pub(crate) struct Listing {
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct Info {
    #[command(flatten)]
    collection: CollectionArgument,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    collection: CollectionArgument,

    /// The file to write: .parquet or .npy
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Delete {
    /// The collection
    name: String,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Text for reading
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
        message!(
            "there are no collections in {}",
            store.directory().display()
        );
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

/// What `collection info` says.
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
                    "missing      {missing}, found again when their files are back"
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
    say_written(file.finish()?, &arguments.to);
    if missing > 0 {
        let pictures = count(missing, "picture");
        message!("{pictures} without vectors left out: add their source again to embed them");
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
        message!("{} stays as it is", arguments.name);
        return Ok(Outcome::Done);
    }
    let files = match clipseek.delete_collection(&arguments.name, interrupt::flag()?)? {
        Deletion::Stopped => return Ok(Outcome::Interrupted),
        Deletion::Done {
            with_fetched,
            with_uploaded,
        } => match (with_fetched, with_uploaded) {
            (true, false) => {
                "with the pictures that were fetched for it; other files are where they were"
            }
            (false, true) => {
                "with the pictures that were uploaded to it; other files are where they were"
            }
            (true, true) => {
                "with the pictures that were fetched for it or uploaded to it; other files are where they were"
            }
            (false, false) => "the pictures' files are where they were",
        },
    };
    message!("deleted {}; {files}", arguments.name);
    Ok(Outcome::Done)
}

/// Asks on the terminal whether to delete what has that name.
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
