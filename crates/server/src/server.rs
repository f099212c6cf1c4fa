use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use clipseek::{Clipseek, Device, MINI};
use search::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_service::Service;

use crate::api::{self, ApiState};
use crate::connections::{Gateway, GatewayOptions, Keys, Limits, Log, Origin, Tls, listen, serve};
use crate::error::ServerError;
use crate::openai;
use crate::page;
use crate::pinecone::{self, ControlState, PublicHost};
use crate::workspace::{HasWorkspace, Workspace};

/// The options of a [`Server`].
#[derive(Debug)]
pub struct ServerOptions {
    /// The address of the control plane; port 0 means any free one.
    pub address: SocketAddr,
    /// The API keys. Without keys, every client has full access.
    pub keys: Keys,
    /// The limits of requests and connections.
    pub limits: Limits,
    /// The certificate and key for TLS; `None` for plain HTTP.
    pub tls: Option<Tls>,
    /// The log of requests; `None` to log nothing.
    pub log: Option<Log>,
    /// Other sites whose pages may use the JSON API.
    pub origins: Vec<Origin>,
    /// The public host names of indexes, if they are not reached by port.
    pub public_host: Option<PublicHost>,
    /// Whether to serve only the page and its API, without Pinecone's API and the ports of indexes.
    pub only_page: bool,
    /// The device for models; `None` for the fastest available.
    pub device: Option<Device>,
}

impl ServerOptions {
    /// Options with the default limits, without TLS and log.
    pub fn new(address: SocketAddr, keys: Keys) -> Self {
        Self {
            address,
            keys,
            limits: Limits::default(),
            tls: None,
            log: None,
            origins: Vec::new(),
            public_host: None,
            only_page: false,
            device: None,
        }
    }
}

/// A listening server.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    gateway: Arc<Gateway>,
    control: Arc<ControlState>,
    api: Arc<ApiState>,
    displaced: Vec<Displaced>,
    only_page: bool,
}

/// An index that is not at its own port, because the port is in use.
#[derive(Clone, Debug)]
pub struct Displaced {
    /// The index.
    pub name: String,
    /// Its own port.
    pub own: u16,
    /// Its current address.
    pub address: SocketAddr,
}

impl Server {
    /// Listens on the port of the control plane and on those of all indexes.
    ///
    /// # Errors
    /// [`ServerError`]
    pub async fn bind(clipseek: Clipseek, options: ServerOptions) -> Result<Self, ServerError> {
        let ServerOptions {
            address,
            keys,
            limits,
            tls,
            log,
            origins,
            public_host,
            only_page,
            device,
        } = options;
        if !address.ip().is_loopback() && keys.is_empty() {
            return Err(ServerError::Open { address });
        }
        if device.is_some() {
            // Report a missing device now, not at the first request.
            clipseek.models().load_cached(MINI, device)?;
        }
        let failed = |source| ServerError::Listen { address, source };
        let listener = listen(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let gateway = Arc::new(Gateway::new(GatewayOptions {
            keys,
            limits,
            tls,
            log,
            origins,
            is_behind_proxy: public_host.is_some(),
        }));
        let store = Arc::clone(clipseek.store()?);
        tidy(&store)?;
        let workspace = Arc::new(Workspace::new(clipseek, device)?);
        let control = ControlState::new(&gateway, &workspace, address.ip(), public_host);
        let displaced = if only_page {
            Vec::new()
        } else {
            displaced(&store, &control).await?
        };
        let api = Arc::new(ApiState::new(&gateway, &workspace, store.directory()));
        Ok(Self {
            listener,
            address,
            gateway,
            control: Arc::new(control),
            api,
            displaced,
            only_page,
        })
    }

    /// The address of the control plane.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The indexes that are not at their own ports.
    pub fn displaced(&self) -> &[Displaced] {
        &self.displaced
    }

    /// The URL of the control plane.
    pub fn url(&self) -> String {
        let scheme = self.gateway.scheme();
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `end`, then waits for requests in progress within the grace period.
    ///
    /// # Errors
    /// [`ServerError::Listen`] when it cannot continue.
    pub async fn run(self, end: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
        let Self {
            listener,
            gateway,
            control,
            api,
            only_page,
            ..
        } = self;
        let pinecone = if only_page {
            api::nothing()
        } else {
            pinecone::router(&control)
        };
        let routers = Routers {
            api: api::router(&api),
            openai: openai::router(&api),
            page: page::router(&api),
            pinecone,
        };
        let router =
            Router::new().fallback(move |request: Request| routers.clone().answer(request));
        let workspace = Arc::clone(api.workspace());
        let warming = tokio::spawn(async move { workspace.warm_up().await });
        let never = watch::Sender::new(false);
        let served = serve(Arc::clone(&gateway), listener, router, never.subscribe());
        let ends = async {
            end.await;
            gateway.shut_down();
            tokio::time::sleep(gateway.limits.grace).await;
        };
        let all = async {
            served.await;
            control.hosts.close_all().await;
        };
        // A request that is not answered in time is dropped with its connection.
        tokio::select! {
            () = all => {}
            () = ends => control.hosts.drop_all().await,
        }
        warming.abort();
        Ok(())
    }
}

/// The routers at the server's own address.
#[derive(Clone)]
struct Routers {
    api: Router,
    openai: Router,
    page: Router,
    /// The router for all other paths.
    pinecone: Router,
}

impl Routers {
    async fn answer(self, request: Request) -> Result<Response, Infallible> {
        let path = request.uri().path();
        let mut router = if api::has(path) {
            self.api
        } else if openai::has(path) {
            self.openai
        } else if page::has(path) {
            self.page
        } else {
            self.pinecone
        };
        router.call(request).await
    }
}

/// Finishes interrupted deletions, unless the store is read-only.
fn tidy(store: &Store) -> clipseek::Result<()> {
    match store.remove_uploads_of_deleted() {
        Ok(_) | Err(search::Error::RemoveUpload { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Listens on the ports of all indexes. Returns the indexes that are not at their own ports.
async fn displaced(store: &Store, control: &ControlState) -> Result<Vec<Displaced>, ServerError> {
    let mut displaced = Vec::new();
    for index in store.engine().list_indexes()? {
        let address = control.hosts.address(&index.name).await?;
        let own = store.engine().settings(&index.name)?.port;
        if let Some(own) = own.filter(|own| *own != address.port()) {
            let name = index.name;
            displaced.push(Displaced { name, own, address });
        }
    }
    Ok(displaced)
}
