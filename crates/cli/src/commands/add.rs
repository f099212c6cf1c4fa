use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use picture::Limits;
use search::{Collection, IngestReport, NewRecord};

use crate::arguments::StoreArguments;
use crate::environment;
use crate::exit::Outcome;
use crate::models::{ModelArguments, NamedModel};
use crate::progress;
use crate::sources::{SourceArguments, new_record, size};
use crate::terminal::{count, message};

/// The collection that is used where none is named.
pub(crate) const DEFAULT_COLLECTION: &str = "default";

/// Index pictures: a folder, a table of paths and captions, or single files
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  clipseek add ~/Photos --model mini
  clipseek add captions.tsv --collection flickr8k --model mini
  clipseek add products.csv --path-column photo --caption-column title --model ./clip-vit-b32
  clipseek add untertitel.csv --model ./clip-vit-b32 --text-model ./clip-multilingual

A table is CSV, TSV, JSONL or Parquet. Paths in it are relative to the table. Rows that name the
same picture give it several captions; of anything else that they say, the first counts. Columns that are
neither path, caption nor id become metadata to filter by: texts, numbers, booleans and lists of texts;
nested values are left out. Hidden files and folders are skipped. The same command again takes up what is
new or has changed; what was deleted or moved is not noticed.")]
pub(crate) struct Arguments {
    /// Folders, tables or picture files
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,

    /// The collection to add to, made if it is not there [default: default]
    #[arg(short, long, value_name = "NAME", env = environment::COLLECTION, hide_env_values = true)]
    collection: Option<String>,

    #[command(flatten)]
    model: ModelArguments,

    #[command(flatten)]
    source: SourceArguments,
}

pub(crate) fn run(arguments: &Arguments, place: &StoreArguments) -> Result<Outcome> {
    let name = arguments
        .collection
        .as_deref()
        .filter(|name| !name.is_empty())
        .unwrap_or(DEFAULT_COLLECTION);
    let store = place.open()?;
    let model = model_for(&arguments.model, &store, name)?;
    let listing = arguments.source.read(&arguments.sources)?;
    let size = size(&listing.records);
    model.model.check_pictures()?;
    message!("{size} into collection {name} (model {})", model.name());
    let collection = store.collection_or_new(name, &model.identity())?;
    let records = listing.records.into_iter().map(new_record).collect();
    let report = ingest(&collection, &model, records, &arguments.source)?;
    if report.added > 0 {
        let option = match name {
            DEFAULT_COLLECTION => String::new(),
            _ => format!(" --collection {name}"),
        };
        message!("next: clipseek search \"a dog\"{option}");
    }
    Ok(Outcome::of(
        report.failed.is_empty() && listing.problems.is_empty(),
    ))
}

/// The model that was named; else that of the collection, if it is there; else the default one.
fn model_for(
    arguments: &ModelArguments,
    store: &search::Store,
    collection: &str,
) -> Result<NamedModel> {
    match store
        .collections()?
        .into_iter()
        .find(|info| info.name == collection)
    {
        Some(info) => arguments.load_for(&info.model),
        None => arguments.load(),
    }
}

/// Adds the pictures, with a bar while it goes and a summary at the end.
pub(crate) fn ingest(
    collection: &Collection<'_>,
    model: &NamedModel,
    records: Vec<NewRecord>,
    source: &SourceArguments,
) -> Result<IngestReport> {
    let bar = progress::bar(records.len(), "indexing");
    let start = Instant::now();
    let report = collection.add(&model.model, records, &Limits::default(), |report| {
        bar.set_position(report.done() as u64);
    })?;
    bar.finish_and_clear();
    let failures = report.failed.iter();
    source.tell(failures.map(|failure| format!("{}: {}", failure.place, failure.message)));
    summarise(&report, start.elapsed().as_secs_f64());
    Ok(report)
}

fn summarise(report: &IngestReport, seconds: f64) {
    let mut parts = vec![format!("added {}", report.added)];
    for (number, word) in [
        (report.updated, "updated"),
        (report.unchanged, "unchanged"),
        (report.failed.len(), "failed"),
    ] {
        if number > 0 {
            parts.push(format!("{word} {number}"));
        }
    }
    let embedded = report.added + report.updated;
    let rate = match embedded {
        0 => String::new(),
        _ => format!(" ({:.0} pictures/s)", embedded as f64 / seconds.max(1e-3)),
    };
    message!("{} in {seconds:.1} s{rate}", parts.join(", "));
    if report.failed.len() > 1 {
        for (reason, number) in report.reasons() {
            message!("  {reason}: {}", count(number, "picture"));
        }
    }
}
