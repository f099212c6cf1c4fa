use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode, Url};

/// The maximum number of redirects to follow. Servers need one or two.
pub const MOST_REDIRECTS: usize = 10;

/// The target of a redirect; `None` for other responses.
///
/// # Errors
/// The fault of the redirect.
pub fn redirect_of(response: &Response) -> Result<Option<Url>, &'static str> {
    let location = response.headers().get(LOCATION);
    let is_redirect = match response.status() {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => true,
        // With a location, the server prefers one of the choices.
        StatusCode::MULTIPLE_CHOICES => location.is_some(),
        _ => false,
    };
    if !is_redirect {
        return Ok(None);
    }
    let from = response.url();
    let target = location
        .map(|location| escaped(location.as_bytes()))
        .filter(|location| !location.trim().is_empty())
        .and_then(|location| from.join(&location).ok())
        .filter(|target| matches!(target.scheme(), "http" | "https") && target.has_host())
        .ok_or("without a valid address")?;
    if from.scheme() == "https" && target.scheme() == "http" {
        return Err("from https to http");
    }
    Ok(Some(target))
}

/// Percent-encodes the non-ASCII bytes of a location in any character set, as browsers and curl do.
fn escaped(location: &[u8]) -> String {
    location.iter().fold(String::new(), |mut escaped, &byte| {
        if byte.is_ascii() {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
        escaped
    })
}
