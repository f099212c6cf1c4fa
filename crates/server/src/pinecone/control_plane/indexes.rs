//! Listing, creating, configuring and deleting indexes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use index::{IndexDescription, IndexSettings};
use serde_json::{Value, json};

use super::api_version::ApiVersion;
use super::index_model::{ConfigureIndex, CreateIndex, model};
use super::state::ControlState;
use crate::connections::Refusal;
use crate::pinecone::api_error::ApiError;
use crate::pinecone::collection_index::check_changeable;
use crate::pinecone::json_body::JsonBody;
use crate::pinecone::parameters::{AskedHost, InPath};
use crate::view::View;
use crate::workspace::Scope;

type Known = (IndexDescription, IndexSettings);

fn known(view: &View<'_>, name: &str) -> Result<Known, ApiError> {
    let engine = view.engine_of(name)?;
    Ok((engine.describe_index(name)?, engine.settings(name)?))
}

async fn described(
    state: &ControlState,
    version: ApiVersion,
    asked: &AskedHost,
    (description, settings): &Known,
) -> Result<Value, ApiError> {
    let name = &description.name;
    let address = state.hosts.address(name).await?;
    let host = state.host(name, address, asked.0.as_ref());
    Ok(model(version, description, settings, &host))
}

pub(crate) async fn list(
    State(state): State<Arc<ControlState>>,
    scope: Scope,
    version: ApiVersion,
    asked: AskedHost,
) -> Result<Json<Value>, ApiError> {
    let all = scope.read(all_known).await??;
    let mut indexes = Vec::new();
    for known in &all {
        indexes.push(described(&state, version, &asked, known).await?);
    }
    Ok(Json(json!({ "indexes": indexes })))
}

fn all_known(view: &View<'_>) -> Result<Vec<Known>, ApiError> {
    let indexes = view.indexes()?.into_iter();
    indexes.map(|index| known(view, &index.name)).collect()
}

pub(crate) async fn create(
    State(state): State<Arc<ControlState>>,
    scope: Scope,
    version: ApiVersion,
    asked: AskedHost,
    JsonBody(body): JsonBody<CreateIndex>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let (spec, settings) = body.parts()?;
    if !scope.grant().sees(&spec.name) {
        return Err(Refusal::LimitedKey.into());
    }
    let created = scope.write(move |view| {
        let engine = view.engine_of(&spec.name)?;
        engine.create_index_with(&spec, &settings)?;
        known(view, &spec.name)
    });
    let index = described(&state, version, &asked, &created.await??).await?;
    Ok((StatusCode::CREATED, Json(index)))
}

pub(crate) async fn describe(
    State(state): State<Arc<ControlState>>,
    scope: Scope,
    version: ApiVersion,
    asked: AskedHost,
    InPath(name): InPath,
) -> Result<Json<Value>, ApiError> {
    let read = move |view: &View<'_>| known(view, &name);
    let known = scope.read(read).await??;
    Ok(Json(described(&state, version, &asked, &known).await?))
}

pub(crate) async fn configure(
    State(state): State<Arc<ControlState>>,
    scope: Scope,
    version: ApiVersion,
    asked: AskedHost,
    InPath(name): InPath,
    JsonBody(body): JsonBody<ConfigureIndex>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    body.check()?;
    let configured = scope.write(move |view| {
        let engine = view.engine_of(&name)?;
        engine.configure_index(&name, |settings| body.apply(settings))?;
        known(view, &name)
    });
    let index = described(&state, version, &asked, &configured.await??).await?;
    Ok((StatusCode::ACCEPTED, Json(index)))
}

pub(crate) async fn delete(
    State(state): State<Arc<ControlState>>,
    scope: Scope,
    InPath(name): InPath,
) -> Result<StatusCode, ApiError> {
    let deleted = name.clone();
    let work = scope.write(move |view| {
        let engine = view.engine_of(&deleted)?;
        check_changeable(view, &deleted, None)?;
        Ok::<_, ApiError>(engine.drop_index(&deleted)?)
    });
    work.await??;
    state.hosts.close(&name).await;
    Ok(StatusCode::ACCEPTED)
}
