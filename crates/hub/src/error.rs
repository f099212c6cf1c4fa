use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::status::is_transient;
use crate::{Repository, Revision};

/// The result of asking the hub or its cache.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something of the hub could not be had. No message holds a token or a signed address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No variable says where the cache is, nor where the home directory is.
    #[error("there is no home directory to find the Hugging Face cache in")]
    NoHome,
    /// A variable's value is of the wrong form.
    #[error("variable {name} is not {expected}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// The file with the token is there and cannot be read.
    #[error("the hub's token in `{}` could not be read", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The token has characters that no token has.
    #[error("the hub's token has characters that no token has")]
    Token,
    /// The endpoint is no address.
    #[error("the hub's address is not one that begins with https:// or http://")]
    Endpoint,
    /// No repository can have this id.
    #[error("`{id}` is not the id of a repository, expected `owner/name`")]
    RepositoryId {
        /// The id.
        id: String,
    },
    /// No revision can have this name.
    #[error("`{name}` is not the name of a branch, a tag or a commit")]
    Revision {
        /// The name.
        name: String,
    },
    /// A repository holds a file whose name would lead out of the cache.
    #[error(
        "the name `{name}` of a file in the repository is refused: it is no path below its folder"
    )]
    FileName {
        /// The name, its unusual characters escaped.
        name: String,
    },
    /// Asking the hub is forbidden, and the cache does not have what is wanted.
    #[error(
        "{repository} at `{revision}` is not in the cache `{}` {}, and {variable} forbids asking the hub",
        cache.display(),
        how_much(present)
    )]
    Offline {
        /// The repository.
        repository: Repository,
        /// Its revision.
        revision: Revision,
        /// Where it was looked for.
        cache: PathBuf,
        /// The files of it that are there.
        present: Vec<String>,
        /// The variable that is set.
        variable: &'static str,
    },
    /// The repository's terms have to be accepted first.
    #[error("{repository} is for those who accepted its terms")]
    Gated {
        /// The repository.
        repository: Repository,
        /// The page with the terms.
        page: String,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// There is no such repository, or the token does not open it.
    #[error("there is no {repository} on the hub, or it is private")]
    NotFound {
        /// The repository.
        repository: Repository,
        /// Whether a token was sent.
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
    /// The hub does not take the token.
    #[error("the hub does not take the token")]
    BadToken,
    /// The hub refuses for another reason.
    #[error("the hub refuses {repository}: {said}")]
    Forbidden {
        /// The repository.
        repository: Repository,
        /// The hub's own words.
        said: String,
    },
    /// The hub was asked too often.
    #[error("the hub was asked too often{}", after(wait.as_ref()))]
    RateLimited {
        /// How long it asks to wait.
        wait: Option<Duration>,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// A server answers with an error.
    #[error("{host} answered with status {status}")]
    Status {
        /// The server.
        host: String,
        /// The status.
        status: u16,
    },
    /// A server cannot be reached.
    #[error("{host} could not be reached")]
    Unreachable {
        /// The server.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// A server's certificate is not trusted.
    #[error("the certificate of {host} is not trusted")]
    Untrusted {
        /// The server.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// A server does not answer in time.
    #[error("{host} sent nothing for {} s", limit.as_secs_f32())]
    Stalled {
        /// The server.
        host: String,
        /// The time limit.
        limit: Duration,
    },
    /// The connection broke off.
    #[error("the connection to {host} broke off")]
    BrokenOff {
        /// The server.
        host: String,
        /// What happened; nothing when the body just ended too early.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// A response is not HTTP, or breaks its rules beyond what is put up with.
    #[error("the response of {host} is not valid HTTP")]
    Malformed {
        /// The server.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// A redirect that is not followed.
    #[error("{host} redirects {fault}")]
    Redirect {
        /// The server.
        host: String,
        /// What is wrong about it.
        fault: &'static str,
    },
    /// What answers lacks something that the hub always says.
    #[error("{host} does not answer as the hub does: {lacks}")]
    NotTheHub {
        /// The server.
        host: String,
        /// What is missing or wrong.
        lacks: &'static str,
    },
    /// A file is not the one that the hub announced, twice.
    #[error("`{name}` arrived damaged twice: its hash is not {expected}")]
    Damaged {
        /// The file.
        name: String,
        /// The hash it has to have.
        expected: String,
    },
    /// The disk has too little space.
    #[error(
        "the disk of `{}` is too full: {} are needed, {} are free",
        path.display(),
        bytes(*needed),
        bytes(*free)
    )]
    DiskFull {
        /// The folder.
        path: PathBuf,
        /// Bytes still to be written.
        needed: u64,
        /// Bytes there is room for.
        free: u64,
    },
    /// The cache cannot be written to.
    #[error("the cache cannot be written to: `{}`", path.display())]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something in the cache can be neither read nor written.
    #[error("`{}` in the cache could not be used", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Connections cannot be secured.
    #[error(transparent)]
    Web(#[from] net::Error),
    /// The client could not be set up.
    #[error("the hub's client could not be set up")]
    Client {
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

impl Error {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoHome => "name a directory with HF_HOME".to_owned(),
            Self::Endpoint => "HF_ENDPOINT names the hub, or a mirror of it".to_owned(),
            Self::Token | Self::BadToken | Self::TokenFile { .. } => {
                "make a token at https://huggingface.co/settings/tokens and set HF_TOKEN to it".to_owned()
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
            Self::NoRevision { .. } => "without a revision, it is `main`".to_owned(),
            Self::RateLimited {
                with_token: false, ..
            } => "try again later; with a token, in HF_TOKEN, the hub allows more".to_owned(),
            Self::RateLimited { .. } => "try again later".to_owned(),
            Self::Unreachable { .. } => {
                "check the connection; HTTPS_PROXY names a proxy, HF_ENDPOINT a mirror of the hub"
                    .to_owned()
            }
            Self::Untrusted { .. } => {
                "where a proxy opens connections, SSL_CERT_FILE names the certificate that it signs with".to_owned()
            }
            Self::Web(error) => return error.hint(),
            Self::Status { status, .. } if !is_transient(*status) => {
                "the server will not do this; HF_ENDPOINT names another, HTTPS_PROXY a proxy between".to_owned()
            }
            Self::Stalled { .. } | Self::BrokenOff { .. } | Self::Status { .. } => {
                "try again later: a download goes on where it stopped".to_owned()
            }
            Self::NotTheHub { .. } | Self::Malformed { .. } | Self::Redirect { .. } => {
                "HF_ENDPOINT, if it is set, has to name the hub or a mirror; else see the proxy's settings"
                    .to_owned()
            }
            Self::Damaged { .. } => {
                "something between the hub and this machine changes files: a proxy, or a faulty disk"
                    .to_owned()
            }
            Self::DiskFull { .. } => {
                "make room, or name a folder on another disk with HF_HUB_CACHE; \
                 a download goes on where it stopped"
                    .to_owned()
            }
            Self::ReadOnly { .. } => {
                "name a folder that can be written to with HF_HUB_CACHE".to_owned()
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

    /// What makes an error of what the system says about the file or folder at `path`.
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
        format!(", and asks to wait {} s", wait.as_secs())
    })
}

/// A count of bytes as people say it.
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
