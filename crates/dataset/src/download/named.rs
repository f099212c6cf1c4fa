use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::reason::Reason;
use super::shard::Shard;
use crate::address::{Address, WebAddress};
use crate::problem::ProblemReason;
use crate::row::Row;
use crate::source::Source;

/// What a row names.
pub(super) enum Named {
    Web(WebAddress),
    File(PathBuf),
    /// The picture is in the row.
    Inside(String),
    Bad(Reason),
}

impl Named {
    pub(super) fn of(
        source: &Source,
        table: &Path,
        line: u64,
        row: &Result<Row, ProblemReason>,
    ) -> Self {
        let row = match row {
            Ok(row) => row,
            Err(ProblemReason::DataUrl { .. }) => return Self::Bad(Reason::InvalidUrl),
            Err(_) => return Self::Bad(Reason::BadRow),
        };
        if row.inside.is_some() {
            return Self::Inside(Address::inside(table, line).to_string());
        }
        match Address::resolve(source.folder(), row.path.trim()) {
            Ok(Address::Web(address)) => Self::Web(address),
            Ok(Address::File(path)) => Self::File(path),
            Ok(Address::Inside(_)) | Err(ProblemReason::NoPath) => Self::Bad(Reason::BadRow),
            Err(_) => Self::Bad(Reason::InvalidUrl),
        }
    }

    /// The URL in its normalised form; otherwise `written`.
    pub(super) fn text<'a>(&'a self, written: &'a str) -> &'a str {
        match self {
            Self::Web(address) => address.as_str(),
            Self::Inside(text) => text,
            Self::File(_) | Self::Bad(_) => written,
        }
    }
}

/// Calls `take` with the URLs of the rows of a source.
///
/// # Errors
/// As [`Source::rows`].
pub fn addresses(
    source: &Source,
    shard: Option<Shard>,
    mut take: impl FnMut(WebAddress) -> ControlFlow<()>,
) -> crate::Result<()> {
    source.rows(
        |table, line, row| match Named::of(source, table, line, &row) {
            Named::Web(address) if shard.is_none_or(|shard| shard.has(address.as_str())) => {
                take(address)
            }
            _ => ControlFlow::Continue(()),
        },
    )
}
