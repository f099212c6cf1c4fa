//! How the engine `pinecone` handles a server's errors. The server is a double that responds as each test
//! says. The crate `server` tests the regular API against `clipseek serve`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use index::{
    ApiKey, Engine, Error, IndexSettings, IndexSpec, Metadata, Metric, OnRetry, Pinecone,
    PineconeSettings, Query, QueryBy, Selection, Vector,
};
use net::Retry;
use serde_json::{Value, json};

/// A timeout that even a very busy machine meets.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// A request to the double.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    key: String,
    version: String,
    body: Vec<u8>,
}

/// A double of Pinecone, for all planes.
struct Double {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// The double's response, depending on the request and how often it came before.
type Answer = fn(&Asked, usize, &str) -> Option<String>;

impl Double {
    fn new(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let double = Self {
            url: url.clone(),
            asked: Arc::clone(&asked),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, url) = (Arc::clone(&asked), url.clone());
                thread::spawn(move || converse(stream, &asked, answer, &url));
            }
        });
        double
    }

    fn settings(&self) -> PineconeSettings {
        PineconeSettings {
            key: Some(ApiKey::new("secret-key").unwrap()),
            controller: self.url.clone(),
            connect_limit: LONGEST_WAIT,
            answer_limit: LONGEST_WAIT,
            ready_limit: LONGEST_WAIT,
            settle_limit: LONGEST_WAIT,
            retry: Retry {
                attempts: 3,
                first_wait: Duration::from_millis(1),
                longest_wait: Duration::from_millis(4),
                longest_asked: Duration::from_secs(2),
            },
            ..PineconeSettings::default()
        }
    }

    fn engine(&self) -> Engine {
        Engine::Pinecone(Pinecone::new(self.settings()).unwrap())
    }

    fn lines(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|asked| asked.line.clone()).collect()
    }
}

fn converse(stream: TcpStream, asked: &Mutex<Vec<Asked>>, answer: Answer, url: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read(&mut reader) {
        let before = {
            let mut asked = asked.lock().unwrap();
            asked.push(request.clone());
            asked.len() - 1
        };
        let Some(answer) = answer(&request, before, url) else {
            // Sends nothing until the client closes the connection.
            let _ = reader.read(&mut [0]);
            return;
        };
        let is_last = answer.contains("connection: close");
        if stream.write_all(answer.as_bytes()).is_err() || is_last {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut asked = Asked {
        line: line.trim_end().trim_end_matches(" HTTP/1.1").to_owned(),
        key: String::new(),
        version: String::new(),
        body: Vec::new(),
    };
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "api-key" => value.clone_into(&mut asked.key),
            "x-pinecone-api-version" => value.clone_into(&mut asked.version),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    asked.body = vec![0; length];
    reader.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

fn answer(status: &str, headers: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}"
    ))
}

fn ok(body: &Value) -> Option<String> {
    answer(
        "200 OK",
        "content-type: application/json\r\n",
        &body.to_string(),
    )
}

/// The index of all tests, at this host and in this state.
fn model(host: &str, ready: bool) -> Value {
    let state = if ready { "Ready" } else { "Initializing" };
    json!({
        "name": "things", "dimension": 3, "metric": "cosine", "host": host, "vector_type": "dense",
        "spec": {"serverless": {"cloud": "aws", "region": "us-east-1"}},
        "status": {"ready": ready, "state": state},
    })
}

/// An existing index whose host responds as `data` says.
fn with_index(asked: &Asked, url: &str, data: impl FnOnce() -> Option<String>) -> Option<String> {
    match asked.line.as_str() {
        "GET /indexes/things" => ok(&model(url, true)),
        _ => data(),
    }
}

fn vectors() -> [Vector; 1] {
    [Vector {
        id: "a".to_owned(),
        values: vec![1.0, 0.0, 0.0],
        metadata: Metadata::new(),
        sparse_values: None,
    }]
}

fn query() -> Query {
    Query::new(QueryBy::Values(vec![1.0, 0.0, 0.0]), 1)
}

fn spec() -> IndexSpec {
    IndexSpec {
        name: "things".to_owned(),
        dimension: 3,
        metric: Metric::Cosine,
    }
}

#[test]
fn every_request_names_the_key_and_the_version_that_is_asked_for() {
    let double =
        Double::new(|asked, _, url| with_index(asked, url, || ok(&json!({"upsertedCount": 1}))));
    let index = double.engine().index("things").unwrap();
    index.upsert("", &vectors()).unwrap();
    let asked = double.asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    for each in asked.iter() {
        assert_eq!(
            (each.key.as_str(), each.version.as_str()),
            ("secret-key", "2025-10")
        );
    }
    let body: Value = serde_json::from_slice(&asked[1].body).unwrap();
    assert_eq!(body["vectors"][0]["values"], json!([1.0, 0.0, 0.0]));
}

#[test]
fn a_new_index_is_waited_for() {
    let double = Double::new(|asked, before, url| match asked.line.as_str() {
        "POST /indexes" => answer("201 Created", "", "{}"),
        _ => ok(&model(url, before >= 3)),
    });
    double
        .engine()
        .create_index(&spec(), &IndexSettings::default())
        .unwrap();
    let asked = double.asked.lock().unwrap();
    assert_eq!(asked.len(), 4);
    let body: Value = serde_json::from_slice(&asked[0].body).unwrap();
    let expected = json!({
        "name": "things", "dimension": 3, "metric": "cosine", "deletion_protection": "disabled",
        "spec": {"serverless": {"cloud": "aws", "region": "us-east-1"}},
    });
    assert_eq!(body, expected);
}

#[test]
fn an_index_that_is_never_ready_is_given_up() {
    let double = Double::new(|_, _, url| ok(&model(url, false)));
    let mut settings = double.settings();
    settings.ready_limit = Duration::ZERO;
    let error = Pinecone::new(settings)
        .map(Engine::Pinecone)
        .unwrap()
        .index("things")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "index `things` is not ready after 0 s: its state is `Initializing`"
    );
}

#[test]
fn what_can_pass_is_asked_again() {
    let double = Double::new(|asked, before, url| {
        with_index(asked, url, || match before {
            1 => answer("503 Service Unavailable", "retry-after: 0\r\n", ""),
            2 => answer("429 Too Many Requests", "", "slow down"),
            3 => answer("500 Internal Server Error", "", "{}"),
            _ => ok(&json!({"matches": [{"id": "a", "score": 1.0}]})),
        })
    });
    let index = double.engine().index("things").unwrap();
    assert_eq!(index.query("", &query()).unwrap()[0].id, "a");
    assert_eq!(double.lines().len(), 5);
}

#[test]
fn what_does_not_pass_is_said() {
    let double = Double::new(|asked, _, url| {
        with_index(asked, url, || {
            answer("500 Oops", "", "{\"message\": \"out of order\"}")
        })
    });
    let index = double.engine().index("things").unwrap();
    let error = index.query("", &query()).unwrap_err().to_string();
    let host = &double.url;
    assert_eq!(
        error,
        format!("`{host}` rejected a request: out of order (status 500)")
    );
    // One attempt and three retries.
    assert_eq!(double.lines().len(), 1 + 4);
}

#[test]
fn mistakes_are_not_repeated() {
    let double = Double::new(|asked, _, url| {
        with_index(asked, url, || {
            answer(
                "400 Bad Request",
                "",
                "{\"code\": 3, \"message\": \"no such operator\"}",
            )
        })
    });
    let index = double.engine().index("things").unwrap();
    let error = index.query("", &query()).unwrap_err();
    assert!(
        matches!(&error, Error::Refused { status: 400, message, .. } if message == "no such operator")
    );
    assert_eq!(double.lines().len(), 2);
}

#[test]
fn a_refused_key_is_said_and_not_shown() {
    let double =
        Double::new(|_, _, _| answer("401 Unauthorized", "", "Invalid API key: secret-key"));
    let error = double.engine().list_indexes().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{}` rejected the API key", double.url)
    );
    assert!(!format!("{error:?}").contains("secret-key"));
    assert_eq!(double.lines().len(), 1);
}

#[test]
fn a_server_that_stops_answering_is_given_up() {
    static WAITS: AtomicUsize = AtomicUsize::new(0);
    let double = Double::new(|asked, _, url| with_index(asked, url, || None));
    let mut settings = double.settings();
    settings.answer_limit = Duration::from_secs(1);
    settings.retry.attempts = 1;
    settings.on_retry = OnRetry::new(|_, _| {
        WAITS.fetch_add(1, Ordering::Relaxed);
    });
    let engine = Engine::Pinecone(Pinecone::new(settings).unwrap());
    // On a busy machine, regular responses take longer than this too.
    let index = (0..100).find_map(|_| engine.index("things").ok()).unwrap();
    let before = WAITS.load(Ordering::Relaxed);
    let error = index.query("", &query()).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("`{}` did not respond within 1 s", double.url)
    );
    assert_eq!(WAITS.load(Ordering::Relaxed), before + 1);
}

#[test]
fn who_cannot_be_reached_is_named() {
    // Nothing listens at port 1. A port that was free a moment ago may be another test's by now.
    let nobody = "http://127.0.0.1:1";
    let double = Double::new(|_, _, _| None);
    let mut settings = double.settings();
    settings.controller = nobody.to_owned();
    let engine = Engine::Pinecone(Pinecone::new(settings).unwrap());
    let error = engine.list_indexes().unwrap_err().to_string();
    assert_eq!(error, format!("cannot reach `{nobody}`"));
}

#[test]
fn other_servers_are_not_taken_for_pinecone() {
    let page = Double::new(|_, _, _| answer("200 OK", "", "<html>Welcome</html>"));
    let error = page.engine().list_indexes().unwrap_err();
    assert!(matches!(error, Error::NotPinecone { .. }), "{error}");
    let elsewhere = Double::new(|_, _, _| answer("302 Found", "location: /login\r\n", ""));
    let error = elsewhere.engine().list_indexes().unwrap_err().to_string();
    assert!(error.ends_with("it redirects to another server"), "{error}");
    let missing = Double::new(|_, _, _| answer("404 Not Found", "", ""));
    let error = missing.engine().index("things").unwrap_err().to_string();
    assert_eq!(error, "index `things` does not exist");
}

#[test]
fn a_broken_answer_is_asked_for_again() {
    let double = Double::new(|asked, before, url| {
        with_index(asked, url, || match before {
            1 => Some(
                "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{\"mat"
                    .to_owned(),
            ),
            _ => ok(&json!({"matches": []})),
        })
    });
    let index = double.engine().index("things").unwrap();
    assert!(index.query("", &query()).unwrap().is_empty());
    assert_eq!(double.lines().len(), 3);
}

#[test]
fn whole_numbers_come_back_as_such() {
    let double = Double::new(|asked, _, url| {
        with_index(asked, url, || {
            ok(
                &json!({"vectors": {"a": {"id": "a", "values": [1, 0, 0], "metadata": {"n": 4.0, "x": 0.5}}}}),
            )
        })
    });
    let index = double.engine().index("things").unwrap();
    let vector = index.fetch("", &["a"]).unwrap().remove(0);
    assert_eq!(
        Value::Object(vector.metadata).to_string(),
        r#"{"n":4,"x":0.5}"#
    );
}

#[test]
fn what_pods_cannot_is_said() {
    let double = Double::new(|asked, _, url| match asked.line.as_str() {
        "GET /indexes/things" => {
            let mut model = model(url, true);
            model["spec"] = json!({"pod": {"environment": "us-west1-gcp"}});
            ok(&model)
        }
        _ => answer("400 Bad Request", "", "{\"message\": \"not for pods\"}"),
    });
    let index = double.engine().index("things").unwrap();
    let refused = index.list("", "", 10, None).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "engine `pinecone` cannot list the ids of an index on pods"
    );
    let filter = index::Filter::parse(&json!({"a": 1})).unwrap();
    for refused in [
        index.matching("", &filter, 1, None).map(drop),
        index.count_matching("", &filter).map(drop),
        index
            .update_matching("", &filter, &Metadata::new())
            .map(drop),
    ] {
        assert!(matches!(refused, Err(Error::Unsupported { .. })));
    }
    assert!(matches!(
        index.query("", &query()),
        Err(Error::Refused { .. })
    ));
}

/// A write has number 7. Each later search reflects one more write, starting from 5.
fn with_numbers(asked: &Asked, before: usize, url: &str) -> Option<String> {
    with_index(asked, url, || match asked.line.as_str() {
        "POST /query" => {
            let regarded = format!("x-pinecone-max-indexed-lsn: {}\r\n", before + 3);
            answer("200 OK", &regarded, &json!({"matches": []}).to_string())
        }
        _ => answer("200 OK", "x-pinecone-request-lsn: 7\r\n", "{}"),
    })
}

#[test]
fn what_was_written_is_waited_for() {
    let double = Double::new(with_numbers);
    let index = double.engine().index("things").unwrap();
    assert!(index.settle("some").unwrap());
    index.upsert("some", &vectors()).unwrap();
    assert!(index.settle("another").unwrap());
    assert_eq!(double.lines().len(), 2);
    assert!(index.settle("some").unwrap());
    assert_eq!(double.lines()[2..], ["POST /query"; 3]);
    // No search reflects writes to a deleted namespace.
    index.delete("some", &Selection::All).unwrap();
    assert!(index.settle("some").unwrap());
    assert_eq!(double.lines().len(), 6);
}

#[test]
fn what_was_written_is_waited_for_in_vain_for_a_while() {
    let double = Double::new(with_numbers);
    let mut settings = double.settings();
    settings.settle_limit = Duration::ZERO;
    let engine = Engine::Pinecone(Pinecone::new(settings).unwrap());
    let index = engine.index("things").unwrap();
    index.upsert("", &vectors()).unwrap();
    assert!(!index.settle("").unwrap());
}

#[test]
fn waits_are_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let double = Double::new(|asked, before, url| match before {
        0 => answer("503 Service Unavailable", "", "later"),
        _ => with_index(asked, url, || None),
    });
    let mut settings = double.settings();
    let all = Arc::clone(&told);
    settings.on_retry = OnRetry::new(move |error, _| all.lock().unwrap().push(error.to_string()));
    let engine = Engine::Pinecone(Pinecone::new(settings).unwrap());
    engine.index("things").unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("later"), "{told:?}");
}
