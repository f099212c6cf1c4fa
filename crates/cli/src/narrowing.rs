//! Which pictures a search is about: by metadata, by when they were taken, by folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use index::Filter;
use search::keys::{FOLDERS, TAKEN_AT};

use crate::error::Error;
use crate::period::Period;

/// Which pictures a search is about.
#[derive(Args, Debug, Default)]
pub(crate) struct Narrowing {
    /// Only pictures whose metadata match, in Pinecone's filter language
    #[arg(short, long, value_name = "JSON")]
    filter: Option<String>,

    /// Only pictures taken then or later, by their camera's clock: `2019`, `2019-07`, `2019-07-14`,
    /// `2019-07-14T18:02`
    #[arg(long, value_name = "DATE", value_parser = Period::parse)]
    taken_after: Option<Period>,

    /// Only pictures taken then or earlier: `2020-06` takes in all of June
    #[arg(long, value_name = "DATE", value_parser = Period::parse)]
    taken_before: Option<Period>,

    /// Only pictures in this folder and those below it
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Narrowing {
    /// The filter that all of it comes to, if there is any.
    pub(crate) fn filter(&self) -> Result<Option<Filter>> {
        let mut filters = Vec::new();
        if let Some(text) = &self.filter {
            filters.push(parse_filter(text)?);
        }
        if let (Some(after), Some(before)) = (self.taken_after, self.taken_before)
            && after.start >= before.end
        {
            return Err(Error::NoTime.into());
        }
        if let Some(after) = self.taken_after {
            filters.push(Filter::at_least(TAKEN_AT, after.start));
        }
        if let Some(before) = self.taken_before {
            filters.push(Filter::below(TAKEN_AT, before.end));
        }
        if let Some(folder) = &self.folder {
            filters.push(Filter::contains(FOLDERS, &place_of(folder)?));
        }
        Ok(Filter::all(filters))
    }
}

/// A folder as the places of pictures have it.
fn place_of(folder: &Path) -> Result<String> {
    let place = dataset::absolute(folder).map_err(|source| Error::Read {
        path: folder.to_owned(),
        source,
    })?;
    Ok(crate::sources::place(&place))
}

/// A filter as it is given to `--filter`.
pub(crate) fn parse_filter(text: &str) -> Result<Filter> {
    let value = index::parse_json(text).context("--filter is not JSON")?;
    Filter::parse(&value).context("--filter is not understood")
}
