use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde::Deserialize;

use crate::client::{Client, Follow, host};
use crate::digest::Digest;
use crate::failure::Failure;
use crate::refusal::{self, Subject};
use crate::revision::is_commit;
use crate::{Error, Repository, Result, Retry, Revision, retry};

/// What a repository holds at a revision.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The repository.
    pub repository: Repository,
    /// The revision that was asked for.
    pub revision: Revision,
    /// The commit that it is at.
    pub commit: String,
    /// The files, in the hub's order.
    pub files: Vec<RepositoryFile>,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryFile {
    /// Its name, as the server says it: it is checked before it becomes a path.
    pub name: String,
    /// Its bytes, where the server says so.
    pub size: Option<u64>,
    /// The hash that names its content, where the server says so.
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

/// The largest repositories have 100,000 files, of 200 bytes each here.
const LARGEST: usize = 64 << 20;

/// The hub's answer, as far as it is used.
#[derive(Deserialize)]
struct Answer {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    /// Git's hash; of a large file that of the pointer that stands for it.
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

/// Asks the hub what is in `repository` at `revision`.
///
/// # Errors
/// When the hub refuses, or cannot be asked.
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
        let response = refusal::check(response, &subject, client)?;
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
            return Err(lacks("its list of files has no end").into());
        }
    }
    let answer: Answer =
        serde_json::from_slice(&body).map_err(|_| lacks("it sends no list of files"))?;
    if !is_commit(&answer.sha) {
        return Err(lacks("it names no commit").into());
    }
    Ok(answer)
}
