//! The web page. It gets its data from the JSON API. Without keys, the first search result is embedded in the page.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use include_dir::{Dir, File, include_dir};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

use crate::api::{ApiState, first_view};
use crate::connections::{Access, Api, Refusal, check_origin, guard};

/// The files of the page.
static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/page");

/// The page itself.
const START: &str = "index.html";

/// The URL path of the page's files.
const FOLDER: &str = "/page/";

/// Scripts, styles and connections are limited to this server. Pictures may come from any web server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob: data: https: http:; connect-src 'self'; form-action 'none'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The timeout for the first search result, which may have to load a model. After that, the page is sent without it.
const FIRST_TIMEOUT: Duration = Duration::from_millis(150);

/// The placeholders for the first tiles and the first search result.
const TILES: &str = "<!-- tiles -->";
const ANSWER: &str = "<!-- answer -->";

/// The page needs no key, and contains no data if there are keys.
const API: Api = Api {
    access: |_: &Method, _: Option<&str>| Access::Open,
    refusal_form: |_: &HeaderMap| |refusal: Refusal| refusal.to_string().into_response(),
    is_for_pages: false,
};

/// Whether a path belongs to the page.
pub(crate) fn has(path: &str) -> bool {
    path == "/" || path.starts_with(FOLDER)
}

pub(crate) fn router(state: &Arc<ApiState>) -> Router {
    let shared = Arc::clone(state);
    let router = Router::new()
        .route("/", get(move |request: Request| start(shared, request)))
        .route(
            "/page/{name}",
            get(async |headers, Path(name): Path<String>| file(headers, &name).await),
        )
        .fallback(async || StatusCode::NOT_FOUND);
    guard(router, &state.gateway, API, None)
}

/// The page, with its first search result if that needs no key.
async fn start(state: Arc<ApiState>, request: Request) -> Response {
    // A client that may search without a key may have the result.
    let is_own = check_origin(&state.gateway, API.is_for_pages, &request).is_ok();
    let has_access = state.gateway.keys.is_empty() && is_own;
    let (request, _) = request.into_parts();
    let answered = if has_access {
        answered(&state, &request.uri).await
    } else {
        None
    };
    let plain = file(request.headers, START).await;
    let Some(answered) = answered else {
        return plain;
    };
    let mut about = plain.headers().clone();
    about.remove(ETAG);
    about.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    (about, answered).into_response()
}

/// The page with its first search result, within the limit of requests.
async fn answered(state: &Arc<ApiState>, uri: &Uri) -> Option<String> {
    let _slot = state.gateway.admission.try_request()?;
    let first = tokio::time::timeout(FIRST_TIMEOUT, first_view(state, uri)).await;
    let first = first.ok()??;
    let page = FILES.get_file(START)?.contents_utf8()?;
    let page = page.replacen(TILES, &first.tiles.into_string(), 1);
    Some(page.replacen(ANSWER, &data(&first.json), 1))
}

/// A block of JSON data, which browsers do not run.
fn data(json: &str) -> String {
    format!("<script type=\"application/json\" id=\"answer\">{json}</script>")
}

async fn file(headers: HeaderMap, name: &str) -> Response {
    let Some((file, kind)) = FILES.get_file(name).zip(kind_of(name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = tag_of(file);
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag);
    let response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.contents()).into_response()
    };
    let value = HeaderValue::from_static;
    let about: [(HeaderName, HeaderValue); 6] = [
        (CONTENT_TYPE, value(kind)),
        // A new build has changed files with the same names.
        (CACHE_CONTROL, value("no-cache")),
        (ETAG, tag),
        (CONTENT_SECURITY_POLICY, value(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, value("nosniff")),
        (REFERRER_POLICY, value("no-referrer")),
    ];
    (about, response).into_response()
}

/// The content type; `None` for other files.
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
