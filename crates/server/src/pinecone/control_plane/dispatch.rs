//! What is asked at the server's own address: the control plane, and each index by its public host.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State as Extracted};
use axum::response::{IntoResponse, Response};
use tower_service::Service;

use crate::pinecone::api_error::ApiError;
use crate::pinecone::control_plane;
use crate::pinecone::hosts::Hosts;
use crate::state::State;

#[derive(Clone)]
struct Dispatcher {
    state: Arc<State>,
    control: Router,
}

pub(crate) fn router(state: &Arc<State>) -> Router {
    let control = control_plane::router(state);
    match state.public_host {
        None => control,
        Some(_) => Router::new().fallback(dispatch).with_state(Dispatcher {
            state: Arc::clone(state),
            control,
        }),
    }
}

async fn dispatch(Extracted(dispatcher): Extracted<Dispatcher>, request: Request) -> Response {
    let Dispatcher { state, mut control } = dispatcher;
    let public = state.public_host.as_ref();
    let answer = match public.and_then(|public| public.index_of(&request)) {
        None => control.call(request).await,
        Some(index) => match Hosts::router(&state, &index).await {
            Ok(mut router) => router.call(request).await,
            Err(error) => return ApiError::from(error).into_response(),
        },
    };
    answer.into_response()
}
