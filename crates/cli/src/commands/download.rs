use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use clipseek::Clipseek;
use dataset::{Download, ManifestReport, Progress, Shard, WebAddress, addresses};

use crate::downloading::{self, DownloadArguments};
use crate::exit::Outcome;
use crate::interrupt;
use crate::output;
use crate::sources::TableArguments;
use crate::terminal::{count, message, visible};

/// Test the URLs of a list and fetch their pictures
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  clipseek download Train_GCC-training.tsv --to cc3m
  clipseek download urls.parquet --to cc3m --resize 256
  clipseek download urls.csv --to tested --check-only
  clipseek download hf:google-research-datasets/conceptual_captions --config unlabeled --to cc3m
  clipseek download cc3m.parquet --to part3 --shard 3/64
  clipseek add cc3m/manifest.parquet                     to search what was fetched

A list is CSV, TSV, JSONL or Parquet, each perhaps compressed (.gz, .zst), a folder of such, or \
hf:OWNER/NAME, a data set of the Hugging Face hub: a column with URLs, and perhaps one with captions. A CSV or TSV without a header, as Conceptual Captions is, is known \
by the URL in its first row. Of data sets that carry their pictures in a column, those are kept likewise.

In FOLDER come images/, by the hash of what was sent, and manifest.parquet: a row for each row of the list \
with url, caption, is_valid, status, reason, bytes, width, height, sha256, file and time; bytes, width, \
height and sha256 are of what was sent, also if a smaller copy is kept. A picture has to be one by its bytes, \
whatever its server calls it, and has to decode; it has at most 100 megapixels. The manifest of a part is \
manifest-3-of-64.parquet.

Ctrl-C ends it cleanly, and the same command goes on from there: no URL of which something has come is asked \
for again, unless --retry-failed asks for it or what refused it is lifted. Then the manifest is made.")]
pub(crate) struct Arguments {
    /// Lists of URLs, or folders of such
    #[arg(required = true, value_name = "LIST")]
    lists: Vec<PathBuf>,

    /// The folder for pictures and manifest
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,

    /// Test only, and keep no picture
    #[arg(long, conflicts_with = "resize")]
    check_only: bool,

    /// Work on one of several parts of the list, as in 3/64
    #[arg(long, value_name = "N/COUNT")]
    shard: Option<Shard>,

    /// Write the manifest as manifest.jsonl, too
    #[arg(long)]
    jsonl: bool,

    #[command(flatten)]
    table: TableArguments,

    #[command(flatten)]
    download: DownloadArguments,
}

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    let stop = interrupt::flag()?;
    let mut lists = Vec::new();
    for location in &arguments.lists {
        lists.push(clipseek.table(location, &arguments.table.options())?);
    }
    let options = arguments.download.options(arguments.check_only);
    let download = Download::open(&arguments.to, options)?;
    let manifest = download.manifest(arguments.shard);
    for list in &arguments.lists {
        for written in [&arguments.to, &manifest, &manifest.with_extension("jsonl")] {
            output::spare(list, written)?;
        }
    }
    let start = Instant::now();
    let line = downloading::line();
    let mut inside = Progress::default();
    for list in &lists {
        let show = |progress: &Progress| {
            line.set_message(downloading::state(progress, start.elapsed()));
        };
        inside.join(download.take_inside(list, arguments.shard, stop, show)?);
    }
    let feed = |take: &mut dyn FnMut(WebAddress) -> ControlFlow<()>| {
        // What a list hands over is taken until the end, so that only a stop ends the lists.
        let mut flow = ControlFlow::Continue(());
        for list in &lists {
            if flow.is_continue() {
                addresses(list, arguments.shard, |address| {
                    flow = take(address);
                    flow
                })?;
            }
        }
        anyhow::Ok(())
    };
    let progress = download.run(stop, feed, |_, _, progress| {
        line.set_message(downloading::state(progress, start.elapsed()));
        anyhow::Ok(())
    });
    line.finish_and_clear();
    let mut progress = progress?;
    progress.join(inside);
    if progress.stopped {
        message!("{}", downloading::state(&progress, start.elapsed()));
        message!("stopped; the same command goes on from here");
        return Ok(Outcome::Interrupted);
    }
    let took = start.elapsed().as_secs_f64();
    let report = download.write_manifest(&lists, arguments.shard, arguments.jsonl)?;
    arguments.summarise(&report, &progress, took, &manifest);
    Ok(Outcome::of(report.invalid.is_empty()))
}

impl Arguments {
    fn summarise(&self, report: &ManifestReport, progress: &Progress, took: f64, manifest: &Path) {
        let fresh = progress.done - progress.known;
        let rate = match fresh {
            0 => String::new(),
            _ => format!(
                ": {fresh} URLs in {took:.1} s ({:.0}/s)",
                fresh as f64 / took.max(0.001)
            ),
        };
        let ManifestReport { rows, valid, .. } = report;
        let pictures = count(*valid as usize, "picture");
        message!("{pictures} in {}{rate}", count(*rows as usize, "row"));
        for (reason, number) in downloading::by_reason(&report.invalid) {
            message!("  {reason}: {number}");
        }
        downloading::tell_of_refusals(&report.invalid);
        let is_known = progress.known > 0 && !self.download.retries_failed();
        if is_known && progress.failed.values().any(|&number| number > 0) {
            message!("what failed before is tried again with --retry-failed");
        }
        let manifest = manifest.to_string_lossy();
        message!("manifest: {}", visible(&manifest));
        if *valid > 0 && !self.check_only {
            message!("next: clipseek add {}", visible(&manifest));
        }
    }
}
