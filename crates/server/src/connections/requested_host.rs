use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;

/// The host and port of a request, from the header `Host` or, in HTTP/2, the authority.
pub(crate) fn requested_host(request: &Request) -> Option<&str> {
    let named = request.headers().get(HOST);
    let named = named.and_then(|host| host.to_str().ok());
    named.or_else(|| request.uri().authority().map(Authority::as_str))
}
