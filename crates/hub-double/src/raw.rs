use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

/// The response of a [`RawServer`] to a request.
#[derive(Clone, Debug)]
pub enum RawAnswer {
    /// Sends these bytes and closes the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes, and then nothing until the client closes the connection.
    Stall(Vec<u8>),
    /// Sends the first bytes, and the others once all participants have reached the barrier.
    Held(Vec<u8>, Arc<Barrier>, Vec<u8>),
    /// Sends the first bytes, then repeats the others until the client closes the connection.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends the first bytes, then this many zeros.
    Padded(Vec<u8>, usize),
    /// Sends these bytes and resets the connection. A reset may discard bytes that the client hasn't read. If
    /// there are more than systems buffer, about a megabyte, the client has read some.
    Reset(Vec<u8>),
}

impl RawAnswer {
    /// A complete HTTP response with this status, these header lines and this body.
    #[must_use]
    pub fn http(status: &str, headers: &[&str], body: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        Self::Bytes([head.as_bytes(), body].concat())
    }
}

/// A local server that sends raw bytes, even invalid HTTP. It runs until the process ends.
#[derive(Clone, Copy, Debug)]
pub struct RawServer {
    address: SocketAddr,
    /// The number of open connections.
    open: &'static AtomicUsize,
}

/// The size of the system's send buffer before a reset.
const SMALL: usize = 4096;

/// How long [`RawServer::settle`] waits, even on a very busy machine.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

impl RawServer {
    /// Starts a server. `answer` gets the lines of a request's head; the first is `GET /path HTTP/1.1`.
    ///
    /// # Panics
    /// If no server can be started on loopback.
    #[must_use]
    pub fn start(answer: impl Fn(&[String]) -> RawAnswer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
        let address = listener.local_addr().expect("a bound address");
        let answer = Arc::new(answer);
        let open: &AtomicUsize = Box::leak(Box::default());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                let counted = Counted::new(open);
                thread::spawn(move || {
                    // If the client closes the connection, the test handles it.
                    let _ = converse(&stream, &*answer);
                    drop((stream, counted));
                });
            }
        });
        Self { address, open }
    }

    /// Waits until all connections so far are closed. If the clients are gone, no request of theirs arrives
    /// afterwards.
    ///
    /// # Panics
    /// If a client keeps a connection open.
    pub fn settle(&self) {
        // The server accepts connections in order: after this one, it has accepted all earlier ones.
        let last = TcpStream::connect(self.address).and_then(|mut stream| {
            stream.shutdown(Shutdown::Write)?;
            stream.read(&mut [0])
        });
        last.expect("the server answers for as long as the process lives");
        let end = Instant::now() + LONGEST_WAIT;
        while self.open.load(Ordering::Acquire) > 0 {
            assert!(Instant::now() < end, "a client keeps its connection");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The URL of this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A connection that is counted until it's closed, even by a panic.
struct Counted(&'static AtomicUsize);

impl Counted {
    fn new(open: &'static AtomicUsize) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

fn converse(
    mut stream: &TcpStream,
    answer: &dyn Fn(&[String]) -> RawAnswer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = Vec::new();
    for line in reader.by_ref().lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    if head.is_empty() {
        // The client closed the connection.
        return Ok(());
    }
    match answer(&head) {
        RawAnswer::Bytes(bytes) => stream.write_all(&bytes)?,
        RawAnswer::Stall(bytes) => {
            stream.write_all(&bytes)?;
            // Waits until the client closes the connection.
            reader.fill_buf()?;
        }
        RawAnswer::Held(first, barrier, others) => {
            stream.write_all(&first)?;
            barrier.wait();
            stream.write_all(&others)?;
        }
        RawAnswer::Endless(first, others) => {
            stream.write_all(&first)?;
            loop {
                stream.write_all(&others)?;
            }
        }
        RawAnswer::Padded(bytes, zeros) => {
            stream.write_all(&bytes)?;
            let mut zeros = std::io::repeat(0).take(zeros as u64);
            std::io::copy(&mut zeros, &mut stream)?;
        }
        RawAnswer::Reset(bytes) => {
            let socket = SockRef::from(stream);
            socket.set_send_buffer_size(SMALL)?;
            stream.write_all(&bytes)?;
            socket.set_linger(Some(Duration::ZERO))?;
            return Ok(());
        }
    }
    stream.shutdown(Shutdown::Both)
}
