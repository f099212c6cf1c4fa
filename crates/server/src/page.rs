//! The web page. It has no data of its own: what it shows it asks the JSON API for.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use include_dir::{Dir, File, include_dir};
use sha2::{Digest, Sha256};
use std::sync::Arc;

use crate::connections::{Access, Api, Gateway, Refusal, guard};

/// The files of the page.
static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/page");

/// The folder of the page's files in its addresses.
const FOLDER: &str = "/page/";

/// Scripts and styles come from here alone, and the page talks to nobody else; pictures of the web are shown from where
/// they are.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob: data: https: http:; connect-src 'self'; form-action 'none'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The page, which needs no key, as it tells nothing.
const API: Api = Api {
    access: |_: &Method, _: Option<&str>| Access::Open,
    refusal_form: |_: &HeaderMap| |refusal: Refusal| refusal.to_string().into_response(),
    is_for_pages: false,
};

/// Whether the page answers at a path.
pub(crate) fn has(path: &str) -> bool {
    path == "/" || path.starts_with(FOLDER)
}

pub(crate) fn router(gateway: &Arc<Gateway>) -> Router {
    let router = Router::new()
        .route("/", get(|headers| file(headers, "index.html")))
        .route(
            "/page/{name}",
            get(async |headers, Path(name): Path<String>| file(headers, &name).await),
        )
        .fallback(async || StatusCode::NOT_FOUND);
    guard(router, gateway, API, None)
}

async fn file(headers: HeaderMap, name: &str) -> Response {
    let Some((file, kind)) = FILES.get_file(name).zip(kind_of(name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = tag_of(file);
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag);
    let response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Body::from(file.contents()).into_response(),
    };
    let plain = HeaderValue::from_static;
    let about: [(HeaderName, HeaderValue); 6] = [
        (CONTENT_TYPE, plain(kind)),
        // A new build has new files under the old names.
        (CACHE_CONTROL, plain("no-cache")),
        (ETAG, tag),
        (CONTENT_SECURITY_POLICY, plain(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, plain("nosniff")),
        (REFERRER_POLICY, plain("no-referrer")),
    ];
    (about, response).into_response()
}

/// `None` for what isn't the page's.
fn kind_of(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

fn tag_of(file: &File<'_>) -> HeaderValue {
    let digest = Sha256::digest(file.contents());
    let digits: String = digest[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    HeaderValue::from_str(&format!("\"{digits}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}
