//! The control plane: which indexes there are.

pub(crate) mod api_version;
pub(crate) mod dispatch;
pub(crate) mod health;
pub(crate) mod index_model;
pub(crate) mod public_host;

use std::sync::Arc;

use axum::extract::State as Extracted;
use axum::http::{Method, StatusCode};
use axum::{Json, Router};
use index::{Embedded, IndexDescription, IndexSettings};
use serde_json::{Value, json};

use crate::ServerError;
use crate::connections::guard;
use crate::pinecone::api_error::ApiError;
use crate::pinecone::control_plane::api_version::ApiVersion;
use crate::pinecone::control_plane::index_model::{ConfigureIndex, CreateIndex, model};
use crate::pinecone::hosts::Hosts;
use crate::pinecone::json_body::JsonBody;
use crate::pinecone::parameters::{AskedHost, InPath};
use crate::pinecone::route::{self, Route};
use crate::state::State;

pub(crate) fn routes() -> Vec<Route<Arc<State>>> {
    let mut routes = health::routes();
    routes.extend([
        Route::new(Method::GET, "/indexes", list),
        Route::new(Method::POST, "/indexes", create),
        Route::new(Method::GET, "/indexes/{name}", describe),
        Route::new(Method::PATCH, "/indexes/{name}", configure),
        Route::new(Method::DELETE, "/indexes/{name}", drop_index),
    ]);
    let refused = [
        ("/indexes/create-for-model", "indexes with a model"),
        ("/indexes/{name}/backups", "backups"),
        ("/collections", "collections"),
        ("/collections/{*rest}", "collections"),
        ("/backups", "backups"),
        ("/backups/{*rest}", "backups"),
        ("/restore-jobs", "restore jobs"),
        ("/restore-jobs/{*rest}", "restore jobs"),
        ("/assistant", "assistants"),
        ("/assistant/{*rest}", "assistants"),
        ("/embed", "embeddings"),
        ("/embed/{*rest}", "embeddings"),
    ];
    routes.extend(refused.map(|(path, what)| Route::refused(path, what)));
    routes
}

pub(crate) fn router(state: &Arc<State>) -> Router {
    let router = route::router(routes()).with_state(Arc::clone(state));
    guard::to(router, state, None)
}

impl From<ServerError> for ApiError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Index(error) => error.into(),
            error => ApiError::internal(error.to_string()),
        }
    }
}

type Known = (IndexDescription, IndexSettings);

fn known(engine: &Embedded, name: &str) -> Result<Known, ApiError> {
    Ok((engine.describe_index(name)?, engine.settings(name)?))
}

async fn described(
    state: &Arc<State>,
    version: ApiVersion,
    asked: &AskedHost,
    (description, settings): &Known,
) -> Result<Value, ApiError> {
    let name = &description.name;
    let address = Hosts::address(state, name).await?;
    let host = state.host(name, address, asked.0.as_ref());
    Ok(model(version, description, settings, &host))
}

async fn list(
    Extracted(state): Extracted<Arc<State>>,
    version: ApiVersion,
    asked: AskedHost,
) -> Result<Json<Value>, ApiError> {
    let all = state.run(|state| {
        let engine = state.store.engine();
        let names = engine.list_indexes()?.into_iter();
        names.map(|index| known(engine, &index.name)).collect()
    });
    let all: Vec<Known> = all.await?;
    let mut indexes = Vec::new();
    for known in &all {
        indexes.push(described(&state, version, &asked, known).await?);
    }
    Ok(Json(json!({ "indexes": indexes })))
}

async fn create(
    Extracted(state): Extracted<Arc<State>>,
    version: ApiVersion,
    asked: AskedHost,
    JsonBody(body): JsonBody<CreateIndex>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let (spec, settings) = body.parts()?;
    let created = state.change(move |state| {
        let engine = state.store.engine();
        engine.create_index_with(&spec, &settings)?;
        known(engine, &spec.name)
    });
    let index = described(&state, version, &asked, &created.await?).await?;
    Ok((StatusCode::CREATED, Json(index)))
}

async fn describe(
    Extracted(state): Extracted<Arc<State>>,
    version: ApiVersion,
    asked: AskedHost,
    InPath(name): InPath,
) -> Result<Json<Value>, ApiError> {
    let known = state.run(move |state| known(state.store.engine(), &name));
    Ok(Json(
        described(&state, version, &asked, &known.await?).await?,
    ))
}

async fn configure(
    Extracted(state): Extracted<Arc<State>>,
    version: ApiVersion,
    asked: AskedHost,
    InPath(name): InPath,
    JsonBody(body): JsonBody<ConfigureIndex>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    body.check()?;
    let known = state.change(move |state| {
        let engine = state.store.engine();
        engine.configure_index(&name, |settings| body.apply(settings))?;
        known(engine, &name)
    });
    let index = described(&state, version, &asked, &known.await?).await?;
    Ok((StatusCode::ACCEPTED, Json(index)))
}

async fn drop_index(
    Extracted(state): Extracted<Arc<State>>,
    InPath(name): InPath,
) -> Result<StatusCode, ApiError> {
    let dropped = name.clone();
    let work = state.change(move |state| {
        state.check_changeable(&dropped, None)?;
        Ok(state.store.engine().drop_index(&dropped)?)
    });
    work.await?;
    state.hosts.close(&name, state.limits.grace).await;
    Ok(StatusCode::ACCEPTED)
}
