use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use clipseek::Clipseek;
use dataset::{Download, ManifestReport, Progress, Shard, WebAddress, addresses};

use crate::download_arguments::{self, DownloadArguments};
use crate::exit::Outcome;
use crate::interrupt;
use crate::output;
use crate::sources::TableArguments;
use crate::terminal::{count, message, visible};

/// Download the pictures of a list of URLs, or only check the URLs
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  clipseek download Train_GCC-training.tsv --to cc3m
  clipseek download urls.parquet --to cc3m --resize 256
  clipseek download urls.csv --to tested --check-only
  clipseek download hf:google-research-datasets/conceptual_captions --to cc3m
  clipseek download cc3m.parquet --to part3 --shard 3/64
  clipseek add cc3m/manifest.parquet

Input:
  A list is a table with a URL column and optionally a caption column: CSV, TSV, JSONL or Parquet, compressed (.gz, \
.zst) or not. A folder of tables or a Hugging Face data set (hf:OWNER/NAME) works too. In a CSV or TSV file without a header, \
such as Conceptual Captions, the first row with a URL tells which column to use. Pictures stored inside a data set are \
extracted in the same way.

Output:
  FOLDER gets images/, with files named by the hash of the response, and manifest.parquet with one row per input row: \
url, caption, is_valid, status, reason, bytes, width, height, sha256, file and time. bytes, width, height and sha256 \
describe the response even if --resize keeps a smaller copy. With --shard, the manifest is named like manifest-3-of-64.parquet.

  A picture is recognised by its bytes, not by its Content-Type. It must decode and have at most 100 megapixels.

Resuming:
  Ctrl-C stops cleanly; the same command resumes and then writes the manifest. URLs that got a response are not requested \
again, unless --retry-failed is given or an option now allows what was refused.")]
pub(crate) struct Arguments {
    /// Lists of URLs, or folders of lists
    #[arg(required = true, value_name = "LIST")]
    lists: Vec<PathBuf>,

    /// Write pictures and manifest to this folder
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,

    /// Check the URLs without keeping pictures
    #[arg(long, conflicts_with = "resize")]
    check_only: bool,

    /// Process only this part of the list, such as 3/64
    #[arg(long, value_name = "N/COUNT")]
    shard: Option<Shard>,

    /// Write the manifest as manifest.jsonl too
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
    let line = download_arguments::line();
    let mut inside = Progress::default();
    for list in &lists {
        let show = |progress: &Progress| {
            line.set_message(download_arguments::state(progress, start.elapsed()));
        };
        inside.join(download.take_inside(list, arguments.shard, stop, show)?);
    }
    let feed = |take: &mut dyn FnMut(WebAddress) -> ControlFlow<()>| {
        // Addresses are accepted until a stop; only a stop skips the remaining lists.
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
        line.set_message(download_arguments::state(progress, start.elapsed()));
        anyhow::Ok(())
    });
    line.finish_and_clear();
    let mut progress = progress?;
    progress.join(inside);
    if progress.stopped {
        message!("{}", download_arguments::state(&progress, start.elapsed()));
        message!("stopped; run the same command to resume");
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
        for (reason, number) in download_arguments::by_reason(&report.invalid) {
            message!("  {reason}: {number}");
        }
        download_arguments::suggest_options(&report.invalid);
        let is_known = progress.known > 0 && !self.download.retries_failed();
        if is_known && progress.failed.values().any(|&number| number > 0) {
            message!("to retry failed URLs: --retry-failed");
        }
        let manifest = manifest.to_string_lossy();
        message!("manifest: {}", visible(&manifest));
        if *valid > 0 && !self.check_only {
            message!("next: clipseek add {}", visible(&manifest));
        }
    }
}
