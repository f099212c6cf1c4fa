//! Sources of pictures on the command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use clip::Model;
use dataset::{
    Address, Columns, HubDataset, Listing, Problem, ProblemReason, Record, Slice, Source,
    SourceOptions,
};
use picture::Limits;
use search::{Embedding, NewRecord};

use crate::error::Error;
use crate::hub_model;
use crate::progress;
use crate::terminal::{count, message, visible};

/// So many problems are shown one by one; the rest are counted.
const SHOWN: usize = 20;

/// What begins the name of a data set of the Hugging Face hub.
const HUB: &str = "hf:";

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
    /// The table, or the folder of tables, at `location`.
    pub(crate) fn table(&self, location: &Path) -> Result<Source> {
        match self.hub_table(location, self.options())? {
            Some(source) => Ok(source),
            None => Ok(Source::table(location, self.options())?),
        }
    }

    /// The source that `location` names, if it is one of the hub.
    fn hub_table(&self, location: &Path, options: SourceOptions) -> Result<Option<Source>> {
        let id = location.to_str().and_then(|text| text.strip_prefix(HUB));
        let Some(id) = id else { return Ok(None) };
        let mut dataset = HubDataset::parse(id)?;
        dataset.config.clone_from(&self.config);
        dataset.split.clone_from(&self.split);
        let hub = Arc::clone(hub_model::hub()?);
        Ok(Some(Source::hub(&dataset, hub, options)?))
    }

    /// The option that picks rows, if there is one.
    fn picks(&self) -> Option<&'static str> {
        let given = [
            (self.offset > 0, "--offset"),
            (self.limit.is_some(), "--limit"),
            (self.sample.is_some(), "--sample"),
        ];
        given
            .iter()
            .find(|(is_given, _)| *is_given)
            .map(|(_, name)| *name)
    }

    fn options(&self) -> SourceOptions {
        SourceOptions {
            slice: Slice {
                offset: self.offset,
                limit: self.limit,
                sample: self.sample,
            },
            columns: Columns {
                path: self.path_column.clone(),
                caption: self.caption_column.clone(),
                id: self.id_column.clone(),
            },
            ..SourceOptions::default()
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
    /// Reads the sources one after the other. What is wrong in them is told and left out.
    pub(crate) fn read(&self, locations: &[PathBuf]) -> Result<Listing> {
        let mut all = Listing::default();
        for location in locations {
            let mut listing = self.read_among(location, locations)?;
            leave_out_urls(location, &mut listing);
            if listing.records.is_empty() && listing.problems.is_empty() {
                let path = location.clone();
                return Err(Error::NoPictures { path }.into());
            }
            all.records.extend(listing.records);
            all.problems.extend(listing.problems);
        }
        self.tell(all.problems.iter().map(ToString::to_string));
        Ok(all)
    }

    /// Reads one of some sources, which may hold nothing. Where `*` named them, there may be files among
    /// them that are no sources: these are a problem each.
    pub(crate) fn read_among(&self, location: &Path, all: &[PathBuf]) -> Result<Listing> {
        if let Some(source) = self.table.hub_table(location, self.options())? {
            return Ok(source.read()?);
        }
        if let (true, Some(option)) = (location.is_dir(), self.table.picks()) {
            let path = location.to_owned();
            return Err(Error::NoRows { path, option }.into());
        }
        match Source::open(location, self.options()) {
            Err(dataset::Error::UnknownKind { path: file }) if all.len() > 1 => Ok(Listing {
                problems: vec![Problem {
                    file,
                    line: None,
                    reason: ProblemReason::NotASource,
                }],
                ..Listing::default()
            }),
            source => Ok(source?.read()?),
        }
    }

    /// A line for each thing that went wrong, up to a number.
    pub(crate) fn tell(&self, problems: impl ExactSizeIterator<Item = String>) {
        let shown = if self.verbose { usize::MAX } else { SHOWN };
        let more = problems.len().saturating_sub(shown);
        for problem in problems.take(shown) {
            message!("skipped {}", visible(&problem));
        }
        if more > 0 {
            message!("skipped {more} more; --verbose names them");
        }
    }

    /// Embeds the records with a bar while it goes, and hands each to `visit`. What cannot be read is
    /// told; how many there were of that comes back.
    pub(crate) fn embed_all(
        &self,
        model: &Model,
        records: Vec<Record>,
        mut visit: impl FnMut(Embedding) -> Result<()>,
    ) -> Result<usize> {
        let bar = progress::bar(records.len(), "embedding");
        let records = records.into_iter().map(|record| Ok(new_record(record)));
        let mut failures = Vec::new();
        search::embed(model, records, &Limits::default(), |embedded| {
            bar.inc(1);
            match embedded {
                Ok(embedding) => visit(embedding),
                Err(failure) => {
                    failures.push(format!("{}: {}", failure.place, failure.message));
                    Ok(())
                }
            }
        })?;
        bar.finish_and_clear();
        let failed = failures.len();
        self.tell(failures.into_iter());
        Ok(failed)
    }

    fn options(&self) -> SourceOptions {
        SourceOptions {
            exclude: self.exclude.clone(),
            ..self.table.options()
        }
    }
}

/// Turns the records of the source at `location` whose pictures are not here into problems.
fn leave_out_urls(location: &Path, listing: &mut Listing) {
    listing.records.retain(|record| match &record.place {
        Address::File(_) => true,
        elsewhere => {
            listing.problems.push(Problem {
                file: location.to_owned(),
                line: None,
                reason: ProblemReason::NotHere {
                    url: elsewhere.to_string(),
                },
            });
            false
        }
    });
}

/// What the collection needs of a source's record.
pub(crate) fn new_record(record: Record) -> NewRecord {
    NewRecord {
        id: record.id,
        place: match &record.place {
            Address::File(path) => place(path),
            elsewhere => elsewhere.to_string(),
        },
        file: None,
        captions: record.captions,
        metadata: record.metadata,
    }
}

/// A place as text. Sources report file names that are not Unicode, so nothing is lost here.
pub(crate) fn place(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// `3 pictures, 15 captions`.
pub(crate) fn size(records: &[Record]) -> String {
    let captions: usize = records.iter().map(|record| record.captions.len()).sum();
    let pictures = count(records.len(), "picture");
    if captions == 0 {
        pictures
    } else {
        format!("{pictures}, {}", count(captions, "caption"))
    }
}
