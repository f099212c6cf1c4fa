use std::io;
use std::path::PathBuf;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are no certificates at the given paths.
    #[error("no certificate found in {}", shown(paths))]
    Certificates {
        /// The paths.
        paths: Vec<PathBuf>,
        /// Why the first of them could not be read, if that is so.
        #[source]
        source: Option<io::Error>,
    },
    /// The address of a proxy is invalid.
    #[error("the address of the proxy for {scheme} is invalid")]
    Proxy {
        /// `http` or `https`.
        scheme: &'static str,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The client could not be set up.
    #[error("connections cannot be made securely")]
    Security {
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    paths.join(", ")
}

impl Error {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Certificates { .. } => Some(
                "SSL_CERT_FILE and SSL_CERT_DIR must name certificates in PEM form; without them the system's are trusted"
                    .to_owned(),
            ),
            Self::Proxy { scheme, .. } => Some(format!(
                "set {}_PROXY to an address such as http://HOST:PORT",
                scheme.to_ascii_uppercase()
            )),
            Self::Security { .. } => None,
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
