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

/// A running double of the hub. It stops when it is dropped: nobody listens at its ports then.
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
    /// What opens the hub, where it is a mirror with a password.
    password: Mutex<Option<String>>,
    stopped: AtomicBool,
    storage_address: String,
}

impl HubDouble {
    /// Starts a double with nothing in it.
    ///
    /// # Panics
    /// Where no server can be started on loopback.
    #[must_use]
    pub fn start() -> Self {
        Self::start_at(0)
    }

    /// Starts it at this port.
    ///
    /// # Panics
    /// Where no server can be started there.
    #[must_use]
    pub fn start_at(port: u16) -> Self {
        let listen =
            |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port on loopback");
        let (hub, storage) = (listen(port), listen(0));
        let address = |listener: &TcpListener| listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            // Another name for the same machine is another host.
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

    /// Serves a repository, or another commit of one.
    pub fn add(&self, repository: Repository) {
        lock(&self.shared.shelf).add(repository);
    }

    /// Answers the hub's requests only with this header `Authorization`, as a mirror with a password does; it knows no
    /// tokens then.
    pub fn require(&self, authorization: &str) {
        *lock(&self.shared.password) = Some(authorization.to_owned());
    }

    /// Answers what is asked about `old` with a redirect to `new`.
    pub fn rename(&self, old: &str, new: &str) {
        lock(&self.shared.shelf).rename(old, new);
    }

    /// Makes this trouble with the next so many requests of this method whose path has this part.
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

    /// The requests so far, which are forgotten.
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
            // Wakes who waits for the next connection.
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

/// Answers the requests of one connection.
fn converse(stream: &TcpStream, server: Server, shared: &Shared) {
    let Ok(copy) = stream.try_clone() else { return };
    // Answers are small and quick; waiting to fill packets would slow every test.
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(copy);
    while let Some(request) = Request::read(&mut reader, server) {
        if shared.stopped.load(Ordering::Relaxed) {
            break;
        }
        lock(&shared.requests).push(request.clone());
        let trouble = shared.next_trouble(&request);
        let trouble = trouble.as_ref();
        let answer = match shared.is_let_in(&request) {
            true => lock(&shared.shelf).answer(&request, &shared.storage_address, trouble),
            false => Answer::new(401).header("www-authenticate", "Basic realm=\"mirror\""),
        };
        let answer = answer.spoilt(trouble);
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

/// A test that failed elsewhere is no reason to fail here too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
