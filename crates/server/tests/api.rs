//! The API as a client sees it, over a server on loopback.

use std::path::Path;
use std::time::Duration;

use clipseek::{Clipseek, Settings};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use server::{Keys, Server, ServerError, ServerOptions};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// No test may hang for longer.
const HANG: Duration = Duration::from_secs(60);

/// A server, and a client of it.
struct World {
    address: String,
    client: Client,
    version: &'static str,
    key: &'static str,
    end: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<Result<(), ServerError>>,
}

impl World {
    async fn start(store: &Path, keys: &[&str]) -> World {
        let keys = keys.iter().collect::<Keys>();
        let options = ServerOptions::new("127.0.0.1:0".parse().unwrap(), keys);
        let clipseek = Clipseek::new(Settings::in_directory(store));
        let server = Server::bind(clipseek, options).await;
        let server = server.unwrap();
        let address = format!("http://{}", server.address());
        let (end, ended) = oneshot::channel();
        let served = tokio::spawn(server.run(async {
            let _ = ended.await;
        }));
        World {
            address,
            client: net::client(&net::ClientSettings::default())
                .unwrap()
                .build()
                .unwrap(),
            version: "2025-10",
            key: "any",
            end,
            served,
        }
    }

    async fn end(self) {
        self.end.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }

    async fn send(&self, method: Method, url: String, body: Vec<u8>) -> (StatusCode, String) {
        let request = self
            .client
            .request(method, url)
            .header("X-Pinecone-Api-Version", self.version)
            .header("Api-Key", self.key)
            .body(body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Asks the control plane.
    async fn ask(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        self.at(&self.address, method, path, body).await
    }

    async fn at(&self, host: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let body = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let (status, text) = self.send(method, format!("{host}{path}"), body).await;
        let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (status.as_u16(), answer)
    }

    /// Makes an index of two dimensions; gives its host.
    async fn index(&self, name: &str) -> String {
        let spec = json!({"serverless": {"cloud": "aws", "region": "us-east-1"}});
        let body = json!({"name": name, "dimension": 2, "metric": "dotproduct", "spec": spec});
        let (status, index) = self.ask(Method::POST, "/indexes", &body).await;
        assert_eq!(status, 201, "{index}");
        index["host"].as_str().unwrap().to_owned()
    }
}

fn animals() -> Value {
    json!({"vectors": [
        {"id": "dog", "values": [1.0, 0.1], "metadata": {"legs": 4}},
        {"id": "cat", "values": [0.9, 0.3], "metadata": {"legs": 4}},
        {"id": "hen", "values": [0.2, 1.0], "metadata": {"legs": 2}},
    ]})
}

#[tokio::test]
async fn an_index_is_described_as_each_version_has_it() {
    let store = tempfile::tempdir().unwrap();
    let mut world = World::start(store.path(), &[]).await;
    world.index("one").await;
    let (_, one) = world.ask(Method::GET, "/indexes/one", &Value::Null).await;
    assert_eq!(one["dimension"], 2);
    assert_eq!(one["spec"]["serverless"]["region"], "us-east-1");
    assert_eq!(one["vector_type"], "dense");
    world.version = "2026-07";
    let (_, one) = world.ask(Method::GET, "/indexes/one", &Value::Null).await;
    let field = json!({"type": "dense_vector", "dimension": 2, "metric": "dotproduct"});
    assert_eq!(one["schema"]["fields"]["_values"], field);
    assert_eq!(one["deployment"]["deployment_type"], "managed");
    assert!(one.get("dimension").is_none());
    let body = json!({
        "name": "two",
        "schema": {"fields": {"_values": {"type": "dense_vector", "dimension": 3, "metric": "euclidean"}}},
        "deployment": {"deployment_type": "pod", "environment": "e", "pod_type": "p1.x1", "replicas": 2, "shards": 3},
    });
    let (status, two) = world.ask(Method::POST, "/indexes", &body).await;
    assert_eq!(status, 201, "{two}");
    let fields = json!({
        "_values": {"type": "dense_vector", "dimension": 2, "metric": "dotproduct"},
        "_sparse_values": {"type": "sparse_vector", "metric": "dotproduct"},
    });
    let body = json!({"name": "three", "schema": {"fields": fields}});
    let (status, three) = world.ask(Method::POST, "/indexes", &body).await;
    assert_eq!((status, &three["schema"]["fields"]), (201, &fields));
    let mut cosine = fields.clone();
    cosine["_values"]["metric"] = json!("cosine");
    let body = json!({"name": "four", "schema": {"fields": cosine}});
    let (status, error) = world.ask(Method::POST, "/indexes", &body).await;
    assert_eq!(status, 400, "{error}");
    world.version = "2026-04";
    let (_, two) = world.ask(Method::GET, "/indexes/two", &Value::Null).await;
    assert_eq!(two["spec"]["pod"]["pods"], 6);
    assert_eq!(
        (&two["dimension"], &two["metric"]),
        (&json!(3), &json!("euclidean"))
    );
    world.version = "2031-01";
    let (status, error) = world.ask(Method::GET, "/indexes", &Value::Null).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (400, &json!("INVALID_ARGUMENT"))
    );
    world.end().await;
}

#[tokio::test]
async fn indexes_are_where_they_were_after_a_restart() {
    let store = tempfile::tempdir().unwrap();
    let world = World::start(store.path(), &[]).await;
    let host = world.index("animals").await;
    let (_, said) = world
        .at(&host, Method::POST, "/vectors/upsert", &animals())
        .await;
    assert_eq!(said, json!({"upsertedCount": 3}));
    world.end().await;
    let world = World::start(store.path(), &[]).await;
    let query = json!({"vector": [0.0, 1.0], "topK": 1, "includeMetadata": true});
    let (_, found) = world.at(&host, Method::POST, "/query", &query).await;
    assert_eq!(found["matches"][0]["id"], "hen");
    assert_eq!(found["matches"][0]["metadata"], json!({"legs": 2}));
    world.end().await;
}

#[tokio::test]
async fn vectors_are_changed_by_filter_and_listed_in_pages() {
    let store = tempfile::tempdir().unwrap();
    let world = World::start(store.path(), &[]).await;
    let host = world.index("animals").await;
    world
        .at(&host, Method::POST, "/vectors/upsert", &animals())
        .await;
    let update = |dry_run: bool| json!({"filter": {"legs": 4}, "setMetadata": {"wild": false}, "dryRun": dry_run});
    for (dry_run, changed) in [(true, 0), (false, 2)] {
        let (_, said) = world
            .at(&host, Method::POST, "/vectors/update", &update(dry_run))
            .await;
        assert_eq!(said, json!({"matchedRecords": 2}));
        let wanted = json!({"filter": {"wild": false}});
        let (_, found) = world
            .at(&host, Method::POST, "/vectors/fetch_by_metadata", &wanted)
            .await;
        assert_eq!(found["vectors"].as_object().unwrap().len(), changed);
    }
    let (mut ids, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/vectors/list?limit=2{token}");
        let (_, page) = world.at(&host, Method::GET, &path, &Value::Null).await;
        let items = page["vectors"].as_array().unwrap().iter();
        ids.extend(items.map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["pagination"]["next"].as_str() else {
            break;
        };
        token = format!("&paginationToken={next}");
    }
    assert_eq!(ids, ["cat", "dog", "hen"]);
    let path = "/vectors/fetch?ids=cat&ids=cow&ids=hen";
    let (_, found) = world.at(&host, Method::GET, path, &Value::Null).await;
    assert_eq!(found["vectors"].as_object().unwrap().len(), 2);
    let delete = json!({"filter": {"legs": {"$gt": 2}}});
    world
        .at(&host, Method::POST, "/vectors/delete", &delete)
        .await;
    let (_, stats) = world
        .at(&host, Method::POST, "/describe_index_stats", &Value::Null)
        .await;
    assert_eq!(stats["totalVectorCount"], 1);
    world.end().await;
}

#[tokio::test]
async fn bad_requests_are_the_callers_mistakes() {
    let store = tempfile::tempdir().unwrap();
    let world = World::start(store.path(), &[]).await;
    let host = world.index("animals").await;
    let deep = "[".repeat(100_000);
    let large = format!(
        "{{\"vectors\": [], \"namespace\": \"{}\"}}",
        "x".repeat(3 << 20)
    );
    let many = json!({"vectors": vec![json!({"id": "a", "values": [1, 2]}); 1001]}).to_string();
    for (path, body, expected) in [
        ("/vectors/upsert", "", 400),
        ("/vectors/upsert", "{", 400),
        ("/vectors/upsert", deep.as_str(), 400),
        ("/vectors/upsert", large.as_str(), 400),
        ("/vectors/upsert", many.as_str(), 400),
        (
            "/vectors/upsert",
            r#"{"vectors": [{"id": "a", "values": [NaN, 1]}]}"#,
            400,
        ),
        (
            "/vectors/upsert",
            r#"{"vectors": [{"id": "a", "values": [1e99, 1]}]}"#,
            400,
        ),
        (
            "/vectors/upsert",
            r#"{"vectors": [{"id": "a", "values": [1]}]}"#,
            400,
        ),
        (
            "/vectors/upsert",
            r#"{"vectors": [{"id": "", "values": [1, 2]}]}"#,
            400,
        ),
        (
            "/vectors/upsert",
            r#"{"vectors": [{"id": "a", "values": [1, 2], "metadata": {"a": null}}]}"#,
            400,
        ),
        ("/vectors/upsert", r#"{"vectors": [], "vectors": []}"#, 400),
        ("/query", r#"{"vector": [1, 2]}"#, 400),
        ("/query", r#"{"vector": [1, 2], "topK": 0}"#, 400),
        ("/query", r#"{"vector": [1, 2], "topK": -1}"#, 400),
        ("/query", r#"{"vector": [1, 2], "id": "a", "topK": 1}"#, 400),
        (
            "/query",
            r#"{"vector": [1, 2], "topK": 1, "filter": {"a": {"$near": 1}}}"#,
            400,
        ),
        ("/vectors/delete", "{}", 400),
        ("/vectors/delete", r#"{"filter": {}}"#, 400),
        ("/vectors/delete", r#"{"deleteAll": true}"#, 404),
        ("/vectors/update", "{}", 400),
        ("/nowhere", "{}", 404),
        ("/bulk/imports", "{}", 501),
    ] {
        let url = format!("{host}{path}");
        let (status, text) = world
            .send(Method::POST, url, body.as_bytes().to_vec())
            .await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(status.as_u16(), expected, "{path} {shown}: {text}");
        let error: Value = serde_json::from_str(&text).unwrap();
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert_eq!(error["message"], error["error"]["message"]);
    }
    for (method, path, body, expected) in [
        (
            Method::POST,
            "/indexes",
            json!({"name": "Bad!", "dimension": 2}),
            400,
        ),
        (
            Method::POST,
            "/indexes",
            json!({"name": "animals", "dimension": 2}),
            409,
        ),
        (
            Method::POST,
            "/indexes",
            json!({"name": "none", "dimension": 0}),
            400,
        ),
        (Method::POST, "/indexes", json!({"name": "none"}), 400),
        (
            Method::POST,
            "/indexes",
            json!({"name": "none", "vector_type": "sparse", "metric": "cosine"}),
            400,
        ),
        (Method::GET, "/indexes/none", Value::Null, 404),
        (Method::DELETE, "/indexes/none", Value::Null, 404),
        (Method::PUT, "/indexes/animals", Value::Null, 405),
        (
            Method::PATCH,
            "/indexes/animals",
            json!({"dimension": 3}),
            400,
        ),
        (
            Method::PATCH,
            "/indexes/animals",
            json!({"embed": {"model": "any"}}),
            501,
        ),
        (Method::GET, "/collections", Value::Null, 501),
        (Method::GET, "/backups/any", Value::Null, 501),
    ] {
        let (status, error) = world.ask(method.clone(), path, &body).await;
        assert_eq!(status, expected, "{method} {path}: {error}");
        assert!(error["error"]["message"].is_string());
    }
    world.end().await;
}

#[tokio::test]
async fn a_protected_index_is_not_dropped() {
    let store = tempfile::tempdir().unwrap();
    let world = World::start(store.path(), &[]).await;
    let host = world.index("animals").await;
    let set =
        |protection: &str| json!({"deletion_protection": protection, "tags": {"a": "b", "c": ""}});
    let path = "/indexes/animals";
    let (status, index) = world.ask(Method::PATCH, path, &set("enabled")).await;
    assert_eq!((status, &index["tags"]), (202, &json!({"a": "b"})));
    let (status, error) = world.ask(Method::DELETE, path, &Value::Null).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (403, &json!("FORBIDDEN"))
    );
    world.ask(Method::PATCH, path, &set("disabled")).await;
    let (status, _) = world.ask(Method::DELETE, path, &Value::Null).await;
    assert_eq!(status, 202);
    // What had been connected by then is still answered.
    let url = format!("{host}/describe_index_stats");
    let gone = async { while world.client.get(&url).send().await.is_ok() {} };
    timeout(HANG, gone).await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn keys_are_asked_for_and_elsewhere_they_must_be() {
    let store = tempfile::tempdir().unwrap();
    let mut world = World::start(store.path(), &["secret"]).await;
    let (status, said) = world.ask(Method::GET, "/indexes", &Value::Null).await;
    assert_eq!((status, said), (401, json!("Invalid API key")));
    world.key = "secret";
    let host = world.index("animals").await;
    world.key = "";
    let (status, _) = world
        .at(&host, Method::GET, "/describe_index_stats", &Value::Null)
        .await;
    assert_eq!(status, 401);
    world.end().await;
    let options = ServerOptions::new("0.0.0.0:0".parse().unwrap(), Keys::default());
    let clipseek = Clipseek::new(Settings::in_directory(store.path()));
    let open = Server::bind(clipseek, options).await;
    assert!(matches!(open, Err(ServerError::Open { .. })));
}
