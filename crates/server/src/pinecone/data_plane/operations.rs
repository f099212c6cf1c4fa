//! The operations on an index, for REST and gRPC.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use index::wire::{
    BATCH_LIMIT, DEFAULT_NAMESPACE, DeleteRequest, FetchByMetadataRequest, FetchResponse, ListItem,
    ListResponse, NamespaceSummary, PAGE_LIMIT, Pagination, QueryRequest, QueryResponse,
    ScoredVector, StatsRequest, StatsResponse, UPSERT_LIMIT, UpdateRequest, UpdateResponse,
    UpsertRequest, UpsertResponse, Usage,
};
use index::{
    Deployment, EmbeddedIndex, Filter, IndexSettings, Metadata, NAMESPACE_LIMIT, Query, QueryBy,
    Selection, Update, Vector, check_namespace,
};
use search::{CAPTIONS, Embedder, is_of_collections, keys};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use crate::connections::Columns;
use crate::pinecone::api_error::ApiError;
use crate::pinecone::collection_index::{check_changeable, model_of};
use crate::workspace::{Scope, Workspace};

/// A served index.
#[derive(Clone)]
pub(crate) struct Served {
    workspace: Arc<Workspace>,
    index: EmbeddedIndex,
}

/// The operations on an index with the permissions of a request.
pub(crate) struct Operations {
    scope: Scope,
    index: EmbeddedIndex,
}

/// Which vectors to fetch.
#[derive(Debug, Default)]
pub(crate) struct FetchRequest {
    pub(crate) ids: Vec<String>,
    pub(crate) namespace: String,
}

/// The requested page of ids or namespaces.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Page {
    pub(crate) prefix: String,
    pub(crate) limit: Option<usize>,
    pub(crate) pagination_token: Option<String>,
    pub(crate) namespace: String,
}

/// The description of a namespace.
#[derive(Debug, Serialize)]
pub(crate) struct NamespaceDescription {
    pub(crate) name: String,
    /// A string in JSON, like all 64-bit integers of protobuf.
    #[serde(serialize_with = "as_text")]
    pub(crate) record_count: u64,
}

/// A page of namespaces.
#[derive(Debug, Serialize)]
pub(crate) struct NamespaceList {
    pub(crate) namespaces: Vec<NamespaceDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pagination: Option<Pagination>,
    /// The number of namespaces on all pages.
    pub(crate) total_count: usize,
}

const USAGE: Usage = Usage { read_units: 1 };

impl Served {
    pub(crate) fn new(workspace: &Arc<Workspace>, index: &EmbeddedIndex) -> Self {
        Self {
            workspace: Arc::clone(workspace),
            index: index.clone(),
        }
    }

    /// The operations for a request with these extensions.
    pub(crate) fn operations(&self, of: &Extensions) -> Result<Operations, ApiError> {
        let scope = self.workspace.scope(of).ok_or_else(ApiError::bug)?;
        let index = self.index.clone();
        Ok(Operations { scope, index })
    }
}

impl FromRequestParts<Served> for Operations {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, served: &Served) -> Result<Self, ApiError> {
        served.operations(&parts.extensions)
    }
}

impl Operations {
    /// Resolves a namespace; the default one has two names. Vectors of captions reveal the captions, so the key must see
    /// those.
    pub(crate) fn namespace(&self, name: String) -> Result<String, ApiError> {
        check_namespace(&name)?;
        if is_of_captions(&name) {
            self.columns().check([keys::CAPTIONS])?;
        }
        if name == DEFAULT_NAMESPACE {
            return Ok(String::new());
        }
        Ok(name)
    }

    fn columns(&self) -> &Columns {
        self.scope.grant().columns()
    }

    /// Refuses a filter on hidden columns.
    pub(crate) fn check(&self, filter: Option<&Filter>) -> Result<(), ApiError> {
        let fields = filter.into_iter().flat_map(Filter::fields);
        Ok(self.columns().check(fields)?)
    }

    /// Removes hidden columns from metadata.
    pub(crate) fn remove_hidden(&self, metadata: &mut Metadata) {
        metadata.retain(|name, _| self.columns().shows(name));
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&EmbeddedIndex) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let index = self.index.clone();
        self.scope.read(move |_| work(&index)).await?
    }

    async fn change<T: Send + 'static>(
        &self,
        namespace: &str,
        work: impl FnOnce(&EmbeddedIndex) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (index, namespace) = (self.index.clone(), namespace.to_owned());
        let work = self.scope.write(move |view| {
            check_changeable(view, index.name(), Some(&namespace))?;
            work(&index)
        });
        work.await?
    }

    async fn settings(&self) -> Result<IndexSettings, ApiError> {
        let name = self.index.name().to_owned();
        let settings = self
            .scope
            .read(move |view| view.engine_of(&name)?.settings(&name));
        Ok(settings.await??)
    }

    /// The namespaces that exist even without vectors.
    async fn created(&self) -> Result<BTreeSet<String>, ApiError> {
        Ok(self.settings().await?.namespaces)
    }

    /// Changes those namespaces. Returns whether anything changed.
    async fn change_created(
        &self,
        namespace: &str,
        change: impl FnOnce(&mut BTreeSet<String>) -> bool + Send + 'static,
    ) -> Result<bool, ApiError> {
        let name = self.index.name().to_owned();
        let namespace = namespace.to_owned();
        let work = self.scope.write(move |view| {
            check_changeable(view, &name, Some(&namespace))?;
            let mut is_changed = false;
            view.engine_of(&name)?.configure_index(&name, |settings| {
                is_changed = change(&mut settings.namespaces);
            })?;
            Ok(is_changed)
        });
        work.await?
    }

    /// Runs work that embeds. `work` gets a function that returns the model of the collection.
    pub(crate) async fn with_model<T: Send + 'static>(
        &self,
        work: impl FnOnce(
            &EmbeddedIndex,
            &dyn Fn() -> Result<Arc<Embedder>, ApiError>,
        ) -> Result<T, ApiError>
        + Send
        + 'static,
    ) -> Result<T, ApiError> {
        let index = self.index.clone();
        let work = self.scope.embed(move |view| {
            let model = || model_of(view, index.name());
            work(&index, &model)
        });
        work.await?
    }

    /// Writes vectors into a namespace.
    pub(crate) async fn upsert_records(
        &self,
        namespace: String,
        vectors: Vec<Vector>,
    ) -> Result<usize, ApiError> {
        let space = namespace.clone();
        self.change(&space, move |index| Ok(index.upsert(&namespace, &vectors)?))
            .await
    }

    pub(crate) async fn upsert(&self, request: UpsertRequest) -> Result<UpsertResponse, ApiError> {
        check_batch("vectors", request.vectors.len())?;
        check_size(&request)?;
        let vectors: Vec<Vector> = request.vectors.into_iter().map(Vector::from).collect();
        let namespace = self.namespace(request.namespace)?;
        let upserted_count = vectors.len();
        let space = namespace.clone();
        self.change(&space, move |index| Ok(index.upsert(&namespace, &vectors)?))
            .await?;
        Ok(UpsertResponse { upserted_count })
    }

    pub(crate) async fn query(&self, request: QueryRequest) -> Result<QueryResponse, ApiError> {
        let asked = request.namespace.clone();
        let space = self.namespace(request.namespace.clone())?;
        self.check(request.filter.as_ref())?;
        let query = query(request)?;
        let found = self.read(move |index| match index.query(&space, &query) {
            // A query by a missing id finds nothing, as at Pinecone.
            Err(index::Error::VectorNotFound { .. }) => Ok(Vec::new()),
            found => Ok(found?),
        });
        let matches = found.await?.into_iter().map(|found| ScoredVector {
            id: found.id,
            score: found.score,
            values: found.values.unwrap_or_default(),
            sparse_values: found.sparse_values,
            metadata: found.metadata.map(|mut metadata| {
                self.remove_hidden(&mut metadata);
                metadata
            }),
        });
        Ok(QueryResponse {
            matches: matches.collect(),
            namespace: asked,
            usage: USAGE,
        })
    }

    pub(crate) async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, ApiError> {
        let FetchRequest {
            ids,
            namespace: asked,
        } = request;
        if ids.is_empty() {
            return Err(ApiError::invalid("`ids` is missing; give at least one"));
        }
        check_batch("ids", ids.len())?;
        let space = self.namespace(asked.clone())?;
        let vectors = self.read(move |index| {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            Ok(index.fetch(&space, &ids)?)
        });
        Ok(self.fetched(vectors.await?, asked, None))
    }

    pub(crate) async fn fetch_by_metadata(
        &self,
        request: FetchByMetadataRequest,
    ) -> Result<FetchResponse, ApiError> {
        let limit = limit(request.limit, BATCH_LIMIT)?;
        let filter = match request.filter {
            Some(filter) => filter,
            None => Filter::parse(&json!({}))?,
        };
        self.check(Some(&filter))?;
        let after = after(request.pagination_token)?;
        let space = self.namespace(request.namespace.clone())?;
        let vectors = self
            .read(move |index| Ok(index.matching(&space, &filter, limit, after.as_deref())?))
            .await?;
        let last = vectors.last().filter(|_| vectors.len() == limit);
        let next = last.map(|vector| Pagination::after(&vector.id));
        Ok(self.fetched(vectors, request.namespace, next))
    }

    fn fetched(
        &self,
        vectors: Vec<Vector>,
        namespace: String,
        pagination: Option<Pagination>,
    ) -> FetchResponse {
        let vectors = vectors.into_iter().map(|mut vector| {
            self.remove_hidden(&mut vector.metadata);
            (vector.id.clone(), vector.into())
        });
        FetchResponse {
            vectors: vectors.collect(),
            namespace,
            usage: USAGE,
            pagination,
        }
    }

    pub(crate) async fn list(&self, page: Page) -> Result<ListResponse, ApiError> {
        let limit = limit(page.limit, PAGE_LIMIT)?;
        let asked = page.namespace.clone();
        let space = self.namespace(page.namespace)?;
        let after = after(page.pagination_token)?;
        let ids = self
            .read(move |index| Ok(index.list(&space, &page.prefix, limit, after.as_deref())?));
        let ids = ids.await?;
        let last = ids.last().filter(|_| ids.len() == limit);
        let pagination = last.map(|last| Pagination::after(last));
        Ok(ListResponse {
            vectors: ids.into_iter().map(|id| ListItem { id }).collect(),
            pagination,
            namespace: asked,
            usage: USAGE,
        })
    }

    pub(crate) async fn update(&self, request: UpdateRequest) -> Result<UpdateResponse, ApiError> {
        let space = self.namespace(request.namespace)?;
        let values = request.values.filter(|values| !values.is_empty());
        let sparse_values = request.sparse_values;
        let metadata = request.set_metadata;
        match (request.id.filter(|id| !id.is_empty()), request.filter) {
            (Some(id), None) => {
                let update = Update {
                    values,
                    sparse_values,
                    metadata,
                };
                let changed = space.clone();
                let updated = self.change(&changed, move |index| {
                    match index.update(&space, &id, &update) {
                        // Pinecone ignores a missing id too.
                        Err(index::Error::VectorNotFound { .. }) => Ok(()),
                        updated => Ok(updated?),
                    }
                });
                updated.await?;
                Ok(UpdateResponse::default())
            }
            (None, Some(_)) if values.is_some() || sparse_values.is_some() => Err(
                ApiError::invalid("`values` can be updated only by `id`, not by `filter`"),
            ),
            (None, Some(filter)) => {
                self.check(Some(&filter))?;
                let dry_run = request.dry_run;
                let metadata = metadata.unwrap_or_default();
                let changed = space.clone();
                let matched = self.change(&changed, move |index| {
                    Ok(if dry_run {
                        index.count_matching(&space, &filter)?
                    } else {
                        index.update_matching(&space, &filter, &metadata)?
                    })
                });
                Ok(UpdateResponse {
                    matched_records: Some(matched.await?),
                })
            }
            _ => Err(ApiError::invalid("expected either `id` or `filter`")),
        }
    }

    pub(crate) async fn delete(&self, request: DeleteRequest) -> Result<(), ApiError> {
        let space = self.namespace(request.namespace.clone())?;
        self.check(request.filter.as_ref())?;
        let selection = selection(request)?;
        let made = self.created().await?;
        let changed = space.clone();
        let deleted = self.change(&changed, move |index| {
            if matches!(selection, Selection::All) {
                existing(index, &made, &space)?;
            }
            Ok(index.delete(&space, &selection)?)
        });
        deleted.await?;
        Ok(())
    }

    pub(crate) async fn stats(&self, request: StatsRequest) -> Result<StatsResponse, ApiError> {
        self.check(request.filter.as_ref())?;
        let settings = self.settings().await?;
        let filter = request.filter.filter(|filter| !filter.is_empty());
        // As at Pinecone.
        if filter.is_some() && !matches!(settings.deployment, Some(Deployment::Pod { .. })) {
            return Err(ApiError::invalid(
                "Serverless and Starter indexes do not support describing index stats with metadata filtering",
            ));
        }
        let made = settings.namespaces;
        let stats = self.read(move |index| {
            let stats = index.stats()?;
            let empty = NamespaceSummary { vector_count: 0 };
            let made = made.into_iter();
            let mut namespaces: BTreeMap<_, _> = made.map(|name| (name, empty)).collect();
            for (name, counted) in stats.namespaces {
                let vector_count = match &filter {
                    Some(filter) => index.count_matching(&name, filter)? as u64,
                    None => counted.vector_count,
                };
                namespaces.insert(name, NamespaceSummary { vector_count });
            }
            let kind = if stats.dimension == 0 {
                "sparse"
            } else {
                "dense"
            };
            Ok(StatsResponse {
                namespaces,
                dimension: Some(stats.dimension).filter(|dimension| *dimension > 0),
                index_fullness: 0.0,
                total_vector_count: stats.total_vector_count,
                metric: Some(stats.metric),
                vector_type: Some(kind.to_owned()),
            })
        });
        stats.await
    }

    pub(crate) async fn list_namespaces(&self, page: Page) -> Result<NamespaceList, ApiError> {
        let limit = limit(page.limit, PAGE_LIMIT)?;
        let mut wanted = self.stats(StatsRequest::default()).await?.namespaces;
        wanted.retain(|name, _| name_of(name).starts_with(&page.prefix));
        let total_count = wanted.len();
        if let Some(after) = after(page.pagination_token)? {
            wanted.retain(|name, _| *name > after);
        }
        let pages = wanted.len() > limit;
        let shown = wanted.iter().take(limit);
        let namespaces: Vec<_> = shown
            .map(|(name, counted)| described(name, counted.vector_count))
            .collect();
        let last = wanted.keys().take(limit).next_back().filter(|_| pages);
        let pagination = last.map(|last| Pagination::after(last));
        Ok(NamespaceList {
            namespaces,
            pagination,
            total_count,
        })
    }

    pub(crate) async fn create_namespace(
        &self,
        name: String,
    ) -> Result<NamespaceDescription, ApiError> {
        if !(1..=NAMESPACE_LIMIT).contains(&name.len()) || name == DEFAULT_NAMESPACE {
            return Err(ApiError::invalid(format!(
                "`name` is `{name}`, expected 1 to {NAMESPACE_LIMIT} bytes that are not `{DEFAULT_NAMESPACE}`"
            )));
        }
        let (made, space) = (self.created().await?, name.clone());
        let counted = self.read(move |index| counted(index, &made, &space));
        let description = described(&name, 0);
        let space = name.clone();
        let is_new = counted.await?.is_none()
            && self
                .change_created(&name, move |made| made.insert(space))
                .await?;
        if is_new {
            return Ok(description);
        }
        Err(ApiError::exists(format!(
            "Namespace already exists: index `{}` has a namespace `{name}`",
            self.index.name()
        )))
    }

    pub(crate) async fn describe_namespace(
        &self,
        name: String,
    ) -> Result<NamespaceDescription, ApiError> {
        let name = self.namespace(name)?;
        let made = self.created().await?;
        let description = self.read(move |index| {
            let count = existing(index, &made, &name)?;
            Ok(described(&name, count))
        });
        description.await
    }

    pub(crate) async fn delete_namespace(&self, name: String) -> Result<(), ApiError> {
        let name = self.namespace(name)?;
        let (made, space) = (self.created().await?, name.clone());
        let is_made = made.contains(&name);
        let deleted = self.change(&name, move |index| {
            existing(index, &made, &space)?;
            Ok(index.delete_namespace(&space)?)
        });
        deleted.await?;
        if is_made {
            let gone = name.clone();
            self.change_created(&name, move |made| made.remove(&gone))
                .await?;
        }
        Ok(())
    }
}

/// Whether a namespace has the vectors of captions, of present or missing pictures.
fn is_of_captions(namespace: &str) -> bool {
    is_of_collections(namespace) && namespace.ends_with(CAPTIONS)
}

fn name_of(namespace: &str) -> &str {
    match namespace {
        "" => DEFAULT_NAMESPACE,
        name => name,
    }
}

/// The last item before the page with this token. An empty token means none.
fn after(token: Option<String>) -> Result<Option<String>, ApiError> {
    let token = token.filter(|token| !token.is_empty());
    Ok(token.map(|token| Pagination::place(&token)).transpose()?)
}

fn check_batch(what: &str, count: usize) -> Result<(), ApiError> {
    if count > BATCH_LIMIT {
        return Err(ApiError::invalid(format!(
            "{count} {what} at once, the limit is {BATCH_LIMIT}"
        )));
    }
    Ok(())
}

fn check_size(request: &UpsertRequest) -> Result<(), ApiError> {
    match request.binary_size() {
        ..=UPSERT_LIMIT => Ok(()),
        size => Err(ApiError::too_large(format!(
            "the vectors take {size} bytes in binary form, the limit is {UPSERT_LIMIT}; split them into several requests"
        ))),
    }
}

fn limit(asked: Option<usize>, most: usize) -> Result<usize, ApiError> {
    let limit = asked.unwrap_or(PAGE_LIMIT);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::invalid(format!(
        "`limit` is {limit}, expected 1 to {most}"
    )))
}

fn query(request: QueryRequest) -> Result<Query, ApiError> {
    let vector = request.vector.filter(|vector| !vector.is_empty());
    let sparse_vector = request.sparse_vector;
    let by = match (vector, request.id.filter(|id| !id.is_empty())) {
        (None, Some(id)) if sparse_vector.is_none() => QueryBy::Id(id),
        (Some(values), None) => QueryBy::Values(values),
        (None, None) if sparse_vector.is_some() => QueryBy::Values(Vec::new()),
        _ => {
            return Err(ApiError::invalid(
                "expected either `id`, or `vector`, `sparseVector` or both",
            ));
        }
    };
    Ok(Query {
        by,
        sparse_vector,
        top_k: request.top_k,
        filter: request.filter,
        include_values: request.include_values,
        include_metadata: request.include_metadata,
    })
}

fn selection(request: DeleteRequest) -> Result<Selection, ApiError> {
    match (request.ids.is_empty(), request.filter, request.delete_all) {
        (false, None, false) => {
            check_batch("ids", request.ids.len())?;
            Ok(Selection::Ids(request.ids))
        }
        (true, Some(filter), false) if filter.is_empty() => Err(ApiError::invalid(
            "`filter` is empty; to delete all vectors use `deleteAll`",
        )),
        (true, Some(filter), false) => Ok(Selection::Filter(filter)),
        (true, None, true) => Ok(Selection::All),
        _ => Err(ApiError::invalid(
            "expected one of `ids`, `filter` and `deleteAll`",
        )),
    }
}

/// The number of vectors in a namespace; `None` if it does not exist.
fn counted(
    index: &EmbeddedIndex,
    made: &BTreeSet<String>,
    namespace: &str,
) -> Result<Option<u64>, ApiError> {
    let count = index.count(namespace)?;
    Ok((count > 0 || made.contains(namespace)).then_some(count))
}

fn existing(
    index: &EmbeddedIndex,
    made: &BTreeSet<String>,
    namespace: &str,
) -> Result<u64, ApiError> {
    let count = counted(index, made, namespace)?;
    count.ok_or_else(|| {
        ApiError::not_found(format!(
            "Namespace not found: index `{}` has no namespace `{}`",
            index.name(),
            name_of(namespace)
        ))
    })
}

fn described(namespace: &str, record_count: u64) -> NamespaceDescription {
    NamespaceDescription {
        name: name_of(namespace).to_owned(),
        record_count,
    }
}

fn as_text<S: Serializer>(count: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(count)
}
