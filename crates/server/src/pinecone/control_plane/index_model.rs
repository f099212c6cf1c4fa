//! The JSON of index requests and descriptions, in both forms: `dimension`, `metric` and `spec` up to version 2026-04,
//! `schema` and `deployment` since 2026-07. `vector_type` and `tags` came with 2025-01, `read_capacity` with 2025-10.

use std::collections::BTreeMap;

use index::wire::DeletionProtection;
use index::{Deployment, IndexDescription, IndexSettings, IndexSpec, Metric};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api_version::ApiVersion;
use crate::pinecone::api_error::ApiError;

/// The schema field of dense vectors.
const DENSE_FIELD: &str = "_values";

/// The schema field of sparse vectors.
const SPARSE_FIELD: &str = "_sparse_values";

/// The body of `POST /indexes`, in either form.
#[derive(Debug, Deserialize)]
pub(crate) struct CreateIndex {
    name: String,
    dimension: Option<usize>,
    metric: Option<String>,
    vector_type: Option<String>,
    spec: Option<Value>,
    schema: Option<Schema>,
    deployment: Option<Value>,
    deletion_protection: Option<DeletionProtection>,
    tags: Option<BTreeMap<String, Option<String>>>,
    source_collection: Option<String>,
    source_backup_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Schema {
    fields: Map<String, Value>,
}

impl Schema {
    fn is_hybrid(&self) -> bool {
        let has = |name| self.fields.get(name).is_some_and(|field| !field.is_null());
        has(DENSE_FIELD) && has(SPARSE_FIELD)
    }
}

/// The body of `PATCH /indexes/{name}`, in either form.
#[derive(Debug, Deserialize)]
pub(crate) struct ConfigureIndex {
    deletion_protection: Option<DeletionProtection>,
    tags: Option<BTreeMap<String, Option<String>>>,
    spec: Option<Value>,
    deployment: Option<Value>,
    /// All other fields.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// The fields that cannot be changed.
const FIXED: [&str; 4] = ["name", "dimension", "metric", "vector_type"];

impl CreateIndex {
    /// Converts the request.
    pub(crate) fn parts(self) -> Result<(IndexSpec, IndexSettings), ApiError> {
        if self.source_collection.is_some() || self.source_backup_id.is_some() {
            return Err(ApiError::unsupported(
                "indexes created from collections or backups",
            ));
        }
        let ((dimension, metric), is_hybrid) = match &self.schema {
            Some(schema) => (of_schema(schema)?, schema.is_hybrid()),
            None => {
                let kind = self.vector_type.as_deref();
                (of_kind(kind, self.dimension, self.metric)?, false)
            }
        };
        let metric = metric.parse::<Metric>()?;
        let deployment = match (self.deployment, self.spec) {
            (Some(deployment), _) => Some(Deployment::from_json(&deployment)),
            (None, Some(spec)) => Some(Deployment::from_spec(&spec)),
            (None, None) => None,
        };
        let deployment = deployment.transpose().map_err(ApiError::invalid)?;
        let tags = self.tags.into_iter().flatten();
        let tags = tags.filter_map(|(name, text)| Some((name, text?)));
        let spec = IndexSpec {
            name: self.name,
            dimension,
            metric,
        };
        let settings = IndexSettings {
            deletion_protection: self.deletion_protection == Some(DeletionProtection::Enabled),
            tags: tags.collect(),
            deployment,
            is_hybrid,
            ..IndexSettings::default()
        };
        Ok((spec, settings))
    }
}

impl ConfigureIndex {
    /// Refuses changes of fixed fields.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let is_set = |key: &str| self.others.get(key).is_some_and(|value| !value.is_null());
        if is_set("embed") {
            return Err(ApiError::unsupported("indexes with a model"));
        }
        match FIXED.iter().find(|key| is_set(key)) {
            Some(key) => Err(ApiError::invalid(format!(
                "`{key}` cannot be changed; create another index"
            ))),
            None => Ok(()),
        }
    }

    /// Applies the changes. A tag with null or an empty text is removed.
    pub(crate) fn apply(&self, settings: &mut IndexSettings) {
        if let Some(protection) = self.deletion_protection {
            settings.deletion_protection = protection == DeletionProtection::Enabled;
        }
        for (name, text) in self.tags.iter().flatten() {
            match text.as_deref().filter(|text| !text.is_empty()) {
                Some(text) => settings.tags.insert(name.clone(), text.to_owned()),
                None => settings.tags.remove(name),
            };
        }
        let pod = self.spec.as_ref().and_then(|spec| spec.get("pod"));
        if let Some(changes) = self.deployment.as_ref().or(pod) {
            apply_to_pod(changes, &mut settings.deployment);
        }
    }
}

/// Applies changes to a pod.
fn apply_to_pod(changes: &Value, deployment: &mut Option<Deployment>) {
    if let Some(Deployment::Pod {
        pod_type, replicas, ..
    }) = deployment
    {
        if let Some(new) = changes["pod_type"].as_str() {
            *pod_type = new.to_owned();
        }
        if let Some(new) = changes["replicas"].as_u64() {
            *replicas = new;
        }
    }
}

/// The dimension (0 for sparse vectors) and metric for a type of vectors.
fn of_kind(
    kind: Option<&str>,
    dimension: Option<usize>,
    metric: Option<String>,
) -> Result<(usize, String), ApiError> {
    match (kind.unwrap_or("dense"), dimension) {
        ("sparse", None) => Ok((0, metric.unwrap_or_else(|| "dotproduct".to_owned()))),
        ("sparse", Some(_)) => Err(ApiError::invalid(
            "`dimension` is not allowed for sparse vectors",
        )),
        ("dense", Some(0)) => Err(index::Error::InvalidDimension { got: 0 }.into()),
        ("dense", Some(dimension)) => {
            Ok((dimension, metric.unwrap_or_else(|| "cosine".to_owned())))
        }
        ("dense", None) => Err(ApiError::invalid(
            "`dimension` is missing; dense vectors need one",
        )),
        (other, _) => Err(ApiError::invalid(format!(
            "`vector_type` is `{other}`, expected `dense` or `sparse`"
        ))),
    }
}

/// The dimension and metric of a schema. A schema with dense and sparse vectors is a dense index with the dot product.
fn of_schema(schema: &Schema) -> Result<(usize, String), ApiError> {
    let (mut dense, mut sparse) = (None, None);
    for (name, field) in schema.fields.iter().filter(|(_, field)| !field.is_null()) {
        match (name.as_str(), field["type"].as_str()) {
            (DENSE_FIELD, Some("dense_vector")) => dense = Some(field),
            (SPARSE_FIELD, Some("sparse_vector")) => sparse = Some(field),
            _ => {
                return Err(ApiError::unsupported(
                    "schemas with fields other than `_values` (a `dense_vector`) and `_sparse_values` (a \
                     `sparse_vector`)",
                ));
            }
        }
    }
    let metric = |field: &Value| field["metric"].as_str().map(str::to_owned);
    match (dense, sparse) {
        (None, Some(field)) => of_kind(Some("sparse"), None, metric(field)),
        (dense, sparse) => {
            let field = dense.unwrap_or(&Value::Null);
            let dimension = field["dimension"].as_u64();
            let dimension = dimension.and_then(|dimension| usize::try_from(dimension).ok());
            let usual = sparse.map(|_| "dotproduct".to_owned());
            let metric = metric(field).or(usual);
            if sparse.is_some() && metric.as_deref() != Some("dotproduct") {
                return Err(ApiError::invalid(
                    "`metric` of `_values` must be `dotproduct` in an index with dense and sparse vectors",
                ));
            }
            of_kind(None, dimension, metric)
        }
    }
}

/// Converts a `deployment` to the `spec` of this version.
fn spec_of(version: ApiVersion, deployment: &Deployment) -> Value {
    let mut spec = deployment.to_spec();
    if let Some(serverless) = spec.get_mut("serverless")
        && version.has_read_capacity()
    {
        serverless["read_capacity"] = read_capacity();
    }
    spec
}

/// The deployment of an index that was created without one. Clients of early versions know only three clouds.
fn local(version: ApiVersion) -> Deployment {
    let cloud = if version.has_read_capacity() {
        "local"
    } else {
        "aws"
    };
    Deployment::Managed {
        cloud: cloud.to_owned(),
        region: "local".to_owned(),
    }
}

fn read_capacity() -> Value {
    json!({"mode": "OnDemand", "status": {"state": "Ready"}})
}

/// The description of an index in the form of the version.
pub(crate) fn model(
    version: ApiVersion,
    description: &IndexDescription,
    settings: &IndexSettings,
    host: &str,
) -> Value {
    let IndexDescription {
        name,
        dimension,
        metric,
        ..
    } = description;
    let IndexSettings { tags, .. } = settings;
    let deployment = settings.deployment.clone();
    let deployment = deployment.unwrap_or_else(|| local(version));
    let protection = DeletionProtection::from(settings.deletion_protection);
    let tags = (!tags.is_empty()).then_some(tags);
    let status = json!({"ready": true, "state": "Ready"});
    if version.has_schemas() {
        let mut fields = Map::new();
        if *dimension > 0 {
            let dense = json!({"type": "dense_vector", "dimension": dimension, "metric": metric});
            fields.insert(DENSE_FIELD.to_owned(), dense);
        }
        if *dimension == 0 || settings.is_hybrid {
            let sparse = json!({"type": "sparse_vector", "metric": metric});
            fields.insert(SPARSE_FIELD.to_owned(), sparse);
        }
        return json!({
            "name": name,
            "host": host,
            "status": status,
            "schema": {"fields": fields},
            "deployment": deployment,
            "deletion_protection": protection,
            "read_capacity": read_capacity(),
            "tags": tags,
        });
    }
    let mut model = json!({
        "name": name,
        "metric": metric,
        "host": host,
        "status": status,
        "spec": spec_of(version, &deployment),
        "deletion_protection": protection,
    });
    // Versions without types of vectors expect a dimension.
    if *dimension > 0 || !version.has_vector_types() {
        model["dimension"] = json!(dimension);
    }
    if version.has_vector_types() {
        let kind = if *dimension == 0 { "sparse" } else { "dense" };
        model["vector_type"] = json!(kind);
        if let Some(tags) = tags {
            model["tags"] = json!(tags);
        }
    }
    model
}
