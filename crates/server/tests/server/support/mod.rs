//! A server on loopback, its store, and a client.

pub(crate) mod document;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use clipseek::dataset::AllowedAddresses;
use clipseek::{AddRequest, Clipseek, ModelChoice, Settings, demo};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use server::{Keys, Server, ServerError, ServerOptions};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A folder with the pictures that ship with clipseek, in `demo`, and a store with them in the collection `birds`. It is
/// filled once, and not changed.
pub(crate) fn filled() -> &'static Path {
    static FILLED: OnceLock<tempfile::TempDir> = OnceLock::new();
    FILLED.get_or_init(filled_anew).path()
}

/// The same for one test, to change.
pub(crate) fn filled_anew() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let table = demo::unpack(&directory.path().join("demo")).unwrap();
    fill(directory.path(), table, "birds");
    directory
}

/// The same with the first pictures only.
pub(crate) fn filled_with_few(count: usize) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let table = demo::unpack(&directory.path().join("demo")).unwrap();
    let few = directory.path().join("demo/few.csv");
    let text = std::fs::read_to_string(&table).unwrap();
    let lines: Vec<&str> = text.lines().take(1 + count).collect();
    std::fs::write(&few, lines.join("\n")).unwrap();
    fill(directory.path(), few, "birds");
    directory
}

/// Adds the pictures of a source to a collection of the store in a directory.
pub(crate) fn fill(directory: &Path, source: PathBuf, collection: &str) {
    let clipseek = Clipseek::new(Settings::in_directory(&directory.join("store")));
    let request = AddRequest {
        sources: vec![source],
        model: ModelChoice::named("mini"),
        collection: Some(collection.to_owned()),
        ..AddRequest::default()
    };
    clipseek
        .add(request, &AtomicBool::new(false), &|_| {})
        .unwrap();
}

/// A server, and a client of it.
pub(crate) struct World {
    pub(crate) address: String,
    pub(crate) client: Client,
    pub(crate) key: &'static str,
    end: oneshot::Sender<()>,
    served: JoinHandle<Result<(), ServerError>>,
}

impl World {
    /// A server of the store in a directory.
    pub(crate) async fn with(directory: &Path, keys: Keys) -> World {
        World::of(directory, |options| options.keys = keys).await
    }

    pub(crate) async fn of(directory: &Path, change: impl FnOnce(&mut ServerOptions)) -> World {
        World::of_settings(directory, |_| {}, change).await
    }

    pub(crate) async fn of_settings(
        directory: &Path,
        set: impl FnOnce(&mut Settings),
        change: impl FnOnce(&mut ServerOptions),
    ) -> World {
        World::of_store(&directory.join("store"), set, change).await
    }

    /// A server of this store.
    pub(crate) async fn of_store(
        store: &Path,
        set: impl FnOnce(&mut Settings),
        change: impl FnOnce(&mut ServerOptions),
    ) -> World {
        let mut options = ServerOptions::new("127.0.0.1:0".parse().unwrap(), Keys::default());
        change(&mut options);
        let mut settings = Settings::in_directory(store);
        // As at the terminal, where people fetch from their own network.
        settings.fetch.allowed_addresses = AllowedAddresses::Anywhere;
        set(&mut settings);
        let server = Server::bind(Clipseek::new(settings), options)
            .await
            .unwrap();
        let address = server.url();
        let (end, ended) = oneshot::channel();
        let served = tokio::spawn(server.run(async {
            let _ = ended.await;
        }));
        World {
            address,
            client: client(),
            key: "any",
            end,
            served,
        }
    }

    pub(crate) async fn end(self) {
        self.end.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.address);
        self.client.request(method, url).header("Api-Key", self.key)
    }

    /// The status and the body, which is a problem wherever the status is one, and as the document describes it.
    pub(crate) async fn answer(&self, request: RequestBuilder) -> (u16, Value) {
        let (status, kind, body) = answer(&self.client, request).await;
        let is_problem = kind == "application/problem+json";
        assert_eq!(is_problem, status >= 400, "{status} {kind}");
        if is_problem {
            assert_eq!(body["status"], json!(status));
        }
        (status, body)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.request(Method::POST, path);
        let request = request.header("content-type", "application/json");
        self.answer(request.body(body.to_string())).await
    }
}

/// The status, the kind of the body and the body, which is as the document says, where that is about it.
pub(crate) async fn answer(client: &Client, request: RequestBuilder) -> (u16, String, Value) {
    let request = request.build().unwrap();
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let answer = client.execute(request).await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"].to_str().unwrap();
    let kind = kind.to_owned();
    let body: Value = answer.json().await.unwrap();
    if ["/api/v1/", "/predict", "/v1/"]
        .iter()
        .any(|it| path.starts_with(it))
    {
        document::check(method.as_str(), &path, status, &kind, &body);
    }
    (status, kind, body)
}

pub(crate) fn client() -> Client {
    let builder = net::client(&net::ClientSettings::default()).unwrap();
    builder.build().unwrap()
}
