//! The data plane of an index: its vectors.

pub(crate) mod grpc;
pub(crate) mod operations;
pub(crate) mod records;
pub(crate) mod write_numbers;

use std::sync::Arc;

use axum::extract::State as Extracted;
use axum::http::Method;
use axum::{Json, Router};
use index::EmbeddedIndex;
use index::wire::{
    DeleteRequest, FetchByMetadataRequest, FetchResponse, ListResponse, QueryRequest,
    QueryResponse, StatsRequest, StatsResponse, UpdateRequest, UpdateResponse, UpsertRequest,
    UpsertResponse,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::connections::guard;
use crate::pinecone::api_error::ApiError;
use crate::pinecone::data_plane::operations::{
    FetchRequest, NamespaceDescription, NamespaceList, Operations, Page,
};
use crate::pinecone::json_body::JsonBody;
use crate::pinecone::parameters::{InPath, InQuery};
use crate::pinecone::route::{self, Route};
use crate::state::State;

type Asked = Extracted<Operations>;
type Answer<T> = Result<Json<T>, ApiError>;

pub(crate) fn routes() -> Vec<Route<Operations>> {
    let mut routes = vec![
        Route::new(Method::POST, "/vectors/upsert", upsert),
        Route::new(Method::POST, "/query", query),
        Route::new(Method::GET, "/vectors/fetch", fetch),
        Route::new(
            Method::POST,
            "/vectors/fetch_by_metadata",
            fetch_by_metadata,
        ),
        Route::new(Method::GET, "/vectors/list", list),
        Route::new(Method::POST, "/vectors/update", update),
        Route::new(Method::POST, "/vectors/delete", delete),
        Route::new(Method::GET, "/describe_index_stats", plain_stats),
        Route::new(Method::POST, "/describe_index_stats", stats),
        Route::new(Method::GET, "/namespaces", list_namespaces),
        Route::new(Method::POST, "/namespaces", create_namespace),
        Route::new(Method::GET, "/namespaces/{namespace}", describe_namespace),
        Route::new(Method::DELETE, "/namespaces/{namespace}", delete_namespace),
        Route::new(
            Method::POST,
            "/records/namespaces/{namespace}/upsert",
            records::upsert,
        ),
        Route::new(
            Method::POST,
            "/records/namespaces/{namespace}/search",
            records::search,
        ),
    ];
    let refused = [("/bulk/{*rest}", "imports")];
    routes.extend(refused.map(|(path, what)| Route::refused(path, what)));
    routes
}

pub(crate) fn router(state: &Arc<State>, index: &EmbeddedIndex) -> Router {
    let operations = Operations::new(state, index);
    let grpc = grpc::router(operations.clone());
    let router = route::router(routes()).with_state(operations).merge(grpc);
    guard::to(router, state, Some(index.name()))
}

async fn upsert(
    Extracted(operations): Asked,
    JsonBody(request): JsonBody<UpsertRequest>,
) -> Answer<UpsertResponse> {
    operations.upsert(request).await.map(Json)
}

async fn query(
    Extracted(operations): Asked,
    JsonBody(request): JsonBody<QueryRequest>,
) -> Answer<QueryResponse> {
    operations.query(request).await.map(Json)
}

async fn fetch(
    Extracted(operations): Asked,
    InQuery(parameters): InQuery<Vec<(String, String)>>,
) -> Answer<FetchResponse> {
    let mut request = FetchRequest::default();
    for (name, value) in parameters {
        match name.as_str() {
            "ids" => request.ids.push(value),
            "namespace" => request.namespace = value,
            _ => {}
        }
    }
    operations.fetch(request).await.map(Json)
}

async fn fetch_by_metadata(
    Extracted(operations): Asked,
    JsonBody(request): JsonBody<FetchByMetadataRequest>,
) -> Answer<FetchResponse> {
    operations.fetch_by_metadata(request).await.map(Json)
}

async fn list(Extracted(operations): Asked, InQuery(page): InQuery<Page>) -> Answer<ListResponse> {
    operations.list(page).await.map(Json)
}

async fn update(
    Extracted(operations): Asked,
    JsonBody(request): JsonBody<UpdateRequest>,
) -> Answer<UpdateResponse> {
    operations.update(request).await.map(Json)
}

async fn delete(
    Extracted(operations): Asked,
    JsonBody(request): JsonBody<DeleteRequest>,
) -> Answer<Value> {
    operations.delete(request).await?;
    Ok(Json(json!({})))
}

async fn plain_stats(Extracted(operations): Asked) -> Answer<StatsResponse> {
    operations.stats(StatsRequest::default()).await.map(Json)
}

async fn stats(
    Extracted(operations): Asked,
    JsonBody(request): JsonBody<StatsRequest>,
) -> Answer<StatsResponse> {
    operations.stats(request).await.map(Json)
}

async fn list_namespaces(
    Extracted(operations): Asked,
    InQuery(page): InQuery<Page>,
) -> Answer<NamespaceList> {
    operations.list_namespaces(page).await.map(Json)
}

/// What namespace to make. A schema, which says by what metadata one will filter, is not needed here.
#[derive(Deserialize)]
struct CreateNamespace {
    name: String,
}

async fn create_namespace(
    Extracted(operations): Asked,
    JsonBody(request): JsonBody<CreateNamespace>,
) -> Answer<NamespaceDescription> {
    operations.create_namespace(request.name).await.map(Json)
}

async fn describe_namespace(
    Extracted(operations): Asked,
    InPath(name): InPath,
) -> Answer<NamespaceDescription> {
    operations.describe_namespace(name).await.map(Json)
}

async fn delete_namespace(Extracted(operations): Asked, InPath(name): InPath) -> Answer<Value> {
    operations.delete_namespace(name).await?;
    Ok(Json(json!({})))
}
