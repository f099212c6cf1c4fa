//! Fetching a picture from a server.

use std::future::Future;
use std::time::Duration;

use picture::Format;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response};

use crate::address::WebAddress;
use crate::fetch_error::FetchError;

/// Pages redirect once or twice.
const MOST_REDIRECTS: usize = 10;

/// How pictures are fetched.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// How the program names itself to servers.
    pub user_agent: String,
    /// The most bytes that a picture may have.
    pub bytes: u64,
    /// How long to wait for a connection.
    pub connect: Duration,
    /// How long to wait for an answer to begin, once connected, and for the next bytes of it.
    pub stall: Duration,
    /// How long it all may take.
    pub whole: Duration,
}

impl Default for FetchOptions {
    /// 10 s for a connection, 20 s for bytes, two minutes for all, and as many bytes as pictures may have.
    fn default() -> Self {
        Self {
            user_agent: concat!("clipseek/", env!("CARGO_PKG_VERSION")).to_owned(),
            bytes: picture::Limits::default().bytes,
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(20),
            whole: Duration::from_secs(120),
        }
    }
}

/// The bytes of the picture at an address. By their beginning they are a picture's; they have not been decoded.
///
/// # Errors
/// Any [`FetchError`] but those of what is no address.
pub async fn fetch(address: &WebAddress, options: &FetchOptions) -> Result<Vec<u8>, FetchError> {
    let client = web::client()?
        .user_agent(&options.user_agent)
        .connect_timeout(options.connect)
        .build();
    let fetching = Fetching {
        client: client.map_err(|source| FetchError::Client {
            source: source.without_url(),
        })?,
        options,
    };
    let whole = tokio::time::timeout(options.whole, fetching.picture(address)).await;
    whole.unwrap_or_else(|_| {
        Err(FetchError::TooSlow {
            url: address.to_string(),
            limit: options.whole,
        })
    })
}

struct Fetching<'a> {
    client: Client,
    options: &'a FetchOptions,
}

impl Fetching<'_> {
    async fn picture(&self, address: &WebAddress) -> Result<Vec<u8>, FetchError> {
        let response = self.answer(address).await?;
        let url = || address.to_string();
        let status = response.status();
        if !status.is_success() {
            return Err(FetchError::Status { url: url(), status });
        }
        let is_page = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"));
        let bytes = self.body(response, address).await?;
        if Format::of(&bytes).is_some() {
            return Ok(bytes);
        }
        Err(match is_page || looks_like_a_page(&bytes) {
            true => FetchError::Page { url: url() },
            false => FetchError::NotAPicture { url: url() },
        })
    }

    /// The answer at the end of redirects.
    async fn answer(&self, address: &WebAddress) -> Result<Response, FetchError> {
        let mut at = address.clone();
        for _ in 0..=MOST_REDIRECTS {
            let asked = self.client.get(at.0.clone()).send();
            let response = self.in_time(&at, asked).await?;
            let redirect = web::redirect_of(&response).map_err(|fault| FetchError::Redirect {
                url: at.to_string(),
                fault,
            })?;
            let Some(mut target) = redirect else {
                return Ok(response);
            };
            if target.origin() == address.0.origin() && target.username().is_empty() {
                // A redirect comes without them. It has a host, so that both can be set.
                let _ = target.set_username(address.0.username());
                let _ = target.set_password(address.0.password());
            }
            at = WebAddress(target);
        }
        Err(FetchError::Redirect {
            url: address.to_string(),
            fault: "too often",
        })
    }

    async fn body(
        &self,
        mut response: Response,
        address: &WebAddress,
    ) -> Result<Vec<u8>, FetchError> {
        let limit = self.options.bytes;
        let too_large = || FetchError::TooLarge {
            url: address.to_string(),
            limit,
        };
        if response.content_length().is_some_and(|it| it > limit) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = self.in_time(address, response.chunk()).await? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// What comes of something that should not take longer than bytes may.
    async fn in_time<T>(
        &self,
        at: &WebAddress,
        coming: impl Future<Output = reqwest::Result<T>>,
    ) -> Result<T, FetchError> {
        let limit = self.options.stall;
        match tokio::time::timeout(limit, coming).await {
            Ok(came) => came.map_err(|error| failure(at, error)),
            Err(_) => Err(FetchError::Stalled {
                url: at.to_string(),
                limit,
            }),
        }
    }
}

fn failure(at: &WebAddress, error: reqwest::Error) -> FetchError {
    let (url, source) = (at.to_string(), error.without_url());
    if web::is_refused_certificate(&source) {
        FetchError::Untrusted { url, source }
    } else if source.is_connect() {
        FetchError::Unreachable { url, source }
    } else {
        FetchError::BrokenOff { url, source }
    }
}

/// Whether bytes begin as a page does.
fn looks_like_a_page(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    let begins = |with: &[u8]| {
        let start = start.get(..with.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    begins(b"<!doctype html") || begins(b"<html")
}
