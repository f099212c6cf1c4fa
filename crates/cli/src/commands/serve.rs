use std::fs::File;
use std::io::{IsTerminal, Read, stderr};
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use clipseek::Clipseek;
use server::{Displaced, Keys, Limits, Log, Origin, PublicHost, Server, ServerOptions, Tls};

use crate::environment;
use crate::exit::Outcome;
use crate::model_arguments::DeviceChoice;
use crate::terminal::message;

/// How long unfinished work may delay the end of the process.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Serve the search page, a JSON API and Pinecone's API over HTTP
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  clipseek serve
  clipseek serve --bind 0.0.0.0:443 --keys keys --tls-cert tls.crt --tls-key tls.key")]
#[command(after_long_help = "Examples:
  clipseek serve
  CLIPSEEK_API_KEYS=KEY clipseek serve --bind 0.0.0.0:8080
  clipseek serve --bind 0.0.0.0:443 --keys keys --tls-cert tls.crt --tls-key tls.key

Endpoints:
  /               the search page
  /api/v1         the JSON API (see docs/api.md)
  /predict        embeddings for Immich's smart search
  /v1/embeddings  embeddings for OpenAI clients
  /healthz        200 while the process runs; needs no key
  /readyz         200 once the store and its models are loaded; needs no key
  /metrics        metrics for Prometheus; needs a key if there are keys

  /readyz does not wait for models that would have to be downloaded.

Pinecone's API:
  Pinecone clients use the address as control plane: set PINECONE_CONTROLLER_HOST=http://127.0.0.1:8080. Each index has its own port, which stays the same and must be \
reachable; --public-host serves all indexes at the address instead.

  Collections are indexes too: their pictures are in the namespace `images`, their captions in `captions`. Clients can \
search them, also with words and pictures (`/records/namespaces/images/search`), but not change them.

API keys:
  Without keys, any key is accepted, and only addresses of this machine can be listened on. CLIPSEEK_API_KEYS and \
CLIPSEEK_READ_ONLY_KEYS hold keys separated by commas. Each line of the --keys file has a key and its permissions:

  # the shop's page, a photographer, an administrator
  w4X9… read collections=shop columns=image,brand,'price in euros'
  zp0q… collections=shop,drafts
  k77f…

  read          forbids changes
  collections=  hides all other collections and indexes
  columns=      hides all other metadata columns and forbids filters on them

Browsers:
  Pages of other sites cannot use the JSON API unless --allow-origin names their origin; Pinecone's API is never \
open to them. A key in a page is known to all its visitors: make it read-only.

Stopping:
  Ctrl-C or SIGTERM stops the server once all requests are answered; a second one stops it at once.")]
pub(crate) struct Arguments {
    /// Listen on this address
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    bind: SocketAddr,

    /// Read the TLS certificate chain from this PEM file
    ///
    /// The server's own certificate comes first, then the intermediate ones.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Read the TLS private key from this PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Read API keys and their permissions from this file
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    /// Set the public host name of indexes behind a proxy
    ///
    /// For example https://{index}.example.com. All indexes are then served at the address of --bind.
    #[arg(long, value_name = "HOST")]
    public_host: Option<PublicHost>,

    /// Let pages of this origin use the JSON API; may be repeated
    ///
    /// For example https://shop.example.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    allowed_origins: Vec<Origin>,

    /// Limit requests per second for each key
    ///
    /// Without keys, all clients share the limit. Excess requests get 429 with Retry-After.
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,

    /// Process at most this many requests at a time
    ///
    /// Excess requests get 503 with Retry-After.
    #[arg(long, value_name = "N", default_value = "128", value_parser = positive())]
    at_once: u32,

    /// Accept at most this many connections on all ports together
    #[arg(long, value_name = "N", default_value = "1000", value_parser = positive())]
    connections: u32,

    /// Set the timeout for a request, including its body
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = positive())]
    time_limit: u32,

    /// Compute on this device
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,

    /// Compute with this many threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = positive())]
    threads: Option<u32>,

    /// Wait this long for running requests when stopping
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    grace: u32,

    /// Log requests to standard error as JSON lines
    ///
    /// `auto` logs unless standard error is a terminal.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    log: Logging,
}

/// Whether requests are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Logging {
    Auto,
    Json,
    Off,
}

/// Parses an address; host names such as `localhost` are resolved.
fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    found.ok_or_else(|| {
        "expected an address or host name with a port, such as 127.0.0.1:8080".to_owned()
    })
}

fn positive() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

pub(crate) fn run(arguments: &Arguments, clipseek: Clipseek) -> Result<Outcome> {
    let options = arguments.options()?;
    if let Some(threads) = arguments.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads as usize);
        pool.build_global().context("could not start threads")?;
    }
    serve(options, clipseek, |server| {
        message!(
            "serving at {url}; open it in a browser to search; press Ctrl-C to stop",
            url = server.url()
        );
        for Displaced { name, own, address } in server.displaced() {
            message!(
                "note: port {own} of index {name} is in use; serving it at {address} this time"
            );
        }
    })
}

/// Serves until it is asked to stop. Calls `say` once the server listens.
pub(super) fn serve(
    options: ServerOptions,
    clipseek: Clipseek,
    say: impl FnOnce(&Server),
) -> Result<Outcome> {
    raise_open_file_limit();
    let runtime = tokio::runtime::Runtime::new().context("could not start threads")?;
    let served = runtime.block_on(async {
        let server = Server::bind(clipseek, options).await?;
        let end = asked_to_end();
        say(&server);
        server.run(end).await.map_err(anyhow::Error::from)
    });
    runtime.shutdown_timeout(LAST_WORK);
    served.map(|()| Outcome::Done)
}

impl Arguments {
    fn options(&self) -> Result<ServerOptions> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificates), Some(key)) => Some(Tls::read(certificates, key)?),
            _ => None,
        };
        let logged = match self.log {
            Logging::Auto => !stderr().is_terminal(),
            Logging::Json => true,
            Logging::Off => false,
        };
        let log = logged.then(|| Log::to(stderr())).transpose();
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Ok(ServerOptions {
            limits: Limits {
                time: seconds(self.time_limit),
                at_once: self.at_once as usize,
                connections: self.connections as usize,
                rate: self.rate,
                grace: seconds(self.grace),
                ..Limits::default()
            },
            tls,
            log: log.context("could not start threads")?,
            origins: self.allowed_origins.clone(),
            public_host: self.public_host.clone(),
            device: self.device.device(),
            ..ServerOptions::new(self.bind, self.keys()?)
        })
    }

    /// The keys from the environment and the file.
    fn keys(&self) -> Result<Keys> {
        let keys = keys_of(environment::API_KEYS)?
            .into_iter()
            .collect::<Keys>();
        let keys = keys.with_read_only(keys_of(environment::READ_ONLY_KEYS)?);
        let Some(path) = &self.keys else {
            return Ok(keys);
        };
        let failed = || format!("could not read API keys from `{}`", path.display());
        let list = read_keys(path).with_context(failed)?;
        keys.with_list(&list).with_context(failed)
    }
}

/// The size limit of the key file, in bytes.
const LARGEST_LIST: u64 = 1 << 20;

fn read_keys(path: &Path) -> Result<String> {
    let mut list = String::new();
    let file = File::open(path)?;
    file.take(LARGEST_LIST + 1).read_to_string(&mut list)?;
    if list.len() as u64 > LARGEST_LIST {
        bail!("the file is larger than {LARGEST_LIST} bytes");
    }
    Ok(list)
}

/// The keys in a variable. Refuses one that is set but has no keys: the mistake would open the server to all.
fn keys_of(variable: &str) -> Result<Vec<String>> {
    let text = environment::text(variable).unwrap_or_default();
    let keys = text.split(',').map(|key| key.trim().to_owned());
    let keys: Vec<_> = keys.filter(|key| !key.is_empty()).collect();
    if keys.is_empty() && !text.is_empty() {
        bail!("{variable} is set but has no keys");
    }
    Ok(keys)
}

/// Raises the limit of open files to the maximum: each connection is an open file, and the default is low on many systems.
fn raise_open_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        // Some systems report a higher limit than they allow; then it stays unchanged.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

/// Handles Ctrl-C and SIGTERM from now on. The future completes at the first; a second one ends the process at once.
fn asked_to_end() -> impl Future<Output = ()> + Send {
    let (asked, end) = tokio::sync::oneshot::channel();
    let mut signals = Signals::listen();
    tokio::spawn(async move {
        signals.next().await;
        let _ = asked.send(());
        signals.next().await;
        process::exit(130);
    });
    async {
        let _ = end.await;
    }
}

/// The signals that ask the process to end.
struct Signals {
    #[cfg(unix)]
    terminated: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    interrupted: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        // Without handlers the signals end the process.
        Self {
            terminated: signal(SignalKind::terminate()).ok(),
            interrupted: signal(SignalKind::interrupt()).ok(),
        }
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        async fn of(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = of(&mut self.terminated) => {}
            () = of(&mut self.interrupted) => {}
        }
    }

    #[cfg(not(unix))]
    fn listen() -> Self {
        Self {}
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
