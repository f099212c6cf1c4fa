use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ORIGIN, RETRY_AFTER,
};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method};
use tower_http::cors::CorsLayer;

use super::gateway::Gateway;
use super::keys;
use super::request_id::REQUEST_ID;

/// How long browsers may cache a preflight response.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The origin of pages that may use the JSON API: `https://shop.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl FromStr for Origin {
    type Err = String;

    /// Parses a scheme and a host, optionally with a port. `*` is refused, because it would allow every page on the web.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected an origin such as https://shop.example".to_owned();
        let text = text.to_ascii_lowercase();
        let (scheme, host) = text.split_once("://").ok_or_else(expected)?;
        // Browsers leave out the default port.
        let host = match scheme {
            "http" => host.strip_suffix(":80").unwrap_or(host),
            "https" => host.strip_suffix(":443").unwrap_or(host),
            _ => return Err(expected()),
        };
        let authority = host.parse::<Authority>().map_err(|_| expected())?;
        let is_host = !authority.host().is_empty() && !host.contains(['@', '*']);
        if is_host {
            Ok(Self(format!("{scheme}://{host}")))
        } else {
            Err(expected())
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a page of one of these sites sent the request.
pub(crate) fn is_of(origins: &[Origin], request: &Request) -> bool {
    let origin = request.headers().get(ORIGIN).map(HeaderValue::as_bytes);
    origins.iter().any(|it| origin == Some(it.0.as_bytes()))
}

/// Adds CORS headers for the allowed origins to `router`. Credentials such as cookies are not allowed.
pub(crate) fn cors(router: Router, gateway: &Gateway) -> Router {
    let origins = gateway.origins.iter();
    let origins: Vec<HeaderValue> = origins.filter_map(|it| it.0.parse().ok()).collect();
    if origins.is_empty() {
        return router;
    }
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([keys::HEADER, AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([REQUEST_ID, RETRY_AFTER, CONTENT_DISPOSITION, CONTENT_RANGE])
        .max_age(REMEMBERED);
    router.layer(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for (text, expected) in [
            ("https://shop.example", "https://shop.example"),
            ("HTTPS://Shop.Example:443", "https://shop.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), expected);
        }
        for bad in [
            "*",
            "null",
            "shop.example",
            "https://",
            "https://*.example",
            "https://shop.example/",
            "https://me@shop.example",
            "https://shop.example/page",
            "ftp://shop.example",
            "https://shop.example, https://b.example",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
