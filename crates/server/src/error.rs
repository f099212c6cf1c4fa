use std::net::SocketAddr;

use crate::workspace::WorkPanicked;

/// Why a server cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Other machines can reach the address, and without keys everyone could change the indexes.
    #[error("`{address}` can be reached from other machines, and no key is asked for")]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The server cannot listen at the address.
    #[error("`{address}` cannot be listened at")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// This should not happen.
    #[error("this should not happen; please report it")]
    Bug,
    /// The engine failed.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] clipseek::Error),
}

impl From<WorkPanicked> for ServerError {
    fn from(_: WorkPanicked) -> Self {
        Self::Bug
    }
}
