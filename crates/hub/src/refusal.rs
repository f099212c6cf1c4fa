//! What an answer with an error's status means.

use std::time::{Duration, SystemTime};

use reqwest::Response;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::client::{Client, host};
use crate::failure::{Again, Failure};
use crate::{Error, Repository};

/// What was asked for.
pub(crate) struct Subject<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) revision: &'a str,
    /// None when it was the repository itself.
    pub(crate) name: Option<&'a str>,
}

/// Longer words of a server are cut.
const LONGEST_SAYING: usize = 300;

/// The hub's own words for a token that it does not know.
const BAD_TOKEN: &str = "Invalid credentials in Authorization header";

/// Whether what a server says with this status may be otherwise the next time.
pub(crate) fn passes(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=504)
}

/// Lets an answer that is none of an error pass.
///
/// # Errors
/// What the status and the hub's headers `X-Error-Code` and `X-Error-Message` say.
pub(crate) fn check(
    response: Response,
    subject: &Subject<'_>,
    client: &Client,
) -> Result<Response, Failure> {
    let status = response.status().as_u16();
    if status < 400 {
        return Ok(response);
    }
    let wait = asked_wait(response.headers());
    let again = match (passes(status), wait) {
        (true, Some(wait)) => Again::After(wait),
        (true, None) => Again::Soon,
        (false, _) => Again::Never,
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
        again,
    })
}

/// An error of which nothing more is known.
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
    let said = header("x-error-message").unwrap_or_default();
    // Where files are stored nothing is known of repositories: a status says less there.
    let is_the_hub = client.is_endpoint(response.url());
    match (
        header("x-error-code").as_deref(),
        response.status().as_u16(),
    ) {
        (_, 401) if said == BAD_TOKEN => Error::BadToken,
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
        // Who asks without a token is told this about missing repositories too.
        (None, 401) if is_the_hub && with_token => Error::BadToken,
        (None, 401 | 404) if is_the_hub => Error::NotFound {
            repository,
            with_token,
        },
        (_, 403) if !said.is_empty() => Error::Forbidden { repository, said },
        _ => status_of(response),
    }
}

/// A header as text to show.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    let shown = value.chars().filter(|c| !c.is_control());
    Some(shown.take(LONGEST_SAYING).collect())
}

/// How long the server asks to wait: `Retry-After` in seconds or as a date, or the time in the hub's
/// `RateLimit: "api";r=0;t=55`, which counts when nothing remains.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    if let Some(value) = retry_after {
        if let Ok(seconds) = value.trim().parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = httpdate::parse_http_date(value).ok()?;
        return Some(date.duration_since(SystemTime::now()).unwrap_or_default());
    }
    let limit = headers.get("ratelimit")?.to_str().ok()?;
    let field = |key: &str| {
        let mut fields = limit.split(';').map(str::trim);
        fields.find_map(|field| field.strip_prefix(key)?.parse::<u64>().ok())
    };
    (field("r=") == Some(0))
        .then(|| field("t="))
        .flatten()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(name: &'static str, value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        asked_wait(&headers)
    }

    #[test]
    fn the_time_to_wait_is_read_in_every_form() {
        assert_eq!(wait("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(
            wait("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(wait("retry-after", "soon"), None);
        assert_eq!(
            wait("ratelimit", "\"api\";r=0;t=55"),
            Some(Duration::from_secs(55))
        );
        assert_eq!(wait("ratelimit", "\"api\";r=3;t=55"), None);
        let later = SystemTime::now() + Duration::from_secs(60);
        let asked = wait("retry-after", &httpdate::fmt_http_date(later)).unwrap();
        assert!((50..=60).contains(&asked.as_secs()));
    }
}
