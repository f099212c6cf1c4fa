use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The requested deployment of an index, as Pinecone's `deployment`.
///
/// The embedded engine stores it for clients but ignores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deployment_type", rename_all = "lowercase")]
pub enum Deployment {
    /// Serverless.
    Managed {
        /// The cloud provider: `aws`, `gcp` or `azure`.
        cloud: String,
        /// The provider's region.
        region: String,
    },
    /// On dedicated machines.
    Pod {
        /// The environment of the machines.
        environment: String,
        /// The type of the machines.
        #[serde(default = "usual_pod")]
        pod_type: String,
        /// The number of replicas.
        #[serde(default = "one")]
        replicas: u64,
        /// The number of shards.
        #[serde(default = "one")]
        shards: u64,
    },
    /// In the user's own cloud.
    Byoc {
        /// The environment in that cloud.
        environment: String,
    },
}

fn usual_pod() -> String {
    "p1.x1".to_owned()
}

fn one() -> u64 {
    1
}

impl Deployment {
    /// Parses a `spec`, as in API versions before 2026-07: `{"serverless": {"cloud": …, "region": …}}`.
    ///
    /// # Errors
    /// What is wrong with the `spec`.
    pub fn from_spec(spec: &Value) -> Result<Self, String> {
        let kinds = [("serverless", "managed"), ("pod", "pod"), ("byoc", "byoc")];
        let named = kinds
            .into_iter()
            .find_map(|(key, kind)| Some((key, kind, spec.get(key)?.as_object()?)));
        let (key, kind, fields) = named.ok_or("`spec` lacks `serverless`, `pod` or `byoc`")?;
        let mut tagged = fields.clone();
        tagged.insert("deployment_type".to_owned(), kind.into());
        Self::from_fields(tagged).map_err(|error| format!("invalid `spec.{key}`: {error}"))
    }

    /// Parses a `deployment`, as in API versions since 2026-07: `{"deployment_type": "managed", …}`.
    ///
    /// # Errors
    /// What is wrong with the `deployment`.
    pub fn from_json(deployment: &Value) -> Result<Self, String> {
        let fields = deployment.as_object().cloned();
        let fields = fields.ok_or("`deployment` is not an object")?;
        Self::from_fields(fields).map_err(|error| format!("invalid `deployment`: {error}"))
    }

    /// Parses the fields. `null` stands for an unset field.
    fn from_fields(mut fields: Map<String, Value>) -> serde_json::Result<Self> {
        fields.retain(|_, value| !value.is_null());
        serde_json::from_value(Value::Object(fields))
    }

    /// The deployment as a `spec`.
    pub fn to_spec(&self) -> Value {
        match self {
            Self::Managed { cloud, region } => {
                json!({"serverless": {"cloud": cloud, "region": region}})
            }
            Self::Pod {
                environment,
                pod_type,
                replicas,
                shards,
            } => json!({"pod": {
                "environment": environment,
                "pod_type": pod_type,
                "replicas": replicas,
                "shards": shards,
                "pods": replicas.saturating_mul(*shards),
            }}),
            Self::Byoc { environment } => json!({"byoc": {"environment": environment}}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_a_deployment() {
        let pod = json!({"pod": {"environment": "us-west1-gcp", "replicas": 2}});
        let pod = Deployment::from_spec(&pod).unwrap();
        assert_eq!(json!(pod)["deployment_type"], "pod");
        assert_eq!(pod.to_spec()["pod"]["pod_type"], "p1.x1");
        assert_eq!(pod.to_spec()["pod"]["pods"], 2);
        assert_eq!(Deployment::from_spec(&pod.to_spec()), Ok(pod));
        let nulls =
            json!({"pod": {"environment": "e", "pod_type": null, "shards": null}, "byoc": null});
        let nulls = Deployment::from_spec(&nulls).unwrap();
        assert_eq!(Deployment::from_json(&json!(nulls)), Ok(nulls));
        assert!(Deployment::from_spec(&json!({"serverless": {"cloud": "aws"}})).is_err());
        assert!(Deployment::from_spec(&json!({"cluster": {}})).is_err());
    }
}
