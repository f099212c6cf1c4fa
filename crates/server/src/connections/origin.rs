//! Which pages in browsers may send requests.
//!
//! Without keys, every client has full access, and any page can make the browser connect to this machine. So a server
//! without keys refuses requests from pages of other sites, and requests with unknown host names: by DNS rebinding, another
//! site can point its own name at this machine.

use axum::extract::Request;
use axum::http::header::ORIGIN;
use axum::http::uri::Authority;

use super::cors;
use super::gateway::Gateway;
use super::refusal::Refusal;
use super::requested_host::requested_host;

/// Refuses requests that a page of another site may have sent.
///
/// Pages of allowed origins may use APIs that are for pages.
pub(crate) fn check(
    gateway: &Gateway,
    is_for_pages: bool,
    request: &Request,
) -> Result<(), Refusal> {
    if !gateway.keys.is_empty() {
        return Ok(());
    }
    // Every browser sends the host.
    let Some(host) = requested_host(request) else {
        return Ok(());
    };
    if !gateway.is_behind_proxy && !is_local(host) {
        return Err(Refusal::ForeignHost {
            host: host.to_owned(),
        });
    }
    if is_for_pages && cors::is_of(&gateway.origins, request) {
        return Ok(());
    }
    match request.headers().get(ORIGIN) {
        Some(origin) if !is_of(origin.as_bytes(), host) => Err(Refusal::ForeignOrigin),
        _ if is_embedded_elsewhere(request) => Err(Refusal::ForeignOrigin),
        _ => Ok(()),
    }
}

/// Whether a page of another site embeds a picture or script, for which browsers send no origin.
fn is_embedded_elsewhere(request: &Request) -> bool {
    let says = |name: &str, value: &str| {
        let header = request.headers().get(name);
        header.is_some_and(|it| it.as_bytes() == value.as_bytes())
    };
    says("sec-fetch-site", "cross-site") && !says("sec-fetch-mode", "navigate")
}

/// Whether a host is an IP address or a name of this machine.
fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().to_ascii_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<std::net::IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

/// Whether `origin` is a page of `host`.
fn is_of(origin: &[u8], host: &str) -> bool {
    let origin = std::str::from_utf8(origin).unwrap_or_default();
    let (_, site) = origin.split_once("://").unwrap_or_default();
    site.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_known() {
        for local in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8080",
            "a.localhost",
            "10.0.0.2",
        ] {
            assert!(is_local(local), "{local}");
        }
        for other in [
            "",
            "example.com",
            "localhost.example.com:80",
            "127.0.0.1.example.com",
            "a b",
        ] {
            assert!(!is_local(other), "{other}");
        }
        assert!(is_of(b"http://127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(!is_of(b"http://127.0.0.1:9090", "127.0.0.1:8080"));
        assert!(!is_of(b"null", "127.0.0.1:8080"));
    }
}
