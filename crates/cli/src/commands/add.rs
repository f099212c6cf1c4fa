use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use clap::Args;
use clipseek::{AddProgress, AddReport, AddRequest, Adding, Clipseek, DEFAULT_COLLECTION, Fetched};
use search::IngestReport;

use crate::add_display::AddDisplay;
use crate::download_arguments::{self, DownloadArguments};
use crate::engine_arguments::{DeploymentArguments, EngineArguments, note_delay};
use crate::environment;
use crate::exit::Outcome;
use crate::interrupt;
use crate::model_arguments::ModelArguments;
use crate::output;
use crate::sources::{Reported, SourceArguments, size};
use crate::terminal::{count, message, print_error};
use crate::watch::Watch;

/// Index pictures from folders, tables or single files
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  clipseek add ~/Photos --model mini
  clipseek add captions.tsv --collection flickr8k --model mini
  clipseek add products.csv --path-column photo --caption-column title
  clipseek add untertitel.csv --model ./clip-b32 --text-model ./clip-multilingual
  clipseek add ~/Photos --watch
  clipseek add Train_GCC-training.tsv --model mini
  clipseek add hf:google-research-datasets/conceptual_captions --limit 300
  clipseek add ~/Photos --collection shared --engine pinecone --model mini

Folders:
  Hidden files and folders are skipped. A symbolic link to a folder counts as that folder. Pictures of more \
than 200 megapixels (HEIC, JPEG XL: 50) or 128 MiB are refused.

Tables:
  A table is CSV, TSV, JSONL or Parquet. Paths in it are relative to the table. Pictures behind URLs are \
downloaded once. Rows with the same path give one picture several captions; in all other columns the first row wins.

  Columns that are neither path, caption nor id become metadata for --filter: texts, numbers, booleans and \
lists of texts. Nested values are left out. --path-column, --caption-column and --id-column are remembered for the table.

Adding again:
  The same command adds new and changed files and reads nothing else. Moved or renamed pictures are \
recognised by content and not embedded again. Searches leave out pictures whose files are gone or unreadable \
until the files return; --prune removes the ones that are gone for good.

  Captions and metadata that a table no longer has are removed. A picture's id stays with its row when its \
path changes.

  Ctrl-C stops cleanly; the same command resumes.")]
pub(crate) struct Arguments {
    /// Folders, tables or picture files to index
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,

    /// Add to this collection, creating it if needed
    ///
    /// The default is CLIPSEEK_COLLECTION, else `default`.
    #[arg(short, long, value_name = "NAME", env = environment::COLLECTION, hide_env = true)]
    collection: Option<String>,

    #[command(flatten)]
    model: ModelArguments,

    #[command(flatten)]
    engine: EngineArguments,

    /// Remove pictures whose files are gone or no longer listed
    ///
    /// A picture is no longer listed if its row has disappeared from the table or --exclude now skips it.
    #[arg(long)]
    prune: bool,

    /// Keep running and index changes as they happen
    #[arg(long)]
    watch: bool,

    /// Write results and failures to this file as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    #[command(flatten)]
    source: SourceArguments,

    #[command(flatten)]
    download: DownloadArguments,

    #[command(flatten)]
    deployment: DeploymentArguments,
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
    let watch = arguments.watch.then(|| Watch::of(&arguments.sources));
    let watch = watch.transpose()?;
    let (pictures, captions) = adding.size();
    let (size, name) = (size(pictures, captions), adding.collection_name());
    message!(
        "adding {size} to collection {name} (model {})",
        adding.model().name()
    );
    let mut reported = watch.is_some().then(Reported::new);
    let mut outcome = arguments.add(&mut adding, stop, &mut reported)?;
    if let Some(mut watch) = watch {
        message!("watching for changes; press Ctrl-C to stop");
        let mut trouble = None;
        while watch.wait(stop) {
            outcome = match arguments.add_again(&mut adding, stop, &mut reported) {
                Ok(outcome) => {
                    trouble = None;
                    outcome
                }
                // A missing source may come back.
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
        reported: &mut Option<Reported>,
    ) -> Result<Outcome> {
        let (report, _) = self.ingest(adding, stop, reported)?;
        self.summarise_downloads(&report);
        summarise_all(&report);
        if report.counts.stopped && !self.watch {
            message!("stopped; run the same command to resume");
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

    /// Adds changes. Prints nothing if there are none.
    fn add_again(
        &self,
        adding: &mut Adding<'_>,
        stop: &AtomicBool,
        reported: &mut Option<Reported>,
    ) -> Result<Outcome> {
        let (report, failures) = self.ingest(adding, stop, reported)?;
        if report.has_changes() || failures > 0 {
            self.summarise_downloads(&report);
            summarise_all(&report);
        }
        Ok(Outcome::of(report.is_complete()))
    }

    /// Adds the sources and shows progress. Failures that are in `reported` are not reported again. Also returns the number of
    /// failures reported.
    fn ingest(
        &self,
        adding: &mut Adding<'_>,
        stop: &AtomicBool,
        reported: &mut Option<Reported>,
    ) -> Result<(AddReport, usize)> {
        let skipped = match reported.take() {
            Some(reported) => self.source.skipped().without(reported),
            None => self.source.skipped(),
        };
        let display = AddDisplay::new(skipped, self.report.as_deref())?;
        let report = adding.run(stop, &|progress: AddProgress<'_>| display.show(&progress));
        let ended = display.finish(report)?;
        *reported = self.watch.then_some(ended.reported);
        Ok((ended.report, ended.new_failures))
    }

    fn summarise_downloads(&self, report: &AddReport) {
        let Some(Fetched { progress, took }) = &report.fetched else {
            return;
        };
        if progress.done > progress.known {
            message!("fetched {}", download_arguments::state(progress, *took));
        }
        download_arguments::suggest_options(&progress.failed);
        let is_known = progress.known > 0 && !self.download.retries_failed();
        if is_known && progress.failed.values().any(|&number| number > 0) {
            message!("to retry failed downloads: --retry-failed");
        }
    }
}

/// Whether reading a source failed.
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

/// Prints the summary of an `add`, with the reasons of failures.
fn summarise_all(report: &AddReport) {
    summarise(&report.counts, report.skipped, report.took);
    if report.counts.failed + report.skipped > 1 {
        for (reason, number) in report.reasons() {
            message!("  {reason}: {number}");
        }
    }
}

/// Prints the counts on one line; `skipped` files count as failed.
pub(crate) fn summarise(counts: &IngestReport, skipped: usize, took: f64) {
    let mut parts = vec![format!("added {}", counts.added)];
    for (number, word) in [
        (counts.updated, "updated"),
        (counts.moved, "moved"),
        (counts.unchanged, "unchanged"),
        (counts.missing, "missing"),
        (counts.still_missing, "still missing"),
        (counts.removed, "removed"),
        (counts.left, "no longer listed"),
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
        message!("to remove pictures that are no longer listed: --prune");
    }
    if counts.unreadable > 0 {
        let pictures = count(counts.unreadable, "indexed picture");
        message!("{pictures} can no longer be read; searches leave out unreadable pictures");
    }
    if counts.late {
        note_delay();
    }
}
