use std::net::SocketAddr;

use crate::workspace::WorkPanicked;

/// Why a server cannot start or continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Other machines can reach the address; without keys, everyone could change the indexes.
    #[error("other machines can reach `{address}`, but no API keys are set")]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The server cannot listen on the address.
    #[error("could not listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// An internal error.
    #[error("internal error; please report it")]
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
