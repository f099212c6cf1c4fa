//! What happens to every request before and after its own work: who asks is looked at, whether there is room, how
//! long it takes; and it is counted and logged.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State as Extracted};
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::connections::admission::Crowded;
use crate::connections::keys;
use crate::connections::log::Line;
use crate::connections::metrics::{Counted, Reason};
use crate::connections::origin;
use crate::connections::request_body::{Read, throw_away};
use crate::pinecone::api_error::{ApiError, Fault};
use crate::pinecone::control_plane::health;
use crate::pinecone::data_plane::grpc;
use crate::pinecone::data_plane::write_numbers::{REGARDED, WRITTEN};
use crate::state::State;

/// The header by which a request is known in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client.
const LONGEST_ID: usize = 64;

/// What a request to no known path is counted as.
const NOWHERE: &str = "none";

/// The status in the log of a request whose client went away.
const GONE: u16 = 499;

/// The routes that are asked by `POST` and change nothing.
const READING: [&str; 11] = [
    "/records/namespaces/{namespace}/search",
    "/query",
    "/vectors/fetch_by_metadata",
    "/describe_index_stats",
    "/VectorService/Fetch",
    "/VectorService/FetchByMetadata",
    "/VectorService/List",
    "/VectorService/Query",
    "/VectorService/DescribeIndexStats",
    "/VectorService/ListNamespaces",
    "/VectorService/DescribeNamespace",
];

/// What is asked: the control plane, or an index.
#[derive(Clone)]
struct Place {
    state: Arc<State>,
    index: Option<Arc<str>>,
}

/// Lets this attend to all that `router` is asked.
pub(crate) fn to(router: Router, state: &Arc<State>, index: Option<&str>) -> Router {
    let place = Place {
        state: Arc::clone(state),
        index: index.map(Arc::from),
    };
    router.layer(from_fn_with_state(place, attend))
}

/// A request, until it is counted and logged: also when its client goes away.
struct Attended<'a> {
    place: &'a Place,
    _asked: Counted<'a>,
    began: Instant,
    id: String,
    method: &'static str,
    route: String,
    status: u16,
    refused: Option<Reason>,
    fault: Option<Fault>,
}

impl Drop for Attended<'_> {
    fn drop(&mut self) {
        let state = &self.place.state;
        let time = self.began.elapsed();
        state
            .metrics
            .answered(self.method, &self.route, self.status, time);
        if let Some(log) = &state.log {
            log.write(&Line {
                id: &self.id,
                method: self.method,
                route: &self.route,
                index: self.place.index.as_deref(),
                status: self.status,
                refused: self.refused.map(Reason::name),
                error: self.fault.as_ref().map(|Fault(message)| message.as_str()),
                time,
            });
        }
    }
}

async fn attend(Extracted(place): Extracted<Place>, request: Request, next: Next) -> Response {
    let state = &place.state;
    let route = request.extensions().get::<MatchedPath>();
    let mut attended = Attended {
        place: &place,
        _asked: state.metrics.asked(),
        began: Instant::now(),
        id: id(state, request.headers()),
        method: name(request.method()),
        route: route.map_or(NOWHERE, MatchedPath::as_str).to_owned(),
        status: GONE,
        refused: None,
        fault: None,
    };
    let version = request.version();
    let is_grpc = grpc::is_asked(request.headers());
    let crowded = request.extensions().get::<Crowded>().is_some();
    let read = request.extensions().get::<Read>().cloned();
    let read = read.unwrap_or_default();
    let changes = changes(request.method(), &attended.route);
    let regarded = state.write_numbers.of_search();
    let answer = match admit(state, &attended.route, &request) {
        Ok(admitted) => {
            let answer = answer(state, admitted, request, next).await;
            answer.map_err(|_| timed_out(state, &read, changes))
        }
        Err(refused) => {
            throw_away(request.into_body()).await;
            Err(refused)
        }
    };
    let mut answer = answer.unwrap_or_else(|(reason, error)| {
        attended.refused = reason;
        if let Some(reason) = reason {
            state.metrics.refused(reason);
        }
        match is_grpc {
            true => grpc::refusal(error),
            false => error.into_response(),
        }
    });
    attended.status = answer.status().as_u16();
    attended.fault = answer.extensions_mut().remove();
    let is_well = answer.status().is_success();
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&attended.id) {
        headers.insert(REQUEST_ID, id);
    }
    if place.index.is_some() && is_well {
        let (name, number) = match changes {
            true => (WRITTEN, state.write_numbers.of_write()),
            false => (REGARDED, regarded),
        };
        headers.insert(name, number.into());
    }
    // What is left of a body ends its connection, which clients want to be told.
    if (state.is_ending() || crowded || !read.is_whole()) && version < Version::HTTP_2 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Why a request was refused, if it is counted as such, and what is said about it.
type Refused = (Option<Reason>, ApiError);

/// How a request was let in.
enum Admitted {
    /// Always.
    Freely,
    /// Because there was room, which it takes until this is dropped.
    ToAPlace { _place: OwnedSemaphorePermit },
}

/// Lets a request in, by all that is known before its body is read.
fn admit(state: &State, route: &str, request: &Request) -> Result<Admitted, Refused> {
    if health::is_open(route) {
        return Ok(Admitted::Freely);
    }
    if request.extensions().get::<Crowded>().is_some() {
        let error = ApiError::busy("there are too many connections; try again");
        return Err((Some(Reason::Connections), error));
    }
    let number = check(state, route, request)?;
    if health::is_quick(route) {
        return Ok(Admitted::Freely);
    }
    state.gate.count(number).map_err(|seconds| {
        let error = ApiError::too_many(
            seconds,
            "there were more requests in this second than are answered; try again later",
        );
        (Some(Reason::Rate), error)
    })?;
    state
        .gate
        .admit()
        .map(|_place| Admitted::ToAPlace { _place })
        .ok_or_else(|| {
            let error = ApiError::busy("as many requests are being answered as can be; try again");
            (Some(Reason::Busy), error)
        })
}

async fn answer(
    state: &State,
    _admitted: Admitted,
    request: Request,
    next: Next,
) -> Result<Response, Elapsed> {
    timeout(state.limits.time, next.run(request)).await
}

/// What is said about a request, which changes something or not, that took too long.
fn timed_out(state: &State, read: &Read, changes: bool) -> Refused {
    let seconds = state.limits.time.as_secs_f64();
    match read.is_whole() {
        true => (Some(Reason::Time), ApiError::timed_out(seconds, changes)),
        false => (Some(Reason::SlowBody), ApiError::slow_body(seconds)),
    }
}

/// The number of the key of who asks, if it may.
fn check(state: &State, route: &str, request: &Request) -> Result<usize, Refused> {
    let headers = request.headers();
    if request.version() == Version::HTTP_11 && !headers.contains_key(HOST) {
        let error = ApiError::invalid("the header `Host` is missing: HTTP/1.1 asks for it");
        return Err((None, error));
    }
    origin::check(state, request).map_err(|error| (Some(Reason::Page), error))?;
    let key = state.keys.accept(keys::named(headers));
    let key = key.ok_or_else(|| (Some(Reason::Key), ApiError::unauthenticated()))?;
    if key.read_only && changes(request.method(), route) {
        let error = ApiError::forbidden(
            "this key may only read: expected one of those that may change, too",
        );
        return Err((Some(Reason::ReadOnly), error));
    }
    Ok(key.number)
}

fn changes(method: &Method, route: &str) -> bool {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => false,
        Method::POST => route != NOWHERE && !READING.contains(&route),
        _ => route != NOWHERE,
    }
}

/// The method, of those that are known: anyone can think of others.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// The id that the client gave its request, if that can be one and is no key; a new one otherwise.
fn id(state: &State, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let is_sane = |id: &&str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        (1..=LONGEST_ID).contains(&id.len())
            && id.bytes().all(known)
            && id.as_bytes() != keys::named(headers)
            && !state.keys.knows(id.as_bytes())
    };
    given.filter(is_sane).map_or_else(new_id, str::to_owned)
}

fn new_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Its seeds are random, and others each time.
    let random = RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
    format!("{random:016x}")
}
