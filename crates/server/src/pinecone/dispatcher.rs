//! Routing at the server's own address: to the control plane, or to an index by its public host.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use tower_service::Service;

use super::api::API;
use super::api_error::ApiError;
use super::control_plane::{self, ControlState};
use super::public_host::PublicHost;
use crate::connections::{Gateway, Refusal, discard_small, guard};
use crate::error::ServerError;

#[derive(Clone)]
struct Dispatcher {
    state: Arc<ControlState>,
    control: Router,
    public_host: PublicHost,
}

pub(crate) fn router(state: &Arc<ControlState>) -> Router {
    let control = control_plane::router(state);
    match state.public_host.clone() {
        None => control,
        Some(public_host) => Router::new().fallback(dispatch).with_state(Dispatcher {
            state: Arc::clone(state),
            control,
            public_host,
        }),
    }
}

/// The router for the host of a missing index. It answers exactly like the host of a hidden index, so that clients cannot tell
/// them apart.
fn unserved(gateway: &Arc<Gateway>, name: String, error: ServerError) -> Router {
    let is_unknown = matches!(
        &error,
        ServerError::Index(index::Error::IndexNotFound { .. })
    );
    let error = ApiError::from(error);
    let answer = async move |request: Request| {
        let refusal_form = (API.refusal_form)(request.headers());
        discard_small(request.into_body()).await;
        if is_unknown {
            refusal_form(Refusal::NoIndex { name: name.into() })
        } else {
            error.into_response()
        }
    };
    guard(Router::new().fallback(answer), gateway, API, None)
}

async fn dispatch(State(dispatcher): State<Dispatcher>, request: Request) -> Response {
    let Dispatcher {
        state,
        mut control,
        public_host,
    } = dispatcher;
    let response = match public_host.index_of(&request) {
        None => control.call(request).await,
        Some(index) => match state.hosts.router(&index).await {
            Ok(mut router) => router.call(request).await,
            Err(error) => unserved(&state.gateway, index, error).call(request).await,
        },
    };
    response.into_response()
}
