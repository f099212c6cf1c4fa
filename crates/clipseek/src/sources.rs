//! Sources of pictures: folders, tables, single files, and data sets of the hub.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dataset::{
    Address, Found, HubDataset, ListedProblem, Listing, Problem, ProblemReason, Record, Source,
    SourceOptions,
};
use search::NewRecord;

use crate::clipseek::Clipseek;
use crate::error::{Error, Result};

/// The prefix of a Hugging Face data set.
pub(crate) const HUB: &str = "hf:";

/// Options for reading sources.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Exclusions, columns and rows.
    pub source: SourceOptions,
    /// The configuration of a data set of the hub; `None` for the only one, or `default`.
    pub config: Option<String>,
    /// The split of a data set of the hub; `None` for the only one, or `train`.
    pub split: Option<String>,
}

impl ReadOptions {
    /// The first option that selects rows, if there is one.
    fn row_option(&self) -> Option<&'static str> {
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
    /// Opens the table, folder of tables or data set of the hub (`hf:OWNER/NAME`) at `location`.
    ///
    /// # Errors
    /// [`Error::Dataset`] if there is none.
    pub fn table(&self, location: &Path, options: &ReadOptions) -> Result<Source> {
        match self.hub_dataset(location, options)? {
            Some(source) => Ok(source),
            None => Ok(Source::table(location, options.source.clone())?),
        }
    }

    /// Lists sources whose pictures must be local files. [`skipped`] lists the others.
    ///
    /// # Errors
    /// [`Error::NoPictures`] for an empty source, [`Error::NoRows`] if rows of a folder are selected, and
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

    /// Lists one of several sources, which may be empty. A file that is no source is reported as a problem, because `*` may have
    /// matched it.
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
        if let (true, Some(option)) = (location.is_dir(), options.row_option()) {
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

    /// The data set of the hub at `location`, if it names one.
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

/// Lists what is skipped if pictures must be local files: problems, and pictures behind URLs or inside tables. `locations` are
/// the sources of the listing.
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

/// Converts a record of a source for a collection.
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

/// Makes a path absolute.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    dataset::absolute(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

/// A path in the form that collections store. Sources report file names that are not Unicode, so nothing is lost here.
pub(crate) fn file_location(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
