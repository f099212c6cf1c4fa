use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::uri::Authority;

use crate::connections::Gateway;
use crate::pinecone::data_plane::DataPlane;
use crate::pinecone::index_hosts::IndexHosts;
use crate::pinecone::public_host::PublicHost;
use crate::workspace::{HasWorkspace, Scope, Workspace};

/// The state of the control plane.
#[derive(Debug)]
pub(crate) struct ControlState {
    pub(crate) gateway: Arc<Gateway>,
    workspace: Arc<Workspace>,
    pub(crate) hosts: IndexHosts,
    pub(crate) public_host: Option<PublicHost>,
}

impl ControlState {
    /// The state of a server whose indexes are served at `ip`.
    pub(crate) fn new(
        gateway: &Arc<Gateway>,
        workspace: &Arc<Workspace>,
        ip: IpAddr,
        public_host: Option<PublicHost>,
    ) -> Self {
        Self {
            gateway: Arc::clone(gateway),
            workspace: Arc::clone(workspace),
            hosts: IndexHosts::new(DataPlane::new(gateway, workspace), ip),
            public_host,
        }
    }

    /// The unlimited scope of the server itself.
    pub(crate) fn unbounded(&self) -> Scope {
        self.workspace.unbounded()
    }

    /// The host of an index at `address`, for a client that reached the server as `asked`. If the server listens on all
    /// addresses, the host has the name that the client used.
    pub(crate) fn host(
        &self,
        index: &str,
        address: SocketAddr,
        asked: Option<&Authority>,
    ) -> String {
        if let Some(public) = &self.public_host {
            return public.url(index);
        }
        let scheme = self.gateway.scheme();
        match asked.filter(|_| address.ip().is_unspecified()) {
            Some(asked) => format!("{scheme}://{}:{}", asked.host(), address.port()),
            None => format!("{scheme}://{address}"),
        }
    }
}

impl HasWorkspace for Arc<ControlState> {
    fn workspace(&self) -> &Arc<Workspace> {
        &self.workspace
    }
}
