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
use crate::models::DeviceChoice;
use crate::terminal::message;

/// How long work that was not done in time may hold up the end of the process.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Serve a page to search on, a JSON API, and Pinecone's API
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  clipseek serve
  PINECONE_CONTROLLER_HOST=http://127.0.0.1:8080 PINECONE_API_KEY=any python notebook.py
  CLIPSEEK_API_KEYS=KEY clipseek serve --bind 0.0.0.0:8080 --tls-cert cert.pem --tls-key key.pem

At the address is a page on which the pictures are searched, and below /api/v1 a JSON API for programs \
(see docs/api.md). Immich's smart search (/predict) and OpenAI's clients (/v1/embeddings) get their embeddings here, too.

Pinecone's own clients find the indexes through the control plane, which is at the address; each index has a \
port of its own, which it keeps, and must be reachable there, unless --public-host says otherwise. Collections are indexes, too: their pictures are namespace `images`, their \
captions namespace `captions`; through the API they can be searched, also with words and pictures, which \
their model embeds (`/records/namespaces/images/search`), not changed.

Without keys, any key is taken, and only an address of this machine can be listened at. The keys of \
CLIPSEEK_READ_ONLY_KEYS change nothing. It and CLIPSEEK_API_KEYS hold keys with commas between. In the file of --keys, \
each line is a key and its bounds:

  # the shop's page, a photographer, and whoever may do everything
  w4X9… read collections=shop columns=image,brand,'price in euros'
  Zp0q… collections=shop,drafts
  k77f…

`read`: it changes nothing. `collections=`: it sees and changes these collections and indexes, and learns of no other. \
`columns=`: of the metadata it sees these columns, and filters by no other.

Pages of other sites can't read answers in their visitors' browsers, unless --allow-origin names them; then they ask \
/api/v1, not Pinecone's API. A key that a page uses is known to all visitors: let it read only.

At the address there are /healthz (the process lives) and /readyz (the store can be read, and the models of its \
collections are loaded, except those that would have to be downloaded), which ask for no key, and /metrics, in Prometheus's form, which does if there are keys.

Ctrl-C, or the signal to terminate, ends it once what has been asked is answered; once more ends it at once.")]
pub(crate) struct Arguments {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    bind: SocketAddr,

    /// A certificate in PEM, followed by those that vouch for it, to encrypt with
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Its private key in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// A file of API keys, one a line, with what each may do
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    /// How clients name the host of an index where a proxy stands between, such as https://{index}.example.com: all
    /// are answered at the address
    #[arg(long, value_name = "HOST")]
    public_host: Option<PublicHost>,

    /// A site whose pages may ask the JSON API, such as https://shop.example; may be repeated
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    allowed_origins: Vec<Origin>,

    /// How many requests a second each key may make; without keys, all clients together
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,

    /// How many requests are taken on at once; more are told to try again
    #[arg(long, value_name = "N", default_value = "128", value_parser = positive())]
    at_once: u32,

    /// How many connections there may be, of all ports together
    #[arg(long, value_name = "N", default_value = "1000", value_parser = positive())]
    connections: u32,

    /// How long a request may take, its body included
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = positive())]
    time_limit: u32,

    /// Where models compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,

    /// How many threads compute [default: one for each core]
    #[arg(long, value_name = "N", value_parser = positive())]
    threads: Option<u32>,

    /// How long the end waits for what has been asked
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    grace: u32,

    /// Whether requests are logged to standard error, a line of JSON each; auto: unless that is a terminal
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

/// An address, also by a name such as `localhost`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    found
        .ok_or_else(|| "expected an address or a name with a port, as in 127.0.0.1:8080".to_owned())
}

fn positive() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

pub(crate) fn run(arguments: &Arguments, clipseek: Clipseek) -> Result<Outcome> {
    let options = arguments.options()?;
    if let Some(threads) = arguments.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads as usize);
        pool.build_global()
            .context("threads could not be started")?;
    }
    serve(options, clipseek, |server| {
        message!(
            "serving at {url}; open it in a browser to search; Ctrl-C to end",
            url = server.url()
        );
        for Displaced { name, own, address } in server.displaced() {
            message!("note: port {own} of index {name} is taken: it is at {address} for this time");
        }
    })
}

/// Serves until it is asked to end. What listens is shown to `say` before.
pub(super) fn serve(
    options: ServerOptions,
    clipseek: Clipseek,
    say: impl FnOnce(&Server),
) -> Result<Outcome> {
    raise_the_limit_of_files();
    let runtime = tokio::runtime::Runtime::new().context("threads could not be started")?;
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
            log: log.context("threads could not be started")?,
            origins: self.allowed_origins.clone(),
            public_host: self.public_host.clone(),
            device: self.device.device(),
            ..ServerOptions::new(self.bind, self.keys()?)
        })
    }

    /// The keys of the environment and of the file.
    fn keys(&self) -> Result<Keys> {
        let keys = keys_of(environment::API_KEYS)?
            .into_iter()
            .collect::<Keys>();
        let keys = keys.with_read_only(keys_of(environment::READ_ONLY_KEYS)?);
        let Some(path) = &self.keys else {
            return Ok(keys);
        };
        let failed = || format!("could not read the keys in `{}`", path.display());
        let list = read_keys(path).with_context(failed)?;
        keys.with_list(&list).with_context(failed)
    }
}

/// The largest file of keys, in bytes.
const LARGEST_LIST: u64 = 1 << 20;

fn read_keys(path: &Path) -> Result<String> {
    let mut list = String::new();
    let file = File::open(path)?;
    file.take(LARGEST_LIST + 1).read_to_string(&mut list)?;
    match list.len() as u64 > LARGEST_LIST {
        true => bail!("it is larger than {LARGEST_LIST} bytes"),
        false => Ok(list),
    }
}

/// The keys of a variable. One that is set and has none is a mistake, which would open the server to all.
fn keys_of(variable: &str) -> Result<Vec<String>> {
    let text = environment::text(variable).unwrap_or_default();
    let keys = text.split(',').map(|key| key.trim().to_owned());
    let keys: Vec<_> = keys.filter(|key| !key.is_empty()).collect();
    match keys.is_empty() && !text.is_empty() {
        true => bail!("{variable} is set and has no key"),
        false => Ok(keys),
    }
}

/// Each connection is an open file, and of those many systems let a process have few until it asks for more.
fn raise_the_limit_of_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        // Some systems have a lower limit than they say; then it stays as it was.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

/// Listens from now on for Ctrl-C, or for what asks a process to end. For the second time that ends it at once.
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

/// What asks a process to end.
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
        // Without handlers the system ends the process.
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
