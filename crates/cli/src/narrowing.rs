//! Which pictures a command is about: the options that say so.

use std::path::PathBuf;

use clap::Args;
use clipseek::{Conditions, Period};

/// Which pictures a command is about.
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
    #[arg(long, value_name = "DIR", allow_hyphen_values = true)]
    folder: Option<PathBuf>,
}

impl Narrowing {
    pub(crate) fn conditions(&self) -> Conditions {
        Conditions {
            filter: self.filter.clone(),
            taken_after: self.taken_after,
            taken_before: self.taken_before,
            folder: self.folder.clone(),
        }
    }
}
