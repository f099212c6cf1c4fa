//! What happens to every request before and after its own work: keys, limits and the time limit are checked, and the
//! request is counted and logged.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderValue, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::time::timeout;

use super::admission::{OverExcessConnection, RequestSlot};
use super::api::{Access, Api};
use super::exchange::Exchange;
use super::gateway::Gateway;
use super::keys;
use super::origin;
use super::refusal::Refusal;
use super::request_body::{BodyRead, discard_small};

/// What is guarded: an API, and the index that all its requests are about, if there is one.
#[derive(Clone)]
struct Guarded {
    gateway: Arc<Gateway>,
    api: Api,
    index: Option<Arc<str>>,
}

/// Guards all requests to `router`, which serves `api`, for one index or for none in particular.
pub(crate) fn guard(
    router: Router,
    gateway: &Arc<Gateway>,
    api: Api,
    index: Option<&str>,
) -> Router {
    let guarded = Guarded {
        gateway: Arc::clone(gateway),
        api,
        index: index.map(Arc::from),
    };
    router.layer(from_fn_with_state(guarded, handle))
}

async fn handle(State(guarded): State<Guarded>, request: Request, next: Next) -> Response {
    let Guarded {
        gateway,
        api,
        index,
    } = &guarded;
    let mut exchange = Exchange::begin(gateway, index.as_deref(), &request);
    let access = (api.access)(request.method(), exchange.route());
    let refusal_form = (api.refusal_form)(request.headers());
    let version = request.version();
    let is_excess = is_over_excess_connection(&request);
    let read = request.extensions().get::<BodyRead>().cloned();
    let read = read.unwrap_or_default();
    let answered = match admit(gateway, access, &request) {
        Ok(slot) => answer(gateway, slot, request, next)
            .await
            .ok_or_else(|| too_slow(gateway, &read, access)),
        Err(refusal) => {
            discard_small(request.into_body()).await;
            Err(refusal)
        }
    };
    let mut response = answered.unwrap_or_else(|refusal| {
        exchange.refuse(&refusal);
        refusal_form(refusal)
    });
    exchange.answer(&mut response);
    // An unread rest of the body ends the connection; clients want to be told.
    let closes = gateway.is_shutting_down() || is_excess || !read.is_whole();
    if closes && version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

fn is_over_excess_connection(request: &Request) -> bool {
    request.extensions().get::<OverExcessConnection>().is_some()
}

/// Admits a request by what is known before its body is read; the slot is the room that it takes, if it takes any.
fn admit(
    gateway: &Gateway,
    access: Access,
    request: &Request,
) -> Result<Option<RequestSlot>, Refusal> {
    if access == Access::Open {
        return Ok(None);
    }
    if is_over_excess_connection(request) {
        return Err(Refusal::TooManyConnections);
    }
    let key = check_client(gateway, access, request)?;
    if access == Access::Monitoring {
        return Ok(None);
    }
    let counted = gateway.admission.count(key);
    counted.map_err(|retry_after| Refusal::RateLimited { retry_after })?;
    let slot = gateway.admission.try_request();
    slot.ok_or(Refusal::Busy).map(Some)
}

/// The number of the client's key, which allows this access.
fn check_client(gateway: &Gateway, access: Access, request: &Request) -> Result<usize, Refusal> {
    let headers = request.headers();
    if request.version() == Version::HTTP_11 && !headers.contains_key(HOST) {
        return Err(Refusal::MissingHost);
    }
    origin::check(gateway, request)?;
    let key = gateway.keys.accept(keys::named(headers));
    let key = key.ok_or(Refusal::InvalidKey)?;
    match key.read_only && access == Access::Write {
        true => Err(Refusal::ReadOnlyKey),
        false => Ok(key.number),
    }
}

/// The response, if there is one in time.
async fn answer(
    gateway: &Gateway,
    slot: Option<RequestSlot>,
    mut request: Request,
    next: Next,
) -> Option<Response> {
    if let Some(slot) = &slot {
        request.extensions_mut().insert(slot.body.clone());
    }
    let response = timeout(gateway.limits.time, next.run(request)).await;
    response.ok()
}

/// What took too long: the client with the body, or the server with its work.
fn too_slow(gateway: &Gateway, read: &BodyRead, access: Access) -> Refusal {
    let limit = gateway.limits.time.as_secs_f64();
    match read.is_whole() {
        true => Refusal::TimedOut {
            limit,
            writes: access == Access::Write,
        },
        false => Refusal::SlowBody { limit },
    }
}
