//! Sources of pictures: folders, tables, single files, datasets of the hub.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dataset::{
    Address, Found, HubDataset, ListedProblem, Listing, Problem, ProblemReason, Record, Source,
    SourceOptions,
};
use search::NewRecord;

use crate::clipseek::Clipseek;
use crate::error::{Error, Result};

/// What begins the name of a dataset of the Hugging Face hub.
pub(crate) const HUB: &str = "hf:";

/// How sources are read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// What is left out, which columns hold what, and which rows are read.
    pub source: SourceOptions,
    /// The configuration of a dataset of the hub; `None` for the only one, or `default`.
    pub config: Option<String>,
    /// The split of a dataset of the hub; `None` for the only one, or `train`.
    pub split: Option<String>,
}

impl ReadOptions {
    /// The option that picks rows, if there is one.
    fn picks(&self) -> Option<&'static str> {
        let slice = &self.source.slice;
        let given = [
            (slice.offset > 0, "--offset"),
            (slice.limit.is_some(), "--limit"),
            (slice.sample.is_some(), "--sample"),
        ];
        let mut given = given.iter().filter(|(is_given, _)| *is_given);
        given.next().map(|(_, name)| *name)
    }
}

impl Clipseek {
    /// The table, or the folder of tables, at `location`, or the dataset of the hub that it names (`hf:OWNER/NAME`).
    ///
    /// # Errors
    /// [`Error::Dataset`] if there is none.
    pub fn table(&self, location: &Path, options: &ReadOptions) -> Result<Source> {
        match self.hub_dataset(location, options)? {
            Some(source) => Ok(source),
            None => Ok(Source::table(location, options.source.clone())?),
        }
    }

    /// Reads sources whose pictures are to be files of this machine. [`skipped`] has what is something else.
    ///
    /// # Errors
    /// [`Error::NoPictures`] for a source that holds nothing, [`Error::NoRows`] where rows are picked of a folder, and
    /// [`Error::Dataset`] if a source cannot be read at all.
    pub fn read(&self, locations: &[PathBuf], options: &ReadOptions) -> Result<Listing> {
        let mut listing = Listing::new()?;
        for location in locations {
            let found = self.read_into(&mut listing, location, locations, options)?;
            if found.is_empty() {
                let path = location.clone();
                return Err(Error::NoPictures { path });
            }
        }
        Ok(listing)
    }

    /// Reads one of some sources, which may hold nothing. Where `*` named them, there may be files among them that are
    /// no sources: these are a problem each.
    pub(crate) fn read_into(
        &self,
        listing: &mut Listing,
        location: &Path,
        all: &[PathBuf],
        options: &ReadOptions,
    ) -> Result<Found> {
        if let Some(source) = self.hub_dataset(location, options)? {
            return Ok(source.read_into(listing)?);
        }
        if let (true, Some(option)) = (location.is_dir(), options.picks()) {
            let path = location.to_owned();
            return Err(Error::NoRows { path, option });
        }
        match Source::open(location, options.source.clone()) {
            Err(dataset::Error::UnknownKind { path: file }) if all.len() > 1 => {
                listing.report(&Problem {
                    file,
                    line: None,
                    reason: ProblemReason::NotASource,
                })?;
                Ok(Found {
                    problems: 1,
                    ..Found::default()
                })
            }
            source => Ok(source?.read_into(listing)?),
        }
    }

    /// The dataset of the hub that `location` names, if it names one.
    fn hub_dataset(&self, location: &Path, options: &ReadOptions) -> Result<Option<Source>> {
        let id = location.to_str().and_then(|text| text.strip_prefix(HUB));
        let Some(id) = id else { return Ok(None) };
        let mut dataset = HubDataset::parse(id)?;
        dataset.config.clone_from(&options.config);
        dataset.split.clone_from(&options.split);
        let hub = Arc::clone(self.models().hub()?);
        Ok(Some(Source::hub(&dataset, hub, options.source.clone())?))
    }
}

/// What is skipped where pictures have to be files of this machine: the listing's problems, and the pictures that would
/// have to be fetched or taken out of a table. `locations` are the sources that were read.
pub fn skipped<'a>(
    listing: &'a Listing,
    locations: &'a [PathBuf],
) -> impl Iterator<Item = Result<ListedProblem>> + 'a {
    let not_here = |record: dataset::Result<Record>| {
        let url = record?.address.to_string();
        let file = match locations {
            [source] => source.clone(),
            _ => url.clone().into(),
        };
        let reason = ProblemReason::NotHere { url };
        Ok(ListedProblem::from(&Problem {
            file,
            line: None,
            reason,
        }))
    };
    let problems = listing.listed_problems();
    let problems = problems.map(|problem| Ok(problem?));
    problems.chain(listing.inside().chain(listing.web()).map(not_here))
}

/// What a collection needs of a source's record.
pub(crate) fn new_record(record: Record) -> NewRecord {
    NewRecord {
        id: record.id,
        location: match &record.address {
            Address::File(path) => file_location(path),
            elsewhere => elsewhere.to_string(),
        },
        file: None,
        source: Some(file_location(&record.source)),
        captions: record.captions,
        metadata: record.metadata,
        contributions: record.contributions.into_iter().map(contribution).collect(),
    }
}

fn contribution(contribution: dataset::Contribution) -> search::Contribution {
    search::Contribution {
        source: file_location(&contribution.source),
        id: contribution.id,
        captions: contribution.captions,
        metadata: contribution.metadata,
    }
}

/// A path made absolute from the current directory.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    dataset::absolute(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

/// A path as collections keep it. Sources report file names that are not Unicode, so nothing is lost here.
pub(crate) fn file_location(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
