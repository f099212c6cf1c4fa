//! Which pictures a search is about: by metadata, by when they were taken, by folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use index::Filter;
use serde_json::{Value, json};

use crate::error::Error;
use crate::period::Period;

/// Metadata that are taken from the files themselves.
mod key {
    /// When a picture was taken, in seconds since 1970 by the camera's clock.
    pub(super) const TAKEN_AT: &str = "taken_at";
    /// All folders that a picture is in, each a whole path.
    pub(super) const FOLDERS: &str = "folders";
}

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
        let mut conditions: Vec<Value> = Vec::new();
        if let Some(text) = &self.filter {
            conditions.push(parse_filter(text)?.as_json().clone());
        }
        if let (Some(after), Some(before)) = (self.taken_after, self.taken_before)
            && after.start >= before.end
        {
            return Err(Error::NoTime.into());
        }
        if let Some(after) = self.taken_after {
            conditions.push(json!({key::TAKEN_AT: {"$gte": after.start}}));
        }
        if let Some(before) = self.taken_before {
            conditions.push(json!({key::TAKEN_AT: {"$lt": before.end}}));
        }
        if let Some(folder) = &self.folder {
            conditions.push(json!({key::FOLDERS: {"$in": [place_of(folder)?]}}));
        }
        Ok(match conditions.as_slice() {
            [] => None,
            [condition] => Some(Filter::parse(condition)?),
            _ => Some(Filter::parse(&json!({"$and": conditions}))?),
        })
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
