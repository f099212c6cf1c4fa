use std::time::Duration;

use net::Again;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::settings::{PineconeSettings, host};
use crate::{Error, Result};

/// The version of the API that is asked for.
const API_VERSION: &str = "2025-10";

/// As much as is shown of what a server says.
const MESSAGE_LIMIT: usize = 500;

/// Requests, each tried again where that may help.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    controller: Url,
    settings: PineconeSettings,
}

/// What is asked of a server.
#[derive(Debug, Clone)]
pub(super) struct Request {
    method: Method,
    url: Url,
    body: Option<Vec<u8>>,
}

impl Request {
    /// Asks `host` for the path of these parts, each percent-encoded as a whole.
    pub(super) fn new(method: Method, host: &Url, path: &[&str]) -> Self {
        let mut url = host.clone();
        // The host is http or https, whose addresses have a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Self {
            method,
            url,
            body: None,
        }
    }

    /// With a parameter.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// With a body of JSON.
    pub(super) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    fn host(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

/// What a server answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// The number of a write.
    pub(super) written: Option<u64>,
    /// The number of the last write to a namespace that a search of it regards.
    pub(super) regarded: Option<u64>,
}

impl Answer {
    /// The numbers are Pinecone's
    /// (<https://docs.pinecone.io/guides/index-data/check-data-freshness>).
    async fn of(response: Response) -> reqwest::Result<Self> {
        let number = |name| response.headers().get(name)?.to_str().ok()?.parse().ok();
        let written = number("x-pinecone-request-lsn");
        let regarded = number("x-pinecone-max-indexed-lsn");
        Ok(Self {
            body: response.bytes().await?.into(),
            written,
            regarded,
        })
    }
}

/// An attempt that failed, and whether another may succeed.
struct Failure {
    error: Error,
    again: Again,
}

impl Client {
    pub(super) fn new(settings: PineconeSettings) -> Result<Self> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Client { source };
        let key = settings.key.as_ref().ok_or(Error::NoKey)?;
        let controller = host(&settings.controller)?;
        let builder = net::client(&settings.client).map_err(|source| failed(source.into()))?;
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("api-key"), key.header());
        headers.insert(
            HeaderName::from_static("x-pinecone-api-version"),
            HeaderValue::from_static(API_VERSION),
        );
        let http = builder
            .user_agent(concat!("clipseek/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(settings.connect_limit)
            .timeout(settings.answer_limit)
            .build()
            .map_err(|source| failed(source.into()))?;
        Ok(Self {
            http,
            controller,
            settings,
        })
    }

    /// The address of the control plane.
    pub(super) fn controller(&self) -> &Url {
        &self.controller
    }

    pub(super) fn settings(&self) -> &PineconeSettings {
        &self.settings
    }

    /// The answer, as JSON.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let answer = self.send(request).await?;
        serde_json::from_slice(&answer.body).map_err(|error| Error::NotPinecone {
            host: request.host(),
            what: format!("its answer is not what is expected: {error}"),
        })
    }

    /// The answer.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer> {
        let mut attempts = self.settings.retry.attempts();
        loop {
            let failure = match self.attempt(request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            match attempts.wait(failure.again) {
                Some(wait) => {
                    self.settings.on_retry.call(&failure.error, wait);
                    tokio::time::sleep(wait).await;
                }
                None => return Err(failure.error),
            }
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Answer, Failure> {
        let broken = |error| self.broken(request, error);
        let response = self.prepared(request).send().await.map_err(broken)?;
        if !response.status().is_success() {
            return Err(refused(request, response).await);
        }
        Answer::of(response).await.map_err(broken)
    }

    fn prepared(&self, request: &Request) -> RequestBuilder {
        let Request { method, url, body } = request;
        let prepared = self.http.request(method.clone(), url.clone());
        match body {
            Some(body) => prepared
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(body.clone()),
            None => prepared,
        }
    }

    /// A request without an answer.
    fn broken(&self, request: &Request, source: reqwest::Error) -> Failure {
        let host = request.host();
        let is_silent = source.is_timeout() && !source.is_connect();
        let again = match net::is_tls_failure(&source) {
            true => Again::Never,
            false => Again::Briefly,
        };
        let error = match is_silent {
            true => Error::Silent {
                host,
                seconds: self.settings.answer_limit.as_secs(),
            },
            false => Error::Unreachable {
                host,
                source: source.without_url().into(),
            },
        };
        Failure { error, again }
    }
}

/// A request with an answer other than hoped for.
async fn refused(request: &Request, response: Response) -> Failure {
    let host = request.host();
    let status = response.status();
    let asked = net::asked_wait(response.headers());
    let is_redirect = status.is_redirection();
    let text = response.text().await.unwrap_or_default();
    let error = match status {
        StatusCode::UNAUTHORIZED => Error::KeyRefused { host },
        _ if is_redirect => Error::NotPinecone {
            host,
            what: "it sends clients somewhere else".to_owned(),
        },
        _ => Error::Refused {
            host,
            status: status.as_u16(),
            message: message_of(&text),
        },
    };
    let again = match status.as_u16() {
        408 | 429 | 500 | 502 | 503 | 504 => asked.map_or(Again::Soon, Again::After),
        _ => Again::Never,
    };
    Failure { error, again }
}

/// What a server says of its refusal: in the forms of the control plane and of the data plane, or as plain text.
fn message_of(text: &str) -> String {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let said = [&json["error"]["message"], &json["message"], &json["error"]]
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or(text);
    let said: Vec<&str> = said.split_whitespace().collect();
    let said = said.join(" ");
    match said.is_empty() {
        true => "it does not say why".to_owned(),
        false => said.chars().take(MESSAGE_LIMIT).collect(),
    }
}

/// How long to wait before asking again whether an index is ready, or finds what was written.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_in_every_form() {
        assert_eq!(
            message_of(r#"{"status":404,"error":{"code":"NOT_FOUND","message":"No such index"}}"#),
            "No such index"
        );
        assert_eq!(
            message_of(r#"{"code":3,"message":"bad","details":[]}"#),
            "bad"
        );
        assert_eq!(message_of("<html>\n  Bad gateway"), "<html> Bad gateway");
        assert_eq!(message_of(""), "it does not say why");
    }

    #[test]
    fn paths_are_encoded() {
        let host = "http://127.0.0.1:1/".parse().unwrap();
        let request = Request::new(Method::GET, &host, &["namespaces", "a/b c"]).with("ids", "x&y");
        assert_eq!(
            request.url.as_str(),
            "http://127.0.0.1:1/namespaces/a%2Fb%20c?ids=x%26y"
        );
    }
}
