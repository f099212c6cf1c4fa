//! Sources of pictures: the options that say how they are read, and what is told of them.

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

/// So many problems are shown one by one; the rest are counted.
const SHOWN: usize = 20;

/// How tables are to be read.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Tables")]
pub(crate) struct TableArguments {
    /// A table's column with the pictures' paths or URLs [default: found by its name]
    #[arg(long, value_name = "NAME")]
    path_column: Option<String>,

    /// A table's column with captions [default: found by its name]
    #[arg(long, value_name = "NAME")]
    caption_column: Option<String>,

    /// A table's column with ids [default: found by its name]
    #[arg(long, value_name = "NAME")]
    id_column: Option<String>,

    /// Pass over so many rows
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    offset: u64,

    /// Read so many rows
    #[arg(long, value_name = "ROWS")]
    limit: Option<u64>,

    /// Read so many rows, drawn at random, the same each time
    #[arg(long, value_name = "ROWS")]
    sample: Option<u64>,

    /// The configuration of a data set of the hub [default: the only one, or `default`]
    #[arg(long, value_name = "NAME")]
    config: Option<String>,

    /// The split of a data set of the hub [default: the only one, or `train`]
    #[arg(long, value_name = "NAME")]
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

/// How a source is to be read.
#[derive(Args, Debug, Default)]
pub(crate) struct SourceArguments {
    /// Leave out files that match, as in `--exclude '*.gif' --exclude raw/`
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,

    #[command(flatten)]
    pub(crate) table: TableArguments,

    /// Name every file that is skipped, not just the first
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

impl SourceArguments {
    pub(crate) fn options(&self) -> ReadOptions {
        let mut options = self.table.options();
        options.source.exclude.clone_from(&self.exclude);
        options
    }

    /// Reads the sources one after the other. What is wrong in them is told and left out.
    pub(crate) fn read(&self, clipseek: &Clipseek, locations: &[PathBuf]) -> Result<Readings> {
        let listing = clipseek.read(locations, &self.options())?;
        let (told, bar) = (self.skipped(), ProgressBar::hidden());
        let mut is_complete = true;
        for problem in skipped(&listing, locations) {
            told.tell(&bar, &problem?.to_string());
            is_complete = false;
        }
        told.finish();
        Ok(Readings {
            listing,
            is_complete,
        })
    }

    /// What tells of the things that went wrong.
    pub(crate) fn skipped(&self) -> Skipped {
        Skipped::new(self.verbose)
    }
}

/// What sources hold.
pub(crate) struct Readings {
    pub(crate) listing: Listing,
    /// Whether nothing in them was skipped.
    pub(crate) is_complete: bool,
}

/// Tells of things that went wrong, a line each: as they come, if all are to be named; otherwise the first at the end,
/// and how many more there were. So memory does not grow with their number.
pub(crate) struct Skipped {
    at_once: bool,
    /// What was told the last time, by hash, where the same is not told again.
    told: Option<Told>,
    kept: Mutex<Kept>,
}

/// Hashes of the lines that were told in one round.
pub(crate) type Told = HashSet<u64>;

#[derive(Default)]
struct Kept {
    lines: Vec<String>,
    more: usize,
    told: Told,
    news: usize,
}

impl Skipped {
    /// One that names all.
    pub(crate) fn all() -> Skipped {
        Skipped::new(true)
    }

    fn new(at_once: bool) -> Skipped {
        Skipped {
            at_once,
            told: None,
            kept: Mutex::default(),
        }
    }

    /// The same without what was told before.
    pub(crate) fn after(self, told: Told) -> Skipped {
        Skipped {
            told: Some(told),
            ..self
        }
    }

    /// Tells of one while `bar` is on the screen.
    pub(crate) fn tell(&self, bar: &ProgressBar, what: &str) {
        let mut kept = self.kept();
        if let Some(told) = &self.told {
            let mut hasher = DefaultHasher::new();
            what.hash(&mut hasher);
            let hash = hasher.finish();
            kept.told.insert(hash);
            if told.contains(&hash) {
                return;
            }
        }
        kept.news += 1;
        if self.at_once {
            bar.suspend(|| message!("{}", wrapped(&format!("skipped {}", visible(what)))));
        } else if kept.lines.len() < SHOWN {
            kept.lines.push(what.to_owned());
        } else {
            kept.more += 1;
        }
    }

    /// The same of a picture.
    pub(crate) fn tell_of(&self, bar: &ProgressBar, failure: &Failure) {
        self.tell(bar, &format!("{}: {}", failure.location, failure.message));
    }

    /// Tells of those that were kept. Returns how many were told, and what not to tell the next time.
    pub(crate) fn finish(&self) -> (usize, Told) {
        let kept = std::mem::take(&mut *self.kept());
        for line in &kept.lines {
            message!("{}", wrapped(&format!("skipped {}", visible(line))));
        }
        if kept.more > 0 {
            message!("skipped {} more; --verbose names them", kept.more);
        }
        (kept.news, kept.told)
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
