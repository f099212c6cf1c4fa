use reqwest::header::{CONTENT_LENGTH, ETAG, HeaderMap};
use reqwest::{Method, Response, Url};

use crate::client::{Client, Follow, LINKED_ETAG, host};
use crate::digest::Digest;
use crate::error_response::{self, Subject};
use crate::failure::Failure;
use crate::{Error, Result};

/// The Hub's metadata for a file.
pub(crate) struct Metadata {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Whether the Hub sends the file itself, so that it checks its etag in range requests.
    pub(crate) is_direct: bool,
}

impl Metadata {
    /// Requests the metadata of the file at `url` from the Hub, not from the storage.
    ///
    /// # Errors
    /// If the Hub refuses, is unreachable, or sends incomplete metadata.
    pub(crate) async fn ask(
        client: &Client,
        url: &Url,
        subject: &Subject<'_>,
    ) -> Result<Self, Failure> {
        let response = client
            .ask(
                &Method::HEAD,
                url.clone(),
                &HeaderMap::new(),
                Follow::ToTheDescription,
            )
            .await?;
        let response = error_response::check(response, subject, client)?;
        Ok(Self::read(&response)?)
    }

    fn read(response: &Response) -> Result<Self> {
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let lacks = |lacks| Error::NotTheHub {
            host: host(response.url()),
            lacks,
        };
        if header("x-repo-commit").is_none() {
            return Err(lacks("no commit"));
        }
        let etag = header(LINKED_ETAG).or_else(|| header(ETAG.as_str()));
        let digest = etag
            .and_then(|etag| Digest::of_etag(etag.trim_start_matches("W/").trim_matches('"')))
            .ok_or_else(|| lacks("a file's etag is not its hash"))?;
        let is_direct = response.status().is_success();
        let own_size = is_direct.then(|| header(CONTENT_LENGTH.as_str())).flatten();
        let size = header("x-linked-size")
            .or(own_size)
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| lacks("no size of a file"))?;
        Ok(Self {
            digest,
            size,
            is_direct,
        })
    }
}
