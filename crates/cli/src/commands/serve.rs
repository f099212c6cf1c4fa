use std::net::SocketAddr;

use anyhow::{Context, Result};
use clap::Args;
use server::{Keys, Server, ServerOptions};

use crate::arguments::StoreArguments;
use crate::environment;
use crate::exit::Outcome;
use crate::terminal::message;

/// Serve the indexes of the store by Pinecone's API
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  clipseek serve
  PINECONE_CONTROLLER_HOST=http://127.0.0.1:8080 PINECONE_API_KEY=any python notebook.py

Pinecone's own clients find the indexes through the control plane, which is at the address; each index has a
port of its own, which it keeps. Collections are indexes, too: their pictures are namespace `images`, their
captions namespace `captions`; through the API they can be searched, not changed.

Without CLIPSEEK_API_KEYS any key is taken, and only an address of this machine can be listened at.
Ctrl-C ends it, once what has been asked is answered.")]
pub(crate) struct Arguments {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
}

pub(crate) fn run(arguments: &Arguments, place: &StoreArguments) -> Result<Outcome> {
    let store = place.open()?;
    let keys = std::env::var(environment::API_KEYS).unwrap_or_default();
    let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty());
    let options = ServerOptions {
        address: arguments.bind,
        keys: keys.collect::<Keys>(),
    };
    let runtime = tokio::runtime::Runtime::new().context("threads could not be started")?;
    runtime.block_on(async {
        let server = Server::bind(store, options).await?;
        message!("serving at http://{}; Ctrl-C to end", server.address());
        server
            .run(asked_to_end())
            .await
            .map_err(anyhow::Error::from)
    })?;
    Ok(Outcome::Done)
}

/// Waits for Ctrl-C, or for what asks a process to end.
async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // Without handlers the system ends the process.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
