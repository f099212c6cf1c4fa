//! The REST handlers for vectors and namespaces.

use axum::Json;
use index::wire::{
    DeleteRequest, FetchByMetadataRequest, FetchResponse, ListResponse, QueryRequest,
    QueryResponse, StatsRequest, StatsResponse, UpdateRequest, UpdateResponse, UpsertRequest,
    UpsertResponse,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::operations::{FetchRequest, NamespaceDescription, NamespaceList, Operations, Page};
use crate::pinecone::api_error::ApiError;
use crate::pinecone::json_body::{JsonBody, LARGEST_UPSERT};
use crate::pinecone::parameters::{InPath, InQuery};

type Answer<T> = Result<Json<T>, ApiError>;

pub(crate) async fn upsert(
    operations: Operations,
    JsonBody(request): JsonBody<UpsertRequest, LARGEST_UPSERT>,
) -> Answer<UpsertResponse> {
    operations.upsert(request).await.map(Json)
}

pub(crate) async fn query(
    operations: Operations,
    JsonBody(request): JsonBody<QueryRequest>,
) -> Answer<QueryResponse> {
    operations.query(request).await.map(Json)
}

pub(crate) async fn fetch(
    operations: Operations,
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

pub(crate) async fn fetch_by_metadata(
    operations: Operations,
    JsonBody(request): JsonBody<FetchByMetadataRequest>,
) -> Answer<FetchResponse> {
    operations.fetch_by_metadata(request).await.map(Json)
}

pub(crate) async fn list(
    operations: Operations,
    InQuery(page): InQuery<Page>,
) -> Answer<ListResponse> {
    operations.list(page).await.map(Json)
}

pub(crate) async fn update(
    operations: Operations,
    JsonBody(request): JsonBody<UpdateRequest>,
) -> Answer<UpdateResponse> {
    operations.update(request).await.map(Json)
}

pub(crate) async fn delete(
    operations: Operations,
    JsonBody(request): JsonBody<DeleteRequest>,
) -> Answer<Value> {
    operations.delete(request).await?;
    Ok(Json(json!({})))
}

pub(crate) async fn plain_stats(operations: Operations) -> Answer<StatsResponse> {
    operations.stats(StatsRequest::default()).await.map(Json)
}

pub(crate) async fn stats(
    operations: Operations,
    JsonBody(request): JsonBody<StatsRequest>,
) -> Answer<StatsResponse> {
    operations.stats(request).await.map(Json)
}

pub(crate) async fn list_namespaces(
    operations: Operations,
    InQuery(page): InQuery<Page>,
) -> Answer<NamespaceList> {
    operations.list_namespaces(page).await.map(Json)
}

/// The namespace to create. Its schema is ignored, as all metadata can be filtered by.
#[derive(Deserialize)]
pub(crate) struct CreateNamespace {
    name: String,
}

pub(crate) async fn create_namespace(
    operations: Operations,
    JsonBody(request): JsonBody<CreateNamespace>,
) -> Answer<NamespaceDescription> {
    operations.create_namespace(request.name).await.map(Json)
}

pub(crate) async fn describe_namespace(
    operations: Operations,
    InPath(name): InPath,
) -> Answer<NamespaceDescription> {
    operations.describe_namespace(name).await.map(Json)
}

pub(crate) async fn delete_namespace(
    operations: Operations,
    InPath(name): InPath,
) -> Answer<Value> {
    operations.delete_namespace(name).await?;
    Ok(Json(json!({})))
}
