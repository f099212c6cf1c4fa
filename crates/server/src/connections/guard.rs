//! Checks keys, limits and the timeout of every request, and counts and logs it.

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
use super::grant::Grant;
use super::keys::{self, Accepted};
use super::origin;
use super::refusal::Refusal;
use super::request_body::{BodyRead, discard_small};

/// A guarded API, and its index, if all its requests are about one.
#[derive(Clone)]
struct Guarded {
    gateway: Arc<Gateway>,
    api: Api,
    index: Option<Arc<str>>,
}

/// Guards all requests to `router`, which serves `api`; `index` is the index of all its requests.
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
    let answered = match admit(&guarded, access, &request) {
        Ok(admitted) => answer(gateway, admitted, request, next)
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
    // If the body has not been read, the connection is closed; tell the client.
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

/// An admitted request.
#[derive(Default)]
struct Admitted {
    /// The permissions of its key; `None` if it needs none.
    grant: Option<Arc<Grant>>,
    /// Its slot, if it needs one.
    slot: Option<RequestSlot>,
}

/// Admits or refuses a request before its body is read.
fn admit(guarded: &Guarded, access: Access, request: &Request) -> Result<Admitted, Refusal> {
    let gateway = &guarded.gateway;
    if access == Access::Open {
        return Ok(Admitted::default());
    }
    if is_over_excess_connection(request) {
        return Err(Refusal::TooManyConnections);
    }
    let Accepted { number, grant } = check_client(guarded, access, request)?;
    let grant = Some(grant);
    if access == Access::Monitoring {
        return Ok(Admitted { grant, slot: None });
    }
    let counted = gateway.admission.count(number);
    counted.map_err(|retry_after| Refusal::RateLimited { retry_after })?;
    let slot = Some(gateway.admission.try_request().ok_or(Refusal::Busy)?);
    Ok(Admitted { grant, slot })
}

/// Checks that the key of a client allows this access to this index.
fn check_client(guarded: &Guarded, access: Access, request: &Request) -> Result<Accepted, Refusal> {
    let Guarded {
        gateway,
        api,
        index,
    } = guarded;
    let headers = request.headers();
    if request.version() == Version::HTTP_11 && !headers.contains_key(HOST) {
        return Err(Refusal::MissingHost);
    }
    origin::check(gateway, api.is_for_pages, request)?;
    let key = gateway.keys.accept(keys::named(headers));
    let key = key.ok_or(Refusal::InvalidKey)?;
    if let Some(hidden) = index.as_deref().filter(|index| !key.grant.sees(index)) {
        let name = hidden.into();
        return Err(Refusal::NoIndex { name });
    }
    match access {
        Access::Write if key.grant.is_read_only => Err(Refusal::ReadOnlyKey),
        Access::Monitoring if key.grant.is_limited() => Err(Refusal::LimitedKey),
        _ => Ok(key),
    }
}

/// The response; `None` after a timeout.
async fn answer(
    gateway: &Gateway,
    admitted: Admitted,
    mut request: Request,
    next: Next,
) -> Option<Response> {
    let Admitted { grant, slot } = admitted;
    if let Some(grant) = grant {
        request.extensions_mut().insert(grant);
    }
    if let Some(slot) = &slot {
        request.extensions_mut().insert(slot.body.clone());
    }
    let response = timeout(gateway.limits.time, next.run(request)).await;
    response.ok()
}

/// The refusal after a timeout: either the body or the work was too slow.
fn too_slow(gateway: &Gateway, read: &BodyRead, access: Access) -> Refusal {
    let limit = gateway.limits.time.as_secs_f64();
    if read.is_whole() {
        let writes = access == Access::Write;
        Refusal::TimedOut { limit, writes }
    } else {
        Refusal::SlowBody { limit }
    }
}
