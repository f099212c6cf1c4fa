use std::time::Duration;

use net::RetryAdvice;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::settings::{PineconeSettings, host};
use crate::{Error, Result};

/// The API version to request.
const API_VERSION: &str = "2025-10";

/// The maximum length of a server's message in an error.
const MESSAGE_LIMIT: usize = 500;

/// Sends requests, and retries after transient errors.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    controller: Url,
    settings: PineconeSettings,
}

/// A request to a server.
#[derive(Debug, Clone)]
pub(super) struct Request {
    method: Method,
    url: Url,
    body: Option<Vec<u8>>,
}

impl Request {
    /// A request to `host`. Each part of the path is percent-encoded as a whole.
    pub(super) fn new(method: Method, host: &Url, path: &[&str]) -> Self {
        let mut url = host.clone();
        // The scheme is http or https, whose URLs always have a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Self {
            method,
            url,
            body: None,
        }
    }

    /// Adds a query parameter.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Sets a JSON body.
    pub(super) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    fn host(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

/// A server's response.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// The sequence number of a write.
    pub(super) written: Option<u64>,
    /// The sequence number of the last write that a search of the namespace sees.
    pub(super) regarded: Option<u64>,
}

impl Answer {
    /// Reads a response, with Pinecone's log sequence numbers
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

/// A failed attempt, and whether to retry.
struct Failure {
    error: Error,
    retry_advice: RetryAdvice,
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

    /// Sends a request and parses the JSON response.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let answer = self.send(request).await?;
        serde_json::from_slice(&answer.body).map_err(|error| Error::NotPinecone {
            host: request.host(),
            what: format!("unexpected response: {error}"),
        })
    }

    /// Sends a request and returns the response.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer> {
        let mut attempts = self.settings.retry.attempts();
        loop {
            let failure = match self.attempt(request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            match attempts.wait(failure.retry_advice) {
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

    /// The failure of a request without a response.
    fn broken(&self, request: &Request, source: reqwest::Error) -> Failure {
        let host = request.host();
        let is_silent = source.is_timeout() && !source.is_connect();
        let retry_advice = if net::is_tls_failure(&source) {
            RetryAdvice::Never
        } else {
            RetryAdvice::Briefly
        };
        let error = if is_silent {
            Error::Silent {
                host,
                seconds: self.settings.answer_limit.as_secs(),
            }
        } else {
            Error::Unreachable {
                host,
                source: source.without_url().into(),
            }
        };
        Failure {
            error,
            retry_advice,
        }
    }
}

/// The failure of a request with an error response.
async fn refused(request: &Request, response: Response) -> Failure {
    let host = request.host();
    let status = response.status();
    let asked = net::retry_after(response.headers());
    let is_redirect = status.is_redirection();
    let text = response.text().await.unwrap_or_default();
    let error = match status {
        StatusCode::UNAUTHORIZED => Error::KeyRefused { host },
        _ if is_redirect => Error::NotPinecone {
            host,
            what: "it redirects to another server".to_owned(),
        },
        _ => Error::Refused {
            host,
            status: status.as_u16(),
            message: message_of(&text),
        },
    };
    let retry_advice = match status.as_u16() {
        408 | 429 | 500 | 502 | 503 | 504 => {
            asked.map_or(RetryAdvice::WithBackoff, RetryAdvice::After)
        }
        _ => RetryAdvice::Never,
    };
    Failure {
        error,
        retry_advice,
    }
}

/// The message of an error response, in the form of the control plane or data plane, or as plain text.
fn message_of(text: &str) -> String {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let message = [&json["error"]["message"], &json["message"], &json["error"]]
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or(text);
    let words: Vec<&str> = message.split_whitespace().collect();
    let message = words.join(" ");
    if message.is_empty() {
        "no reason given".to_owned()
    } else {
        message.chars().take(MESSAGE_LIMIT).collect()
    }
}

/// The pause before checking again whether an index is ready or sees a write.
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
        assert_eq!(message_of(""), "no reason given");
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
