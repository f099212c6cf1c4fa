//! How indexes are asked for and described, in both forms: `dimension`, `metric` and `spec` up to version 2026-04,
//! `schema` and `deployment` since 2026-07.

use std::collections::BTreeMap;

use index::{IndexDescription, IndexSettings, IndexSpec, Metric};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api_error::ApiError;
use crate::api_version::ApiVersion;

/// The field of a schema that has the vectors of an index without fields of its own.
const DENSE_FIELD: &str = "_values";

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
    deletion_protection: Option<Protection>,
    tags: Option<BTreeMap<String, String>>,
    source_collection: Option<String>,
    source_backup_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Schema {
    fields: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Protection {
    Enabled,
    Disabled,
}

/// The body of `PATCH /indexes/{name}`, in either form.
#[derive(Debug, Deserialize)]
pub(crate) struct ConfigureIndex {
    deletion_protection: Option<Protection>,
    tags: Option<BTreeMap<String, Option<String>>>,
    spec: Option<Value>,
    deployment: Option<Value>,
}

impl CreateIndex {
    /// What is to be made.
    pub(crate) fn parts(self) -> Result<(IndexSpec, IndexSettings), ApiError> {
        if self.source_collection.is_some() || self.source_backup_id.is_some() {
            return Err(ApiError::not_offered(
                "indexes made of collections and backups",
            ));
        }
        let (dimension, metric) = match &self.schema {
            Some(schema) => of_schema(schema)?,
            None => (self.dimension, self.metric),
        };
        if self.vector_type.as_deref().is_some_and(|it| it != "dense") {
            return Err(ApiError::not_offered("indexes of sparse vectors"));
        }
        let dimension = dimension
            .ok_or_else(|| ApiError::invalid("`dimension` is missing: a dense index needs one"))?;
        let metric = metric.as_deref().unwrap_or("cosine").parse::<Metric>()?;
        let deployment = match (self.deployment, self.spec) {
            (Some(deployment), _) => Some(deployment),
            (None, Some(spec)) => Some(deployment_of_spec(&spec)?),
            (None, None) => None,
        };
        let spec = IndexSpec {
            name: self.name,
            dimension,
            metric,
        };
        let settings = IndexSettings {
            deletion_protection: self.deletion_protection == Some(Protection::Enabled),
            tags: self.tags.unwrap_or_default(),
            deployment,
            ..IndexSettings::default()
        };
        Ok((spec, settings))
    }
}

impl ConfigureIndex {
    /// Changes what it names. A tag without a text, or with an empty one, is taken away.
    pub(crate) fn apply(&self, settings: &mut IndexSettings) {
        if let Some(protection) = self.deletion_protection {
            settings.deletion_protection = protection == Protection::Enabled;
        }
        for (name, text) in self.tags.iter().flatten() {
            match text.as_deref().filter(|text| !text.is_empty()) {
                Some(text) => settings.tags.insert(name.clone(), text.to_owned()),
                None => settings.tags.remove(name),
            };
        }
        let pod = self.spec.as_ref().and_then(|spec| spec.get("pod"));
        let changes = self.deployment.as_ref().or(pod);
        let old = settings.deployment.as_mut().and_then(Value::as_object_mut);
        if let (Some(Value::Object(changes)), Some(old)) = (changes, old) {
            old.extend(changes.clone());
        }
    }
}

/// The dimension and the metric of the one dense field of a schema.
fn of_schema(schema: &Schema) -> Result<(Option<usize>, Option<String>), ApiError> {
    let mut fields = schema.fields.iter();
    let (Some((name, field)), None) = (fields.next(), fields.next()) else {
        return Err(ApiError::not_offered("schemas of other than one field"));
    };
    if name != DENSE_FIELD || field["type"] != "dense_vector" {
        return Err(ApiError::not_offered(
            "schemas of other fields than `_values`, a `dense_vector`,",
        ));
    }
    let dimension = field["dimension"].as_u64();
    let dimension = dimension.and_then(|dimension| usize::try_from(dimension).ok());
    Ok((dimension, field["metric"].as_str().map(str::to_owned)))
}

/// A `spec` as a `deployment`.
fn deployment_of_spec(spec: &Value) -> Result<Value, ApiError> {
    let of = |kind: &str| spec.get(kind).and_then(Value::as_object);
    let text = |spec: &Map<String, Value>, name: &str| {
        let text = spec.get(name).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| ApiError::invalid(format!("`spec` lacks `{name}`")))
    };
    let number =
        |spec: &Map<String, Value>, name: &str| spec.get(name).and_then(Value::as_u64).unwrap_or(1);
    if let Some(spec) = of("serverless") {
        return Ok(json!({
            "deployment_type": "managed",
            "cloud": text(spec, "cloud")?,
            "region": text(spec, "region")?,
        }));
    }
    if let Some(spec) = of("pod") {
        return Ok(json!({
            "deployment_type": "pod",
            "environment": text(spec, "environment")?,
            "pod_type": text(spec, "pod_type").unwrap_or_else(|_| "p1.x1".to_owned()),
            "replicas": number(spec, "replicas"),
            "shards": number(spec, "shards"),
        }));
    }
    match of("byoc") {
        Some(spec) => Ok(json!({
            "deployment_type": "byoc",
            "environment": text(spec, "environment")?,
        })),
        None => Err(ApiError::invalid(
            "`spec` has none of `serverless`, `pod` and `byoc`",
        )),
    }
}

/// A `deployment` as a `spec`.
fn spec_of_deployment(deployment: &Value) -> Value {
    match deployment["deployment_type"].as_str() {
        Some("pod") => {
            let number = |name: &str| deployment[name].as_u64().unwrap_or(1);
            let (replicas, shards) = (number("replicas"), number("shards"));
            json!({"pod": {
                "environment": deployment["environment"],
                "pod_type": deployment["pod_type"],
                "replicas": replicas,
                "shards": shards,
                "pods": replicas * shards,
            }})
        }
        Some("byoc") => json!({"byoc": {"environment": deployment["environment"]}}),
        _ => json!({"serverless": {
            "cloud": deployment["cloud"],
            "region": deployment["region"],
            "read_capacity": read_capacity(),
        }}),
    }
}

fn read_capacity() -> Value {
    json!({"mode": "OnDemand", "status": {"state": "Ready"}})
}

/// What is known of an index, in the form of the version.
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
    let deployment = settings.deployment.clone().unwrap_or_else(
        || json!({"deployment_type": "managed", "cloud": "local", "region": "local"}),
    );
    let protection = match settings.deletion_protection {
        true => "enabled",
        false => "disabled",
    };
    let tags = (!tags.is_empty()).then_some(tags);
    let status = json!({"ready": true, "state": "Ready"});
    if version.has_schemas() {
        let field = json!({"type": "dense_vector", "dimension": dimension, "metric": metric});
        return json!({
            "name": name,
            "host": host,
            "status": status,
            "schema": {"fields": {DENSE_FIELD: field}},
            "deployment": deployment,
            "deletion_protection": protection,
            "read_capacity": read_capacity(),
            "tags": tags,
        });
    }
    let mut model = json!({
        "name": name,
        "dimension": dimension,
        "metric": metric,
        "vector_type": "dense",
        "host": host,
        "status": status,
        "spec": spec_of_deployment(&deployment),
        "deletion_protection": protection,
    });
    if let Some(tags) = tags {
        model["tags"] = json!(tags);
    }
    model
}
