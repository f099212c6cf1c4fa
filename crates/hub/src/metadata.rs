use reqwest::header::{CONTENT_LENGTH, ETAG, HeaderMap};
use reqwest::{Method, Response, Url};

use crate::client::{Client, Follow, LINKED_ETAG, host};
use crate::digest::Digest;
use crate::failure::Failure;
use crate::refusal::{self, Subject};
use crate::{Error, Result};

/// What the hub says of a file before it sends it.
pub(crate) struct Metadata {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Whether the hub sends it itself, and knows its etag when asked for a range.
    pub(crate) is_direct: bool,
}

impl Metadata {
    /// Asks the hub about the file at `url`, not where it is stored.
    ///
    /// # Errors
    /// When the hub refuses, cannot be asked, or does not say what it has to.
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
        let response = refusal::check(response, subject, client)?;
        Ok(Self::read(&response)?)
    }

    fn read(response: &Response) -> Result<Self> {
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let lacks = |lacks| Error::NotTheHub {
            host: host(response.url()),
            lacks,
        };
        if header("x-repo-commit").is_none() {
            return Err(lacks("it names no commit"));
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
            .ok_or_else(|| lacks("it does not say how large a file is"))?;
        Ok(Self {
            digest,
            size,
            is_direct,
        })
    }
}
