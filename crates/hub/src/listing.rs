use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde::Deserialize;

use crate::client::{Client, Follow, host};
use crate::digest::Digest;
use crate::error_response::{self, Subject};
use crate::failure::Failure;
use crate::revision::is_commit;
use crate::{Error, Repository, Result, Retry, Revision, retry};

/// The files of a repository at a revision.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The repository.
    pub repository: Repository,
    /// The requested revision.
    pub revision: Revision,
    /// Its commit.
    pub commit: String,
    /// The files, in the Hub's order.
    pub files: Vec<RepositoryFile>,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryFile {
    /// Its name, as sent by the server. It's checked before it becomes a path.
    pub name: String,
    /// Its size in bytes, if the server reports it.
    pub size: Option<u64>,
    /// The hash of its content, if the server reports it.
    pub(crate) digest: Option<Digest>,
}

impl Listing {
    /// The files' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    /// The file with this name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&RepositoryFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

/// The maximum size of the response. The largest repositories have 100,000 files with 200 bytes each here.
const LARGEST: usize = 64 << 20;

/// The used fields of the Hub's response.
#[derive(Deserialize)]
struct Answer {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    /// Git's hash. For a large file, that of its pointer.
    #[serde(rename = "blobId")]
    git: Option<String>,
    lfs: Option<LargeFile>,
}

#[derive(Deserialize)]
struct LargeFile {
    sha256: Option<String>,
}

impl From<Sibling> for RepositoryFile {
    fn from(sibling: Sibling) -> Self {
        let hash = match sibling.lfs {
            Some(large) => large.sha256,
            None => sibling.git,
        };
        Self {
            name: sibling.rfilename,
            size: sibling.size,
            digest: hash.and_then(|hash| Digest::of_etag(&hash)),
        }
    }
}

/// Requests the list of files of `repository` at `revision`.
///
/// # Errors
/// If the Hub refuses or is unreachable.
pub(crate) async fn fetch(
    client: &Client,
    repository: &Repository,
    revision: &Revision,
    retry: Retry,
    waiting: &dyn Fn(Duration),
) -> Result<Listing> {
    let start = ["api", repository.kind().plural()];
    let end = ["revision", revision.name()];
    let parts = start
        .into_iter()
        .chain(repository.id().split('/'))
        .chain(end);
    let mut url = client.url(parts);
    url.set_query(Some("blobs=true"));
    let subject = Subject {
        repository,
        revision: revision.name(),
        name: None,
    };
    let answer = retry::run(retry, waiting, async || {
        let response = client
            .ask(
                &Method::GET,
                url.clone(),
                &HeaderMap::new(),
                Follow::ToTheEnd,
            )
            .await?;
        let response = error_response::check(response, &subject, client)?;
        read(client, response).await
    })
    .await?;
    Ok(Listing {
        repository: repository.clone(),
        revision: revision.clone(),
        commit: answer.sha,
        files: answer.siblings.into_iter().map(Into::into).collect(),
    })
}

async fn read(client: &Client, mut response: Response) -> Result<Answer, Failure> {
    let host = host(response.url());
    let lacks = |lacks| Error::NotTheHub {
        host: host.clone(),
        lacks,
    };
    let mut body = Vec::new();
    while let Some(chunk) = client.chunk(&mut response).await? {
        body.extend_from_slice(chunk.as_ref());
        if body.len() > LARGEST {
            return Err(lacks("its list of files does not end").into());
        }
    }
    let answer: Answer =
        serde_json::from_slice(&body).map_err(|_| lacks("no valid list of files"))?;
    if !is_commit(&answer.sha) {
        return Err(lacks("no commit").into());
    }
    Ok(answer)
}
