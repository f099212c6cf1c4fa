mod columns;
mod fetching;
mod overlap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use dataset::{Problem, Record};
use search::{AddEvent, AddOptions, Collection, Failure, IngestReport, NewRecord, Store};
use serde::Serialize;

use crate::arguments::StoreArguments;
use crate::downloading::DownloadArguments;
use crate::engines::{DeploymentArguments, EngineArguments, tell_of_late};
use crate::environment;
use crate::error::Error;
use crate::exit::Outcome;
use crate::interrupt;
use crate::models::{ModelArguments, NamedModel};
use crate::output;
use crate::progress;
use crate::sources::{SourceArguments, new_record, size};
use crate::terminal::{message, print_error, visible};
use crate::watch::Watch;

/// The collection that is used where none is named.
pub(crate) const DEFAULT_COLLECTION: &str = "default";

/// Index pictures: a folder, a table of paths or URLs with captions, or single files
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  clipseek add ~/Photos --model mini
  clipseek add captions.tsv --collection flickr8k --model mini
  clipseek add products.csv --path-column photo --caption-column title --model ./clip-vit-b32
  clipseek add untertitel.csv --model ./clip-vit-b32 --text-model ./clip-multilingual
  clipseek add ~/Photos --watch                          and go on as the folder changes
  clipseek add Train_GCC-training.tsv --model mini       fetches the pictures of the URLs
  clipseek add hf:google-research-datasets/conceptual_captions --split validation --limit 300
  clipseek add ~/Photos --collection shared --engine pinecone --model mini

A table is CSV, TSV, JSONL or Parquet. Paths in it are relative to the table. Rows that name the
same picture give it several captions; of anything else that they say, the first counts. Columns that are
neither path, caption nor id become metadata to filter by: texts, numbers, booleans and lists of texts;
nested values are left out. Hidden files and folders are skipped.

The same command again takes up what is new or has changed, and reads nothing else. Pictures that were
moved or renamed are known by their content. Those of a folder whose files are gone are not found any
more; they come back with their files, and --prune forgets them. Ctrl-C ends it cleanly, and the same
command goes on from there.")]
pub(crate) struct Arguments {
    /// Folders, tables or picture files
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,

    /// The collection to add to, made if it is not there [default: default]
    #[arg(short, long, value_name = "NAME", env = environment::COLLECTION, hide_env_values = true)]
    collection: Option<String>,

    #[command(flatten)]
    engine: EngineArguments,

    #[command(flatten)]
    model: ModelArguments,

    #[command(flatten)]
    source: SourceArguments,

    /// Take out of the collection what is gone from the folders
    #[arg(long)]
    prune: bool,

    /// Go on watching the sources, and take up what changes in them
    #[arg(long)]
    watch: bool,

    #[command(flatten)]
    download: DownloadArguments,

    #[command(flatten)]
    deployment: DeploymentArguments,

    /// Write what became of the pictures, and why some failed, to this file as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, place: &StoreArguments) -> Result<Outcome> {
    let name = arguments.collection_name();
    Store::check_name(name)?;
    if let Some(report) = &arguments.report {
        output::spare_picture(report)?;
        for source in &arguments.sources {
            output::spare(source, report)?;
        }
    }
    arguments.deployment.check(arguments.engine)?;
    let stop = interrupt::flag()?;
    let store = place.open()?;
    let listing = Listed::read(arguments, &store)?;
    // Before the model, which may have to be downloaded: a source may not be there.
    let model = model_for(&arguments.model, &store, name)?;
    model.model.check_pictures()?;
    let watch = match arguments.watch {
        true => Some(Watch::of(&arguments.sources)?),
        false => None,
    };
    let size = size(&listing.records);
    message!("{size} into collection {name} (model {})", model.name());
    columns::tell(&listing.records);
    let placement = arguments.deployment.placement(arguments.engine);
    let collection = store.collection_or_new_at(name, &model.identity(), &placement)?;
    let run = Run {
        arguments,
        store: &store,
        collection: &collection,
        model: &model,
        stop,
    };
    let mut outcome = run.add(listing)?;
    if let Some(mut watch) = watch {
        message!("watching; Ctrl-C to end");
        while watch.wait(stop) {
            outcome = run.add_again()?;
        }
    }
    Ok(outcome)
}

impl Arguments {
    fn collection_name(&self) -> &str {
        self.collection
            .as_deref()
            .filter(|name| !name.is_empty())
            .unwrap_or(DEFAULT_COLLECTION)
    }
}

/// What the sources hold.
#[derive(Default)]
struct Listed {
    records: Vec<Record>,
    problems: Vec<Problem>,
    /// The folders among them that hold something.
    folders: Vec<PathBuf>,
    /// Those that hold nothing, as far as they are known to have held something.
    empty: Vec<PathBuf>,
}

impl Listed {
    /// Reads the sources. Each has to hold something, or have held something when it was added before.
    fn read(arguments: &Arguments, store: &Store) -> Result<Listed> {
        let mut all = Listed::default();
        for location in &arguments.sources {
            let listing = match arguments.source.read_among(location, &arguments.sources) {
                Err(error) => {
                    let name = arguments.collection_name();
                    let is_there = location.exists();
                    if !is_there && is_known(store, name, &dataset::absolute(location)?)? {
                        message!(
                            "note: collection {name} has pictures of it: `clipseek collection forget` takes them out"
                        );
                    }
                    return Err(error);
                }
                listing => listing?,
            };
            let holds_nothing = listing.records.is_empty() && listing.problems.is_empty();
            match (holds_nothing, listing.folder) {
                (false, folder) => all.folders.extend(folder),
                (true, Some(folder)) if is_known(store, arguments.collection_name(), &folder)? => {
                    all.empty.push(folder);
                }
                (true, _) => {
                    let path = location.clone();
                    return Err(Error::NoPictures { path }.into());
                }
            }
            all.records.extend(listing.records);
            all.problems.extend(listing.problems);
        }
        let problems = all.problems.iter().map(ToString::to_string);
        arguments.source.tell(problems);
        Ok(all)
    }
}

/// Whether the collection of that name has pictures of the folder.
fn is_known(store: &Store, collection: &str, path: &Path) -> Result<bool> {
    match store.has_below(collection, &folder(path)) {
        Err(search::Error::NoCollection { .. }) => Ok(false),
        known => Ok(known?),
    }
}

/// The sources and what they are added to.
struct Run<'a> {
    arguments: &'a Arguments,
    store: &'a Store,
    collection: &'a Collection<'a>,
    model: &'a NamedModel,
    stop: &'static AtomicBool,
}

impl Run<'_> {
    fn add(&self, listed: Listed) -> Result<Outcome> {
        let report = self.ingest(listed)?;
        report.summarise();
        if report.counts.stopped && !self.arguments.watch {
            message!("stopped; the same command goes on from here");
            return Ok(Outcome::Interrupted);
        }
        if report.counts.added > 0 {
            let name = self.collection.name();
            let option = match name {
                DEFAULT_COLLECTION => String::new(),
                _ => format!(" --collection {name}"),
            };
            message!("next: clipseek search \"a dog\"{option}");
        }
        Ok(report.outcome())
    }

    /// Takes up what has changed; says nothing if nothing has.
    fn add_again(&self) -> Result<Outcome> {
        let report = match Listed::read(self.arguments, self.store) {
            Ok(listed) => self.ingest(listed)?,
            Err(error) => {
                // A source that is gone may come back.
                print_error(&error);
                return Ok(Outcome::Lacking);
            }
        };
        if report.counts.unchanged < report.counts.done() || report.counts.missing > 0 {
            report.summarise();
        }
        Ok(report.outcome())
    }

    /// Adds the pictures, with a bar while it goes.
    fn ingest(&self, mut listed: Listed) -> Result<Report> {
        let is_here = |record: &Record| record.place.file().is_some();
        let records = overlap::one_record_a_picture(std::mem::take(&mut listed.records));
        let (here, elsewhere): (Vec<Record>, Vec<Record>) = records.into_iter().partition(is_here);
        listed.records = here;
        let mut folders: Vec<String> = listed.folders.iter().map(|path| folder(path)).collect();
        let mut options = AddOptions {
            prune: self.arguments.prune,
            stop: self.stop,
            waiting: &tell_of_waiting,
            ..AddOptions::default()
        };
        for path in &listed.empty {
            message!(
                "{} holds no pictures any more: its pictures are not found until they are back",
                visible(&path.to_string_lossy())
            );
            // What looks like a folder may be the place of a disk that is not there.
            options.prune = false;
            folders.push(folder(path));
        }
        options.folders = folders;
        let records: Vec<NewRecord> = listed.records.into_iter().map(new_record).collect();
        let start = Instant::now();
        let mut ingested = with_bar(self.collection, self.model, records, &options)?;
        if !elsewhere.is_empty() && !ingested.counts.stopped {
            ingested.join(self.bring(&elsewhere)?);
        }
        let Ingested { counts, failures } = ingested;
        let lines = failures.iter();
        let source = &self.arguments.source;
        source.tell(lines.map(|failure| format!("{}: {}", failure.place, failure.message)));
        let report = Report {
            counts,
            failures,
            skipped: listed.problems.iter().map(Skipped::of).collect(),
            took: start.elapsed().as_secs_f64(),
        };
        if let Some(path) = &self.arguments.report {
            output::write(Some(path), |out| {
                serde_json::to_writer_pretty(&mut *out, &report)?;
                Ok(writeln!(out)?)
            })?;
        }
        Ok(report)
    }
}

pub(crate) fn tell_of_waiting() {
    message!("waiting for another clipseek that adds to this collection");
}

/// A folder as the collection keeps places.
fn folder(path: &Path) -> String {
    crate::sources::place(path)
}

/// What became of pictures, and which of them failed.
#[derive(Default)]
pub(crate) struct Ingested {
    pub(crate) counts: IngestReport,
    failures: Vec<Failure>,
}

impl Ingested {
    fn join(&mut self, other: Ingested) {
        self.counts.join(other.counts);
        self.failures.extend(other.failures);
    }

    /// Takes in pictures that failed before they could be added.
    fn fail(&mut self, failures: Vec<Failure>) {
        for failure in &failures {
            self.counts.count(failure);
        }
        self.failures.extend(failures);
    }
}

/// What became of the sources.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    counts: IngestReport,
    /// The pictures that could not be indexed.
    failures: Vec<Failure>,
    /// Files and rows that were no pictures to begin with.
    skipped: Vec<Skipped>,
    /// Seconds.
    took: f64,
}

#[derive(Serialize)]
struct Skipped {
    place: String,
    line: Option<u64>,
    reason: &'static str,
    message: String,
}

impl Skipped {
    fn of(problem: &Problem) -> Skipped {
        Skipped {
            place: problem.file.to_string_lossy().into_owned(),
            line: problem.line,
            reason: problem.reason.summary(),
            message: problem.reason.to_string(),
        }
    }
}

impl Report {
    fn outcome(&self) -> Outcome {
        Outcome::of(self.counts.failed == 0 && self.skipped.is_empty())
    }

    fn summarise(&self) {
        summarise(&self.counts, self.skipped.len(), self.took);
        if self.counts.failed + self.skipped.len() > 1 {
            for (reason, number) in self.reasons() {
                message!("  {reason}: {number}");
            }
        }
    }

    /// How many were not indexed, for each reason.
    fn reasons(&self) -> BTreeMap<&str, usize> {
        let reasons = self.counts.reasons.iter();
        let mut reasons: BTreeMap<&str, usize> = reasons
            .map(|(reason, number)| (reason.as_str(), *number))
            .collect();
        for skipped in &self.skipped {
            *reasons.entry(skipped.reason).or_default() += 1;
        }
        reasons
    }
}

/// Says in a line what became of the pictures, of which `skipped` were none.
pub(crate) fn summarise(counts: &IngestReport, skipped: usize, took: f64) {
    let mut parts = vec![format!("added {}", counts.added)];
    for (number, word) in [
        (counts.updated, "updated"),
        (counts.moved, "moved"),
        (counts.unchanged, "unchanged"),
        (counts.missing, "missing"),
        (counts.removed, "removed"),
        (counts.failed + skipped, "failed"),
    ] {
        if number > 0 {
            parts.push(format!("{word} {number}"));
        }
    }
    let rate = match counts.added + counts.updated {
        0 => String::new(),
        embedded => format!(" ({:.0} pictures/s)", embedded as f64 / took.max(1e-3)),
    };
    message!("{} in {took:.1} s{rate}", parts.join(", "));
    if counts.late {
        tell_of_late();
    }
}

/// Adds the pictures, with a bar while it goes.
pub(crate) fn with_bar(
    collection: &Collection<'_>,
    model: &NamedModel,
    records: Vec<NewRecord>,
    options: &AddOptions<'_>,
) -> Result<Ingested> {
    let bar = progress::bar(records.len(), "indexing");
    let mut failures = Vec::new();
    let records = records.into_iter().map(anyhow::Ok);
    let report = collection.add(&model.model, records, options, |event| match event {
        AddEvent::Progress(report) => {
            bar.set_position(report.done() as u64);
            if report.failed > 0 {
                bar.set_message(format!("indexing, {} failed", report.failed));
            }
        }
        AddEvent::Failed(failure) => failures.push(failure.clone()),
    });
    bar.finish_and_clear();
    let counts = report?;
    Ok(Ingested { counts, failures })
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
