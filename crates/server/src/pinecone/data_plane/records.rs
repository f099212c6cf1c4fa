//! Records: texts and pictures that the model of a collection embeds. Pinecone has only texts.
//!
//! Records cannot be written to the collection's own namespaces, but to all others of its index.

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use index::wire::Record;
use index::{Filter, Metadata, Query, QueryBy, SparseValues, Vector};
use search::Embedder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::operations::Operations;
use crate::pinecone::api_error::ApiError;
use crate::pinecone::json_body::{JsonBody, LinesBody};
use crate::pinecone::parameters::InPath;

/// The maximum number of records of an upsert.
const RECORD_LIMIT: usize = 96;

/// The fields for the text of a record; the first present one counts.
const TEXT_FIELDS: [&str; 2] = ["text", "chunk_text"];

/// The field for the picture of a record, in base64.
const IMAGE_FIELD: &str = "image";

/// `POST /records/namespaces/{namespace}/search`.
#[derive(Debug, Deserialize)]
pub(crate) struct SearchRecords {
    query: RecordQuery,
    fields: Option<Vec<String>>,
    rerank: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct RecordQuery {
    top_k: usize,
    filter: Option<Filter>,
    inputs: Option<Inputs>,
    vector: Option<RecordVector>,
    id: Option<String>,
    match_terms: Option<Value>,
}

/// The input to embed.
#[derive(Debug, Deserialize)]
struct Inputs {
    text: Option<String>,
    image: Option<String>,
}

/// The vector of a query.
#[derive(Debug, Deserialize)]
struct RecordVector {
    values: Option<Vec<f32>>,
    sparse_values: Option<Vec<f32>>,
    sparse_indices: Option<Vec<u32>>,
}

/// A found record.
#[derive(Debug, Serialize)]
struct Hit {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_score")]
    score: f32,
    fields: Metadata,
}

pub(crate) async fn search(
    operations: Operations,
    InPath(namespace): InPath,
    JsonBody(request): JsonBody<SearchRecords>,
) -> Result<Json<Value>, ApiError> {
    let SearchRecords {
        query,
        fields,
        rerank,
    } = request;
    if rerank.is_some() || query.match_terms.is_some() {
        return Err(ApiError::unsupported("`rerank` and `match_terms`"));
    }
    let namespace = operations.namespace(namespace)?;
    operations.check(query.filter.as_ref())?;
    let hits = operations.with_model(move |index, model| {
        let query = query.resolved(model)?;
        match index.query(&namespace, &query) {
            Err(index::Error::VectorNotFound { .. }) => Ok(Vec::new()),
            found => Ok(found?),
        }
    });
    let shown = |name: &String| fields.as_ref().is_none_or(|fields| fields.contains(name));
    let hits = hits.await?.into_iter().map(|found| {
        let mut fields = found.metadata.unwrap_or_default();
        operations.remove_hidden(&mut fields);
        fields.retain(|name, _| shown(name));
        Hit {
            id: found.id,
            score: found.score,
            fields,
        }
    });
    let hits: Vec<Hit> = hits.collect();
    Ok(Json(
        json!({"result": {"hits": hits}, "usage": {"read_units": 1}}),
    ))
}

impl RecordQuery {
    /// Resolves the query; its input is embedded with `model`.
    fn resolved(
        self,
        model: impl FnOnce() -> Result<std::sync::Arc<Embedder>, ApiError>,
    ) -> Result<Query, ApiError> {
        let (by, sparse_vector) = match (self.inputs, self.vector, self.id) {
            (Some(inputs), None, None) => {
                let vector = embedded(&*model()?, inputs.text.as_deref(), inputs.image.as_deref());
                (QueryBy::Values(vector?), None)
            }
            (None, Some(vector), None) => vector.parts()?,
            (None, None, Some(id)) => (QueryBy::Id(id), None),
            _ => {
                return Err(ApiError::invalid(
                    "`query`: expected one of `inputs`, `vector` and `id`",
                ));
            }
        };
        Ok(Query {
            by,
            sparse_vector,
            top_k: self.top_k,
            filter: self.filter,
            include_values: false,
            include_metadata: true,
        })
    }
}

impl RecordVector {
    fn parts(self) -> Result<(QueryBy, Option<SparseValues>), ApiError> {
        let sparse = match (self.sparse_indices, self.sparse_values) {
            (Some(indices), Some(values)) => Some(SparseValues { indices, values }),
            (None, None) => None,
            _ => {
                return Err(ApiError::invalid(
                    "`vector` needs both `sparse_indices` and `sparse_values`",
                ));
            }
        };
        Ok((QueryBy::Values(self.values.unwrap_or_default()), sparse))
    }
}

/// Embeds a text or a picture in base64.
fn embedded(
    model: &Embedder,
    text: Option<&str>,
    image: Option<&str>,
) -> Result<Vec<f32>, ApiError> {
    let failed = |error: search::Error| {
        let causes =
            std::iter::successors(Some(&error as &dyn std::error::Error), |it| it.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        ApiError::invalid(format!("could not embed the input: {}", causes.join(": ")))
    };
    let text = text.filter(|text| !text.trim().is_empty());
    match (text, image) {
        (Some(text), None) => model.text(text).map_err(failed),
        (None, Some(image)) => model.picture(&decoded(image)?).map_err(failed),
        _ => Err(ApiError::invalid(
            "expected either `text` or `image`, a picture file in base64",
        )),
    }
}

/// Decodes base64 or a `data:` URL.
fn decoded(image: &str) -> Result<Vec<u8>, ApiError> {
    let data = match image.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").map(|(_, data)| data),
        None => Some(image),
    };
    let bytes = data.and_then(|data| STANDARD.decode(data).ok());
    bytes.ok_or_else(|| ApiError::invalid("`image` is not a picture file in base64"))
}

pub(crate) async fn upsert(
    operations: Operations,
    InPath(namespace): InPath,
    LinesBody(records): LinesBody<Record>,
) -> Result<impl IntoResponse, ApiError> {
    if !(1..=RECORD_LIMIT).contains(&records.len()) {
        return Err(ApiError::invalid(format!(
            "{} records at once, expected 1 to {RECORD_LIMIT}",
            records.len()
        )));
    }
    let namespace = operations.namespace(namespace)?;
    let vectors = operations.with_model(move |_, model| {
        let model = model()?;
        let records = records.into_iter().enumerate();
        let vectors = records.map(|(n, record)| vector_of(&model, n + 1, record));
        vectors.collect::<Result<Vec<_>, _>>()
    });
    operations.upsert_records(namespace, vectors.await?).await?;
    Ok((StatusCode::CREATED, Json(json!({}))))
}

/// Whether a field is an input to embed.
fn is_input(name: &str) -> bool {
    TEXT_FIELDS.contains(&name) || name == IMAGE_FIELD
}

/// Embeds the record in this line.
fn vector_of(model: &Embedder, line: usize, record: Record) -> Result<Vector, ApiError> {
    let Record(mut record) = record;
    record.retain(|name, value| !(value.is_null() && is_input(name)));
    let at = |error: ApiError| ApiError::invalid(format!("record {line}: {}", error.message()));
    let id = ["_id", "id"]
        .into_iter()
        .find_map(|name| record.remove(name));
    let Some(Value::String(id)) = id else {
        return Err(at(ApiError::invalid("`_id` is missing or not a string")));
    };
    let image = record.remove(IMAGE_FIELD);
    let text = TEXT_FIELDS.into_iter().find_map(|name| record.get(name));
    let text = text.and_then(Value::as_str);
    let image = image.as_ref().and_then(Value::as_str);
    // A text next to a picture is metadata.
    let text = text.filter(|_| image.is_none());
    let values = embedded(model, text, image).map_err(at)?;
    Ok(Vector {
        id,
        values,
        sparse_values: None,
        metadata: record,
    })
}
