//! The options that choose where vectors are stored.

use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use index::{Deployment, Engine, EngineKind};
use search::{Placement, Store};

use crate::error::Error;
use crate::terminal::message;

/// The choice of an engine.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct EngineArguments {
    /// Store vectors on this machine (embedded) or at Pinecone
    ///
    /// Pinecone needs an API key in PINECONE_API_KEY. The default is embedded.
    #[arg(long, global = true, value_name = "ENGINE", value_parser = kinds())]
    pub(crate) engine: Option<EngineKind>,
}

fn kinds() -> impl TypedValueParser<Value = EngineKind> {
    let names = EngineKind::ALL.map(EngineKind::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<EngineKind>())
}

/// Says that new vectors may not be searchable yet.
pub(crate) fn note_delay() {
    message!("note: everything is stored, but searches at Pinecone may not find all of it yet");
}

impl EngineArguments {
    pub(crate) fn kind(self) -> EngineKind {
        self.engine.unwrap_or_default()
    }

    /// The engine.
    pub(crate) fn of(self, store: &Store) -> Result<Engine> {
        Ok(store.engine_of(self.kind())?)
    }
}

/// The options for a new index at Pinecone.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Options for a new index at Pinecone")]
pub(crate) struct DeploymentArguments {
    /// Create a serverless index in this cloud: aws, gcp or azure [default: aws]
    #[arg(
        long,
        value_name = "CLOUD",
        requires = "region",
        hide_short_help = true
    )]
    cloud: Option<String>,

    /// Create it in this region of the cloud [default: us-east-1]
    #[arg(
        long,
        value_name = "REGION",
        conflicts_with = "environment",
        hide_short_help = true
    )]
    region: Option<String>,

    /// Create a pod-based index in this environment
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    environment: Option<String>,

    /// Use this type of pod
    #[arg(
        long,
        value_name = "TYPE",
        default_value = "p1.x1",
        requires = "environment",
        hide_short_help = true
    )]
    pod_type: String,

    /// Create this many replicas
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        requires = "environment",
        hide_short_help = true
    )]
    replicas: u64,

    /// Split the index into this many shards
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        requires = "environment",
        hide_short_help = true
    )]
    shards: u64,
}

impl DeploymentArguments {
    pub(crate) fn deployment(&self) -> Option<Deployment> {
        let pod = self
            .environment
            .as_ref()
            .map(|environment| Deployment::Pod {
                environment: environment.clone(),
                pod_type: self.pod_type.clone(),
                replicas: self.replicas,
                shards: self.shards,
            });
        let serverless = || {
            Some(Deployment::Managed {
                cloud: self.cloud.clone().unwrap_or_else(|| "aws".to_owned()),
                region: self.region.clone()?,
            })
        };
        pod.or_else(serverless)
    }

    /// Refuses the options of Pinecone with another engine.
    pub(crate) fn check(&self, engine: EngineArguments) -> Result<(), Error> {
        if self.deployment().is_some() && engine.kind() != EngineKind::Pinecone {
            return Err(Error::NoDeployment);
        }
        Ok(())
    }

    /// Where to store the vectors of a new collection.
    pub(crate) fn placement(&self, engine: EngineArguments) -> Placement {
        Placement {
            engine: engine.engine,
            deployment: self.deployment(),
        }
    }
}
