use std::io::BufReader;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::answer::Answer;
use crate::repository::Repository;
use crate::request::{Request, Server};
use crate::serving::Shelf;
use crate::trouble::{Script, Trouble};

/// A running double of the Hub. It stops when dropped, and closes its ports.
#[derive(Debug)]
pub struct HubDouble {
    shared: Arc<Shared>,
    hub: SocketAddr,
    storage: SocketAddr,
    accepting: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    shelf: Mutex<Shelf>,
    scripts: Mutex<Vec<Script>>,
    requests: Mutex<Vec<Request>>,
    /// The required `Authorization` header, if it's a mirror with a password.
    password: Mutex<Option<String>>,
    stopped: AtomicBool,
    storage_address: String,
}

impl HubDouble {
    /// Starts an empty double.
    ///
    /// # Panics
    /// If no server can be started on loopback.
    #[must_use]
    pub fn start() -> Self {
        Self::start_at(0)
    }

    /// Starts an empty double at this port.
    ///
    /// # Panics
    /// If no server can be started there.
    #[must_use]
    pub fn start_at(port: u16) -> Self {
        let listen =
            |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port on loopback");
        let (hub, storage) = (listen(port), listen(0));
        let address = |listener: &TcpListener| listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            // Another name for the same machine counts as another host.
            storage_address: format!("http://localhost:{}", address(&storage).port()),
            ..Shared::default()
        });
        let addresses = (address(&hub), address(&storage));
        let servers = [(hub, Server::Hub), (storage, Server::Storage)];
        let accepting = servers.map(|(listener, server)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept(&listener, server, &shared))
        });
        Self {
            shared,
            hub: addresses.0,
            storage: addresses.1,
            accepting: accepting.into(),
        }
    }

    /// The address for `HF_ENDPOINT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.hub)
    }

    /// Adds a repository, or another commit of one.
    pub fn add(&self, repository: Repository) {
        lock(&self.shared.shelf).add(repository);
    }

    /// Requires this `Authorization` header, like a mirror with a password. Tokens are then unknown.
    pub fn require(&self, authorization: &str) {
        *lock(&self.shared.password) = Some(authorization.to_owned());
    }

    /// Redirects requests for `old` to `new`.
    pub fn rename(&self, old: &str, new: &str) {
        lock(&self.shared.shelf).rename(old, new);
    }

    /// Injects this error into the next `times` requests of this method whose path contains this part.
    pub fn trouble(&self, method: &'static str, path_part: &str, times: usize, trouble: Trouble) {
        lock(&self.shared.scripts).push(Script {
            method,
            path_part: path_part.to_owned(),
            trouble,
            times,
        });
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// Returns the requests so far, and forgets them.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut lock(&self.shared.requests))
    }
}

impl Drop for HubDouble {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for (address, accepting) in [self.hub, self.storage]
            .into_iter()
            .zip(self.accepting.drain(..))
        {
            // Wakes the thread that waits for the next connection.
            if TcpStream::connect(address).is_ok() {
                let _ = accepting.join();
            }
        }
    }
}

fn accept(listener: &TcpListener, server: Server, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::Relaxed) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || converse(&stream, server, &shared));
    }
}

/// Handles the requests of one connection.
fn converse(stream: &TcpStream, server: Server, shared: &Shared) {
    let Ok(copy) = stream.try_clone() else { return };
    // Responses are small; waiting to fill packets would slow down every test.
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(copy);
    while let Some(request) = Request::read(&mut reader, server) {
        if shared.stopped.load(Ordering::Relaxed) {
            break;
        }
        lock(&shared.requests).push(request.clone());
        let trouble = shared.next_trouble(&request);
        let trouble = trouble.as_ref();
        let answer = if shared.is_let_in(&request) {
            lock(&shared.shelf).answer(&request, &shared.storage_address, trouble)
        } else {
            Answer::new(401).header("www-authenticate", "Basic realm=\"mirror\"")
        };
        let answer = answer.with_trouble(trouble);
        let without_body = request.method == "HEAD";
        match answer.send(stream, without_body, trouble, &shared.stopped) {
            Ok(true) => {}
            _ => break,
        }
    }
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

impl Shared {
    fn is_let_in(&self, request: &Request) -> bool {
        let password = lock(&self.password);
        let is_right = |password| request.header("authorization") == Some(password);
        request.server == Server::Storage || password.as_deref().is_none_or(is_right)
    }

    fn next_trouble(&self, request: &Request) -> Option<Trouble> {
        let mut scripts = lock(&self.scripts);
        let script = scripts.iter_mut().find(|script| {
            script.times > 0
                && script.method == request.method
                && request.path.contains(&script.path_part)
        })?;
        script.times = script.times.saturating_sub(1);
        Some(script.trouble.clone())
    }
}

/// A panic in another test is no reason to fail here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
