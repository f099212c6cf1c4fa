//! `clipseek serve` as a process: killed and ended under load.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::world::{LONGEST_SECONDS, LONGEST_WAIT, World, until};

const WRITERS: usize = 8;
const BATCH: usize = 20;

struct Served {
    process: Child,
    control: String,
    host: String,
}

/// Where a server says that it is, and what it goes on to say.
fn address_of(process: &mut Child) -> (String, BufReader<ChildStderr>) {
    let mut line = String::new();
    let mut said = BufReader::new(process.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    let (_, address) = line
        .split_once("http://")
        .unwrap_or_else(|| panic!("{line}"));
    (address.split(';').next().unwrap().to_owned(), said)
}

impl Served {
    fn start(world: &World) -> Served {
        let mut process = world
            .command(&["serve", "--bind", "127.0.0.1:0", "--log", "off"])
            .args(["--time-limit", LONGEST_SECONDS, "--grace", LONGEST_SECONDS])
            .env_remove("CLIPSEEK_API_KEYS")
            .env_remove("CLIPSEEK_READ_ONLY_KEYS")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (control, _) = address_of(&mut process);
        let body = json!({"name": "animals", "dimension": 2, "metric": "euclidean"});
        let mut connection = Connection::open(&control).unwrap();
        connection.ask("POST /indexes", &body.to_string()).unwrap();
        let (_, index) = connection.ask("GET /indexes/animals", "").unwrap();
        let (_, host) = index["host"].as_str().unwrap().split_once("://").unwrap();
        Served {
            process,
            control,
            host: host.to_owned(),
        }
    }
}

/// Nothing is left behind by a test that fails.
impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection that is asked several times.
struct Connection {
    stream: BufReader<TcpStream>,
    /// Whether something of the answer has come.
    begun: bool,
    is_last: bool,
}

impl Connection {
    fn open(address: &str) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LONGEST_WAIT))?;
        Ok(Connection {
            stream: BufReader::new(stream),
            begun: false,
            is_last: false,
        })
    }

    fn ask(&mut self, line: &str, body: &str) -> io::Result<(u16, Value)> {
        self.send(line, body)?;
        self.answer()
    }

    fn send(&mut self, line: &str, body: &str) -> io::Result<()> {
        self.begun = false;
        let length = body.len();
        let request =
            format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}");
        self.stream.get_mut().write_all(request.as_bytes())
    }

    fn answer(&mut self) -> io::Result<(u16, Value)> {
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.begun = true;
            let line = line.trim_end().to_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            }
            self.is_last |= line == "connection: close";
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8(body).unwrap();
        let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
        Ok((status, body))
    }
}

/// Batches of vectors by their names.
#[derive(Default)]
struct Written {
    acknowledged: Mutex<Vec<String>>,
    uncertain: Mutex<Vec<String>>,
}

fn batch(name: &str) -> Vec<Value> {
    let vector = |at: usize| json!({"id": format!("{name}-{at}"), "values": [at, name.len()]});
    (0..BATCH).map(vector).collect()
}

/// How many of a batch's vectors are there; those that are there must be right.
fn found(connection: &mut Connection, name: &str) -> usize {
    let ids: Vec<String> = (0..BATCH).map(|at| format!("ids={name}-{at}")).collect();
    let line = format!("GET /vectors/fetch?{}", ids.join("&"));
    let (status, answer) = connection.ask(&line, "").unwrap();
    assert_eq!(status, 200, "{answer}");
    let vectors = answer["vectors"].as_object().unwrap();
    for at in 0..BATCH {
        if let Some(vector) = vectors.get(&format!("{name}-{at}")) {
            assert_eq!(vector["values"], json!([at as f32, name.len() as f32]));
        }
    }
    vectors.len()
}

fn verify(served: &Served, written: &Written) {
    let mut connection = Connection::open(&served.host).unwrap();
    for name in written.acknowledged.lock().unwrap().iter() {
        assert_eq!(
            found(&mut connection, name),
            BATCH,
            "{name} was acknowledged"
        );
    }
    for name in written.uncertain.lock().unwrap().iter() {
        let found = found(&mut connection, name);
        assert!([0, BATCH].contains(&found), "{found} of {name} are there");
    }
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let world = World::new();
    let written = Written::default();
    for round in 0..3 {
        let mut served = Served::start(&world);
        verify(&served, &written);
        let before = written.acknowledged.lock().unwrap().len();
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (host, written) = (served.host.clone(), &written);
                scope.spawn(move || {
                    let mut connection = Connection::open(&host).unwrap();
                    for number in 0.. {
                        let name = format!("{round}-{writer}-{number}");
                        let body = json!({"vectors": batch(&name)}).to_string();
                        let answer = connection.ask("POST /vectors/upsert", &body);
                        let well = matches!(answer, Ok((200, _)));
                        let names = if well {
                            &written.acknowledged
                        } else {
                            &written.uncertain
                        };
                        names.lock().unwrap().push(name);
                        if !well {
                            assert!(answer.is_err(), "{answer:?}");
                            return;
                        }
                    }
                });
            }
            until("writes", || {
                written.acknowledged.lock().unwrap().len() >= before + 60 + 17 * round
            });
            served.process.kill().unwrap();
            served.process.wait().unwrap();
        });
    }
    verify(&Served::start(&world), &written);
    let mut served = Served::start(&world);
    assert_eq!(world.run(&["index", "list"]).code, 0);
    served.process.kill().unwrap();
}

#[test]
fn nothing_that_was_asked_is_cut_off_by_the_end() {
    let world = World::new();
    let mut served = Served::start(&world);
    let (written, answered, ended) = (
        Written::default(),
        AtomicUsize::new(0),
        AtomicBool::new(false),
    );
    thread::scope(|scope| {
        for client in 0..2 * WRITERS {
            let (host, control) = (served.host.clone(), served.control.clone());
            let (written, answered, ended) = (&written, &answered, &ended);
            scope.spawn(move || {
                // One in four asks anew each time.
                let keeps = client % 4 != 0;
                let address = if client % 8 == 1 { &control } else { &host };
                let mut connection = Connection::open(address).unwrap();
                for number in 0.. {
                    let name = format!("{client}-{number}");
                    let upserts = client % 2 == 0;
                    let sent = match upserts {
                        true => connection.send(
                            "POST /vectors/upsert",
                            &json!({"vectors": batch(&name)}).to_string(),
                        ),
                        false if address == &control => connection.send("GET /indexes", ""),
                        false => {
                            connection.send("POST /query", r#"{"vector": [1, 2], "topK": 10}"#)
                        }
                    };
                    let is_late = ended.load(Ordering::SeqCst);
                    match sent.and_then(|()| connection.answer()) {
                        Ok((status, answer)) => {
                            assert_eq!(status, 200, "{answer}");
                            answered.fetch_add(1, Ordering::Relaxed);
                            if upserts {
                                written.acknowledged.lock().unwrap().push(name);
                            }
                        }
                        // The end closes connections, also under who asks just then. What was sent before is answered.
                        Err(error) => {
                            assert!(is_late && !connection.begun, "cut off: {error}");
                            return;
                        }
                    }
                    if connection.is_last || !keeps {
                        match Connection::open(address) {
                            Ok(new) => connection = new,
                            Err(error) => {
                                assert!(ended.load(Ordering::SeqCst), "refused: {error}");
                                return;
                            }
                        }
                    }
                }
            });
        }
        until("answers", || answered.load(Ordering::Relaxed) > 300);
        ended.store(true, Ordering::SeqCst);
        let process = Pid::from_raw(served.process.id().try_into().unwrap());
        kill(process, Signal::SIGTERM).unwrap();
    });
    assert_eq!(served.process.wait().unwrap().code(), Some(0));
    verify(&Served::start(&world), &written);
}

/// Several times, as the server may still take up connections before it hears of its end.
#[test]
fn what_was_sent_before_the_end_is_answered() {
    for _ in 0..5 {
        sleeps_until_the_end();
    }
}

/// The server sleeps while all this is sent, and has read none of it when the end is announced.
fn sleeps_until_the_end() {
    let world = World::new();
    let mut served = Served::start(&world);
    let process = Pid::from_raw(served.process.id().try_into().unwrap());
    let query = r#"{"vector": [1, 2], "topK": 10}"#;
    let open = || {
        let mut opened = [&served.host; WRITERS].map(|host| Connection::open(host).unwrap());
        opened[0] = Connection::open(&served.control).unwrap();
        opened
    };
    let mut kept = open();
    for connection in &mut kept[1..] {
        assert_eq!(connection.ask("POST /query", query).unwrap().0, 200);
    }
    assert_eq!(kept[0].ask("GET /indexes", "").unwrap().0, 200);

    kill(process, Signal::SIGSTOP).unwrap();
    let stopped = waitpid(process, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert_eq!(stopped, WaitStatus::Stopped(process, Signal::SIGSTOP));
    let (written, mut fresh) = (Written::default(), open());
    for (number, connection) in kept.iter_mut().chain(&mut fresh).enumerate() {
        match number % WRITERS {
            0 => connection.send("GET /indexes", ""),
            1..4 => connection.send("POST /query", query),
            _ => {
                let name = number.to_string();
                let body = json!({"vectors": batch(&name)}).to_string();
                written.acknowledged.lock().unwrap().push(name);
                connection.send("POST /vectors/upsert", &body)
            }
        }
        .unwrap();
    }
    kill(process, Signal::SIGTERM).unwrap();
    kill(process, Signal::SIGCONT).unwrap();
    for connection in kept.iter_mut().chain(&mut fresh) {
        let (status, answer) = connection.answer().unwrap();
        assert_eq!(status, 200, "{answer}");
    }
    drop((kept, fresh));
    assert_eq!(served.process.wait().unwrap().code(), Some(0));
    verify(&Served::start(&world), &written);
}

#[test]
fn a_certificate_that_cannot_be_used_is_said() {
    let world = World::new();
    world.write("nothing.pem", "nothing");
    let said = world.fails(&[
        "serve",
        "--tls-cert",
        "nothing.pem",
        "--tls-key",
        "nothing.pem",
    ]);
    assert!(said.contains("no certificate in `nothing.pem`"), "{said}");
    let said = world.fails(&["serve", "--tls-cert", "nothing.pem"]);
    assert!(said.contains("--tls-key"), "{said}");
}

#[test]
fn the_page_is_at_the_address_that_is_said() {
    let world = World::new();
    world.run(&["demo", "--to", "demo.html"]);
    let mut process = world
        .command(&["browse", "demo", "--no-open"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(process.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    let (_, url) = line.split_once("http://").unwrap();
    let (address, rest) = url.split_once('/').unwrap();
    assert!(rest.starts_with("?in=demo;"), "{line}");
    let mut connection = Connection::open(address).unwrap();
    let (status, found) = connection
        .ask("GET /api/v1/collections/demo/search?text=a+bird", "")
        .unwrap();
    assert_eq!((status, &found["collection"]), (200, &json!("demo")));
    // Pinecone's API is not what was asked for.
    assert_eq!(connection.ask("GET /indexes", "").unwrap().0, 404);
    let pid = Pid::from_raw(process.id().try_into().unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0));
    let none = world.fails(&["browse", "nothing", "--no-open"]);
    assert!(none.contains("there is no collection `nothing`"), "{none}");
}

/// What a process says after it was asked to log.
#[test]
fn requests_are_logged_where_nobody_looks() {
    let world = World::new();
    let mut process = world
        .command(&["serve", "--bind", "127.0.0.1:0"])
        .env("CLIPSEEK_API_KEYS", "secret")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(process.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let (_, control) = line.split_once("http://").unwrap();
    let control = control.split(';').next().unwrap();
    let mut connection = Connection::open(control).unwrap();
    assert_eq!(connection.ask("GET /indexes", "").unwrap().0, 401);
    assert_eq!(connection.ask("GET /readyz", "").unwrap().0, 200);
    kill(
        Pid::from_raw(process.id().try_into().unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let mut text = String::new();
    said.read_to_string(&mut text).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0));
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let statuses: Vec<&Value> = lines.iter().map(|line| &line["status"]).collect();
    assert_eq!(statuses, [401, 200], "{text}");
}

/// Keys of a file, and pages of another site.
#[test]
fn keys_come_from_a_file() {
    const SERVE: [&str; 5] = ["serve", "--bind", "127.0.0.1:0", "--keys", "keys.txt"];
    let world = World::new();
    for (list, expected) in [
        (
            "secret read kollections=birds",
            "line 1: unknown permission `kollections=birds`",
        ),
        ("# none", "the list has no keys"),
    ] {
        world.write("keys.txt", list);
        let said = world.fails(&SERVE);
        assert!(
            said.contains(expected) && !said.contains("secret"),
            "{said}"
        );
    }
    world.write("keys.txt", "secret read collections=birds");
    let mut process = world
        .command(&SERVE)
        .args(["--log", "off", "--allow-origin", "https://shop.example"])
        .env_remove("CLIPSEEK_API_KEYS")
        .env_remove("CLIPSEEK_READ_ONLY_KEYS")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (address, _told) = address_of(&mut process);
    let mut connection = Connection::open(&address).unwrap();
    assert_eq!(connection.ask("GET /indexes", "").unwrap().0, 401);
    let pid = Pid::from_raw(process.id().try_into().unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0));
}
