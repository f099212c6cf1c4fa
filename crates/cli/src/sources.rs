//! The options for reading sources of pictures, and the report of what was skipped.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use clap::Args;
use clipseek::{Clipseek, ReadOptions, skipped};
use dataset::{Columns, Listing, Slice, SourceOptions};
use indicatif::ProgressBar;
use search::Failure;

use crate::terminal::{count, message, visible, wrapped};

/// The number of problems shown one by one; the rest are only counted.
const SHOWN: usize = 20;

/// The options for reading tables.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Table options")]
pub(crate) struct TableArguments {
    /// Read paths or URLs from this column [default: found by name]
    #[arg(long, value_name = "NAME")]
    path_column: Option<String>,

    /// Read captions from this column [default: found by name]
    #[arg(long, value_name = "NAME")]
    caption_column: Option<String>,

    /// Read ids from this column [default: found by name]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    id_column: Option<String>,

    /// Skip this many rows
    #[arg(long, value_name = "ROWS", default_value_t = 0, hide_short_help = true)]
    offset: u64,

    /// Read at most this many rows
    #[arg(long, value_name = "ROWS")]
    limit: Option<u64>,

    /// Read this many random rows, the same ones every time
    #[arg(long, value_name = "ROWS")]
    sample: Option<u64>,

    /// Read this configuration of a Hugging Face data set
    ///
    /// The default is the only configuration, or `default`.
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    config: Option<String>,

    /// Read this split of a Hugging Face data set
    ///
    /// The default is the only split, or `train`.
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    split: Option<String>,
}

impl TableArguments {
    pub(crate) fn options(&self) -> ReadOptions {
        ReadOptions {
            source: SourceOptions {
                slice: Slice {
                    offset: self.offset,
                    limit: self.limit,
                    sample: self.sample,
                },
                columns: Columns {
                    path: self.path_column.clone(),
                    caption: self.caption_column.clone(),
                    id: self.id_column.clone(),
                    before: None,
                },
                ..SourceOptions::default()
            },
            config: self.config.clone(),
            split: self.split.clone(),
        }
    }
}

/// The options for reading a source.
#[derive(Args, Debug, Default)]
pub(crate) struct SourceArguments {
    /// Skip files that match this glob; may be repeated
    ///
    /// For example: --exclude '*.gif' --exclude raw/
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,

    /// List every skipped file, not only the first 20
    #[arg(short, long)]
    pub(crate) verbose: bool,

    // Last: its heading applies to all options that follow.
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

impl SourceArguments {
    pub(crate) fn options(&self) -> ReadOptions {
        let mut options = self.table.options();
        options.source.exclude.clone_from(&self.exclude);
        options
    }

    /// Reads the sources in order. Reports problems and skips what has them.
    pub(crate) fn read(&self, clipseek: &Clipseek, locations: &[PathBuf]) -> Result<Readings> {
        let listing = clipseek.read(locations, &self.options())?;
        let (report, bar) = (self.skipped(), ProgressBar::hidden());
        let mut is_complete = true;
        for problem in skipped(&listing, locations) {
            report.add(&bar, &problem?.to_string());
            is_complete = false;
        }
        report.finish();
        Ok(Readings {
            listing,
            is_complete,
        })
    }

    /// The report of skipped files.
    pub(crate) fn skipped(&self) -> SkippedReport {
        SkippedReport::new(self.verbose)
    }
}

/// The contents of sources.
pub(crate) struct Readings {
    pub(crate) listing: Listing,
    /// Whether nothing in them was skipped.
    pub(crate) is_complete: bool,
}

/// Reports skipped files, one per line. With `at_once` it prints each immediately; otherwise it prints the first ones at
/// the end and counts the rest, so that memory use is bounded.
pub(crate) struct SkippedReport {
    at_once: bool,
    /// Hashes of the lines of the last round, which are not printed again.
    reported: Option<Reported>,
    kept: Mutex<Kept>,
}

/// Hashes of the lines reported in one round.
pub(crate) type Reported = HashSet<u64>;

#[derive(Default)]
struct Kept {
    lines: Vec<String>,
    more: usize,
    reported: Reported,
    new: usize,
}

impl SkippedReport {
    /// A report that prints every line.
    pub(crate) fn all() -> SkippedReport {
        SkippedReport::new(true)
    }

    fn new(at_once: bool) -> SkippedReport {
        SkippedReport {
            at_once,
            reported: None,
            kept: Mutex::default(),
        }
    }

    /// The same without lines that were reported before.
    pub(crate) fn without(self, reported: Reported) -> SkippedReport {
        SkippedReport {
            reported: Some(reported),
            ..self
        }
    }

    /// Reports a skipped file while `bar` is on the screen.
    pub(crate) fn add(&self, bar: &ProgressBar, what: &str) {
        let mut kept = self.kept();
        if let Some(reported) = &self.reported {
            let mut hasher = DefaultHasher::new();
            what.hash(&mut hasher);
            let hash = hasher.finish();
            kept.reported.insert(hash);
            if reported.contains(&hash) {
                return;
            }
        }
        kept.new += 1;
        if self.at_once {
            bar.suspend(|| message!("{}", wrapped(&format!("skipped {}", visible(what)))));
        } else if kept.lines.len() < SHOWN {
            kept.lines.push(what.to_owned());
        } else {
            kept.more += 1;
        }
    }

    /// Reports a skipped picture.
    pub(crate) fn add_picture(&self, bar: &ProgressBar, failure: &Failure) {
        self.add(bar, &format!("{}: {}", failure.location, failure.message));
    }

    /// Prints the lines that were kept. Returns how many problems were new, and the hashes for the next round.
    pub(crate) fn finish(&self) -> (usize, Reported) {
        let kept = std::mem::take(&mut *self.kept());
        for line in &kept.lines {
            message!("{}", wrapped(&format!("skipped {}", visible(line))));
        }
        if kept.more > 0 {
            message!("skipped {} more; --verbose lists them all", kept.more);
        }
        (kept.new, kept.reported)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `3 pictures, 15 captions`.
pub(crate) fn size(pictures: u64, captions: u64) -> String {
    let pictures = count(pictures as usize, "picture");
    if captions == 0 {
        pictures
    } else {
        format!("{pictures}, {}", count(captions as usize, "caption"))
    }
}
