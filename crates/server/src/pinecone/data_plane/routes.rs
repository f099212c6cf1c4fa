use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use index::EmbeddedIndex;

use super::operations::Served;
use super::write_numbers::{self, WriteNumbers};
use super::{grpc, records, vectors};
use crate::connections::{Gateway, guard};
use crate::pinecone::api::API;
use crate::pinecone::route;
use crate::route::Route;
use crate::workspace::{Scope, Workspace};

/// The state that the data planes of all indexes share.
#[derive(Clone, Debug)]
pub(crate) struct DataPlane {
    pub(crate) gateway: Arc<Gateway>,
    workspace: Arc<Workspace>,
    write_numbers: Arc<WriteNumbers>,
}

pub(crate) fn routes() -> Vec<Route<Served>> {
    vec![
        Route::new(Method::POST, "/vectors/upsert", vectors::upsert),
        Route::new(Method::POST, "/query", vectors::query),
        Route::new(Method::GET, "/vectors/fetch", vectors::fetch),
        Route::new(
            Method::POST,
            "/vectors/fetch_by_metadata",
            vectors::fetch_by_metadata,
        ),
        Route::new(Method::GET, "/vectors/list", vectors::list),
        Route::new(Method::POST, "/vectors/update", vectors::update),
        Route::new(Method::POST, "/vectors/delete", vectors::delete),
        Route::new(Method::GET, "/describe_index_stats", vectors::plain_stats),
        Route::new(Method::POST, "/describe_index_stats", vectors::stats),
        Route::new(Method::GET, "/namespaces", vectors::list_namespaces),
        Route::new(Method::POST, "/namespaces", vectors::create_namespace),
        Route::new(
            Method::GET,
            "/namespaces/{namespace}",
            vectors::describe_namespace,
        ),
        Route::new(
            Method::DELETE,
            "/namespaces/{namespace}",
            vectors::delete_namespace,
        ),
        Route::new(
            Method::POST,
            "/records/namespaces/{namespace}/upsert",
            records::upsert,
        ),
        Route::new(
            Method::POST,
            "/records/namespaces/{namespace}/search",
            records::search,
        ),
        route::refused("/bulk/{*rest}", "imports"),
    ]
}

impl DataPlane {
    pub(crate) fn new(gateway: &Arc<Gateway>, workspace: &Arc<Workspace>) -> Self {
        Self {
            gateway: Arc::clone(gateway),
            workspace: Arc::clone(workspace),
            write_numbers: Arc::default(),
        }
    }

    /// The scope of the server itself.
    pub(crate) fn unbounded(&self) -> Scope {
        self.workspace.unbounded()
    }

    /// The router of an index, for REST and gRPC.
    pub(crate) fn router(&self, index: &EmbeddedIndex) -> Router {
        let served = Served::new(&self.workspace, index);
        let grpc = grpc::router(served.clone());
        let router = route::router(routes()).with_state(served).merge(grpc);
        // Refusals get no number, so that those of missing indexes look the same.
        let router = write_numbers::layer(router, &self.write_numbers);
        guard(router, &self.gateway, API, Some(index.name()))
    }
}
