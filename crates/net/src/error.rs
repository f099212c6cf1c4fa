use std::io;
use std::path::PathBuf;

/// Errors of setting up a client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The given paths contain no certificates.
    #[error("no certificate found in {}", shown(paths))]
    Certificates {
        /// The paths.
        paths: Vec<PathBuf>,
        /// Why the first of them couldn't be read, if so.
        #[source]
        source: Option<io::Error>,
    },
    /// A proxy's address is invalid.
    #[error("the address of the proxy for {scheme} is invalid")]
    Proxy {
        /// `http` or `https`.
        scheme: &'static str,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// TLS couldn't be set up.
    #[error("cannot set up TLS")]
    Security {
        /// The cause.
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
    /// A hint for the user, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Certificates { .. } => Some(
                "SSL_CERT_FILE and SSL_CERT_DIR must name certificates in PEM form; unset them to trust the system's"
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

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
