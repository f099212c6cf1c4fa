use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::uri::Authority;
use index::EngineKind;
use search::{CollectionInfo, Store, is_of_collections};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::connections::admission::Gate;
use crate::connections::keys::Keys;
use crate::connections::limits::Limits;
use crate::connections::log::Log;
use crate::connections::metrics::Metrics;
use crate::connections::tls::Tls;
use crate::models::Models;
use crate::pinecone::api_error::ApiError;
use crate::pinecone::control_plane::public_host::PublicHost;
use crate::pinecone::data_plane::write_numbers::WriteNumbers;
use crate::pinecone::hosts::Hosts;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) hosts: Hosts,
    pub(crate) limits: Limits,
    pub(crate) gate: Gate,
    pub(crate) metrics: Metrics,
    pub(crate) log: Option<Log>,
    pub(crate) models: Models,
    pub(crate) public_host: Option<PublicHost>,
    pub(crate) tls: Option<Tls>,
    /// Whether the end was said.
    pub(crate) ended: watch::Sender<bool>,
    pub(crate) write_numbers: WriteNumbers,
}

impl State {
    /// Runs what reads or computes, when it is its turn, apart from what serves.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = self.gate.turn_to_read().await;
        self.look_in_turn(turn, work).await
    }

    /// Runs what embeds, when it is its turn: one at a time.
    pub(crate) async fn embed<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = self.gate.turn_to_embed().await;
        self.look_in_turn(turn, work).await
    }

    /// Runs what changes the store, when it is its turn: one at a time.
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = self.gate.turn_to_change().await;
        self.look_in_turn(turn, work).await
    }

    /// The turn is over when the work is, also if nobody waits for it any more.
    async fn look_in_turn<T: Send + 'static>(
        self: &Arc<Self>,
        turn: Option<OwnedSemaphorePermit>,
        work: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let work = move |state: &Self| {
            let _turn = turn;
            work(state)
        };
        self.look(work).await
    }

    /// Runs what waits for the disk, at once, apart from what serves.
    pub(crate) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let state = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&state)).await;
        done.unwrap_or_else(|_| Err(ApiError::bug()))
    }

    pub(crate) fn scheme(&self) -> &'static str {
        match self.tls {
            Some(_) => "https",
            None => "http",
        }
    }

    /// How the host of an index at `address` is named to a client that asked for `asked`. An address that stands
    /// for all of a machine's leads nowhere: then it is the one that the client knows the server by.
    pub(crate) fn host(
        &self,
        index: &str,
        address: SocketAddr,
        asked: Option<&Authority>,
    ) -> String {
        if let Some(public) = &self.public_host {
            return public.url(index);
        }
        let scheme = self.scheme();
        match asked.filter(|_| address.ip().is_unspecified()) {
            Some(asked) => format!("{scheme}://{}:{}", asked.host(), address.port()),
            None => format!("{scheme}://{address}"),
        }
    }

    /// Learns of the end.
    pub(crate) fn ending(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    pub(crate) fn is_ending(&self) -> bool {
        *self.ended.borrow()
    }

    /// The collection whose index this is, if it is one's.
    pub(crate) fn collection_of(&self, index: &str) -> Result<Option<CollectionInfo>, ApiError> {
        let is_its =
            |info: &CollectionInfo| info.name == index && info.engine == EngineKind::Embedded;
        Ok(self.store.collections()?.into_iter().find(is_its))
    }

    /// Refuses to change what is a collection's, which the collection alone changes: its index, or a namespace of it.
    pub(crate) fn check_changeable(
        &self,
        index: &str,
        namespace: Option<&str>,
    ) -> Result<(), ApiError> {
        let is_its = namespace.is_none_or(is_of_collections);
        match is_its && self.collection_of(index)?.is_some() {
            true => Err(ApiError::forbidden(format!(
                "index `{index}` is a collection's: `clipseek add` changes its pictures and captions, and `clipseek \
                 collection delete {index}` deletes it; other namespaces of it can be changed here"
            ))),
            false => Ok(()),
        }
    }
}
