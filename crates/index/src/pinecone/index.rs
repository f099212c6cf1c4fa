use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::JoinSet;

use super::Pinecone;
use super::client::{Answer, PAUSE, Request};
use super::settings;
use crate::limits::{
    check_both, check_id, check_namespace, check_query, check_top_k, checked_metadata,
};
use crate::wire::{
    BATCH_LIMIT, DEFAULT_NAMESPACE, DeleteRequest, FetchByMetadataRequest, FetchResponse,
    IndexModel, ListResponse, PAGE_LIMIT, QueryRequest, QueryResponse, StatsRequest, StatsResponse,
    UpdateRequest, UpdateResponse, WireVector,
};
use crate::{
    EngineKind, Error, Filter, IndexStats, Match, Metadata, Metric, NamespaceStats, Page, Query,
    QueryBy, Result, Selection, SparseValues, Update, Vector,
};

/// The maximum size of an upsert's body, in bytes.
const BODY_LIMIT: usize = 2_000_000;

/// The maximum size of the ids in a URL, in bytes.
const ADDRESS_LIMIT: usize = 4_000;

/// An index at Pinecone, or another server with its API: see [`Index`](crate::Index).
#[derive(Debug)]
pub struct PineconeIndex {
    engine: Pinecone,
    host: Url,
    model: IndexModel,
    dimension: usize,
    /// The sequence number of the last write to each namespace.
    written: Mutex<HashMap<String, u64>>,
}

impl PineconeIndex {
    /// # Errors
    /// `NotPinecone` if the control plane names no host, or one to which the key must not be sent.
    pub(super) fn new(engine: Pinecone, model: IndexModel) -> Result<Self> {
        let controller = engine.client().controller();
        let host = settings::host(&model.host)?;
        let odd = |what: &str| Error::NotPinecone {
            host: controller.origin().ascii_serialization(),
            what: format!("index `{}` {what}", model.name),
        };
        if controller.scheme() == "https" && host.scheme() == "http" {
            return Err(odd("is at a host without TLS, so the key is not sent"));
        }
        let is_sparse = model.vector_type.as_deref() == Some("sparse");
        let dimension = match (is_sparse, model.dimension) {
            (true, _) => 0,
            (false, Some(dimension)) => dimension,
            (false, None) => return Err(odd("has no dimension")),
        };
        Ok(Self {
            engine,
            host,
            model,
            dimension,
            written: Mutex::default(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.model.name
    }

    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(crate) fn metric(&self) -> Metric {
        self.model.metric
    }

    pub(crate) fn upsert(&self, namespace: &str, vectors: &[Vector]) -> Result<usize> {
        check_namespace(namespace)?;
        let vectors = self.checked(vectors)?;
        if vectors.is_empty() {
            return self.still_there().map(|()| 0);
        }
        let request = self.post(&["vectors", "upsert"]);
        let bodies = upsert_bodies(name_of(namespace), &vectors);
        let requests = bodies.into_iter().map(|body| request.clone().body(body));
        self.change(namespace, requests)?;
        Ok(vectors.len())
    }

    /// The vectors to write: the last of each id.
    fn checked<'a>(&self, vectors: &'a [Vector]) -> Result<Vec<&'a Vector>> {
        let mut last = HashMap::with_capacity(vectors.len());
        for (position, vector) in vectors.iter().enumerate() {
            check_id(&vector.id)?;
            self.check_both(&vector.values, vector.sparse_values.as_ref())?;
            checked_metadata(&vector.id, &vector.metadata)?;
            last.insert(vector.id.as_str(), position);
        }
        let kept = vectors.iter().enumerate();
        let kept = kept.filter(|(position, vector)| last.get(vector.id.as_str()) == Some(position));
        Ok(kept.map(|(_, vector)| vector).collect())
    }

    pub(crate) fn query(&self, namespace: &str, query: &Query) -> Result<Vec<Match>> {
        check_top_k(query.top_k)?;
        let (vector, id) = match &query.by {
            QueryBy::Values(values) => {
                self.check_query(values, query.sparse_vector.as_ref())?;
                (
                    Some(values.clone()).filter(|values| !values.is_empty()),
                    None,
                )
            }
            QueryBy::Id(id) => (None, Some(id.clone())),
        };
        let body = QueryRequest {
            namespace: name_of(namespace).to_owned(),
            top_k: query.top_k,
            filter: query.filter.clone(),
            include_values: query.include_values,
            include_metadata: query.include_metadata,
            vector,
            sparse_vector: query.sparse_vector.clone(),
            id,
        };
        let found: QueryResponse = self.ask(&self.post(&["query"]).body(json(&body)))?;
        if let QueryBy::Id(id) = &query.by
            && found.matches.is_empty()
        {
            // The response doesn't tell whether the id or the similar vectors are missing.
            self.check_vector(namespace, id)?;
        }
        let matches = found.matches.into_iter().map(|found| Match {
            id: found.id,
            score: found.score,
            values: query.include_values.then_some(found.values),
            sparse_values: found.sparse_values.filter(|_| query.include_values),
            metadata: query
                .include_metadata
                .then(|| plain(found.metadata.unwrap_or_default())),
        });
        Ok(matches.collect())
    }

    pub(crate) fn fetch(&self, namespace: &str, ids: &[&str]) -> Result<Vec<Vector>> {
        let batches = batches_of(ids, |id| id.len(), PAGE_LIMIT, ADDRESS_LIMIT);
        let requests = batches.map(|ids| {
            let request = Request::new(Method::GET, &self.host, &["vectors", "fetch"])
                .with("namespace", name_of(namespace));
            ids.iter()
                .fold(request, |request, id| request.with("ids", id))
        });
        let mut vectors = HashMap::new();
        for answer in self.send_all(requests)? {
            let answer: FetchResponse = self.read(&answer.body)?;
            vectors.extend(answer.vectors);
        }
        let found = ids.iter().filter_map(|id| vectors.get(*id).cloned());
        Ok(found.map(vector).collect())
    }

    pub(crate) fn list(
        &self,
        namespace: &str,
        prefix: &str,
        limit: usize,
        token: Option<&str>,
    ) -> Result<Page<String>> {
        let mut page = Page {
            items: Vec::new(),
            next: token.map(str::to_owned),
        };
        while page.items.len() < limit {
            let some = (limit - page.items.len()).min(PAGE_LIMIT).to_string();
            let mut request = Request::new(Method::GET, &self.host, &["vectors", "list"])
                .with("namespace", name_of(namespace))
                .with("limit", &some);
            if !prefix.is_empty() {
                request = request.with("prefix", prefix);
            }
            if let Some(token) = &page.next {
                request = request.with("paginationToken", token);
            }
            let answer: Result<ListResponse> = self.ask(&request);
            let answer =
                answer.map_err(|error| self.of_pods(error, "list the ids of an index on pods"))?;
            page.items
                .extend(answer.vectors.into_iter().map(|item| item.id));
            page.next = answer.pagination.map(|pagination| pagination.next);
            if page.next.is_none() {
                break;
            }
        }
        Ok(page)
    }

    pub(crate) fn count(&self, namespace: &str) -> Result<u64> {
        let stats = self.stats()?;
        let counted = stats.namespaces.get(namespace);
        Ok(counted.map_or(0, |namespace| namespace.vector_count))
    }

    pub(crate) fn update(&self, namespace: &str, id: &str, update: &Update) -> Result<()> {
        // Pinecone doesn't report a missing id.
        let old = self.check_vector(namespace, id)?;
        let sparse_values = update.sparse_values.as_ref();
        self.check_both(
            update.values.as_ref().unwrap_or(&old.values),
            sparse_values.or(old.sparse_values.as_ref()),
        )?;
        let mut whole = old.metadata;
        whole.extend(update.metadata.clone().unwrap_or_default());
        checked_metadata(id, &whole)?;
        let body = UpdateRequest {
            id: Some(id.to_owned()),
            values: update.values.clone(),
            sparse_values: update.sparse_values.clone(),
            set_metadata: update.metadata.clone(),
            namespace: name_of(namespace).to_owned(),
            ..UpdateRequest::default()
        };
        let request = self.post(&["vectors", "update"]).body(json(&body));
        self.change(namespace, [request]).map(drop)
    }

    pub(crate) fn matching(
        &self,
        namespace: &str,
        filter: &Filter,
        limit: usize,
        token: Option<&str>,
    ) -> Result<Page<Vector>> {
        let mut page = Page {
            items: Vec::new(),
            next: token.map(str::to_owned),
        };
        while page.items.len() < limit {
            let body = FetchByMetadataRequest {
                namespace: name_of(namespace).to_owned(),
                filter: Some(filter.clone()),
                limit: Some((limit - page.items.len()).min(PAGE_LIMIT)),
                pagination_token: page.next.take(),
            };
            let request = self.post(&["vectors", "fetch_by_metadata"]);
            let answer: Result<FetchResponse> = self.ask(&request.body(json(&body)));
            let answer = answer.map_err(|error| self.of_pods(error, "read by metadata on pods"))?;
            page.items.extend(answer.vectors.into_values().map(vector));
            page.next = answer.pagination.map(|pagination| pagination.next);
            if page.next.is_none() {
                break;
            }
        }
        Ok(page)
    }

    pub(crate) fn count_matching(&self, namespace: &str, filter: &Filter) -> Result<usize> {
        self.set_matching(namespace, filter, None)
    }

    pub(crate) fn update_matching(
        &self,
        namespace: &str,
        filter: &Filter,
        metadata: &Metadata,
    ) -> Result<usize> {
        checked_metadata("", metadata)?;
        self.set_matching(namespace, filter, Some(metadata))
    }

    /// Sets metadata, if any are given. Returns the number of matching vectors.
    fn set_matching(
        &self,
        namespace: &str,
        filter: &Filter,
        metadata: Option<&Metadata>,
    ) -> Result<usize> {
        let body = UpdateRequest {
            set_metadata: Some(metadata.cloned().unwrap_or_default()),
            namespace: name_of(namespace).to_owned(),
            filter: Some(filter.clone()),
            dry_run: metadata.is_none(),
            ..UpdateRequest::default()
        };
        let request = self.post(&["vectors", "update"]).body(json(&body));
        let answers = self.change(namespace, [request]);
        let answers = answers.map_err(|error| self.of_pods(error, "change by metadata on pods"))?;
        let counted = answers.iter().map(|answer| {
            let answer: UpdateResponse = self.read(&answer.body)?;
            Ok(answer.matched_records.unwrap_or_default())
        });
        counted.sum()
    }

    pub(crate) fn delete(&self, namespace: &str, selection: &Selection) -> Result<()> {
        let request = self.post(&["vectors", "delete"]);
        let of = |body: DeleteRequest| {
            request.clone().body(json(&DeleteRequest {
                namespace: name_of(namespace).to_owned(),
                ..body
            }))
        };
        let requests: Vec<Request> = match selection {
            Selection::Ids(ids) if ids.is_empty() => return self.still_there(),
            Selection::Ids(ids) => {
                let batches = ids.chunks(BATCH_LIMIT).map(|ids| DeleteRequest {
                    ids: ids.to_vec(),
                    ..DeleteRequest::default()
                });
                batches.map(of).collect()
            }
            Selection::Filter(filter) if filter.is_empty() => {
                return self.delete(namespace, &Selection::All);
            }
            Selection::Filter(filter) => vec![of(DeleteRequest {
                filter: Some(filter.clone()),
                ..DeleteRequest::default()
            })],
            Selection::All => vec![of(DeleteRequest {
                delete_all: true,
                ..DeleteRequest::default()
            })],
        };
        match self.change(namespace, requests) {
            Ok(_) => {}
            // The namespace doesn't exist.
            Err(Error::Refused { status: 404, .. }) => {}
            Err(error) => return Err(error),
        }
        if matches!(selection, Selection::All) {
            // The namespace is deleted with its vectors, so no search sees a sequence number.
            self.all_written().remove(name_of(namespace));
        }
        Ok(())
    }

    pub(crate) fn stats(&self) -> Result<IndexStats> {
        let request = self.post(&["describe_index_stats"]);
        let request = request.body(json(&StatsRequest::default()));
        let answer: StatsResponse = self.ask(&request)?;
        let namespaces = answer.namespaces.into_iter().map(|(name, summary)| {
            let vector_count = summary.vector_count;
            (space_of(name), NamespaceStats { vector_count })
        });
        Ok(IndexStats {
            namespaces: namespaces.collect(),
            dimension: self.dimension,
            total_vector_count: answer.total_vector_count,
            metric: self.model.metric,
        })
    }

    /// Queries until the response reflects all writes.
    pub(crate) fn settle(&self, namespace: &str) -> Result<bool> {
        let last = self.all_written().get(name_of(namespace)).copied();
        let Some(last) = last else {
            return Ok(true);
        };
        let settings = self.engine.client().settings();
        let request = self.post(&["query"]).body(json(&self.probe(namespace)));
        let began = Instant::now();
        loop {
            let answer = self.engine.wait(self.engine.client().send(&request));
            let answer = answer.map_err(|error| self.explained(error))?;
            if answer.regarded.is_some_and(|regarded| regarded >= last) {
                return Ok(true);
            }
            if began.elapsed() >= settings.settle_limit {
                return Ok(false);
            }
            thread::sleep(PAUSE);
        }
    }

    fn all_written(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A query that every index of this kind answers.
    fn probe(&self, namespace: &str) -> QueryRequest {
        let sparse = SparseValues {
            indices: vec![0],
            values: vec![1.0],
        };
        let is_sparse = self.dimension == 0;
        QueryRequest {
            namespace: name_of(namespace).to_owned(),
            top_k: 1,
            filter: None,
            include_values: false,
            include_metadata: false,
            vector: (!is_sparse).then(|| vec![1.0; self.dimension]),
            sparse_vector: is_sparse.then_some(sparse),
            id: None,
        }
    }

    // --- requests

    fn post(&self, path: &[&str]) -> Request {
        Request::new(Method::POST, &self.host, path)
    }

    fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let answer = self.engine.wait(self.engine.client().ask(request));
        answer.map_err(|error| self.explained(error))
    }

    /// Sends requests that change a namespace. Returns the responses in order.
    fn change(
        &self,
        namespace: &str,
        requests: impl IntoIterator<Item = Request>,
    ) -> Result<Vec<Answer>> {
        let answers = self.send_all(requests.into_iter())?;
        if let Some(last) = answers.iter().filter_map(|answer| answer.written).max() {
            let mut written = self.all_written();
            let known = written.entry(name_of(namespace).to_owned()).or_default();
            *known = last.max(*known);
        }
        Ok(answers)
    }

    /// Sends several requests concurrently. Returns the responses in order.
    fn send_all(&self, requests: impl Iterator<Item = Request>) -> Result<Vec<Answer>> {
        let answers = self.engine.wait(self.sent(requests.enumerate().collect()));
        answers.map_err(|error| self.explained(error))
    }

    async fn sent(&self, mut requests: VecDeque<(usize, Request)>) -> Result<Vec<Answer>> {
        let concurrency = self.engine.client().settings().concurrency.max(1);
        let mut answers: Vec<Answer> = requests.iter().map(|_| Answer::default()).collect();
        let mut on_their_way = JoinSet::new();
        loop {
            while on_their_way.len() < concurrency
                && let Some((position, request)) = requests.pop_front()
            {
                let engine = self.engine.clone();
                on_their_way.spawn_on(
                    async move { (position, engine.client().send(&request).await) },
                    self.engine.shared.runtime.handle(),
                );
            }
            match on_their_way.join_next().await {
                None => return Ok(answers),
                Some(Ok((position, answer))) => answers[position] = answer?,
                Some(Err(failed)) => {
                    return Err(Error::Client {
                        source: failed.into(),
                    });
                }
            }
        }
    }

    fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|error| Error::NotPinecone {
            host: self.host.origin().ascii_serialization(),
            what: format!("unexpected response: {error}"),
        })
    }

    /// Translates a failure if the index was deleted.
    fn explained(&self, error: Error) -> Error {
        let may_be_gone = matches!(
            error,
            Error::Refused { status: 404, .. } | Error::Unreachable { .. }
        );
        match may_be_gone.then(|| self.still_there()) {
            Some(Err(gone @ Error::IndexNotFound { .. })) => gone,
            _ => error,
        }
    }

    /// Translates an error that only indexes on pods return.
    fn of_pods(&self, error: Error, what: &'static str) -> Error {
        let is_on_pods = self.model.spec.get("pod").is_some();
        match error {
            Error::Refused {
                status: 400 | 404 | 405 | 501,
                ..
            } if is_on_pods => Error::Unsupported {
                engine: EngineKind::Pinecone,
                what,
            },
            error => error,
        }
    }

    /// Fails if the index was deleted, even if another of its name exists.
    fn still_there(&self) -> Result<()> {
        let model = self.engine.wait(self.engine.model(self.name()))?;
        if model.host == self.model.host {
            Ok(())
        } else {
            Err(Error::IndexNotFound {
                name: self.name().to_owned(),
            })
        }
    }

    fn check_vector(&self, namespace: &str, id: &str) -> Result<Vector> {
        let vector = self.fetch(namespace, &[id])?.pop();
        vector.ok_or_else(|| Error::VectorNotFound {
            index: self.name().to_owned(),
            namespace: namespace.to_owned(),
            id: id.to_owned(),
        })
    }

    fn check_both(&self, values: &[f32], sparse_values: Option<&SparseValues>) -> Result<()> {
        let (name, metric) = (self.name(), self.model.metric);
        check_both(name, self.dimension, metric, values, sparse_values)
    }

    fn check_query(&self, values: &[f32], sparse_values: Option<&SparseValues>) -> Result<()> {
        let (name, metric) = (self.name(), self.model.metric);
        check_query(name, self.dimension, metric, values, sparse_values)
    }
}

/// A namespace's name in requests.
fn name_of(namespace: &str) -> &str {
    match namespace {
        "" => DEFAULT_NAMESPACE,
        name => name,
    }
}

fn space_of(name: String) -> String {
    if name == DEFAULT_NAMESPACE {
        String::new()
    } else {
        name
    }
}

fn json(body: &impl Serialize) -> Vec<u8> {
    // Serialisation can't fail: the keys of all maps are strings.
    serde_json::to_vec(body).unwrap_or_default()
}

/// The bodies of an upsert, each within the limits.
fn upsert_bodies(namespace: &str, vectors: &[&Vector]) -> Vec<Vec<u8>> {
    let texts: Vec<Vec<u8>> = vectors
        .iter()
        .map(|vector| json(&WireVector::from((*vector).clone())))
        .collect();
    let batches = batches_of(
        &texts,
        |text| text.len() + 1,
        BATCH_LIMIT,
        BODY_LIMIT - 2_048,
    );
    let bodies = batches.map(|texts| {
        let mut body = b"{\"namespace\":".to_vec();
        body.extend(json(&namespace));
        body.extend_from_slice(b",\"vectors\":[");
        body.extend(texts.join(&b','));
        body.extend_from_slice(b"]}");
        body
    });
    bodies.collect()
}

/// `items` in batches of at most `count` items and `size` bytes. A single item may be larger.
fn batches_of<T>(
    items: &[T],
    size_of: impl Fn(&T) -> usize,
    count: usize,
    size: usize,
) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut total = 0;
        let fitting = rest.iter().take(count).take_while(|item| {
            total += size_of(item);
            total <= size
        });
        let length = fitting.count().max(usize::from(!rest.is_empty()));
        let (batch, others) = rest.split_at(length);
        rest = others;
        (!batch.is_empty()).then_some(batch)
    })
}

fn vector(wire: WireVector) -> Vector {
    let mut vector = Vector::from(wire);
    vector.metadata = plain(vector.metadata);
    vector
}

/// Converts whole floats in metadata to integers, as Pinecone returns only floats.
fn plain(mut metadata: Metadata) -> Metadata {
    /// Up to here, floats represent each integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    for value in metadata.values_mut() {
        if let Some(number) = value.as_f64().filter(|_| value.is_f64())
            && number.fract() == 0.0
            && number.abs() <= EXACT
        {
            *value = Value::from(number as i64);
        }
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_within_both_limits() {
        let of = |items: &[usize], count, size| {
            let batches = batches_of(items, |item| *item, count, size);
            batches.map(<[usize]>::len).collect::<Vec<_>>()
        };
        assert_eq!(of(&[1, 1, 1, 1, 1], 2, 100), [2, 2, 1]);
        assert_eq!(of(&[4, 4, 4, 9, 20, 1], 10, 10), [2, 1, 1, 1, 1]);
        assert_eq!(of(&[], 10, 10), [0; 0]);
    }

    #[test]
    fn whole_floats_are_whole_numbers() {
        let metadata = serde_json::json!({"a": 4.0, "b": 4.5, "c": 1e300, "d": "4.0", "e": 7});
        let Value::Object(metadata) = metadata else {
            unreachable!()
        };
        let plain = Value::Object(plain(metadata)).to_string();
        assert_eq!(plain, r#"{"a":4,"b":4.5,"c":1e+300,"d":"4.0","e":7}"#);
    }

    #[test]
    fn an_upsert_is_what_the_wire_has() {
        let vector = Vector {
            id: "a\"b".to_owned(),
            values: vec![0.1, 2.0],
            metadata: Metadata::new(),
            sparse_values: None,
        };
        let bodies = upsert_bodies("n", &[&vector, &vector]);
        let request: crate::wire::UpsertRequest = serde_json::from_slice(&bodies[0]).unwrap();
        assert_eq!(request.namespace, "n");
        let wire = WireVector::from(vector);
        assert_eq!(request.vectors, [wire.clone(), wire]);
    }
}
