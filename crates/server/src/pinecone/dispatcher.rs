//! What answers at the server's own address: the control plane, and each index by its public host.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use tower_service::Service;

use super::api_error::ApiError;
use super::control_plane::{self, ControlState};
use super::public_host::PublicHost;

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
            Err(error) => return ApiError::from(error).into_response(),
        },
    };
    response.into_response()
}
