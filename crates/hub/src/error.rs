use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::status::is_transient;
use crate::{Repository, Revision};

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of the Hub or its cache. Messages never contain a token or a signed URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither the cache's folder nor a home directory is set.
    #[error("cannot locate the Hugging Face cache: no home directory")]
    NoHome,
    /// An environment variable has an invalid value.
    #[error("variable {name} is not {expected}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// The expected form.
        expected: &'static str,
    },
    /// The token's file exists but can't be read.
    #[error("cannot read the hub's token in `{}`", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The token contains invalid characters.
    #[error("the hub's token contains invalid characters")]
    Token,
    /// The endpoint is invalid.
    #[error("the hub's address must begin with https:// or http://")]
    Endpoint,
    /// The repository id is invalid.
    #[error("invalid repository id `{id}`, expected `owner/name`")]
    RepositoryId {
        /// The id.
        id: String,
    },
    /// The revision is invalid.
    #[error("`{name}` is not a valid branch, tag or commit")]
    Revision {
        /// The name.
        name: String,
    },
    /// A file's name in the repository would lead out of the cache.
    #[error("the repository contains a file with the unsafe name `{name}`")]
    FileName {
        /// The name, with unusual characters escaped.
        name: String,
    },
    /// The Hub may not be contacted, and the cache lacks the files.
    #[error(
        "{repository} at `{revision}` is not in the cache `{}` {}, and {variable} forbids network access",
        cache.display(),
        how_much(present)
    )]
    Offline {
        /// The repository.
        repository: Repository,
        /// Its revision.
        revision: Revision,
        /// The cache's folder.
        cache: PathBuf,
        /// The cached files of the repository.
        present: Vec<String>,
        /// The environment variable that forbids network access.
        variable: &'static str,
    },
    /// The repository is gated: its terms must be accepted first.
    #[error("{repository} is gated: its terms must be accepted first")]
    Gated {
        /// The repository.
        repository: Repository,
        /// The page with the terms.
        page: String,
        /// Whether the request had a token.
        with_token: bool,
    },
    /// The repository doesn't exist, or the token has no access.
    #[error("there is no {repository} on the hub, or it is private")]
    NotFound {
        /// The repository.
        repository: Repository,
        /// Whether the request had a token.
        with_token: bool,
    },
    /// The repository has no such revision.
    #[error("{repository} has no branch, tag or commit `{revision}`")]
    NoRevision {
        /// The repository.
        repository: Repository,
        /// The revision.
        revision: String,
    },
    /// The repository has no such file.
    #[error("{repository} has no file `{name}` at `{revision}`")]
    NoFile {
        /// The repository.
        repository: Repository,
        /// The revision.
        revision: String,
        /// The file.
        name: String,
    },
    /// The Hub rejected the token.
    #[error("the hub rejected the token")]
    BadToken,
    /// The Hub denied access for another reason.
    #[error("the hub denied access to {repository}: {message}")]
    Forbidden {
        /// The repository.
        repository: Repository,
        /// The Hub's message.
        message: String,
    },
    /// The Hub's rate limit was exceeded.
    #[error("the hub's rate limit was exceeded{}", after(wait.as_ref()))]
    RateLimited {
        /// The wait that it requests.
        wait: Option<Duration>,
        /// Whether the request had a token.
        with_token: bool,
    },
    /// A server responded with an error status.
    #[error("{host} responded with status {status}")]
    Status {
        /// The server.
        host: String,
        /// The status.
        status: u16,
    },
    /// A server is unreachable.
    #[error("cannot reach {host}")]
    Unreachable {
        /// The server.
        host: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// A server's certificate is not trusted.
    #[error("the certificate of {host} is not trusted")]
    Untrusted {
        /// The server.
        host: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// A server didn't respond in time.
    #[error("{host} sent nothing for {} s", limit.as_secs_f32())]
    Stalled {
        /// The server.
        host: String,
        /// The timeout.
        limit: Duration,
    },
    /// The connection ended too early.
    #[error("the connection to {host} ended too early")]
    BrokenOff {
        /// The server.
        host: String,
        /// The error; `None` if the body just ended too early.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// A response isn't valid HTTP.
    #[error("the response of {host} is not valid HTTP")]
    Malformed {
        /// The server.
        host: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// A redirect that must not be followed.
    #[error("{host} redirects {fault}")]
    Redirect {
        /// The server.
        host: String,
        /// The fault.
        fault: &'static str,
    },
    /// A response lacks something that the Hub always sends.
    #[error("{host} does not respond as the hub does: {lacks}")]
    NotTheHub {
        /// The server.
        host: String,
        /// What is missing or wrong.
        lacks: &'static str,
    },
    /// A downloaded file failed verification twice.
    #[error("`{name}` arrived damaged twice: its hash is not {expected}")]
    Damaged {
        /// The file.
        name: String,
        /// The expected hash.
        expected: String,
    },
    /// The disk is full.
    #[error(
        "not enough space on the disk of `{}`: {} needed, {} free",
        path.display(),
        bytes(*needed),
        bytes(*free)
    )]
    DiskFull {
        /// The folder.
        path: PathBuf,
        /// The number of bytes still to write.
        needed: u64,
        /// The number of free bytes.
        free: u64,
    },
    /// The cache isn't writable.
    #[error("cannot write to the cache: `{}`", path.display())]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file or folder of the cache can't be read or written.
    #[error("cannot use `{}` in the cache", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// TLS can't be set up.
    #[error(transparent)]
    Web(#[from] net::Error),
    /// The HTTP client can't be set up.
    #[error("cannot set up the HTTP client for the hub")]
    Client {
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
}

impl Error {
    /// A hint for the user, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoHome => "set HF_HOME to a directory".to_owned(),
            Self::Endpoint => "set HF_ENDPOINT to the address of the hub or a mirror".to_owned(),
            Self::Token | Self::BadToken | Self::TokenFile { .. } => {
                "create a token at https://huggingface.co/settings/tokens and set HF_TOKEN to it".to_owned()
            }
            Self::RepositoryId { .. } => "for example openai/clip-vit-base-patch32".to_owned(),
            Self::Offline { variable, .. } => {
                format!("unset {variable} to download it, or copy the files into the cache")
            }
            Self::Gated {
                page, with_token, ..
            } => gated(page, *with_token),
            Self::NotFound {
                repository,
                with_token,
            } => not_found(repository, *with_token),
            Self::NoRevision { .. } => "the default revision is `main`".to_owned(),
            Self::RateLimited {
                with_token: false, ..
            } => "try again later; with a token in HF_TOKEN, the rate limit is higher".to_owned(),
            Self::RateLimited { .. } => "try again later".to_owned(),
            Self::Unreachable { .. } => {
                "check the connection; set HTTPS_PROXY to use a proxy, or HF_ENDPOINT to use a mirror of the hub"
                    .to_owned()
            }
            Self::Untrusted { .. } => {
                "behind a TLS-inspecting proxy, set SSL_CERT_FILE to the proxy's certificate".to_owned()
            }
            Self::Web(error) => return error.hint(),
            Self::Status { status, .. } if !is_transient(*status) => {
                "set HF_ENDPOINT to use another server, or HTTPS_PROXY to use a proxy".to_owned()
            }
            Self::Stalled { .. } | Self::BrokenOff { .. } | Self::Status { .. } => {
                "try again later: a download resumes where it stopped".to_owned()
            }
            Self::NotTheHub { .. } | Self::Malformed { .. } | Self::Redirect { .. } => {
                "check that HF_ENDPOINT, if set, is the hub or a mirror, and check the proxy's settings"
                    .to_owned()
            }
            Self::Damaged { .. } => {
                "a proxy or a faulty disk may be changing files"
                    .to_owned()
            }
            Self::DiskFull { .. } => {
                "free some space, or set HF_HUB_CACHE to a folder on another disk; \
                 a download resumes where it stopped"
                    .to_owned()
            }
            Self::ReadOnly { .. } => {
                "set HF_HUB_CACHE to a writable folder".to_owned()
            }
            Self::Variable { .. }
            | Self::Revision { .. }
            | Self::FileName { .. }
            | Self::NoFile { .. }
            | Self::Forbidden { .. }
            | Self::Cache { .. }
            | Self::Client { .. } => return None,
        })
    }

    /// Maps a system error for the file or folder at `path`.
    pub(crate) fn of(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                    Self::ReadOnly { path, source }
                }
                _ => Self::Cache { path, source },
            }
        }
    }
}

fn gated(page: &str, with_token: bool) -> String {
    if with_token {
        format!("accept them at {page} with the account that the token belongs to")
    } else {
        format!("accept them at {page}, then set HF_TOKEN to a token of your account")
    }
}

fn not_found(repository: &Repository, with_token: bool) -> String {
    let id = if repository.id().contains('/') {
        "check the spelling"
    } else {
        "most ids have the form owner/name; check the spelling"
    };
    if with_token {
        format!("{id}; a private one needs a token of an account that may read it")
    } else {
        format!("{id}; a private one needs a token in HF_TOKEN")
    }
}

fn how_much(present: &[String]) -> String {
    if present.is_empty() {
        "at all".to_owned()
    } else {
        format!("as a whole (it has {})", present.join(", "))
    }
}

fn after(wait: Option<&Duration>) -> String {
    wait.map_or_else(String::new, |wait| {
        format!(", retry after {} s", wait.as_secs())
    })
}

/// A size in the largest fitting unit.
fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", count as f64 / *size as f64),
        None => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_largest_unit() {
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_500), "1.5 kB");
        assert_eq!(bytes(605_247_071), "605.2 MB");
        assert_eq!(bytes(10_161_140_890), "10.2 GB");
    }
}
