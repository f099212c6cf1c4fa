use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use clap::Args;
use clipseek::{AddProgress, AddReport, AddRequest, Adding, Clipseek, DEFAULT_COLLECTION, Fetched};
use search::IngestReport;

use crate::add_display::AddDisplay;
use crate::downloading::{self, DownloadArguments};
use crate::engines::{DeploymentArguments, EngineArguments, tell_of_late};
use crate::environment;
use crate::exit::Outcome;
use crate::interrupt;
use crate::models::ModelArguments;
use crate::output;
use crate::sources::{SourceArguments, Told, size};
use crate::terminal::{message, print_error};
use crate::watch::Watch;

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

A table is CSV, TSV, JSONL or Parquet. Paths in it are relative to the table. Rows that name the \
same picture give it several captions; of anything else that they say, the first counts. Columns that are \
neither path, caption nor id become metadata to filter by: texts, numbers, booleans and lists of texts; \
nested values are left out. Hidden files and folders are skipped, and pictures of more than 200 million pixels \
(HEIC, JPEG XL: 50 million) or 128 MiB are refused.

The same command again takes up what is new or has changed, and reads nothing else. Pictures that were \
moved or renamed are known by their content. Those of a folder whose files are gone are not found any \
more, nor are those whose files can no longer be read; they come back with their files, and --prune forgets \
those that are gone. A folder that is a link is the folder that it leads to. What a table gave and no longer gives is \
taken out, and an id goes along when its path changes. Columns named by an option are remembered for the \
table. A picture is fetched from its URL once; --refetch fetches all again. Ctrl-C ends it cleanly, and the same \
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

    /// Forget pictures whose files are gone, and those that their source no longer names: a row went, or --exclude leaves
    /// them out
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

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    if let Some(report) = &arguments.report {
        output::check_folder(report)?;
        output::spare_picture(report)?;
        for source in &arguments.sources {
            output::spare(source, report)?;
        }
    }
    arguments.deployment.check(arguments.engine)?;
    let stop = interrupt::flag()?;
    let mut adding = clipseek.adding(arguments.request())?;
    let watch = match arguments.watch {
        true => Some(Watch::of(&arguments.sources)?),
        false => None,
    };
    let (pictures, captions) = adding.size();
    let (size, name) = (size(pictures, captions), adding.collection_name());
    message!(
        "{size} into collection {name} (model {})",
        adding.model().name()
    );
    let mut told = watch.is_some().then(Told::new);
    let mut outcome = arguments.add(&mut adding, stop, &mut told)?;
    if let Some(mut watch) = watch {
        message!("watching; Ctrl-C to end");
        let mut trouble = None;
        while watch.wait(stop) {
            outcome = match arguments.add_again(&mut adding, stop, &mut told) {
                Ok(outcome) => {
                    trouble = None;
                    outcome
                }
                // A source that is gone may come back.
                Err(error) if is_of_source(&error) => {
                    let text = format!("{error:#}");
                    if trouble.as_ref() != Some(&text) {
                        print_error(&error);
                    }
                    trouble = Some(text);
                    Outcome::Lacking
                }
                Err(error) => return Err(error),
            };
        }
    }
    Ok(outcome)
}

impl Arguments {
    fn request(&self) -> AddRequest {
        AddRequest {
            sources: self.sources.clone(),
            collection: self.collection.clone(),
            model: self.model.choice(),
            placement: self.deployment.placement(self.engine),
            read: self.source.options(),
            download: self.download.options(false),
            prune: self.prune,
        }
    }

    fn add(
        &self,
        adding: &mut Adding<'_>,
        stop: &AtomicBool,
        told: &mut Option<Told>,
    ) -> Result<Outcome> {
        let (report, _) = self.ingest(adding, stop, told)?;
        self.tell_of_fetching(&report);
        summarise_all(&report);
        if report.counts.stopped && !self.watch {
            message!("stopped; the same command goes on from here");
            return Ok(Outcome::Interrupted);
        }
        if report.counts.added > 0 {
            let option = match adding.collection_name() {
                DEFAULT_COLLECTION => String::new(),
                name => format!(" --collection {name}"),
            };
            message!("next: clipseek search \"a dog\"{option}");
        }
        Ok(Outcome::of(report.is_complete()))
    }

    /// Takes up what has changed; says nothing if nothing has.
    fn add_again(
        &self,
        adding: &mut Adding<'_>,
        stop: &AtomicBool,
        told: &mut Option<Told>,
    ) -> Result<Outcome> {
        let (report, failures) = self.ingest(adding, stop, told)?;
        if report.has_changes() || failures > 0 {
            self.tell_of_fetching(&report);
            summarise_all(&report);
        }
        Ok(Outcome::of(report.is_complete()))
    }

    /// Adds what the sources hold, and shows how it gets on. Where `told` has the failures of the last time, only others
    /// are told; also returns how many those were.
    fn ingest(
        &self,
        adding: &mut Adding<'_>,
        stop: &AtomicBool,
        told: &mut Option<Told>,
    ) -> Result<(AddReport, usize)> {
        let skipped = match told.take() {
            Some(told) => self.source.skipped().after(told),
            None => self.source.skipped(),
        };
        let display = AddDisplay::new(skipped, self.report.as_deref())?;
        let report = adding.run(stop, &|progress: AddProgress<'_>| display.show(&progress));
        let ended = display.finish(report)?;
        *told = self.watch.then_some(ended.told);
        Ok((ended.report, ended.news))
    }

    fn tell_of_fetching(&self, report: &AddReport) {
        let Some(Fetched { progress, took }) = &report.fetched else {
            return;
        };
        if progress.done > progress.known {
            message!("fetched {}", downloading::state(progress, *took));
        }
        downloading::tell_of_refusals(&progress.failed);
        let is_known = progress.known > 0 && !self.download.retries_failed();
        if is_known && progress.failed.values().any(|&number| number > 0) {
            message!("what could not be fetched before is tried again with --retry-failed");
        }
    }
}

/// Whether an error is one of reading a source.
fn is_of_source(error: &anyhow::Error) -> bool {
    use clipseek::Error::{Dataset, FolderOfTables, NoPictures, NoRows, TableWithoutRows};
    matches!(
        error.downcast_ref(),
        Some(
            Dataset(_)
                | FolderOfTables { .. }
                | NoPictures { .. }
                | NoRows { .. }
                | TableWithoutRows { .. }
        )
    )
}

/// Says what became of the sources, and why some of it failed.
fn summarise_all(report: &AddReport) {
    summarise(&report.counts, report.skipped, report.took);
    if report.counts.failed + report.skipped > 1 {
        for (reason, number) in report.reasons() {
            message!("  {reason}: {number}");
        }
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
        (counts.still_missing, "still missing"),
        (counts.removed, "removed"),
        (counts.left, "no longer named"),
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
    if counts.left > 0 {
        message!("--prune forgets the pictures that their source no longer names");
    }
    if counts.unreadable > 0 {
        let cannot = match counts.unreadable {
            1 => "1 indexed picture can no longer be read: searches leave it out until it can"
                .to_owned(),
            more => format!(
                "{more} indexed pictures can no longer be read: searches leave them out until they can"
            ),
        };
        message!("{cannot}");
    }
    if counts.late {
        tell_of_late();
    }
}
