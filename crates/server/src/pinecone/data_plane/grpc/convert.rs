//! Conversion between gRPC messages and the requests and responses of the operations.

use std::collections::BTreeMap;

use index::{Filter, Metadata};
use prost_types::Struct;
use prost_types::value::Kind;
use serde_json::{Number, Value};
use tonic::Status;

use super::generated as wire;
use crate::pinecone::api_error::ApiError;
use crate::pinecone::data_plane::operations::{
    FetchRequest, NamespaceDescription, NamespaceList, Page,
};

/// The limit of integers that a 64-bit float represents exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl TryFrom<wire::UpsertRequest> for index::wire::UpsertRequest {
    type Error = Status;

    fn try_from(request: wire::UpsertRequest) -> Result<Self, Status> {
        let vectors = request.vectors.into_iter().map(TryInto::try_into);
        Ok(Self {
            vectors: vectors.collect::<Result<_, _>>()?,
            namespace: request.namespace,
        })
    }
}

impl TryFrom<wire::Vector> for index::wire::WireVector {
    type Error = Status;

    fn try_from(vector: wire::Vector) -> Result<Self, Status> {
        Ok(Self {
            id: vector.id,
            values: vector.values,
            sparse_values: sparse(vector.sparse_values),
            metadata: vector.metadata.map(metadata).transpose()?,
        })
    }
}

impl From<index::wire::WireVector> for wire::Vector {
    fn from(vector: index::wire::WireVector) -> Self {
        Self {
            id: vector.id,
            values: vector.values,
            sparse_values: vector.sparse_values.map(Into::into),
            metadata: vector.metadata.map(message),
        }
    }
}

impl From<index::wire::SparseValues> for wire::SparseValues {
    fn from(values: index::wire::SparseValues) -> Self {
        let index::wire::SparseValues { indices, values } = values;
        Self { indices, values }
    }
}

/// Treats an empty message as none: some clients always send one.
fn sparse(values: Option<wire::SparseValues>) -> Option<index::wire::SparseValues> {
    let wire::SparseValues { indices, values } = values?;
    let is_none = indices.is_empty() && values.is_empty();
    (!is_none).then_some(index::wire::SparseValues { indices, values })
}

impl From<index::wire::UpsertResponse> for wire::UpsertResponse {
    fn from(answer: index::wire::UpsertResponse) -> Self {
        Self {
            upserted_count: count(answer.upserted_count as u64),
        }
    }
}

impl TryFrom<wire::DeleteRequest> for index::wire::DeleteRequest {
    type Error = Status;

    fn try_from(request: wire::DeleteRequest) -> Result<Self, Status> {
        Ok(Self {
            ids: request.ids,
            delete_all: request.delete_all,
            namespace: request.namespace,
            filter: request.filter.map(filter).transpose()?,
        })
    }
}

impl From<()> for wire::DeleteResponse {
    fn from((): ()) -> Self {
        Self {}
    }
}

impl From<wire::FetchRequest> for FetchRequest {
    fn from(request: wire::FetchRequest) -> Self {
        let wire::FetchRequest { ids, namespace } = request;
        Self { ids, namespace }
    }
}

impl From<index::wire::FetchResponse> for wire::FetchResponse {
    fn from(answer: index::wire::FetchResponse) -> Self {
        Self {
            vectors: vectors(answer.vectors),
            namespace: answer.namespace,
            usage: Some(answer.usage.into()),
        }
    }
}

impl TryFrom<wire::FetchByMetadataRequest> for index::wire::FetchByMetadataRequest {
    type Error = Status;

    fn try_from(request: wire::FetchByMetadataRequest) -> Result<Self, Status> {
        Ok(Self {
            namespace: request.namespace,
            filter: request.filter.map(filter).transpose()?,
            limit: request.limit.map(|limit| limit as usize),
            pagination_token: request.pagination_token,
        })
    }
}

impl From<index::wire::FetchResponse> for wire::FetchByMetadataResponse {
    fn from(answer: index::wire::FetchResponse) -> Self {
        Self {
            vectors: vectors(answer.vectors),
            namespace: answer.namespace,
            usage: Some(answer.usage.into()),
            pagination: answer.pagination.map(Into::into),
        }
    }
}

fn vectors(vectors: BTreeMap<String, index::wire::WireVector>) -> BTreeMap<String, wire::Vector> {
    let vectors = vectors.into_iter();
    vectors.map(|(id, vector)| (id, vector.into())).collect()
}

impl From<index::wire::Pagination> for wire::Pagination {
    fn from(pagination: index::wire::Pagination) -> Self {
        Self {
            next: pagination.next,
        }
    }
}

impl From<index::wire::Usage> for wire::Usage {
    fn from(usage: index::wire::Usage) -> Self {
        Self {
            read_units: Some(usage.read_units),
        }
    }
}

impl From<wire::ListRequest> for Page {
    fn from(request: wire::ListRequest) -> Self {
        Self {
            prefix: request.prefix.unwrap_or_default(),
            limit: request.limit.map(|limit| limit as usize),
            pagination_token: request.pagination_token,
            namespace: request.namespace,
        }
    }
}

impl From<index::wire::ListResponse> for wire::ListResponse {
    fn from(answer: index::wire::ListResponse) -> Self {
        let items = answer.vectors.into_iter();
        Self {
            vectors: items.map(|item| wire::ListItem { id: item.id }).collect(),
            pagination: answer.pagination.map(Into::into),
            namespace: answer.namespace,
            usage: Some(answer.usage.into()),
        }
    }
}

impl TryFrom<wire::QueryRequest> for index::wire::QueryRequest {
    type Error = Status;

    fn try_from(request: wire::QueryRequest) -> Result<Self, Status> {
        if !request.queries.is_empty() {
            return Err(ApiError::unsupported("several queries at once").into());
        }
        Ok(Self {
            namespace: request.namespace,
            top_k: request.top_k as usize,
            filter: request.filter.map(filter).transpose()?,
            include_values: request.include_values,
            include_metadata: request.include_metadata,
            vector: some(request.vector),
            sparse_vector: sparse(request.sparse_vector),
            id: (!request.id.is_empty()).then_some(request.id),
        })
    }
}

impl From<index::wire::QueryResponse> for wire::QueryResponse {
    fn from(answer: index::wire::QueryResponse) -> Self {
        let matches = answer.matches.into_iter().map(|found| wire::ScoredVector {
            id: found.id,
            score: found.score,
            values: found.values,
            metadata: found.metadata.map(message),
            sparse_values: found.sparse_values.map(Into::into),
        });
        Self {
            matches: matches.collect(),
            namespace: answer.namespace,
            usage: Some(answer.usage.into()),
        }
    }
}

impl TryFrom<wire::UpdateRequest> for index::wire::UpdateRequest {
    type Error = Status;

    fn try_from(request: wire::UpdateRequest) -> Result<Self, Status> {
        Ok(Self {
            id: (!request.id.is_empty()).then_some(request.id),
            values: some(request.values),
            sparse_values: sparse(request.sparse_values),
            set_metadata: request.set_metadata.map(metadata).transpose()?,
            namespace: request.namespace,
            filter: request.filter.map(filter).transpose()?,
            dry_run: request.dry_run.unwrap_or_default(),
        })
    }
}

impl From<index::wire::UpdateResponse> for wire::UpdateResponse {
    fn from(answer: index::wire::UpdateResponse) -> Self {
        let matched = answer.matched_records;
        Self {
            matched_records: matched.map(|matched| i32::try_from(matched).unwrap_or(i32::MAX)),
        }
    }
}

impl TryFrom<wire::DescribeIndexStatsRequest> for index::wire::StatsRequest {
    type Error = Status;

    fn try_from(request: wire::DescribeIndexStatsRequest) -> Result<Self, Status> {
        Ok(Self {
            filter: request.filter.map(filter).transpose()?,
        })
    }
}

impl From<index::wire::StatsResponse> for wire::DescribeIndexStatsResponse {
    fn from(answer: index::wire::StatsResponse) -> Self {
        let namespaces = answer.namespaces.into_iter().map(|(name, summary)| {
            let vector_count = count(summary.vector_count);
            (name, wire::NamespaceSummary { vector_count })
        });
        Self {
            namespaces: namespaces.collect(),
            dimension: answer.dimension.map(|dimension| count(dimension as u64)),
            index_fullness: answer.index_fullness,
            total_vector_count: count(answer.total_vector_count),
            metric: answer.metric.map(|metric| metric.to_string()),
            vector_type: answer.vector_type,
        }
    }
}

impl From<wire::ListNamespacesRequest> for Page {
    fn from(request: wire::ListNamespacesRequest) -> Self {
        Self {
            prefix: request.prefix.unwrap_or_default(),
            limit: request.limit.map(|limit| limit as usize),
            pagination_token: request.pagination_token,
            namespace: String::new(),
        }
    }
}

impl From<NamespaceList> for wire::ListNamespacesResponse {
    fn from(list: NamespaceList) -> Self {
        let namespaces = list.namespaces.into_iter();
        Self {
            namespaces: namespaces.map(Into::into).collect(),
            pagination: list.pagination.map(Into::into),
            total_count: Some(i32::try_from(list.total_count).unwrap_or(i32::MAX)),
        }
    }
}

impl From<NamespaceDescription> for wire::NamespaceDescription {
    fn from(description: NamespaceDescription) -> Self {
        Self {
            name: description.name,
            record_count: description.record_count,
            schema: None,
        }
    }
}

/// A count in the 32 bits of messages.
fn count(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn some(values: Vec<f32>) -> Option<Vec<f32>> {
    (!values.is_empty()).then_some(values)
}

fn filter(message: Struct) -> Result<Filter, ApiError> {
    Ok(Filter::parse(&Value::Object(metadata(message)?))?)
}

fn metadata(message: Struct) -> Result<Metadata, ApiError> {
    let fields = message.fields.into_iter();
    let fields = fields.map(|(name, field)| {
        let field = value(&name, field.kind)?;
        Ok((name, field))
    });
    fields.collect()
}

fn value(name: &str, kind: Option<Kind>) -> Result<Value, ApiError> {
    Ok(match kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(value)) => Value::Number(number(name, value)?),
        Some(Kind::StringValue(value)) => Value::String(value),
        Some(Kind::StructValue(value)) => Value::Object(metadata(value)?),
        Some(Kind::ListValue(list)) => {
            let items = list.values.into_iter();
            let items = items.map(|item| value(name, item.kind));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
    })
}

/// Converts a number. All numbers arrive as floats; whole ones become integers again.
fn number(name: &str, value: f64) -> Result<Number, ApiError> {
    if value.fract() == 0.0 && value.abs() <= EXACT {
        return Ok(Number::from(value as i64));
    }
    let number = Number::from_f64(value);
    number.ok_or_else(|| ApiError::invalid(format!("`{name}` has {value}, expected a number")))
}

fn message(metadata: Metadata) -> Struct {
    let fields = metadata.into_iter();
    let fields = fields.map(|(name, value)| (name, message_value(value)));
    Struct {
        fields: fields.collect(),
    }
}

fn message_value(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        // Every JSON number has a nearest float.
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or_default()),
        Value::String(value) => Kind::StringValue(value),
        Value::Object(fields) => Kind::StructValue(message(fields)),
        Value::Array(items) => {
            let values = items.into_iter().map(message_value).collect();
            Kind::ListValue(prost_types::ListValue { values })
        }
    };
    prost_types::Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_comes_back_as_it_was() {
        let given = json!({
            "whole": 2019, "negative": -3, "part": 0.5, "text": "é", "yes": true, "list": ["a", "b"],
            "large": 1e300, "nested": {"$in": [1, 2.5]},
        });
        let Value::Object(given) = given else {
            unreachable!("it is an object")
        };
        assert_eq!(metadata(message(given.clone())).unwrap(), given);
        let kind = Some(Kind::NumberValue(f64::NAN));
        assert!(value("a", kind).is_err());
    }
}
