//! Pictures that are named on the command line and may not be files: of a URL, or on standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::{Address, FetchOptions, Reach};
use picture::Limits;

use crate::environment;
use crate::error::Error;
use crate::hub_model::block_on;

/// What stands for standard input.
const STANDARD_INPUT: &str = "-";

/// A picture as the command line names it.
pub(crate) enum Given {
    File(PathBuf),
    Received(Received),
}

/// A picture that is no file.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Its URL without a password, or that it was standard input.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Given {
    /// A file, a URL or `-`. What is not a file is received now.
    pub(crate) fn of(at: &Path) -> Result<Given> {
        if at == Path::new(STANDARD_INPUT) {
            return Ok(Given::Received(Received::of_standard_input()?));
        }
        let address = at.to_str().map(Address::of).transpose()?.flatten();
        Ok(match address {
            None | Some(Address::Inside(_)) => Given::File(at.to_owned()),
            Some(Address::File(path)) => Given::File(path),
            Some(Address::Web(address)) => Given::Received(Received {
                bytes: block_on(async { Ok(dataset::fetch(&address, &options()).await?) })??,
                name: address.to_string(),
            }),
        })
    }
}

impl Received {
    fn of_standard_input() -> Result<Received> {
        let (limit, mut bytes) = (Limits::default().bytes, Vec::new());
        let mut input = std::io::stdin().lock().take(limit + 1);
        input
            .read_to_end(&mut bytes)
            .context("standard input could not be read")?;
        match bytes.len() as u64 {
            0 => Err(Error::NoInput.into()),
            length if length > limit => Err(Error::InputTooLarge { limit }.into()),
            _ => Ok(Received {
                name: "standard input".to_owned(),
                bytes,
            }),
        }
    }
}

/// Who names a picture may have it from wherever it is, and is no crawler.
fn options() -> FetchOptions {
    FetchOptions {
        reach: Reach::Anywhere,
        ignore_opt_out: true,
        client: environment::client_settings(),
        ..FetchOptions::default()
    }
}
