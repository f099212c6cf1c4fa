use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode, Url};

/// Where an answer redirects to, if it does.
///
/// # Errors
/// What is wrong with the redirect.
pub fn redirect_of(response: &Response) -> Result<Option<Url>, &'static str> {
    let location = response.headers().get(LOCATION);
    let is_redirect = match response.status() {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => true,
        // The server may choose for the client.
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
        .ok_or("to no address")?;
    if from.scheme() == "https" && target.scheme() == "http" {
        return Err("from https to http");
    }
    Ok(Some(target))
}

/// A location with its bytes beyond ASCII escaped, in whatever character set they are, as browsers and curl ask for it.
fn escaped(location: &[u8]) -> String {
    location.iter().fold(String::new(), |mut escaped, &byte| {
        match byte.is_ascii() {
            true => escaped.push(char::from(byte)),
            false => escaped.push_str(&format!("%{byte:02X}")),
        }
        escaped
    })
}
