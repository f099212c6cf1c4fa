use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Where and on what an index was asked to run, as Pinecone's `deployment` has it.
///
/// A directory of this machine keeps it for those who ask, and heeds none of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deployment_type", rename_all = "lowercase")]
pub enum Deployment {
    /// Serverless: on as many machines as it takes.
    Managed {
        /// Whose cloud: `aws`, `gcp` or `azure`.
        cloud: String,
        /// Where in that cloud.
        region: String,
    },
    /// On machines of its own.
    Pod {
        /// Where they are.
        environment: String,
        /// What they are.
        #[serde(default = "usual_pod")]
        pod_type: String,
        /// How many hold the same.
        #[serde(default = "one")]
        replicas: u64,
        /// On how many it is spread.
        #[serde(default = "one")]
        shards: u64,
    },
    /// In the user's own cloud.
    Byoc {
        /// Where.
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
    /// It from a `spec`, as API versions before 2026-07 have it: `{"serverless": {"cloud": …, "region": …}}`.
    ///
    /// # Errors
    /// What is wrong with the `spec`.
    pub fn from_spec(spec: &Value) -> Result<Self, String> {
        let kinds = [("serverless", "managed"), ("pod", "pod"), ("byoc", "byoc")];
        let named = kinds
            .into_iter()
            .find_map(|(key, kind)| Some((key, kind, spec.get(key)?.as_object()?)));
        let (key, kind, fields) =
            named.ok_or("`spec` has none of `serverless`, `pod` and `byoc`")?;
        let mut tagged = fields.clone();
        tagged.insert("deployment_type".to_owned(), kind.into());
        Self::from_fields(tagged)
            .map_err(|error| format!("`spec.{key}` is not what is expected: {error}"))
    }

    /// It from a `deployment`, as API versions since 2026-07 have it: `{"deployment_type": "managed", …}`.
    ///
    /// # Errors
    /// What is wrong with the `deployment`.
    pub fn from_json(deployment: &Value) -> Result<Self, String> {
        let fields = deployment.as_object().cloned();
        let fields = fields.ok_or("`deployment` is no object")?;
        Self::from_fields(fields)
            .map_err(|error| format!("`deployment` is not what is expected: {error}"))
    }

    /// It from its fields, of which those that are `null` are unset.
    fn from_fields(mut fields: Map<String, Value>) -> serde_json::Result<Self> {
        fields.retain(|_, value| !value.is_null());
        serde_json::from_value(Value::Object(fields))
    }

    /// It as a `spec`.
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
