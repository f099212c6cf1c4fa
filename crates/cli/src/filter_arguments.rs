//! The options that filter pictures.

use std::path::PathBuf;

use clap::Args;
use clipseek::{Conditions, Period};

/// The filters of a command.
#[derive(Args, Debug, Default)]
pub(crate) struct FilterArguments {
    /// Restrict to pictures whose metadata match this filter
    ///
    /// The filter is JSON in Pinecone's filter language, such as '{"price": {"$lt": 50}}'.
    #[arg(short, long, value_name = "JSON")]
    filter: Option<String>,

    /// Restrict to pictures taken in this period or later
    ///
    /// By the camera's clock: `2019`, `2019-07`, `2019-07-14` or `2019-07-14T18:02`.
    #[arg(long, value_name = "DATE", value_parser = Period::parse)]
    taken_after: Option<Period>,

    /// Restrict to pictures taken in this period or earlier
    ///
    /// Takes the same forms as --taken-after; `2020-06` includes all of June.
    #[arg(long, value_name = "DATE", value_parser = Period::parse)]
    taken_before: Option<Period>,

    /// Restrict to pictures in this folder and its subfolders
    #[arg(long, value_name = "DIR", allow_hyphen_values = true)]
    folder: Option<PathBuf>,
}

impl FilterArguments {
    pub(crate) fn conditions(&self) -> Conditions {
        Conditions {
            filter: self.filter.clone(),
            taken_after: self.taken_after,
            taken_before: self.taken_before,
            folder: self.folder.clone(),
        }
    }
}
