use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use dataset::{Source, SourceOptions};
use include_dir::{Dir, include_dir};
use search::{AddOptions, Collection, SearchOptions};

use super::add::{summarise, with_bar};
use super::search::find;
use crate::arguments::StoreArguments;
use crate::error::Error;
use crate::exit::Outcome;
use crate::models::{DeviceChoice, MINI, NamedModel};
use crate::output;
use crate::question::{Question, What};
use crate::render::{self, Answer};
use crate::sources::{new_record, size};
use crate::terminal::{STRONG, message};

/// The pictures that ship with clipseek, and their captions.
static PICTURES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../demo");

/// The collection that the demo makes.
const COLLECTION: &str = "demo";

/// What the demo looks for, in words.
const WORDS: &str = "a bird on a branch";

/// What the demo looks for, by a picture of its own.
const PICTURE: &str = "pictures/two-perch.jpg";

/// How many pictures it shows.
const TOP_K: usize = 6;

/// Try clipseek: bundled model, bundled pictures, two searches and a page; offline
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Where to write the page
    #[arg(long, value_name = "FILE", default_value = "clipseek-demo.html")]
    to: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, place: &StoreArguments) -> Result<Outcome> {
    let store = place.open()?;
    let directory = store.directory().join("demo");
    unpack(&directory)?;
    let model = NamedModel::load(MINI, DeviceChoice::default())?;
    let listing =
        Source::open(&directory.join("captions.csv"), SourceOptions::default())?.read()?;
    message!("{} that ship with clipseek", size(&listing.records));
    let collection = store.collection_or_new(COLLECTION, &model.identity())?;
    let records = listing.records.into_iter().map(new_record).collect();
    let start = Instant::now();
    let report = with_bar(&collection, &model, records, &AddOptions::default())?;
    summarise(&report.counts, 0, start.elapsed().as_secs_f64());

    let questions = [
        Question::of(What::Words(WORDS.to_owned())),
        Question::of(What::Picture(directory.join(PICTURE))),
    ];
    let mut answers = Vec::new();
    for question in questions {
        answers.push(ask(&collection, &model, question)?);
    }
    output::write(Some(&arguments.to), |out| {
        Ok(out.write_all(render::page(&answers).as_bytes())?)
    })?;
    say_what_next(&arguments.to);
    Ok(Outcome::Done)
}

/// Writes the bundled pictures where they can be indexed and looked at. Files that are there
/// already, and whole, are left alone.
fn unpack(directory: &Path) -> Result<()> {
    let at = |path: &Path, source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let pictures = directory.join("pictures");
    fs::create_dir_all(&pictures).map_err(|source| at(&pictures, source))?;
    for file in PICTURES.files().chain(PICTURES.dirs().flat_map(Dir::files)) {
        let path = directory.join(file.path());
        if fs::read(&path).is_ok_and(|there| there == file.contents()) {
            continue;
        }
        output::write(Some(&path), |out| Ok(out.write_all(file.contents())?))?;
    }
    Ok(())
}

/// Asks, and shows the answer on the terminal.
fn ask(collection: &Collection<'_>, model: &NamedModel, question: Question) -> Result<Answer> {
    let start = Instant::now();
    let options = SearchOptions {
        top_k: TOP_K,
        ..SearchOptions::default()
    };
    let found = find(collection, model, &question, &options)?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let answer = Answer {
        question,
        collection: COLLECTION.to_owned(),
        model: model.reference.clone(),
        found,
    };
    message!(
        "\n{STRONG}{}{STRONG:#}  ({milliseconds:.0} ms)",
        answer.question.title()
    );
    output::write_styled(None, |out| render::table(&answer, out))?;
    Ok(answer)
}

fn say_what_next(page: &Path) {
    let url = std::path::absolute(page).unwrap_or_else(|_| page.to_owned());
    message!(
        "
The pictures are in {page}: open {url} in a browser.

Try next:
  clipseek search \"flowers\" --collection {COLLECTION}
  clipseek search \"mountains\" --collection {COLLECTION} --to found.html
  clipseek add ~/Pictures --model mini
  clipseek search \"a dog on the beach\"

The bundled model `mini` is small, for trying out. clipseek works with CLIP checkpoints:
  clipseek model list",
        page = page.display(),
        url = url.display(),
    );
}
