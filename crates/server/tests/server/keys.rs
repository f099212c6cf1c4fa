//! Keys that are tied to collections and to columns: what they don't see isn't there, whichever endpoint is asked.

use std::collections::BTreeSet;
use std::path::Path;

use crate::grpc::generated;
use crate::grpc::generated::vector_service_client::VectorServiceClient;
use crate::grpc::generated::{
    DescribeIndexStatsRequest, FetchByMetadataRequest, FetchRequest, ListRequest, QueryRequest,
};
use crate::support::{World, fill, filled, filled_with_few};
use clipseek::{Clipseek, Settings};
use reqwest::{Method, RequestBuilder, multipart};
use serde_json::{Value, json};
use server::{Keys, endpoints};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

/// The keys of these tests, by what they may do.
const KEYS: &str = "
    all
    tied     collections=birds
    columns  read collections=birds columns=licence,captions
";

/// A collection that is there, and one that isn't: the key `tied` sees no difference.
const HIDDEN: &str = "zq-hidden";
const ABSENT: &str = "zq-absent";

/// What each value of the hidden collection contains.
const MARK: &str = "zq";

/// A store with the collections `birds` and [`HIDDEN`].
fn with_hidden() -> tempfile::TempDir {
    let directory = filled_with_few(3);
    let folder = directory.path().join("zq-folder");
    std::fs::create_dir(&folder).unwrap();
    let picture = directory.path().join("demo/pictures/two-perch.jpg");
    std::fs::copy(picture, folder.join("zq-file.jpg")).unwrap();
    let table = folder.join("zq.csv");
    std::fs::write(
        &table,
        "id,image,caption,zqcolumn\nzq1,zq-file.jpg,zq caption,zq value\n",
    )
    .unwrap();
    fill(directory.path(), table, HIDDEN);
    directory
}

async fn world(directory: &Path) -> World {
    let keys = Keys::default().with_list(KEYS).unwrap();
    let mut world = World::with(directory, keys).await;
    world.key = "tied";
    world
}

/// The answer as its client sees it, but for what tells requests apart.
async fn seen(request: RequestBuilder) -> (u16, Vec<(String, String)>, String) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let headers = answer
        .headers()
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    headers.sort();
    (status, headers, answer.text().await.unwrap())
}

/// The requests of a route of the JSON API that are about a collection of that name.
fn requests(world: &World, path: &str, name: &str, job: &str) -> Vec<RequestBuilder> {
    let at = path
        .replace("{name}", name)
        .replace("{id}", "zq1")
        .replace("{job}", job);
    let get = |path: &str| world.request(Method::GET, path);
    let send = |method: Method, body: Value| world.request(method, &at).json(&body);
    let post = |body: Value| send(Method::POST, body);
    match path.strip_prefix("/api/v1").unwrap() {
        "/collections/{name}/search" => vec![
            get(&format!("{at}?text=fish")),
            get(&format!("{at}?like=zq1")),
            post(json!({"text": "fish"})),
            post(json!({"keywords": "zq"})),
            post(json!({})),
        ],
        "/collections/{name}/pictures" => {
            let part = multipart::Part::bytes(b"GIF89a".to_vec()).file_name("a.gif");
            let form = multipart::Form::new().part("image", part);
            vec![
                world.request(Method::POST, &at).multipart(form),
                post(json!({"url": "http://192.0.2.1/a.jpg"})),
            ]
        }
        "/collections/{name}/records/{id}" => {
            vec![get(&at), world.request(Method::DELETE, &at)]
        }
        "/collections/{name}/records/{id}/thumbnail" => {
            vec![get(&at), get(&format!("{at}?width=640&v=abc"))]
        }
        "/classify" => vec![
            post(json!({"collection": name, "labels": ["a", "b"], "like": "zq1"})),
            post(json!({"collection": name, "labels": ["a", "b"], "image": {"base64": "AAAA"}})),
        ],
        "/collections/{name}/facets" => vec![get(&at), get(&format!("{at}?folder=zq-folder"))],
        "/embed" => vec![post(json!({"collection": name, "text": ["a"]}))],
        "/collections"
        | "/collections/{name}"
        | "/collections/{name}/duplicates"
        | "/collections/{name}/records/{id}/original"
        | "/jobs/{job}"
        | "/jobs/{job}/events"
        | "/models"
        | "/openapi.json" => vec![get(&at)],
        other => panic!("`{other}` is a new route: what does it tell a key of another collection?"),
    }
}

/// The paths of the JSON API, as its document has them.
fn paths() -> BTreeSet<&'static str> {
    let paths = crate::support::document::operations().map(|(path, ..)| path);
    paths.filter(|path| path.starts_with("/api/v1/")).collect()
}

#[tokio::test]
async fn every_route_of_the_json_api_keeps_what_is_hidden() {
    let directory = with_hidden();
    let mut world = world(directory.path()).await;
    // A job on the hidden collection, which the tied key asks for by its number.
    world.key = "all";
    let body = json!({"url": "http://192.0.2.1/zq.jpg"});
    let (_, begun) = world
        .post(&format!("/api/v1/collections/{HIDDEN}/pictures"), &body)
        .await;
    let job = begun["job"].as_str().unwrap().to_owned();
    world.key = "tied";
    for path in paths() {
        let there = requests(&world, path, HIDDEN, &job);
        let nowhere = requests(&world, path, ABSENT, "8");
        for (there, nowhere) in there.into_iter().zip(nowhere) {
            let (there, nowhere) = (seen(there).await, seen(nowhere).await);
            let told = there.2.replace(HIDDEN, ABSENT).replace(&job, "8");
            let (expected, about) = (nowhere.2.replace(&job, "8"), &nowhere.1);
            assert_eq!(
                (there.0, &there.1, told),
                (nowhere.0, about, expected),
                "{path}"
            );
            assert!(
                !there.2.replace(HIDDEN, "").contains(MARK),
                "{path}: {}",
                there.2
            );
            let names_none = !path.contains('{') && !path.ends_with("/embed");
            let is_about_all = names_none && !path.ends_with("/classify");
            assert_eq!(there.0, if is_about_all { 200 } else { 404 }, "{path}");
        }
    }
    // The key that may do everything sees it, and the tied key its own.
    assert_eq!(world.get("/api/v1/collections/birds").await.0, 200);
    let (_, list) = world.get("/api/v1/collections").await;
    assert_eq!(list["collections"].as_array().unwrap().len(), 1);
    world.key = "all";
    let (_, list) = world.get("/api/v1/collections").await;
    assert_eq!(list["collections"].as_array().unwrap().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn every_endpoint_of_pinecone_keeps_what_is_hidden() {
    let directory = with_hidden();
    let keys = Keys::default().with_list(KEYS).unwrap();
    let mut world = World::of(directory.path(), |options| {
        options.keys = keys;
        options.public_host = Some("http://{index}.example.com".parse().unwrap());
    })
    .await;
    let ask = |world: &World, endpoint: &server::Endpoint, name: &str| {
        let path = endpoint.path.replace("{name}", name);
        let path = path
            .replace("{namespace}", "images")
            .replace("{*rest}", "x");
        let method = endpoint.method.clone().unwrap_or(Method::POST);
        let spec = json!({"serverless": {"cloud": "aws", "region": "us-east-1"}});
        let body = match method {
            Method::PATCH => json!({"tags": {"zq": "zq"}}),
            _ => json!({"name": name, "dimension": 2, "spec": spec, "id": "zq1", "topK": 3}),
        };
        let request = world.request(method, &path).json(&body);
        match endpoint.is_data {
            true => request.header("host", format!("{name}.example.com")),
            false => request,
        }
    };
    for key in ["tied", "none"] {
        world.key = key;
        for endpoint in endpoints() {
            let there = seen(ask(&world, &endpoint, HIDDEN)).await;
            let nowhere = seen(ask(&world, &endpoint, ABSENT)).await;
            let told = there.2.replace(HIDDEN, ABSENT);
            if endpoint.path == "/metrics" {
                assert_eq!(there.0, if key == "tied" { 403 } else { 401 });
                continue;
            }
            assert_eq!(
                (there.0, &there.1, told),
                (nowhere.0, &nowhere.1, nowhere.2),
                "{endpoint:?}"
            );
            assert!(
                !there.2.replace(HIDDEN, "").contains(MARK),
                "{endpoint:?}: {}",
                there.2
            );
            if key == "tied" && (endpoint.is_data || endpoint.path.contains("{name}")) {
                let expected = if endpoint.is_supported || endpoint.is_data {
                    404
                } else {
                    501
                };
                assert_eq!(there.0, expected, "{endpoint:?}: {}", there.2);
            }
        }
    }
    // Over gRPC, whose refusals have a form of their own.
    world.key = "tied";
    for method in ["Query", "Upsert", "Unknown"] {
        let ask = |name: &str| {
            let request = world.request(Method::POST, &format!("/VectorService/{method}"));
            let request = request.header("host", format!("{name}.example.com"));
            seen(request.header("content-type", "application/grpc").body("x"))
        };
        let (there, nowhere) = (ask(HIDDEN).await, ask(ABSENT).await);
        let named = |headers: &[(String, String)]| format!("{headers:?}").replace(HIDDEN, ABSENT);
        assert_eq!(
            (there.0, named(&there.1)),
            (nowhere.0, named(&nowhere.1)),
            "{method}"
        );
        assert!(named(&there.1).contains("grpc-status"), "{there:?}");
    }
    let (_, list) = world.get("/indexes").await;
    let names: Vec<_> = list["indexes"].as_array().unwrap().iter().collect();
    assert_eq!((names.len(), &names[0]["name"]), (1, &json!("birds")));
    world.end().await;
}

/// A client of an index over gRPC, and its key.
struct Grpc {
    client: VectorServiceClient<Channel>,
    key: &'static str,
}

impl Grpc {
    async fn of(directory: &Path, index: &str, key: &'static str) -> Self {
        let clipseek = Clipseek::new(Settings::in_directory(&directory.join("store")));
        let settings = clipseek.store().unwrap().engine().settings(index).unwrap();
        let address = format!("http://127.0.0.1:{}", settings.port.unwrap());
        let endpoint = Endpoint::from_shared(address).unwrap();
        Self {
            client: VectorServiceClient::new(endpoint.connect().await.unwrap()),
            key,
        }
    }

    fn asked<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let key = self.key.parse().unwrap();
        request.metadata_mut().insert("api-key", key);
        request
    }
}

#[tokio::test]
async fn every_method_of_grpc_keeps_what_is_hidden() {
    let directory = with_hidden();
    let world = world(directory.path()).await;
    let Grpc { mut client, .. } = Grpc::of(directory.path(), HIDDEN, "tied").await;
    let grpc = Grpc {
        client: client.clone(),
        key: "tied",
    };
    let mut refused = Vec::new();
    macro_rules! ask {
        ($($method:ident $message:ident),+ $(,)?) => {
            $(
                let request = grpc.asked(generated::$message::default());
                refused.push(client.$method(request).await.map(drop).unwrap_err());
            )+
        };
    }
    ask!(
        upsert UpsertRequest,
        delete DeleteRequest,
        fetch FetchRequest,
        fetch_by_metadata FetchByMetadataRequest,
        list ListRequest,
        query QueryRequest,
        update UpdateRequest,
        describe_index_stats DescribeIndexStatsRequest,
        list_namespaces ListNamespacesRequest,
        describe_namespace DescribeNamespaceRequest,
        delete_namespace DeleteNamespaceRequest,
        create_namespace CreateNamespaceRequest,
    );
    for status in refused {
        assert_eq!(
            (status.code(), status.message()),
            (Code::NotFound, "index `zq-hidden` does not exist")
        );
    }
    world.end().await;
}

/// Columns of the bundled pictures that the key `columns` doesn't see.
const HIDDEN_COLUMNS: [&str; 2] = ["author", "source"];

#[tokio::test]
async fn hidden_columns_are_nowhere_in_the_json_api() {
    let mut world = world(filled()).await;
    let birds = "/api/v1/collections/birds";
    let search = format!("{birds}/search");
    world.key = "all";
    let everything = json!({"text": "a bird", "top_k": 100});
    let (_, whole) = world.post(&search, &everything).await;
    let hits = whole["hits"].as_array().unwrap().iter();
    let values: BTreeSet<String> = hits
        .flat_map(|hit| HIDDEN_COLUMNS.map(|name| hit["metadata"][name].to_string()))
        .collect();
    assert!(values.len() > 20);
    let hit = &whole["hits"][0];
    let id = hit["id"].as_str().unwrap();
    assert!(
        hit["metadata"]["author"].is_string() && hit["path"].is_string(),
        "{hit}"
    );
    world.key = "columns";
    let mut told = Vec::new();
    for path in [
        String::new(),
        "/search?text=a+bird&top_k=100".to_owned(),
        format!("/search?like={id}&top_k=100"),
        "/search?top_k=100".to_owned(),
        "/facets".to_owned(),
        "/facets?filter=%7B%22licence%22%3A%7B%22%24exists%22%3Atrue%7D%7D".to_owned(),
        "/duplicates".to_owned(),
        format!("/records/{id}"),
    ] {
        let (status, answer) = world.get(&format!("{birds}{path}")).await;
        assert_eq!(status, 200, "{path} {answer}");
        told.push(answer.to_string());
    }
    for body in [
        json!({"text": "a bird", "fields": ["author", "licence"]}),
        json!({"text": "a bird", "in": ["images", "captions"]}),
        json!({"filter": {"licence": {"$exists": true}}}),
    ] {
        let (status, answer) = world.post(&search, &body).await;
        assert_eq!(status, 200, "{body} {answer}");
        told.push(answer.to_string());
    }
    for told in &told {
        assert!(
            !told.contains("pictures/") && !told.contains(".jpg"),
            "{told}"
        );
        let column = HIDDEN_COLUMNS
            .iter()
            .find(|name| told.contains(&format!("\"{name}\"")));
        assert_eq!(column, None, "{told}");
        let value = values.iter().find(|value| told.contains(*value));
        assert_eq!(value, None, "{told}");
    }
    assert!(told[1].contains("licence") && told[1].contains("captions"));
    // Whoever asks by a hidden column would learn what is in it, whether the column is there or not.
    for (body, column) in [
        (json!({"filter": {"author": "x"}}), "author"),
        (
            json!({"filter": {"$or": [{"licence": "x"}, {"$not": {"none": 1}}]}}),
            "none",
        ),
        (json!({"filter": {"places": "x"}}), "places"),
        (json!({"folder": "demo"}), "folders"),
        (json!({"taken_after": "2019"}), "taken"),
        (json!({"taken_before": "2019"}), "taken"),
        (json!({"keywords": "bird"}), "image"),
        (json!({"text": "bird", "in": ["keywords"]}), "image"),
    ] {
        let (status, answer) = world.post(&search, &body).await;
        let expected = format!("this API key cannot access the column `{column}`");
        assert_eq!(
            (status, &answer["detail"]),
            (403, &json!(expected)),
            "{body}"
        );
    }
    // Numbers tell as much as hits.
    for (condition, column) in [
        ("filter=%7B%22author%22%3A%22x%22%7D", "author"),
        (
            "filter=%7B%22taken_at%22%3A%7B%22%24gte%22%3A1%7D%7D",
            "taken_at",
        ),
        ("folder=demo", "folders"),
        ("taken_after=2019", "taken"),
        ("taken_before=2019", "taken"),
        ("keywords=bird", "image"),
    ] {
        let (status, answer) = world.get(&format!("{birds}/facets?{condition}")).await;
        let expected = format!("this API key cannot access the column `{column}`");
        assert_eq!(
            (status, &answer["detail"]),
            (403, &json!(expected)),
            "{condition}"
        );
    }
    let original = world.get(&format!("{birds}/records/{id}/original")).await;
    assert_eq!(original.0, 403);
    let small = world.request(Method::GET, &format!("{birds}/records/{id}/thumbnail"));
    assert_eq!(small.send().await.unwrap().status().as_u16(), 200);
    // It goes with reading.
    let delete = world.request(Method::DELETE, &format!("{birds}/records/{id}"));
    assert_eq!(world.answer(delete).await.0, 403);
    world.end().await;
}

#[tokio::test]
async fn hidden_columns_are_nowhere_in_pinecones_api() {
    let directory = filled_with_few(3);
    let keys = || Keys::default().with_list(KEYS).unwrap();
    let mut world = World::with(directory.path(), keys()).await;
    world.key = "columns";
    let (_, index) = world.get("/indexes/birds").await;
    let host = index["host"].as_str().unwrap().to_owned();
    let post = |path: &str, body: Value| {
        let request = world.client.post(format!("{host}{path}"));
        seen(request.header("Api-Key", world.key).json(&body))
    };
    let vector = vec![1.0; 256];
    let all = json!({"namespace": "images", "vector": vector, "topK": 3, "includeMetadata": true});
    let with = |name: &str, value: Value| {
        let mut body = all.clone();
        body[name] = value;
        body
    };
    let listed: Value = serde_json::from_str(&post("/query", all.clone()).await.2).unwrap();
    let id = listed["matches"][0]["id"].as_str().unwrap().to_owned();
    let records = json!({"query": {"top_k": 3, "inputs": {"text": "a fish"}}, "fields": ["author", "licence"]});
    let fetch = world
        .client
        .get(format!("{host}/vectors/fetch?ids={id}&namespace=images"));
    for (status, _, told) in [
        post("/query", all.clone()).await,
        post(
            "/query",
            with("filter", json!({"licence": {"$exists": true}})),
        )
        .await,
        post("/query", with("namespace", json!("captions"))).await,
        post("/vectors/fetch_by_metadata", json!({"namespace": "images"})).await,
        post("/records/namespaces/images/search", records).await,
        seen(fetch.header("Api-Key", world.key)).await,
    ] {
        assert_eq!(status, 200, "{told}");
        assert!(told.contains("licence"), "{told}");
        for hidden in [
            "author",
            "source",
            "places",
            "folders",
            "image\"",
            "pictures/",
        ] {
            assert!(!told.contains(hidden), "{hidden}: {told}");
        }
    }
    let filter = json!({"author": "x"});
    for (path, body) in [
        ("/query", with("filter", filter.clone())),
        (
            "/vectors/fetch_by_metadata",
            json!({"namespace": "images", "filter": filter}),
        ),
        ("/describe_index_stats", json!({"filter": filter})),
        (
            "/records/namespaces/images/search",
            json!({"query": {"top_k": 3, "filter": filter, "inputs": {"text": "a fish"}}}),
        ),
    ] {
        let (status, _, told) = post(path, body).await;
        assert_eq!(status, 403, "{path} {told}");
        assert!(told.contains("cannot access the column `author`"), "{told}");
    }
    // Over gRPC, too.
    let mut grpc = Grpc::of(directory.path(), "birds", "columns").await;
    let filtered = |status: Status| (status.code(), status.message().to_owned());
    let refused = (
        Code::PermissionDenied,
        "this API key cannot access the column `author`".to_owned(),
    );
    let exists = |name: &str| {
        let value = |kind| prost_types::Value { kind: Some(kind) };
        let operator = prost_types::Struct {
            fields: [(
                "$exists".to_owned(),
                value(prost_types::value::Kind::BoolValue(true)),
            )]
            .into(),
        };
        let kind = prost_types::value::Kind::StructValue(operator);
        Some(prost_types::Struct {
            fields: [(name.to_owned(), value(kind))].into(),
        })
    };
    let query = |filter| QueryRequest {
        namespace: "images".to_owned(),
        vector: vec![1.0; 256],
        top_k: 3,
        include_metadata: true,
        filter,
        ..QueryRequest::default()
    };
    let request = grpc.asked(query(exists("licence")));
    let found = grpc.client.query(request).await.unwrap().into_inner();
    assert_eq!(found.matches.len(), 3);
    for found in found.matches {
        let metadata = found.metadata.unwrap().fields;
        let names: Vec<_> = metadata.keys().map(String::as_str).collect();
        assert_eq!(names, ["captions", "licence"]);
    }
    let request = grpc.asked(query(exists("author")));
    assert_eq!(
        filtered(grpc.client.query(request).await.unwrap_err()),
        refused
    );
    let request = grpc.asked(FetchByMetadataRequest {
        namespace: "images".to_owned(),
        filter: exists("author"),
        ..FetchByMetadataRequest::default()
    });
    assert_eq!(
        filtered(grpc.client.fetch_by_metadata(request).await.unwrap_err()),
        refused
    );
    let request = grpc.asked(FetchRequest {
        namespace: "images".to_owned(),
        ids: vec![id],
    });
    let fetched = grpc.client.fetch(request).await.unwrap().into_inner();
    let vectors: Vec<_> = fetched.vectors.into_values().collect();
    assert_eq!(vectors[0].metadata.as_ref().unwrap().fields.len(), 2);
    let request = grpc.asked(DescribeIndexStatsRequest {
        filter: exists("author"),
    });
    assert_eq!(
        filtered(grpc.client.describe_index_stats(request).await.unwrap_err()),
        refused
    );
    let request = grpc.asked(ListRequest {
        namespace: "images".to_owned(),
        ..ListRequest::default()
    });
    grpc.client.list(request).await.unwrap();
    drop(grpc);
    world.end().await;
}

/// Without `captions`, their vectors are hidden as well: they tell what a caption says.
#[tokio::test]
async fn the_vectors_of_hidden_captions_are_hidden() {
    let directory = filled_with_few(3);
    let keys = Keys::default()
        .with_list("few read columns=licence")
        .unwrap();
    let mut world = World::with(directory.path(), keys).await;
    world.key = "few";
    let body = json!({"text": "a bird", "in": ["captions"]});
    let search = "/api/v1/collections/birds/search";
    let (status, answer) = world.post(search, &body).await;
    let expected = "this API key cannot access the column `captions`";
    assert_eq!((status, &answer["detail"]), (403, &json!(expected)));
    let (_, found) = world.post(search, &json!({"text": "a bird"})).await;
    assert_eq!(found["hits"][0]["captions"], json!([]));
    let (_, index) = world.get("/indexes/birds").await;
    let host = index["host"].as_str().unwrap();
    for namespace in ["captions", "missing-captions"] {
        let list = format!("{host}/vectors/list?namespace={namespace}");
        let (status, _, told) = seen(world.client.get(list).header("Api-Key", world.key)).await;
        assert_eq!(status, 403, "{told}");
    }
    world.end().await;
}
