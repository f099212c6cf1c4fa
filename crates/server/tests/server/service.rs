//! How the server holds up: limits, keys, health, logs, encryption, its end, and hostile clients. Over real sockets, as
//! what is tested here is what a well-behaved client would never send.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clipseek::{Clipseek, Settings};
use index::{IndexSpec, Metric};
use search::Store;
use serde_json::{Value, json};
use server::{Keys, Limits, Log, Server, ServerError, ServerOptions, Tls, TlsError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// No test may hang for longer.
const HANG: Duration = Duration::from_secs(60);

/// Between two looks at what has no event to wait for.
const PAUSE: Duration = Duration::from_millis(20);

/// A time limit that is soon over. What has to succeed on a slow machine must not depend on it.
const SOON: Duration = Duration::from_millis(300);

struct World {
    control: SocketAddr,
    end: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<Result<(), ServerError>>,
    _folder: tempfile::TempDir,
}

/// An answer in full.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    #[track_caller]
    fn of(bytes: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Answer {
            status: status.unwrap_or_else(|| panic!("no answer: {text:?}")),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start))
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// Asserts that this is an error in the API's form; gives its message.
    #[track_caller]
    fn error(&self, status: u16, code: &str) -> String {
        let body = self.json();
        assert_eq!(
            (self.status, &body["error"]["code"]),
            (status, &json!(code)),
            "{self:?}"
        );
        body["message"].as_str().unwrap().to_owned()
    }
}

impl World {
    async fn start(change: impl FnOnce(&mut ServerOptions)) -> World {
        Self::of(tempfile::tempdir().unwrap(), change).await
    }

    /// A server of the store in this folder.
    async fn of(folder: tempfile::TempDir, change: impl FnOnce(&mut ServerOptions)) -> World {
        let mut options = ServerOptions::new("127.0.0.1:0".parse().unwrap(), Keys::default());
        change(&mut options);
        let clipseek = Clipseek::new(Settings::in_directory(folder.path()));
        let server = Server::bind(clipseek, options).await;
        let server = server.unwrap();
        let control = server.address();
        let (end, ended) = oneshot::channel();
        let served = tokio::spawn(server.run(async {
            let _ = ended.await;
        }));
        World {
            control,
            end,
            served,
            _folder: folder,
        }
    }

    async fn with_limits(change: impl FnOnce(&mut Limits)) -> World {
        Self::start(|options| change(&mut options.limits)).await
    }

    /// A server with an index of two dimensions, which was made before the limits held; and the index's address.
    async fn with_index(change: impl FnOnce(&mut Limits)) -> (World, SocketAddr) {
        let folder = tempfile::tempdir().unwrap();
        let spec = IndexSpec {
            name: "animals".to_owned(),
            dimension: 2,
            metric: Metric::Dotproduct,
        };
        let store = Store::open(folder.path()).unwrap();
        store.engine().create_index(&spec).unwrap();
        let world = Self::of(folder, |options| change(&mut options.limits)).await;
        let port = store.engine().settings("animals").unwrap().port.unwrap();
        let host = SocketAddr::new(world.control.ip(), port);
        (world, host)
    }

    fn store(&self) -> &Path {
        self._folder.path()
    }

    async fn end(self) {
        self.end.send(()).unwrap();
        let served = timeout(HANG, self.served).await;
        served.unwrap().unwrap().unwrap();
    }

    /// Makes an index of two dimensions; gives its address.
    async fn index(&self, key: &str) -> SocketAddr {
        let body = r#"{"name": "animals", "dimension": 2, "metric": "dotproduct"}"#;
        let answer = ask(self.control, "POST /indexes", key, body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let index = answer.json();
        let (_, address) = index["host"].as_str().unwrap().split_once("://").unwrap();
        address.parse().unwrap()
    }
}

fn request(line: &str, key: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nApi-Key: {key}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

async fn ask(address: SocketAddr, line: &str, key: &str, body: &str) -> Answer {
    raw(address, request(line, key, body).as_bytes()).await
}

/// Sends these bytes, and gives what comes until the server closes.
async fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    Answer::of(&exchange(stream, bytes).await)
}

async fn exchange(stream: impl AsyncRead + AsyncWrite, bytes: &[u8]) -> Vec<u8> {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let mut answer = Vec::new();
    let both = async {
        let send = async {
            // A server that has heard enough may close.
            let _ = writing.write_all(bytes).await;
        };
        let receive = async {
            let _ = reading.read_to_end(&mut answer).await;
        };
        tokio::join!(send, receive);
    };
    timeout(HANG, both).await.expect("the server hangs");
    answer
}

/// A connection on which a request has begun that is not whole.
async fn begun(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

async fn rest(stream: TcpStream) -> Vec<u8> {
    exchange(stream, b"").await
}

const UPSERT: &str = r#"{"vectors": [{"id": "dog", "values": [1, 2]}]}"#;

/// Asks again and again until the answer has this status.
async fn await_status(
    status: u16,
    address: SocketAddr,
    line: &str,
    key: &str,
    body: &str,
) -> Answer {
    let until = async {
        loop {
            let answer = ask(address, line, key, body).await;
            if answer.status == status {
                return answer;
            }
            sleep(PAUSE).await;
        }
    };
    let awaited = timeout(HANG, until).await;
    awaited.unwrap_or_else(|_| panic!("{line}: no {status}"))
}

/// Asks for the metrics until this line is among them: what is counted at the end of a request may be so a moment
/// after its answer.
async fn await_metric(world: &World, key: &str, line: &str) {
    let until = async {
        loop {
            let metrics = ask(world.control, "GET /metrics", key, "").await;
            if metrics.body.lines().any(|found| found == line) {
                return;
            }
            sleep(PAUSE).await;
        }
    };
    timeout(HANG, until)
        .await
        .unwrap_or_else(|_| panic!("no `{line}`"));
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let (world, host) = World::with_index(|limits| limits.time = SOON).await;
    let mut stream = begun(
        host,
        "POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{",
    )
    .await;
    let trickle = async {
        loop {
            let _ = stream.write_all(b" ").await;
            let mut answer = vec![0; 4096];
            if let Ok(Ok(count)) = timeout(SOON / 10, stream.read(&mut answer)).await {
                answer.truncate(count);
                return Answer::of(&answer);
            }
        }
    };
    let answer = timeout(HANG, trickle).await.unwrap();
    answer.error(408, "DEADLINE_EXCEEDED");
    assert_eq!(answer.header("connection"), Some("close"));
    await_metric(
        &world,
        "any",
        "clipseek_refused_total{reason=\"slow_body\"} 1",
    )
    .await;
    world.end().await;
}

#[tokio::test]
async fn a_connection_on_which_nothing_or_half_a_head_comes_is_closed() {
    let limit = |limits: &mut Limits| (limits.time, limits.idle) = (SOON, SOON);
    let world = World::with_limits(limit).await;
    for text in ["", "GET /indexes HTTP/1.1\r\nHost"] {
        let received = rest(begun(world.control, text).await).await;
        assert!(received.is_empty());
    }
    // Where the client gets no time to ask, its connection is closed before it has: then it comes again.
    let whole = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answered = async { while rest(begun(world.control, whole).await).await.is_empty() {} };
    timeout(HANG, answered).await.unwrap();
    world.end().await;
}

/// Its unread responses take memory, and its connection takes room.
#[tokio::test]
async fn a_client_that_reads_no_responses_is_given_up() {
    let world = World::with_limits(|limits| limits.time = SOON).await;
    let socket = TcpSocket::new_v4().unwrap();
    // So few unread bytes fit on their way that the server soon has to wait.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(world.control).await.unwrap();
    let requests = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    let asks = async { while stream.write_all(requests.as_bytes()).await.is_ok() {} };
    let closed = timeout(HANG, asks).await;
    closed.expect("the connection stays open");
    world.end().await;
}

#[tokio::test]
async fn an_idle_connection_over_http2_is_closed() {
    let world = World::with_limits(|limits| limits.idle = SOON).await;
    let stream = TcpStream::connect(world.control).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let url = format!("http://{}/healthz", world.control);
    let request = axum::http::Request::get(url).body(()).unwrap();
    let mut client = client.ready().await.unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    // A client that gets no time to ask is closed before it has.
    let _ = timeout(HANG, answer).await.unwrap();
    let closed = timeout(HANG, connection).await;
    let _ = closed.expect("the connection stays open");
    world.end().await;
}

#[tokio::test]
async fn work_that_is_not_done_in_time_is_given_up() {
    let (world, host) = World::with_index(|limits| limits.time = SOON).await;
    let database = world.store().join(DATABASE);
    let other = rusqlite::Connection::open(database).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = ask(host, "POST /vectors/upsert", "any", UPSERT).await;
    answer.error(504, "DEADLINE_EXCEEDED");
    assert_eq!(answer.header("retry-after"), Some("1"));
    // Those behind it wait for their turn in vain; who reads does not wait.
    let answer = ask(host, "POST /vectors/upsert", "any", UPSERT).await;
    answer.error(504, "DEADLINE_EXCEEDED");
    await_status(200, host, "GET /describe_index_stats", "any", "").await;
    other.execute_batch("ROLLBACK").unwrap();
    await_status(200, host, "POST /vectors/upsert", "any", UPSERT).await;
    world.end().await;
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_told_to_come_again() {
    let world = World::with_limits(|limits| limits.at_once = 1).await;
    let host = world.index("any").await;
    let (head, tail) = UPSERT.split_at(10);
    let length = UPSERT.len();
    let upsert = format!(
        "POST /vectors/upsert HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    let first = begun(host, &format!("{upsert}{head}")).await;
    await_metric(&world, "any", "clipseek_requests_in_flight 2").await;
    // Before its body has come.
    let second = begun(host, &upsert).await;
    let answer = Answer::of(&rest(second).await);
    answer.error(503, "UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), Some("1"));
    // And one that is large enough to be still on its way when it is refused.
    let large = request("POST /vectors/upsert", "any", &" ".repeat(2 << 20));
    raw(host, large.as_bytes()).await.error(503, "UNAVAILABLE");
    assert_eq!(ask(world.control, "GET /readyz", "", "").await.status, 200);
    let answer = Answer::of(&exchange(first, tail.as_bytes()).await);
    assert_eq!(answer.json(), json!({"upsertedCount": 1}));
    assert_eq!(
        ask(host, "POST /vectors/upsert", "any", UPSERT)
            .await
            .status,
        200
    );
    await_metric(&world, "any", "clipseek_refused_total{reason=\"busy\"} 2").await;
    world.end().await;
}

#[tokio::test]
async fn large_bodies_share_the_room_of_all_requests() {
    let (world, host) = World::with_index(|limits| limits.at_once = 2).await;
    let upsert = "POST /vectors/upsert";
    let spaces = " ".repeat(9 << 20);
    // Alone it has room, and is heard out.
    let alone = ask(host, upsert, "any", &spaces).await;
    alone.error(400, "INVALID_ARGUMENT");
    // One that is not whole yet takes more than half of the room.
    let whole = request(upsert, "any", &spaces);
    let first = begun(host, &whole[..whole.len() - 1]).await;
    let refused = await_status(503, host, upsert, "any", &spaces).await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    let busy = "clipseek_refused_total{reason=\"busy\"} 0";
    let metrics = ask(world.control, "GET /metrics", "any", "").await;
    assert!(
        !metrics.body.lines().any(|line| line == busy),
        "{metrics:?}"
    );
    // A small one fits in.
    assert_eq!(ask(host, upsert, "any", UPSERT).await.status, 200);
    let answer = Answer::of(&exchange(first, b" ").await);
    answer.error(400, "INVALID_ARGUMENT");
    await_status(400, host, upsert, "any", &spaces).await;
    // Whatever it says of its length, it may not be larger than the largest upsert.
    let endless = request(upsert, "any", &" ".repeat((16 << 20) + 1));
    raw(host, endless.as_bytes())
        .await
        .error(400, "OUT_OF_RANGE");
    world.end().await;
}

#[tokio::test]
async fn a_refused_connection_is_used_again_or_said_to_be_closed() {
    let world = World::with_limits(|limits| limits.rate = NonZeroU32::new(1)).await;
    let mut small = begun(world.control, "").await;
    let mut status = 200;
    let request = |path: &str, body: &str| {
        let request = request(&format!("POST {path}"), "any", body);
        request.replace("Connection: close\r\n", "")
    };
    while status != 429 {
        small
            .write_all(request("/nowhere", "[]").as_bytes())
            .await
            .unwrap();
        let mut answer = vec![0; 4096];
        let count = timeout(HANG, small.read(&mut answer))
            .await
            .unwrap()
            .unwrap();
        let answer = Answer::of(&answer[..count]);
        status = answer.status;
        match (status, answer.header("connection")) {
            // Its body was left where it was.
            (404, Some("close")) => small = begun(world.control, "").await,
            (429, None) => {}
            _ => panic!("{answer:?}"),
        }
    }
    // More than is read for the connection's sake.
    let large = request("/nowhere", &" ".repeat(1 << 20));
    let answer = Answer::of(&exchange(small, large.as_bytes()).await);
    assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
    world.end().await;
}

#[tokio::test]
async fn a_key_has_its_rate() {
    let keys = || ["one", "another"].into_iter().collect::<Keys>();
    let world = World::start(|options| {
        options.keys = keys();
        options.limits.rate = NonZeroU32::new(1);
    });
    let world = world.await;
    let list = |key: &'static str| ask(world.control, "GET /indexes", key, "");
    assert_eq!(list("one").await.status, 200);
    let refused = await_status(429, world.control, "GET /indexes", "one", "").await;
    refused.error(429, "RESOURCE_EXHAUSTED");
    assert_eq!(refused.header("retry-after"), Some("1"));
    // What watches over the server is told how it is all the same.
    let metrics = || ask(world.control, "GET /metrics", "one", "");
    assert_eq!(metrics().await.status, 200);
    assert_eq!(metrics().await.status, 200);
    assert_eq!(list("another").await.status, 200);
    assert_eq!(list("none").await.status, 401);
    assert_eq!(ask(world.control, "GET /healthz", "", "").await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn connections_are_bounded() {
    let world = World::with_limits(|limits| limits.connections = 1).await;
    let first = held(world.control).await;
    let answer = ask(world.control, "GET /indexes", "", "").await;
    answer.error(503, "UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(ask(world.control, "GET /healthz", "", "").await.status, 200);
    // Whatever the client would like: there is no room.
    let kept = "GET /indexes HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = raw(world.control, kept.as_bytes()).await;
    answer.error(503, "UNAVAILABLE");
    assert_eq!(answer.header("connection"), Some("close"));
    drop(first);
    await_status(200, world.control, "GET /indexes", "", "").await;
    let metrics = await_status(200, world.control, "GET /metrics", "", "").await;
    let line = "clipseek_refused_total{reason=\"connections\"} 0";
    assert!(!metrics.body.lines().any(|found| found == line));
    world.end().await;
}

/// However many come at once, and even if they go on sending when they have been answered.
#[tokio::test]
async fn every_connection_beyond_the_limit_is_answered() {
    const MANY: usize = 300;
    let world = World::with_limits(|limits| limits.connections = 1).await;
    let _first = held(world.control).await;
    let body = " ".repeat(1 << 20);
    let text: Arc<str> = request("POST /indexes", "", &body).into();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..MANY {
        let (address, text) = (world.control, Arc::clone(&text));
        clients.spawn(async move {
            let (first, second) = text.as_bytes().split_at(text.len() / 2);
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(first).await.unwrap();
            stream.peek(&mut [0]).await.unwrap();
            stream.write_all(second).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            Answer::of(&answer)
        });
    }
    let all = timeout(HANG, clients.join_all()).await.unwrap();
    for answer in all {
        answer.error(503, "UNAVAILABLE");
    }
    world.end().await;
}

/// A stream that is reset under a client that is still sending is taken for one without an answer.
#[tokio::test]
async fn what_is_refused_over_http2_is_heard_out() {
    let world = World::with_limits(|limits| limits.connections = 0).await;
    let stream = TcpStream::connect(world.control).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let url = format!("http://{}/indexes", world.control);
    let request = axum::http::Request::post(url).body(()).unwrap();
    let (answer, mut body) = client.send_request(request, false).unwrap();
    let answer = timeout(HANG, answer).await.unwrap().unwrap();
    assert_eq!(answer.status(), 503);
    let part = axum::body::Bytes::from(vec![b' '; 16 << 10]);
    for _ in 0..200 {
        body.reserve_capacity(part.len());
        while body.capacity() < part.len() {
            let more = std::future::poll_fn(|context| body.poll_capacity(context));
            timeout(HANG, more).await.unwrap().unwrap().unwrap();
        }
        body.send_data(part.clone(), false).unwrap();
    }
    body.send_data(axum::body::Bytes::new(), true).unwrap();
    world.end().await;
}

/// A connection that stays open.
async fn held(address: SocketAddr) -> TcpStream {
    let mut stream = begun(address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    stream.read_exact(&mut [0; 15]).await.unwrap();
    stream
}

#[tokio::test]
async fn health_needs_no_key_and_metrics_do() {
    let world = World::start(|options| options.keys = ["secret"].into_iter().collect()).await;
    let host = world.index("secret").await;
    ask(host, "POST /vectors/upsert", "secret", UPSERT).await;
    assert_eq!(ask(world.control, "GET /healthz", "", "").await.status, 200);
    assert_eq!(ask(world.control, "GET /readyz", "", "").await.status, 200);
    assert_eq!(ask(world.control, "GET /metrics", "", "").await.status, 401);
    for line in [
        "clipseek_requests_total{method=\"POST\",route=\"/vectors/upsert\",status=\"200\"} 1",
        "clipseek_requests_total{method=\"GET\",route=\"/metrics\",status=\"401\"} 1",
        "clipseek_request_seconds_count{route=\"/vectors/upsert\"} 1",
        "clipseek_refused_total{reason=\"key\"} 1",
        "clipseek_requests_in_flight 1",
        "clipseek_index_vectors{index=\"animals\"} 1",
    ] {
        await_metric(&world, "secret", line).await;
    }
    // Of paths that anyone makes up, one number is kept.
    for path in ["GET /a", "GET /b", "BREW /c"] {
        ask(world.control, path, "secret", "").await;
    }
    let line = "clipseek_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 2";
    await_metric(&world, "secret", line).await;
    world.end().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_not_ready() {
    let world = World::with_limits(|_| {}).await;
    let database = rusqlite::Connection::open(world.store().join(DATABASE)).unwrap();
    database.execute_batch("DROP TABLE indexes").unwrap();
    let answer = ask(world.control, "GET /readyz", "", "").await;
    let message = answer.error(503, "UNAVAILABLE");
    assert!(message.contains("could not read the store"), "{message}");
    assert_eq!(ask(world.control, "GET /healthz", "", "").await.status, 200);
    assert_eq!(ask(world.control, "GET /metrics", "", "").await.status, 200);
    world.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_store_that_is_gone_is_not_ready_and_its_errors_are_logged() {
    let (lines, outer) = (Lines::default(), tempfile::tempdir().unwrap());
    let world = World::start(|options| options.log = Some(Log::to(lines.clone()).unwrap())).await;
    let host = world.index("any").await;
    assert_eq!(ask(world.control, "GET /readyz", "", "").await.status, 200);
    std::fs::rename(world.store(), outer.path().join("moved")).unwrap();
    let refused = ask(host, "POST /vectors/upsert", "any", UPSERT).await;
    let message = refused.error(500, "INTERNAL");
    assert!(message.contains("was deleted or moved"), "{message}");
    let ready = ask(world.control, "GET /readyz", "", "").await;
    ready.error(503, "UNAVAILABLE");
    std::fs::rename(outer.path().join("moved"), world.store()).unwrap();
    assert_eq!(ask(world.control, "GET /readyz", "", "").await.status, 200);
    world.end().await;
    let text = lines.all().await;
    let errors = text.lines().filter(|line| line.contains("\"error\":"));
    let errors: Vec<&str> = errors.collect();
    assert!(
        errors.len() == 1 && errors[0].contains("was deleted or moved"),
        "{text}"
    );
}

#[tokio::test]
async fn a_key_that_may_only_read_changes_nothing() {
    let keys = ["writer"].into_iter().collect::<Keys>();
    let world = World::start(|options| options.keys = keys.with_read_only(["reader"])).await;
    let host = world.index("writer").await;
    ask(host, "POST /vectors/upsert", "writer", UPSERT).await;
    for (line, body) in [
        ("POST /query", r#"{"vector": [1, 1], "topK": 1}"#),
        ("POST /vectors/fetch_by_metadata", "{}"),
        ("POST /describe_index_stats", ""),
        ("GET /vectors/fetch?ids=dog", ""),
        ("GET /namespaces", ""),
    ] {
        let answer = ask(host, line, "reader", body).await;
        assert_eq!(answer.status, 200, "{line}: {answer:?}");
    }
    assert_eq!(
        ask(world.control, "GET /indexes", "reader", "")
            .await
            .status,
        200
    );
    for (address, line) in [
        (host, "POST /vectors/upsert"),
        (host, "POST /vectors/update"),
        (host, "POST /vectors/delete"),
        (host, "DELETE /namespaces/__default__"),
        (world.control, "POST /indexes"),
        (world.control, "PATCH /indexes/animals"),
        (world.control, "DELETE /indexes/animals"),
    ] {
        let message = ask(address, line, "reader", UPSERT)
            .await
            .error(403, "FORBIDDEN");
        assert!(message.contains("read-only"), "{line}: {message}");
    }
    world.end().await;
}

/// A log that can be looked at.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// What was written, once nobody writes any more.
    async fn all(self) -> String {
        let until = async {
            while Arc::strong_count(&self.0) > 1 {
                sleep(PAUSE).await;
            }
        };
        timeout(HANG, until).await.expect("the log stays open");
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn requests_are_logged_and_keys_are_not() {
    let lines = Lines::default();
    let world = World::start(|options| {
        options.keys = ["secret"].into_iter().collect();
        options.log = Some(Log::to(lines.clone()).unwrap());
    });
    let world = world.await;
    let host = world.index("secret").await;
    let with_id = |line: &str, id: &str| {
        let request = request(line, "secret", r#"{"vector": [1, 1], "topK": 1}"#);
        request.replace("Host", &format!("X-Request-Id: {id}\r\nHost"))
    };
    let answer = raw(host, with_id("POST /query", "trace-1").as_bytes()).await;
    assert_eq!(answer.header("x-request-id"), Some("trace-1"));
    let long = "x".repeat(65);
    for id in ["secret", "a\"b", "two words", "", long.as_str()] {
        let answer = raw(host, with_id("POST /query", id).as_bytes()).await;
        let given = answer.header("x-request-id").unwrap();
        assert!(given.len() == 16 && given != id, "{id}: {given}");
    }
    ask(world.control, "GET /indexes?key=secret", "wrong-secret", "").await;
    ask(world.control, "GET /secret", "secret", "").await;
    world.end().await;
    let text = lines.all().await;
    assert!(!text.contains("secret"), "{text}");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 9, "{text}");
    let query = lines.iter().find(|line| line["id"] == "trace-1").unwrap();
    assert_eq!(query["method"], "POST");
    assert_eq!(query["route"], "/query");
    assert_eq!(query["index"], "animals");
    assert_eq!(query["status"], 200);
    assert!(query["milliseconds"].as_f64().unwrap() > 0.0 && query["time"].as_f64().unwrap() > 1e9);
    let refused = lines.iter().find(|line| line["status"] == 401).unwrap();
    assert_eq!(refused["refused"], "key");
}

/// A certificate for this machine and its key, in files.
fn certificate(folder: &Path, name: &str) -> (std::path::PathBuf, std::path::PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (
        folder.join(format!("{name}.pem")),
        folder.join(format!("{name}.key")),
    );
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

/// What trusts this certificate.
fn connector(certificate: &Path) -> tokio_rustls::TlsConnector {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificate).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into()
}

async fn ask_encrypted(
    connector: &tokio_rustls::TlsConnector,
    address: SocketAddr,
    line: &str,
    body: &str,
) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    Answer::of(&exchange(stream, request(line, "any", body).as_bytes()).await)
}

#[tokio::test]
async fn connections_beyond_the_limit_are_answered_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path(), "own");
    let world = World::start(|options| {
        options.tls = Some(Tls::read(&certificate, &key).unwrap());
        options.limits.connections = 0;
    })
    .await;
    let connector = connector(&certificate);
    let answer = ask_encrypted(&connector, world.control, "GET /indexes", "").await;
    answer.error(503, "UNAVAILABLE");
    let answer = ask_encrypted(&connector, world.control, "GET /healthz", "").await;
    assert_eq!(answer.status, 200);
    world.end().await;
}

#[tokio::test]
async fn connections_are_encrypted_if_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path(), "own");
    let world =
        World::start(|options| options.tls = Some(Tls::read(&certificate, &key).unwrap())).await;
    let connector = connector(&certificate);
    let ask = async |address: SocketAddr, line: &str, body: &str| {
        ask_encrypted(&connector, address, line, body).await
    };
    let body = r#"{"name": "animals", "dimension": 2}"#;
    let index = ask(world.control, "POST /indexes", body).await.json();
    let host = index["host"]
        .as_str()
        .unwrap()
        .strip_prefix("https://")
        .unwrap();
    let answer = ask(host.parse().unwrap(), "POST /vectors/upsert", UPSERT).await;
    assert_eq!(answer.json(), json!({"upsertedCount": 1}));
    // Who does not encrypt gets no answer, and does no harm.
    let plain = begun(
        world.control,
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    let received = rest(plain).await;
    assert!(!received.starts_with(b"HTTP"), "{received:?}");
    assert_eq!(ask(world.control, "GET /healthz", "").await.status, 200);
    world.end().await;
}

#[test]
fn bad_certificates_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path(), "own");
    let (other, _) = self::certificate(folder.path(), "other");
    let nowhere = folder.path().join("nowhere");
    let error = |certificate: &Path, key: &Path| Tls::read(certificate, key).unwrap_err();
    assert!(matches!(error(&nowhere, &key), TlsError::Unreadable { path, .. } if path == nowhere));
    assert!(
        matches!(error(&certificate, &nowhere), TlsError::Unreadable { path, .. } if path == nowhere)
    );
    assert!(matches!(error(&key, &key), TlsError::NoCertificate { .. }));
    assert!(matches!(
        error(&certificate, &certificate),
        TlsError::Unreadable { .. }
    ));
    let wrong = error(&other, &key);
    assert!(matches!(wrong, TlsError::Unusable { .. }), "{wrong}");
    assert!(Tls::read(&certificate, &key).is_ok());
}

#[tokio::test]
async fn what_was_asked_before_the_end_is_answered_after_it() {
    let world = World::with_limits(|_| {}).await;
    let host = world.index("any").await;
    // One that is open and idle, one that was never used, and one in the midst of its body.
    let mut idle = begun(host, "GET /namespaces HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    idle.read_exact(&mut [0; 15]).await.unwrap();
    let unused = begun(host, "").await;
    let (head, tail) = UPSERT.split_at(10);
    let length = UPSERT.len();
    let upsert = format!(
        "POST /vectors/upsert HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{head}"
    );
    let midst = begun(host, &upsert).await;
    await_metric(&world, "any", "clipseek_requests_in_flight 2").await;
    let control = world.control;
    let sent = begun(control, &request("GET /indexes", "any", "")).await;
    let ended = tokio::spawn(world.end());
    let answer = Answer::of(&rest(sent).await);
    assert_eq!(answer.status, 200);
    rest(idle).await;
    assert!(rest(unused).await.is_empty());
    assert!(!ended.is_finished());
    let answer = Answer::of(&exchange(midst, tail.as_bytes()).await);
    assert_eq!(answer.json(), json!({"upsertedCount": 1}));
    assert_eq!(answer.header("connection"), Some("close"));
    ended.await.unwrap();
    assert!(TcpStream::connect(control).await.is_err());
    assert!(TcpStream::connect(host).await.is_err());
}

#[tokio::test]
async fn the_end_does_not_wait_for_ever() {
    let world = World::with_limits(|limits| limits.grace = SOON).await;
    let host = world.index("any").await;
    let head = "POST /vectors/upsert HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{";
    let stalled = begun(host, head).await;
    await_metric(&world, "any", "clipseek_requests_in_flight 2").await;
    world.end().await;
    assert!(rest(stalled).await.is_empty());
}

#[tokio::test]
async fn hostile_bodies_are_the_callers_mistakes() {
    let world = World::with_limits(|_| {}).await;
    let host = world.index("any").await;
    let values = |values: &str| format!(r#"{{"vectors": [{{"id": "a", "values": {values}}}]}}"#);
    let metadata = |metadata: &str| {
        format!(r#"{{"vectors": [{{"id": "a", "values": [1, 2], "metadata": {metadata}}}]}}"#)
    };
    let filter = |filter: &str| format!(r#"{{"vector": [1, 2], "topK": 1, "filter": {filter}}}"#);
    let (upsert, query) = ("POST /vectors/upsert", "POST /query");
    let large = values(&format!("[{}]", "1.5, ".repeat(4 << 20)));
    let deep = |open: &str| open.repeat(100_000);
    for (line, body, status) in [
        (upsert, large, 400),
        (upsert, deep("["), 400),
        (upsert, deep("{\"a\":"), 400),
        (upsert, metadata(&deep("[")), 400),
        (query, filter(&deep("{\"$not\":")), 400),
        (upsert, values("[NaN, 1]"), 400),
        (upsert, values("[Infinity, 1]"), 400),
        (upsert, values("[-Infinity, 1]"), 400),
        (upsert, values("[1e999, 1]"), 400),
        (upsert, values("[1e39, 1]"), 400),
        (upsert, values("\"12\""), 400),
        (upsert, values("{\"0\": 1}"), 400),
        (upsert, values("[\"1\", 2]"), 400),
        (upsert, values("[null, 2]"), 400),
        (upsert, "[]".to_owned(), 400),
        (upsert, "null".to_owned(), 400),
        (upsert, "7".to_owned(), 400),
        (upsert, "\u{feff}{}".to_owned(), 400),
        (upsert, "{} {}".to_owned(), 400),
        (upsert, metadata("[]"), 400),
        (upsert, metadata("7"), 400),
        (upsert, metadata(r#"{"a": {"b": 1}}"#), 400),
        (upsert, metadata(r#"{"a": 1, "a": 2}"#), 400),
        (upsert, metadata(r#"{"a": 1, "\u0061": 2}"#), 400),
        (upsert, metadata(r#"{"a": "\ud800"}"#), 400),
        (query, filter(r#"{"a": 1, "a": 2}"#), 400),
        (query, filter(r#"{"a": {"$gt": 1, "$gt": 2}}"#), 400),
        (query, r#"{"vector": [1, 2], "topK": 1e3}"#.to_owned(), 400),
        (
            query,
            r#"{"vector": [1, 2], "topK": 99999999999999999999}"#.to_owned(),
            400,
        ),
        (query, r#"{"vector": [1, 2], "topK": "1"}"#.to_owned(), 400),
        (
            query,
            r#"{"vector": [1, 2], "topK": 1, "topK": 2}"#.to_owned(),
            400,
        ),
        (
            "POST /vectors/update",
            r#"{"id": "a", "setMetadata": {"a": 1, "a": 2}}"#.to_owned(),
            400,
        ),
    ] {
        let answer = ask(host, line, "any", &body).await;
        let shown: String = body.chars().take(80).collect();
        assert_eq!(answer.status, status, "{line} {shown}: {answer:?}");
        assert!(!answer.json()["message"].as_str().unwrap().is_empty());
    }
    let nested = ask(host, upsert, "any", &deep("[")).await;
    let message = ask(host, upsert, "any", &metadata(&deep("[")))
        .await
        .error(400, "INVALID_ARGUMENT");
    assert!(message.contains("nested deeper"), "{message} {nested:?}");
    let message = ask(host, upsert, "any", &metadata(r#"{"a": 1, "a": 2}"#))
        .await
        .error(400, "INVALID_ARGUMENT");
    assert!(message.contains("duplicate key `a`"), "{message}");
    let mut invalid = request(upsert, "any", "{\"namespace\": \"??\"}").into_bytes();
    let place = invalid.windows(2).position(|two| two == b"??").unwrap();
    invalid[place..place + 2].copy_from_slice(&[0xff, 0xfe]);
    raw(host, &invalid).await.error(400, "INVALID_ARGUMENT");
    assert_eq!(ask(host, upsert, "any", UPSERT).await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn hostile_requests_are_the_callers_mistakes() {
    let world = World::with_limits(|_| {}).await;
    let host = world.index("any").await;
    let query = r#"{"vector": [1, 2], "topK": 1}"#;
    let length = query.len();
    let of = |line: &str, headers: &str, body: &str| {
        format!("{line}\r\n{headers}Connection: close\r\n\r\n{body}")
    };
    let post = |headers: &str, body: &str| {
        of(
            "POST /query HTTP/1.1",
            &format!("Host: localhost\r\n{headers}"),
            body,
        )
    };
    let get = |path: &str| of(&format!("GET {path} HTTP/1.1"), "Host: localhost\r\n", "");
    let chunked = format!("{length:x}\r\n{query}\r\n0\r\n\r\n");
    let endless = format!("10000000\r\n{}", "x".repeat(4 << 20));
    let sized = format!("Content-Length: {length}\r\n");
    for (text, statuses) in [
        (post(&sized, query), [200, 200]),
        (
            post(&format!("{sized}Content-Type: text/html\r\n"), query),
            [200, 200],
        ),
        (post("Transfer-Encoding: chunked\r\n", &chunked), [200, 200]),
        (post("Transfer-Encoding: chunked\r\n", "zz\r\n"), [400, 400]),
        (post("Transfer-Encoding: chunked\r\n", &endless), [400, 400]),
        (post("Transfer-Encoding: gzip\r\n", query), [400, 400]),
        // The encoding goes before the length, as the standard has it.
        (
            post(&format!("{sized}Transfer-Encoding: chunked\r\n"), &chunked),
            [200, 400],
        ),
        (
            post(&format!("Content-Length: 3\r\n{sized}"), query),
            [400, 400],
        ),
        (post("Content-Length: -1\r\n", query), [400, 400]),
        (
            post("Content-Length: 99999999999999999999999\r\n", query),
            [400, 400],
        ),
        (
            post("Content-Length: 18446744073709551615\r\n", query),
            [400, 431],
        ),
        (
            post(&format!("A: {}\r\n{sized}", "x".repeat(1 << 20)), query),
            [431, 431],
        ),
        (post(&"A: b\r\n".repeat(5000), query), [431, 431]),
        (post(&"A: b\r\n".repeat(101), ""), [431, 431]),
        (get(&format!("/{}", "x".repeat(70_000))), [414, 431]),
        (get(&format!("/{}", "x".repeat(60_000))), [404, 404]),
        (of("POST /query HTTP/1.1", &sized, query), [400, 400]),
        (of("POST /query HTTP/1.0", &sized, query), [200, 200]),
        (
            of(
                "POST /query HTTP/1.0",
                "Transfer-Encoding: chunked\r\n",
                &chunked,
            ),
            [400, 400],
        ),
        (of("POST /query HTTP/3.7", "", ""), [400, 505]),
        (
            of("POST query HTTP/1.1", "Host: localhost\r\n", ""),
            [400, 404],
        ),
        (of("POST", "", ""), [400, 400]),
        (of("\0\0\0", "", ""), [400, 400]),
        (
            of("BREW /query HTTP/1.1", "Host: localhost\r\n", ""),
            [405, 405],
        ),
        (
            of("TRACE /query HTTP/1.1", "Host: localhost\r\n", ""),
            [405, 405],
        ),
        (
            of("CONNECT /query HTTP/1.1", "Host: localhost\r\n", ""),
            [405, 405],
        ),
        (
            of("OPTIONS * HTTP/1.1", "Host: localhost\r\n", ""),
            [400, 404],
        ),
        (
            of(
                "GET http://elsewhere/namespaces HTTP/1.1",
                "Host: localhost\r\n",
                "",
            ),
            [200, 200],
        ),
        (
            post(&format!("Host: 127.0.0.1\r\n{sized}"), query),
            [200, 400],
        ),
        (get("//namespaces"), [404, 404]),
        (get("/namespaces/"), [400, 404]),
        (get("/%2e%2e/%2e%2e/etc/passwd"), [404, 404]),
        (get("/../../etc/passwd"), [404, 404]),
        (get("/namespaces/%2e%2e"), [404, 404]),
        (get("/namespaces/..%2f..%2fetc"), [404, 404]),
        (get("/namespaces/%00"), [400, 404]),
        (get("/namespaces/%ff"), [400, 400]),
        (get("/namespaces/%zz"), [400, 404]),
        (get("/namespaces?limit=many"), [400, 400]),
        (get("/namespaces?paginationToken=some"), [400, 400]),
        (get("/vectors/list?paginationToken=dog"), [400, 400]),
        (
            post(&format!("{sized}Content-Encoding: gzip\r\n"), query),
            [415, 415],
        ),
        (
            post(&format!("{sized}Content-Encoding: identity\r\n"), query),
            [200, 200],
        ),
        (get("/namespaces?limit=1&limit=2"), [400, 400]),
        (get("/vectors/fetch?ids=%ff"), [200, 400]),
        (get("/vectors/list?prefix=%00"), [200, 400]),
        (get("/\u{e9}"), [400, 404]),
    ] {
        let answer = raw(host, text.as_bytes()).await;
        let shown: String = text.chars().take(120).collect();
        assert!(statuses.contains(&answer.status), "{shown}: {answer:?}");
    }
    assert_eq!(ask(host, "POST /query", "any", query).await.status, 200);
    world.end().await;
}

/// Where the engine's database is in a store.
const DATABASE: &str = "embedded/vectors.sqlite3";

#[tokio::test]
async fn an_index_may_have_a_host_of_its_own_name() {
    let world = World::start(|options| {
        options.public_host = Some("https://{index}.example.com".parse().unwrap());
    })
    .await;
    let body = r#"{"name": "animals", "dimension": 2, "metric": "dotproduct"}"#;
    assert_eq!(
        ask(world.control, "POST /indexes", "any", body)
            .await
            .status,
        201
    );
    let asked = |method: &str, host: &str, body: &str| {
        let length = body.len();
        format!(
            "{method} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    };
    let control = world.control;
    let answer = |text: String| async move { raw(control, text.as_bytes()).await };
    let described = answer(asked("GET /indexes/animals", "api.example.org", "")).await;
    assert_eq!(described.json()["host"], "https://animals.example.com");
    let upserted = answer(asked("POST /vectors/upsert", "animals.example.com", UPSERT)).await;
    assert_eq!(upserted.status, 200, "{upserted:?}");
    let counted = answer(asked(
        "GET /describe_index_stats",
        "Animals.Example.com:443",
        "",
    ))
    .await;
    assert_eq!(counted.json()["totalVectorCount"], 1);
    let missing = answer(asked("GET /describe_index_stats", "none.example.com", "")).await;
    missing.error(404, "NOT_FOUND");
    let control = answer(asked("GET /describe_index_stats", "example.com", "")).await;
    control.error(404, "NOT_FOUND");
    world.end().await;
}

#[tokio::test]
async fn behind_all_addresses_the_client_is_told_the_one_that_it_knows() {
    let world = World::start(|options| {
        options.address = "0.0.0.0:0".parse().unwrap();
        options.keys = ["any"].into_iter().collect::<Keys>();
    })
    .await;
    let control = SocketAddr::from(([127, 0, 0, 1], world.control.port()));
    let body = r#"{"name": "animals", "dimension": 2, "metric": "euclidean"}"#;
    let made = ask(control, "POST /indexes", "any", body).await;
    let host = made.json()["host"].as_str().unwrap().to_owned();
    let (_, named) = host.split_once("://").unwrap();
    assert!(named.starts_with("localhost:"), "{host}");
    world.end().await;
}

#[tokio::test]
async fn without_keys_pages_of_other_sites_are_refused() {
    let world = World::start(|_| ()).await;
    let asked = |world: &World, headers: &str| {
        let (control, text) = (
            world.control,
            format!("GET /indexes HTTP/1.1\r\nConnection: close\r\n{headers}\r\n"),
        );
        async move { raw(control, text.as_bytes()).await }
    };
    let address = format!("Host: {}\r\n", world.control);
    assert_eq!(asked(&world, &address).await.status, 200);
    let own = format!("{address}Origin: http://{}\r\n", world.control);
    assert_eq!(asked(&world, &own).await.status, 200);
    let other = format!("{address}Origin: https://example.com\r\n");
    asked(&world, &other).await.error(403, "FORBIDDEN");
    let rebound = asked(&world, "Host: example.com\r\n").await;
    rebound.error(403, "FORBIDDEN");
    world.end().await;
    let keyed = World::start(|options| options.keys = ["any"].into_iter().collect::<Keys>()).await;
    let named = asked(&keyed, "Host: example.com\r\nApi-Key: any\r\n").await;
    assert_eq!(named.status, 200);
    keyed.end().await;
}
