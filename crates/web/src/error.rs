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

impl Error {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Certificates { variable, .. } => Some(format!(
                "{variable} has to name certificates in PEM form; without it the system's are trusted"
            )),
            Self::Security { .. } => None,
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
