//! Interprets error responses.

use net::{RetryAdvice, retry_after};
use reqwest::Response;
use reqwest::header::HeaderMap;

use crate::client::{Client, host};
use crate::failure::Failure;
use crate::status::is_transient;
use crate::{Error, Repository};

/// The subject of a request.
pub(crate) struct Subject<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) revision: &'a str,
    /// The file; `None` for the repository itself.
    pub(crate) name: Option<&'a str>,
}

/// The maximum length of a server's message.
const LONGEST_SAYING: usize = 300;

/// The Hub's message for an invalid token.
const BAD_TOKEN: &str = "Invalid credentials in Authorization header";

/// Passes on a response without an error status.
///
/// # Errors
/// The error of the status and of the Hub's headers `X-Error-Code` and `X-Error-Message`.
pub(crate) fn check(
    response: Response,
    subject: &Subject<'_>,
    client: &Client,
) -> Result<Response, Failure> {
    let status = response.status().as_u16();
    if status < 400 {
        return Ok(response);
    }
    let wait = retry_after(response.headers());
    let retry_advice = match (is_transient(status), wait) {
        (true, Some(wait)) => RetryAdvice::After(wait),
        (true, None) => RetryAdvice::WithBackoff,
        (false, _) => RetryAdvice::Never,
    };
    let error = match status {
        429 => Error::RateLimited {
            wait,
            with_token: client.has_token(),
        },
        400..500 => refused(&response, subject, client),
        _ => status_of(&response),
    };
    Err(Failure {
        error: Box::new(error),
        retry_advice,
    })
}

/// The error for a status without further information.
pub(crate) fn status_of(response: &Response) -> Error {
    Error::Status {
        host: host(response.url()),
        status: response.status().as_u16(),
    }
}

fn refused(response: &Response, subject: &Subject<'_>, client: &Client) -> Error {
    let header = |name: &str| text(response.headers(), name);
    let repository = subject.repository.clone();
    let revision = subject.revision.to_owned();
    let with_token = client.has_token();
    let message = header("x-error-message").unwrap_or_default();
    // The storage knows nothing about repositories, so a status has less meaning there.
    let is_the_hub = client.is_endpoint(response.url());
    match (
        header("x-error-code").as_deref(),
        response.status().as_u16(),
    ) {
        (_, 401) if message == BAD_TOKEN => Error::BadToken,
        (Some("GatedRepo"), _) => Error::Gated {
            page: client.page(&repository),
            repository,
            with_token,
        },
        (Some("RevisionNotFound"), _) => Error::NoRevision {
            repository,
            revision,
        },
        (Some("EntryNotFound"), _) => Error::NoFile {
            repository,
            revision,
            name: subject.name.unwrap_or_default().to_owned(),
        },
        (Some("RepoNotFound"), _) => Error::NotFound {
            repository,
            with_token,
        },
        // Without a token, the Hub sends this for missing repositories too.
        (None, 401) if is_the_hub && with_token => Error::BadToken,
        (None, 401 | 404) if is_the_hub => Error::NotFound {
            repository,
            with_token,
        },
        (_, 403) if !message.is_empty() => Error::Forbidden {
            repository,
            message,
        },
        _ => status_of(response),
    }
}

/// A header as text for display.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    let shown = value.chars().filter(|c| !c.is_control());
    Some(shown.take(LONGEST_SAYING).collect())
}
