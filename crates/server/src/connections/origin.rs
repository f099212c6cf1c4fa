//! What pages in browsers may ask.
//!
//! Without keys, who can open a connection may do everything, and a browser opens one for any page, also to this
//! machine. So a server without keys answers neither pages of other sites, nor for names that it does not have, by
//! which such a page would pass for one of its own.

use axum::extract::Request;
use axum::http::header::ORIGIN;
use axum::http::uri::Authority;

use crate::pinecone::api_error::ApiError;
use crate::pinecone::control_plane::public_host::host_of;
use crate::state::State;

/// Refuses what a page of another site may have asked.
pub(crate) fn check(state: &State, request: &Request) -> Result<(), ApiError> {
    if !state.keys.is_empty() {
        return Ok(());
    }
    // Every browser says whom it asks.
    let Some(host) = host_of(request) else {
        return Ok(());
    };
    // What stands before a public host has a name of its own for the server.
    if state.public_host.is_none() && !is_local(&host) {
        return Err(ApiError::forbidden(format!(
            "a server without keys is asked by its address or as `localhost`, not as `{host}`"
        )));
    }
    match request.headers().get(ORIGIN) {
        Some(origin) if !is_of(origin.as_bytes(), &host) => Err(ApiError::forbidden(
            "a server without keys is not asked by pages of other sites",
        )),
        _ => Ok(()),
    }
}

/// Whether a host is named by an address, or by a name that leads to this machine alone.
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
