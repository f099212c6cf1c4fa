use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use dataset::Address;
use search::{AddOptions, Store};

use super::add::tell_of_waiting;
use super::search::open_collection;
use crate::environment;
use crate::error::Error;
use crate::exit::Outcome;
use crate::interrupt;
use crate::sources::place;
use crate::terminal::{count, message, visible};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Pictures' files, and folders: all that the collection has below them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The collection [default: `default`, or the only one there is]
    #[arg(short, long, value_name = "NAME", env = environment::COLLECTION, hide_env_values = true)]
    collection: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, store: &Store) -> Result<Outcome> {
    let collection = open_collection(store, arguments.collection.as_deref())?;
    let options = AddOptions {
        stop: interrupt::flag()?,
        waiting: &tell_of_waiting,
        ..AddOptions::default()
    };
    let mut all = true;
    for path in &arguments.paths {
        let place = absolute(path)?;
        let forgotten = collection.forget(&place, &options)?;
        match forgotten {
            0 => message!(
                "collection {} has no picture at {}",
                collection.name(),
                visible(&place)
            ),
            _ => message!(
                "forgot {} at {}",
                count(forgotten, "picture"),
                visible(&place)
            ),
        }
        all &= forgotten > 0;
    }
    Ok(Outcome::of(all))
}

/// A path or URL as the collection keeps places.
fn absolute(path: &Path) -> Result<String> {
    if let Some(Address::Web(url)) = path.to_str().map(Address::of).transpose()?.flatten() {
        return Ok(url.to_string());
    }
    let absolute = dataset::absolute(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(place(&absolute))
}
