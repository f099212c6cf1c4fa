//! The data plane of an index: its vectors.

use std::sync::Arc;

use axum::extract::State as Extracted;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use index::wire::{
    BATCH_LIMIT, DEFAULT_NAMESPACE, DeleteRequest, FetchByMetadataRequest, FetchResponse, ListItem,
    ListResponse, NamespaceSummary, PAGE_LIMIT, Pagination, QueryRequest, QueryResponse,
    ScoredVector, StatsRequest, StatsResponse, UpdateRequest, UpdateResponse, UpsertRequest,
    UpsertResponse, Usage, WireVector,
};
use index::{Filter, Index, Query, QueryBy, Selection, Update, Vector};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::attend;
use crate::json_body::JsonBody;
use crate::parameters::{InPath, InQuery};
use crate::state::State;

/// An index that is asked.
#[derive(Clone)]
struct Host {
    state: Arc<State>,
    index: Arc<str>,
}

pub(crate) fn router(state: &Arc<State>, index: &str) -> Router {
    let host = Host {
        state: Arc::clone(state),
        index: index.into(),
    };
    let imports = any(async || ApiError::not_offered("imports"));
    let records = any(async || ApiError::not_offered("records of texts"));
    let router = Router::new()
        .route("/vectors/upsert", post(upsert))
        .route("/query", post(query))
        .route("/vectors/fetch", get(fetch))
        .route("/vectors/fetch_by_metadata", post(fetch_by_metadata))
        .route("/vectors/list", get(list))
        .route("/vectors/update", post(update))
        .route("/vectors/delete", post(delete))
        .route("/describe_index_stats", post(stats).get(plain_stats))
        .route("/namespaces", get(list_namespaces).post(create_namespace))
        .route(
            "/namespaces/{namespace}",
            get(describe_namespace).delete(delete_namespace),
        )
        .route("/bulk/{*rest}", imports)
        .route("/records/{*rest}", records)
        .fallback(async || ApiError::not_found("there is no such path"))
        .method_not_allowed_fallback(async || ApiError::invalid("not with this method"))
        .with_state(host);
    attend::to(router, state, Some(index))
}

impl Host {
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Index) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let name = Arc::clone(&self.index);
        let work = self
            .state
            .run(move |state| work(&state.store.engine().index(&name)?));
        work.await
    }

    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Index) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let name = Arc::clone(&self.index);
        let work = self.state.change(move |state| {
            let index = state.store.engine().index(&name)?;
            state.check_changeable(&name)?;
            work(&index)
        });
        work.await
    }
}

/// The namespace that is meant: the default one has two names.
fn namespace(name: String) -> String {
    match name == DEFAULT_NAMESPACE {
        true => String::new(),
        false => name,
    }
}

fn name_of(namespace: &str) -> &str {
    match namespace {
        "" => DEFAULT_NAMESPACE,
        name => name,
    }
}

const USAGE: Usage = Usage { read_units: 1 };

fn check_batch(what: &str, count: usize) -> Result<(), ApiError> {
    match count > BATCH_LIMIT {
        true => Err(ApiError::invalid(format!(
            "{count} {what} at once, the limit is {BATCH_LIMIT}"
        ))),
        false => Ok(()),
    }
}

fn dense(vector: WireVector) -> Result<Vector, ApiError> {
    match vector.sparse_values {
        Some(_) => Err(ApiError::not_offered("sparse values")),
        None => Ok(Vector {
            id: vector.id,
            values: vector.values,
            metadata: vector.metadata.unwrap_or_default(),
        }),
    }
}

fn wire(vector: Vector) -> WireVector {
    WireVector {
        id: vector.id,
        values: vector.values,
        sparse_values: None,
        metadata: (!vector.metadata.is_empty()).then_some(vector.metadata),
    }
}

async fn upsert(
    Extracted(host): Extracted<Host>,
    JsonBody(request): JsonBody<UpsertRequest>,
) -> Result<Json<UpsertResponse>, ApiError> {
    check_batch("vectors", request.vectors.len())?;
    let vectors = request.vectors.into_iter().map(dense);
    let vectors = vectors.collect::<Result<Vec<_>, _>>()?;
    let namespace = namespace(request.namespace);
    let upserted = vectors.len();
    host.change(move |index| Ok(index.upsert(&namespace, &vectors)?))
        .await?;
    Ok(Json(UpsertResponse {
        upserted_count: upserted,
    }))
}

async fn query(
    Extracted(host): Extracted<Host>,
    JsonBody(request): JsonBody<QueryRequest>,
) -> Result<Json<QueryResponse>, ApiError> {
    if request.sparse_vector.is_some() {
        return Err(ApiError::not_offered("sparse values"));
    }
    let vector = request.vector.filter(|vector| !vector.is_empty());
    let by = match (vector, request.id.filter(|id| !id.is_empty())) {
        (Some(values), None) => QueryBy::Values(values),
        (None, Some(id)) => QueryBy::Id(id),
        _ => return Err(ApiError::invalid("expected either `vector` or `id`")),
    };
    let query = Query {
        by,
        top_k: request.top_k,
        filter: request.filter,
        include_values: request.include_values,
        include_metadata: request.include_metadata,
    };
    let space = namespace(request.namespace.clone());
    let found = host.read(move |index| match index.query(&space, &query) {
        // Nothing is like what is not there, as Pinecone has it.
        Err(index::Error::VectorNotFound { .. }) => Ok(Vec::new()),
        found => Ok(found?),
    });
    let matches = found.await?.into_iter().map(|found| ScoredVector {
        id: found.id,
        score: found.score,
        values: found.values.unwrap_or_default(),
        metadata: found.metadata,
    });
    Ok(Json(QueryResponse {
        matches: matches.collect(),
        namespace: request.namespace,
        usage: USAGE,
    }))
}

async fn fetch(
    Extracted(host): Extracted<Host>,
    InQuery(parameters): InQuery<Vec<(String, String)>>,
) -> Result<Json<FetchResponse>, ApiError> {
    let (mut ids, mut asked) = (Vec::new(), String::new());
    for (name, value) in parameters {
        match name.as_str() {
            "ids" => ids.push(value),
            "namespace" => asked = value,
            _ => {}
        }
    }
    if ids.is_empty() {
        return Err(ApiError::invalid("`ids` is missing: name at least one"));
    }
    check_batch("ids", ids.len())?;
    let space = namespace(asked.clone());
    let vectors = host.read(move |index| {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        Ok(index.fetch(&space, &ids)?)
    });
    Ok(Json(fetched(vectors.await?, asked, None)))
}

fn fetched(vectors: Vec<Vector>, namespace: String, next: Option<String>) -> FetchResponse {
    let vectors = vectors.into_iter();
    FetchResponse {
        vectors: vectors
            .map(|vector| (vector.id.clone(), wire(vector)))
            .collect(),
        namespace,
        usage: USAGE,
        pagination: next.map(|next| Pagination { next }),
    }
}

async fn fetch_by_metadata(
    Extracted(host): Extracted<Host>,
    JsonBody(request): JsonBody<FetchByMetadataRequest>,
) -> Result<Json<FetchResponse>, ApiError> {
    let limit = request.limit.unwrap_or(PAGE_LIMIT);
    if !(1..=BATCH_LIMIT).contains(&limit) {
        return Err(ApiError::invalid(format!(
            "`limit` is {limit}, expected 1 to {BATCH_LIMIT}"
        )));
    }
    let filter = match request.filter {
        Some(filter) => filter,
        None => Filter::parse(&json!({}))?,
    };
    let after = request.pagination_token;
    let space = namespace(request.namespace.clone());
    let vectors = host
        .read(move |index| Ok(index.matching(&space, &filter, limit, after.as_deref())?))
        .await?;
    let last = vectors.last().filter(|_| vectors.len() == limit);
    let next = last.map(|vector| vector.id.clone());
    Ok(Json(fetched(vectors, request.namespace, next)))
}

/// What `GET` asks about pages.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Page {
    prefix: String,
    limit: Option<usize>,
    pagination_token: Option<String>,
    namespace: String,
}

impl Page {
    fn limit(&self) -> Result<usize, ApiError> {
        match self.limit.unwrap_or(PAGE_LIMIT) {
            limit @ 1..=PAGE_LIMIT => Ok(limit),
            limit => Err(ApiError::invalid(format!(
                "`limit` is {limit}, expected 1 to {PAGE_LIMIT}"
            ))),
        }
    }
}

async fn list(
    Extracted(host): Extracted<Host>,
    InQuery(page): InQuery<Page>,
) -> Result<Json<ListResponse>, ApiError> {
    let limit = page.limit()?;
    let asked = page.namespace.clone();
    let space = namespace(page.namespace);
    let ids = host.read(move |index| {
        let after = page.pagination_token.as_deref();
        Ok(index.list(&space, &page.prefix, limit, after)?)
    });
    let ids = ids.await?;
    let next = ids.last().filter(|_| ids.len() == limit).cloned();
    Ok(Json(ListResponse {
        vectors: ids.into_iter().map(|id| ListItem { id }).collect(),
        pagination: next.map(|next| Pagination { next }),
        namespace: asked,
        usage: USAGE,
    }))
}

async fn update(
    Extracted(host): Extracted<Host>,
    JsonBody(request): JsonBody<UpdateRequest>,
) -> Result<Json<UpdateResponse>, ApiError> {
    if request.sparse_values.is_some() {
        return Err(ApiError::not_offered("sparse values"));
    }
    let space = namespace(request.namespace);
    let metadata = request.set_metadata;
    match (request.id.filter(|id| !id.is_empty()), request.filter) {
        (Some(id), None) => {
            let update = Update {
                values: request.values.filter(|values| !values.is_empty()),
                metadata,
            };
            let updated = host.change(move |index| match index.update(&space, &id, &update) {
                // Pinecone says nothing of it either.
                Err(index::Error::VectorNotFound { .. }) => Ok(()),
                updated => Ok(updated?),
            });
            updated.await?;
            Ok(Json(UpdateResponse::default()))
        }
        (None, Some(filter)) => {
            if request.values.is_some() {
                return Err(ApiError::invalid(
                    "`values` are changed by `id`, not by `filter`",
                ));
            }
            let dry_run = request.dry_run;
            let metadata = metadata.unwrap_or_default();
            let matched = host.change(move |index| {
                Ok(match dry_run {
                    true => index.count_matching(&space, &filter)?,
                    false => index.update_matching(&space, &filter, &metadata)?,
                })
            });
            Ok(Json(UpdateResponse {
                matched_records: Some(matched.await?),
            }))
        }
        _ => Err(ApiError::invalid("expected either `id` or `filter`")),
    }
}

async fn delete(
    Extracted(host): Extracted<Host>,
    JsonBody(request): JsonBody<DeleteRequest>,
) -> Result<Json<Value>, ApiError> {
    let space = namespace(request.namespace);
    let selection = match (request.ids.is_empty(), request.filter, request.delete_all) {
        (false, None, false) => {
            check_batch("ids", request.ids.len())?;
            Selection::Ids(request.ids)
        }
        (true, Some(filter), false) if is_empty(&filter) => {
            return Err(ApiError::invalid(
                "`filter` is empty: `deleteAll` deletes all",
            ));
        }
        (true, Some(filter), false) => Selection::Filter(filter),
        (true, None, true) => Selection::All,
        _ => {
            return Err(ApiError::invalid(
                "expected one of `ids`, `filter` and `deleteAll`",
            ));
        }
    };
    let deleted = host.change(move |index| {
        if matches!(selection, Selection::All) {
            check_namespace(index, &space)?;
        }
        Ok(index.delete(&space, &selection)?)
    });
    deleted.await?;
    Ok(Json(json!({})))
}

fn is_empty(filter: &Filter) -> bool {
    filter
        .as_json()
        .as_object()
        .is_some_and(serde_json::Map::is_empty)
}

fn check_namespace(index: &Index, namespace: &str) -> Result<u64, ApiError> {
    match index.count(namespace)? {
        0 => Err(ApiError::not_found(format!(
            "Namespace not found: index `{}` has no namespace `{}`",
            index.name(),
            name_of(namespace)
        ))),
        count => Ok(count),
    }
}

async fn plain_stats(host: Extracted<Host>) -> Result<Json<StatsResponse>, ApiError> {
    stats(host, JsonBody(StatsRequest::default())).await
}

async fn stats(
    Extracted(host): Extracted<Host>,
    JsonBody(request): JsonBody<StatsRequest>,
) -> Result<Json<StatsResponse>, ApiError> {
    let stats = host.read(move |index| {
        let stats = index.stats()?;
        let mut namespaces = std::collections::BTreeMap::new();
        for (name, counted) in stats.namespaces {
            let vector_count = match &request.filter {
                Some(filter) => index.count_matching(&name, filter)? as u64,
                None => counted.vector_count,
            };
            namespaces.insert(name, NamespaceSummary { vector_count });
        }
        Ok(StatsResponse {
            namespaces,
            dimension: Some(stats.dimension),
            index_fullness: 0.0,
            total_vector_count: stats.total_vector_count,
            metric: Some(stats.metric),
            vector_type: Some("dense".to_owned()),
        })
    });
    Ok(Json(stats.await?))
}

/// A namespace's description. Its count is a text, as 64 bits are in JSON by protobuf's rules.
fn namespace_model(name: &str, count: u64) -> Value {
    json!({"name": name_of(name), "record_count": count.to_string()})
}

async fn list_namespaces(
    Extracted(host): Extracted<Host>,
    InQuery(page): InQuery<Page>,
) -> Result<Json<Value>, ApiError> {
    let limit = page.limit()?;
    let found = host.read(move |index| {
        let stats = index.stats()?;
        let all = stats.namespaces.iter();
        let wanted: Vec<(&str, u64)> = all
            .map(|(name, counted)| (name.as_str(), counted.vector_count))
            .filter(|(name, _)| name_of(name).starts_with(&page.prefix))
            .collect();
        let total = wanted.len();
        let after = page.pagination_token.map(namespace);
        let rest = wanted.into_iter();
        let rest =
            rest.skip_while(|(name, _)| after.as_deref().is_some_and(|after| *name <= after));
        let models: Vec<Value> = rest
            .map(|(name, count)| namespace_model(name, count))
            .collect();
        Ok((models, total))
    });
    let (mut models, total) = found.await?;
    let has_more = models.len() > limit;
    models.truncate(limit);
    let last = models.last().filter(|_| has_more);
    let next = last.map(|last| json!({"next": last["name"]}));
    let mut answer = json!({"namespaces": models, "total_count": total});
    if let Some(next) = next {
        answer["pagination"] = next;
    }
    Ok(Json(answer))
}

async fn create_namespace() -> ApiError {
    ApiError::not_offered("namespaces without vectors")
}

async fn describe_namespace(
    Extracted(host): Extracted<Host>,
    InPath(name): InPath,
) -> Result<Json<Value>, ApiError> {
    let name = namespace(name);
    let model = host.read(move |index| {
        let count = check_namespace(index, &name)?;
        Ok(namespace_model(&name, count))
    });
    Ok(Json(model.await?))
}

async fn delete_namespace(
    Extracted(host): Extracted<Host>,
    InPath(name): InPath,
) -> Result<Json<Value>, ApiError> {
    let name = namespace(name);
    let deleted = host.change(move |index| {
        check_namespace(index, &name)?;
        Ok(index.delete_namespace(&name)?)
    });
    deleted.await?;
    Ok(Json(json!({})))
}
