//! The client for Pinecone, over REST (<https://docs.pinecone.io/reference/api/2025-10>).

mod client;
mod index;
mod settings;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

use self::client::{Client, PAUSE, Request};
pub use self::index::PineconeIndex;
pub use self::settings::{ApiKey, CONTROLLER_VARIABLE, KEY_VARIABLE, OnRetry, PineconeSettings};
use crate::limits::check_index_name;
use crate::wire::{DeletionProtection, IndexList, IndexModel};
use crate::{Deployment, Error, IndexDescription, IndexSettings, IndexSpec, Result};

/// Pinecone's cloud, or another server with its API.
///
/// Writes are eventually consistent, according to Pinecone usually within seconds. A search right after a
/// write may not see it; [`Index::settle`](crate::Index::settle) waits until it does.
#[derive(Debug, Clone)]
pub struct Pinecone {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    runtime: Runtime,
}

impl Pinecone {
    /// A client with these `settings`. Sends no request yet.
    ///
    /// # Errors
    /// `NoKey` or `InvalidHost` if the settings have no key or no valid address; `Client` if the HTTP client
    /// can't be set up.
    pub fn new(settings: PineconeSettings) -> Result<Self> {
        let client = Client::new(settings)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("pinecone")
            .enable_all()
            .build()
            .map_err(|source| Error::Client {
                source: source.into(),
            })?;
        Ok(Self {
            shared: Arc::new(Shared { client, runtime }),
        })
    }

    fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Blocks until `work` is done.
    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.shared.runtime.block_on(work)
    }

    fn request(&self, method: Method, path: &[&str]) -> Request {
        Request::new(method, self.client().controller(), path)
    }

    /// See [`Engine::create_index`](crate::Engine::create_index). The default deployment is serverless, in a
    /// region that every plan offers.
    pub(crate) fn create_index(&self, spec: &IndexSpec, settings: &IndexSettings) -> Result<()> {
        spec.check()?;
        let usual = || Deployment::Managed {
            cloud: "aws".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let deployment = settings.deployment.clone().unwrap_or_else(usual);
        let mut body = json!({
            "name": spec.name,
            "metric": spec.metric,
            "spec": deployment.to_spec(),
            "deletion_protection": DeletionProtection::from(settings.deletion_protection),
        });
        match spec.dimension {
            0 => body["vector_type"] = "sparse".into(),
            dimension => body["dimension"] = dimension.into(),
        }
        if !settings.tags.is_empty() {
            body["tags"] = json!(settings.tags);
        }
        let request = self.request(Method::POST, &["indexes"]).body(bytes(&body));
        self.wait(async {
            let created = self.client().send(&request).await;
            created.map_err(|error| match &error {
                Error::Refused { status: 409, .. } => Error::IndexExists {
                    name: spec.name.clone(),
                },
                _ => error,
            })?;
            self.ready(&spec.name).await.map(drop)
        })
    }

    pub(crate) fn list_indexes(&self) -> Result<Vec<IndexDescription>> {
        let request = self.request(Method::GET, &["indexes"]);
        let list: IndexList = self.wait(self.client().ask(&request))?;
        let mut indexes: Vec<_> = list.indexes.into_iter().map(describe).collect();
        indexes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(indexes)
    }

    pub(crate) fn describe_index(&self, name: &str) -> Result<IndexDescription> {
        self.wait(self.model(name)).map(describe)
    }

    pub(crate) fn settings(&self, name: &str) -> Result<IndexSettings> {
        self.wait(self.model(name)).map(settings_of)
    }

    pub(crate) fn configure_index(
        &self,
        name: &str,
        change: impl FnOnce(&mut IndexSettings),
    ) -> Result<IndexSettings> {
        let old = self.settings(name)?;
        let mut new = old.clone();
        change(&mut new);
        let changes = changes(&old, &new);
        if changes.is_empty() {
            return Ok(old);
        }
        let request = self.request(Method::PATCH, &["indexes", name]);
        let request = request.body(bytes(&Value::Object(changes)));
        self.wait(self.client().send(&request))
            .map_err(|error| not_found(error, name))?;
        self.settings(name)
    }

    pub(crate) fn drop_index(&self, name: &str) -> Result<()> {
        check_known(name)?;
        let request = self.request(Method::DELETE, &["indexes", name]);
        let dropped = self.wait(self.client().send(&request));
        match dropped {
            Err(Error::Refused { status: 403, .. }) if self.is_protected(name) => {
                Err(Error::DeletionProtected {
                    name: name.to_owned(),
                })
            }
            Err(error) => Err(not_found(error, name)),
            Ok(_) => Ok(()),
        }
    }

    fn is_protected(&self, name: &str) -> bool {
        let settings = self.settings(name);
        settings.is_ok_and(|settings| settings.deletion_protection)
    }

    pub(crate) fn index(&self, name: &str) -> Result<PineconeIndex> {
        let model = self.wait(self.ready(name))?;
        PineconeIndex::new(self.clone(), model)
    }

    async fn model(&self, name: &str) -> Result<IndexModel> {
        check_known(name)?;
        let request = self.request(Method::GET, &["indexes", name]);
        let model = self.client().ask(&request).await;
        model.map_err(|error| not_found(error, name))
    }

    /// Waits until an index is ready.
    async fn ready(&self, name: &str) -> Result<IndexModel> {
        let limit = self.client().settings().ready_limit;
        let began = Instant::now();
        loop {
            let model = self.model(name).await?;
            if model.status.ready {
                return Ok(model);
            }
            if began.elapsed() >= limit {
                return Err(Error::NotReady {
                    name: name.to_owned(),
                    seconds: limit.as_secs(),
                    state: model.status.state,
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn bytes(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

/// Checks the name of an index to look up. An invalid name can't exist, and never becomes part of a URL.
fn check_known(name: &str) -> Result<()> {
    check_index_name(name).map_err(|_| Error::IndexNotFound {
        name: name.to_owned(),
    })
}

fn not_found(error: Error, name: &str) -> Error {
    match error {
        Error::Refused { status: 404, .. } => Error::IndexNotFound {
            name: name.to_owned(),
        },
        error => error,
    }
}

fn describe(model: IndexModel) -> IndexDescription {
    IndexDescription {
        name: model.name,
        dimension: model.dimension.unwrap_or_default(),
        metric: model.metric,
        vector_count: None,
        host: Some(model.host),
        state: Some(model.status.state),
    }
}

fn settings_of(model: IndexModel) -> IndexSettings {
    IndexSettings {
        deletion_protection: model.deletion_protection == DeletionProtection::Enabled,
        tags: model.tags.unwrap_or_default(),
        // An unknown kind of deployment is left out.
        deployment: Deployment::from_spec(&model.spec).ok(),
        ..IndexSettings::default()
    }
}

/// The body that changes `old` to `new`. An empty text deletes a tag.
fn changes(old: &IndexSettings, new: &IndexSettings) -> Map<String, Value> {
    let mut changes = Map::new();
    if old.deletion_protection != new.deletion_protection {
        let protection = DeletionProtection::from(new.deletion_protection);
        changes.insert("deletion_protection".to_owned(), json!(protection));
    }
    if old.tags != new.tags {
        let gone = old.tags.keys().filter(|name| !new.tags.contains_key(*name));
        let mut tags = new.tags.clone();
        tags.extend(gone.map(|name| (name.clone(), String::new())));
        changes.insert("tags".to_owned(), json!(tags));
    }
    if old.deployment != new.deployment
        && let Some(Deployment::Pod {
            pod_type, replicas, ..
        }) = &new.deployment
    {
        let pod = json!({"pod": {"pod_type": pod_type, "replicas": replicas}});
        changes.insert("spec".to_owned(), pod);
    }
    changes
}
