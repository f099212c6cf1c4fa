use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode, Url};

/// Where an answer redirects to, if it does.
///
/// # Errors
/// What is wrong with the redirect.
pub fn redirect_of(response: &Response) -> Result<Option<Url>, &'static str> {
    let is_redirect = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !is_redirect {
        return Ok(None);
    }
    let from = response.url();
    let location = response.headers().get(LOCATION);
    let target = location
        .and_then(|location| location.to_str().ok())
        .and_then(|location| from.join(location).ok())
        .filter(|target| matches!(target.scheme(), "http" | "https") && target.has_host())
        .ok_or("to no address")?;
    if from.scheme() == "https" && target.scheme() == "http" {
        return Err("from https to http");
    }
    Ok(Some(target))
}
