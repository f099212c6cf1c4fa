/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What a variable names holds no certificates to trust.
    #[error("there are no certificates in what {variable} names")]
    Certificates {
        /// The variable that is set.
        variable: &'static str,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The client could not be set up.
    #[error("connections cannot be made securely")]
    Security {
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
