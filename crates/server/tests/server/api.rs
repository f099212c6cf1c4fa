//! The API as a client sees it, over a server on loopback.

use std::path::Path;
use std::time::Duration;

use clipseek::{Clipseek, Settings};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::{Keys, Server, ServerError, ServerOptions};
use tokio::time::timeout;

/// No test may hang for longer.
const HANG: Duration = Duration::from_secs(60);

/// A server, and a client of it.
struct World {
    served: crate::support::World,
    version: &'static str,
}

impl World {
    async fn start(store: &Path, keys: &[&str]) -> World {
        let keys = keys.iter().collect::<Keys>();
        World {
            served: crate::support::World::of_store(store, |_| {}, |options| options.keys = keys)
                .await,
            version: "2025-10",
        }
    }

    async fn end(self) {
        self.served.end().await;
    }

    async fn send(&self, method: Method, url: String, body: Vec<u8>) -> (StatusCode, String) {
        let request = self
            .served
            .client
            .request(method, url)
            .header("X-Pinecone-Api-Version", self.version)
            .header("Api-Key", self.served.key)
            .body(body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Asks the control plane.
    async fn ask(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        self.at(&self.served.address, method, path, body).await
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

/// So many vectors of so many dimensions, as JSON with as many digits as a 64-bit float has.
fn digits(count: usize, dimension: usize) -> String {
    let values = vec!["-0.1234567890123456"; dimension].join(", ");
    let vector = |n: usize| format!(r#"{{"id": "{n}", "values": [{values}]}}"#);
    let vectors: Vec<String> = (0..count).map(vector).collect();
    format!(r#"{{"vectors": [{}]}}"#, vectors.join(", "))
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
    for version in ["2025-04", "2025-01"] {
        world.version = version;
        let (_, one) = world.ask(Method::GET, "/indexes/one", &Value::Null).await;
        let spec = json!({"serverless": {"cloud": "aws", "region": "us-east-1"}});
        assert_eq!((&one["spec"], &one["dimension"]), (&spec, &json!(2)));
        assert_eq!(one["vector_type"], "dense");
    }
    world.version = "2031-01";
    let (status, error) = world.ask(Method::GET, "/indexes", &Value::Null).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (400, &json!("INVALID_ARGUMENT"))
    );
    world.end().await;
}

#[tokio::test]
async fn early_versions_have_their_own_fields() {
    let store = tempfile::tempdir().unwrap();
    let mut world = World::start(store.path(), &[]).await;
    world.version = "2025-01";
    let body = json!({"name": "words", "vector_type": "sparse", "tags": {"a": "b"}});
    let (status, words) = world.ask(Method::POST, "/indexes", &body).await;
    assert_eq!(status, 201, "{words}");
    let fields = |index: &Value| {
        let mut fields = index.clone();
        let host = fields.as_object_mut().unwrap().remove("host");
        assert!(host.unwrap().as_str().unwrap().starts_with("http://"));
        fields
    };
    let mut expected = json!({
        "name": "words",
        "metric": "dotproduct",
        "vector_type": "sparse",
        "status": {"ready": true, "state": "Ready"},
        "spec": {"serverless": {"cloud": "aws", "region": "local"}},
        "deletion_protection": "disabled",
        "tags": {"a": "b"},
    });
    assert_eq!(fields(&words), expected);
    expected.as_object_mut().unwrap().remove("vector_type");
    expected.as_object_mut().unwrap().remove("tags");
    expected["dimension"] = json!(0);
    for version in ["2024-07", "2024-10"] {
        world.version = version;
        let (status, list) = world.ask(Method::GET, "/indexes", &Value::Null).await;
        assert_eq!(
            (status, fields(&list["indexes"][0])),
            (200, expected.clone())
        );
        let spec = json!({"pod": {"environment": "e", "pod_type": "p1.x1"}});
        let body = json!({"name": version, "dimension": 2, "metric": "euclidean", "spec": spec});
        let (status, made) = world.ask(Method::POST, "/indexes", &body).await;
        assert_eq!((status, &made["spec"]["pod"]["pods"]), (201, &json!(1)));
        let path = format!("/indexes/{version}");
        let body = json!({"spec": {"pod": {"replicas": 3}}});
        let (status, made) = world.ask(Method::PATCH, &path, &body).await;
        assert_eq!((status, &made["spec"]["pod"]["replicas"]), (202, &json!(3)));
        let (status, _) = world.ask(Method::DELETE, &path, &Value::Null).await;
        assert_eq!(status, 202);
    }
    world.end().await;
}

#[tokio::test]
async fn an_upsert_is_as_large_as_its_vectors_in_binary_form() {
    let store = tempfile::tempdir().unwrap();
    let world = World::start(store.path(), &[]).await;
    let body = json!({"name": "many", "dimension": 1536, "metric": "cosine"});
    let (_, index) = world.ask(Method::POST, "/indexes", &body).await;
    let host = index["host"].as_str().unwrap();
    let url = || format!("{host}/vectors/upsert");
    let body = digits(341, 1536);
    assert!(body.len() > 10 << 20, "{}", body.len());
    let (status, said) = world.send(Method::POST, url(), body.into_bytes()).await;
    assert_eq!(
        (status.as_u16(), said.as_str()),
        (200, r#"{"upsertedCount":341}"#)
    );
    // One more is more than 2 MiB of 32-bit numbers.
    let body = digits(342, 1536).into_bytes();
    let (status, said) = world.send(Method::POST, url(), body).await;
    let error: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (status.as_u16(), &error["error"]["code"]),
        (400, &json!("OUT_OF_RANGE"))
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("2097152"), "{message}");
    // No other body has to be that large.
    let (status, said) = world
        .send(Method::POST, format!("{host}/query"), vec![b' '; 3 << 20])
        .await;
    assert_eq!(status.as_u16(), 400);
    assert!(said.contains("OUT_OF_RANGE"), "{said}");
    world.end().await;
}

#[tokio::test]
async fn a_query_of_zeros_lists_by_filter() {
    let store = tempfile::tempdir().unwrap();
    let world = World::start(store.path(), &[]).await;
    let body = json!({"name": "animals", "dimension": 2, "metric": "cosine"});
    let (_, index) = world.ask(Method::POST, "/indexes", &body).await;
    let host = index["host"].as_str().unwrap();
    world
        .at(host, Method::POST, "/vectors/upsert", &animals())
        .await;
    let query = json!({"vector": [0, 0], "topK": 10, "filter": {"legs": 4}});
    let (status, found) = world.at(host, Method::POST, "/query", &query).await;
    let matches = json!([{"id": "cat", "score": 0.0, "values": []}, {"id": "dog", "score": 0.0, "values": []}]);
    assert_eq!((status, &found["matches"]), (200, &matches));
    let zeros = json!({"vectors": [{"id": "none", "values": [0, 0]}]});
    let (status, error) = world
        .at(host, Method::POST, "/vectors/upsert", &zeros)
        .await;
    assert_eq!(status, 400, "{error}");
    world.end().await;
}

#[tokio::test]
async fn null_is_unset() {
    let store = tempfile::tempdir().unwrap();
    let world = World::start(store.path(), &[]).await;
    let body = json!({
        "name": "animals", "dimension": 2, "metric": null, "vector_type": null, "schema": null,
        "spec": {"serverless": {"cloud": "aws", "region": "r", "read_capacity": null}, "pod": null},
        "deployment": null, "deletion_protection": null, "tags": {"a": null}, "source_collection": null,
        "source_backup_id": null,
    });
    let (status, index) = world.ask(Method::POST, "/indexes", &body).await;
    assert_eq!(
        (status, &index["metric"], &index["tags"]),
        (201, &json!("cosine"), &Value::Null)
    );
    let host = index["host"].as_str().unwrap();
    let body = json!({
        "deletion_protection": null, "tags": null, "spec": null, "deployment": null, "embed": null,
        "dimension": null, "name": null,
    });
    let (status, _) = world.ask(Method::PATCH, "/indexes/animals", &body).await;
    assert_eq!(status, 202);
    let fields = json!({
        "_values": {"type": "dense_vector", "dimension": 2, "metric": null}, "_sparse_values": null,
    });
    let body = json!({"name": "other", "schema": {"fields": fields}, "deployment": null});
    let (status, other) = world.ask(Method::POST, "/indexes", &body).await;
    assert_eq!((status, &other["metric"]), (201, &json!("cosine")));
    let vector = json!({"id": "a", "values": [1, 0], "sparseValues": null, "metadata": null});
    let query = json!({
        "topK": 1, "vector": null, "sparseVector": null, "id": "a", "namespace": null, "filter": null,
        "includeValues": null, "includeMetadata": null,
    });
    let fetch = json!({"namespace": null, "filter": null, "limit": null, "paginationToken": null});
    let update = json!({
        "id": "a", "values": [0, 1], "sparseValues": null, "setMetadata": null, "namespace": null, "filter": null,
        "dryRun": null,
    });
    let delete = json!({"ids": ["a"], "deleteAll": null, "namespace": null, "filter": null});
    let search = json!({
        "query": {"top_k": 1, "filter": null, "inputs": null, "id": "a", "vector": null, "match_terms": null},
        "fields": null, "rerank": null,
    });
    for (path, body) in [
        (
            "/vectors/upsert",
            json!({"vectors": [vector], "namespace": null}),
        ),
        ("/query", query),
        ("/vectors/fetch_by_metadata", fetch),
        ("/vectors/update", update),
        ("/describe_index_stats", json!({"filter": null})),
        ("/namespaces", json!({"name": "made", "schema": null})),
        ("/records/namespaces/made/search", search),
        ("/vectors/delete", delete),
    ] {
        let (status, said) = world.at(host, Method::POST, path, &body).await;
        assert_eq!(status, 200, "{path}: {said}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_namespace_is_as_long_everywhere() {
    let store = tempfile::tempdir().unwrap();
    let world = World::start(store.path(), &[]).await;
    let host = world.index("animals").await;
    for (length, is_good) in [(512, true), (513, false)] {
        let name = "n".repeat(length);
        let of = |body: Value| {
            let mut body = body;
            body["namespace"] = json!(name);
            body
        };
        let vectors = json!([{"id": "a", "values": [1, 2]}]);
        let search = json!({"query": {"top_k": 1, "id": "a"}});
        for (method, path, body) in [
            (
                Method::POST,
                "/namespaces".to_owned(),
                json!({"name": name}),
            ),
            (
                Method::POST,
                "/vectors/upsert".to_owned(),
                of(json!({"vectors": vectors})),
            ),
            (
                Method::POST,
                "/query".to_owned(),
                of(json!({"id": "a", "topK": 1})),
            ),
            (
                Method::GET,
                format!("/vectors/fetch?ids=a&namespace={name}"),
                Value::Null,
            ),
            (
                Method::POST,
                "/vectors/fetch_by_metadata".to_owned(),
                of(json!({})),
            ),
            (
                Method::GET,
                format!("/vectors/list?namespace={name}"),
                Value::Null,
            ),
            (
                Method::POST,
                "/vectors/update".to_owned(),
                of(json!({"id": "a"})),
            ),
            (
                Method::POST,
                "/vectors/delete".to_owned(),
                of(json!({"ids": ["b"]})),
            ),
            (Method::GET, format!("/namespaces/{name}"), Value::Null),
            (
                Method::POST,
                format!("/records/namespaces/{name}/search"),
                search,
            ),
            (Method::DELETE, format!("/namespaces/{name}"), Value::Null),
        ] {
            let (status, said) = world.at(&host, method, &path, &body).await;
            assert_eq!(status == 200, is_good, "{length} {path}: {said}");
            assert_eq!(status == 400, !is_good, "{length} {path}: {said}");
        }
    }
    world.end().await;
}

#[tokio::test]
async fn only_pods_count_by_filter() {
    let store = tempfile::tempdir().unwrap();
    let world = World::start(store.path(), &[]).await;
    let stats = json!({"filter": {"legs": 4}});
    let host = world.index("serverless").await;
    let (status, error) = world
        .at(&host, Method::POST, "/describe_index_stats", &stats)
        .await;
    assert_eq!(status, 400);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("do not support"), "{message}");
    let (status, _) = world
        .at(
            &host,
            Method::POST,
            "/describe_index_stats",
            &json!({"filter": {}}),
        )
        .await;
    assert_eq!(status, 200);
    let pod = json!({"pod": {"environment": "e", "pod_type": "p1.x1"}});
    let body = json!({"name": "pods", "dimension": 2, "spec": pod});
    let (_, index) = world.ask(Method::POST, "/indexes", &body).await;
    let host = index["host"].as_str().unwrap();
    world
        .at(host, Method::POST, "/vectors/upsert", &animals())
        .await;
    let (_, counted) = world
        .at(host, Method::POST, "/describe_index_stats", &stats)
        .await;
    assert_eq!(counted["namespaces"][""]["vectorCount"], 2);
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
        (Method::POST, "/embed", json!({"model": "any"}), 501),
        (Method::POST, "/rerank", json!({"model": "any"}), 501),
        (Method::GET, "/models", Value::Null, 501),
        (Method::GET, "/models/any", Value::Null, 501),
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
    let gone = async { while world.served.client.get(&url).send().await.is_ok() {} };
    timeout(HANG, gone).await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn keys_are_asked_for_and_elsewhere_they_must_be() {
    let store = tempfile::tempdir().unwrap();
    let mut world = World::start(store.path(), &["secret"]).await;
    let (status, said) = world.ask(Method::GET, "/indexes", &Value::Null).await;
    assert_eq!((status, said), (401, json!("Invalid API key")));
    world.served.key = "secret";
    let host = world.index("animals").await;
    world.served.key = "";
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
