//! Where vectors are: the options that say so.

use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use index::{Deployment, Engine, EngineKind};
use search::{Placement, Store};

use crate::error::Error;
use crate::terminal::message;

/// Which engine.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct EngineArguments {
    /// Where the vectors are: embedded, on this machine, or pinecone, which PINECONE_API_KEY opens
    #[arg(long, global = true, value_name = "ENGINE", value_parser = kinds())]
    pub(crate) engine: Option<EngineKind>,
}

fn kinds() -> impl TypedValueParser<Value = EngineKind> {
    let names = EngineKind::ALL.map(EngineKind::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<EngineKind>())
}

/// What an engine keeps, it may not find yet.
pub(crate) fn tell_of_late() {
    message!("note: all of it is kept; Pinecone may not find all of it for some time yet");
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

/// Where in Pinecone's clouds a new index is.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Where a new index of Pinecone is")]
pub(crate) struct DeploymentArguments {
    /// Serverless, in this cloud: aws, gcp or azure [default: aws]
    #[arg(long, value_name = "CLOUD", requires = "region")]
    cloud: Option<String>,

    /// The region of the cloud [default: us-east-1]
    #[arg(long, value_name = "REGION", conflicts_with = "environment")]
    region: Option<String>,

    /// On pods, in this environment
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,

    /// What pods they are
    #[arg(
        long,
        value_name = "TYPE",
        default_value = "p1.x1",
        requires = "environment"
    )]
    pod_type: String,

    /// How many pods hold the same
    #[arg(long, value_name = "N", default_value_t = 1, requires = "environment")]
    replicas: u64,

    /// On how many pods it is spread
    #[arg(long, value_name = "N", default_value_t = 1, requires = "environment")]
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

    /// Refuses what no other engine than Pinecone heeds.
    pub(crate) fn check(&self, engine: EngineArguments) -> Result<(), Error> {
        if self.deployment().is_some() && engine.kind() != EngineKind::Pinecone {
            return Err(Error::NoDeployment);
        }
        Ok(())
    }

    /// Where the vectors of a new collection go.
    pub(crate) fn placement(&self, engine: EngineArguments) -> Placement {
        Placement {
            engine: engine.engine,
            deployment: self.deployment(),
        }
    }
}
