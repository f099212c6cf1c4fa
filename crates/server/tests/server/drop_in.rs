//! What takes the place of other services: clients of Immich's machine learning service and of OpenAI's embeddings.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clipseek::picture::Limits;
use clipseek::{Clipseek, MINI, Model, Settings, demo};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use server::{Keys, Server, ServerError, ServerOptions};
use tokio::sync::oneshot;

/// The name of the model that Immich uses by default.
const IMMICH_DEFAULT: &str = "ViT-B-32__openai";

/// A server without collections, in whose cache the bundled model stands for OpenAI's.
struct World {
    directory: tempfile::TempDir,
    address: String,
    client: Client,
    end: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<Result<(), ServerError>>,
}

fn settings(directory: &Path) -> Settings {
    Settings::in_directory(&directory.join("store"))
}

fn put_into_cache(directory: &Path) {
    let commit = "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268";
    let cached = directory.join("store/models/models--openai--clip-vit-base-patch32");
    let snapshot = cached.join("snapshots").join(commit);
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(cached.join("refs")).unwrap();
    fs::write(cached.join("refs/main"), commit).unwrap();
    let mini = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/mini");
    for name in [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "tokenizer.json",
    ] {
        fs::copy(mini.join(name), snapshot.join(name)).unwrap();
    }
}

impl World {
    async fn start(keys: Keys) -> World {
        let directory = tempfile::tempdir().unwrap();
        put_into_cache(directory.path());
        demo::unpack(&directory.path().join("demo")).unwrap();
        let options = ServerOptions::new("127.0.0.1:0".parse().unwrap(), keys);
        let clipseek = Clipseek::new(settings(directory.path()));
        let server = Server::bind(clipseek, options).await.unwrap();
        let address = format!("http://{}", server.address());
        let (end, ended) = oneshot::channel();
        let served = tokio::spawn(server.run(async {
            let _ = ended.await;
        }));
        let client = net::client(&net::ClientSettings::default()).unwrap();
        World {
            directory,
            address,
            client: client.build().unwrap(),
            end,
            served,
        }
    }

    async fn end(self) {
        self.end.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }

    /// The model that is asked.
    fn model(&self) -> Model {
        let clipseek = Clipseek::new(settings(self.directory.path()));
        clipseek.models().load_cached(MINI, None).unwrap().model
    }

    fn picture(&self) -> Vec<u8> {
        fs::read(self.directory.path().join("demo/pictures/two-perch.jpg")).unwrap()
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.address))
    }

    /// The answer, which is as the document says.
    async fn answer(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let (status, _, body) = crate::support::answer(&self.client, request).await;
        (status, body)
    }

    /// As Immich's client sends it: the picture as a blob, without a name and a type of its own.
    async fn predict(
        &self,
        entries: &Value,
        image: Option<Vec<u8>>,
        text: Option<&str>,
    ) -> (u16, Value) {
        let mut form = Form::new().text("entries", entries.to_string());
        if let Some(image) = image {
            let blob = Part::bytes(image).file_name("blob");
            let blob = blob.mime_str("application/octet-stream").unwrap();
            form = form.part("image", blob);
        }
        if let Some(text) = text {
            form = form.text("text", text.to_owned());
        }
        let request = self.request(Method::POST, "/predict").multipart(form);
        self.answer(request).await
    }

    async fn embeddings(&self, body: Value) -> (u16, Value) {
        let request = self.request(Method::POST, "/v1/embeddings");
        let request = request.header("content-type", "application/json");
        self.answer(request.body(body.to_string())).await
    }
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    assert!(differences.fold(0.0, f32::max) < 1e-5, "{found:?}");
}

/// The string in an answer of Immich's form.
fn vector(answer: &Value) -> Vec<f32> {
    serde_json::from_str(answer["clip"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn immich_gets_pictures_and_texts_embedded() {
    let world = World::start(Keys::default()).await;
    let ping = world.request(Method::GET, "/ping").send().await.unwrap();
    assert_eq!(
        (ping.status().as_u16(), ping.text().await.unwrap().as_str()),
        (200, "pong")
    );
    let model = world.model();
    let entries = json!({"clip": {"visual": {"modelName": IMMICH_DEFAULT}}});
    let (status, answer) = world.predict(&entries, Some(world.picture()), None).await;
    assert_eq!(status, 200, "{answer}");
    let prepared = model.prepare(&world.picture(), &Limits::default()).unwrap();
    assert_eq!(
        (&answer["imageWidth"], &answer["imageHeight"]),
        (&json!(prepared.width), &json!(prepared.height))
    );
    let expected = model.embed_pixels(&[prepared.pixels]).unwrap().remove(0);
    assert_close(&vector(&answer), &expected);
    let options = json!({"modelName": IMMICH_DEFAULT, "options": {"language": "de"}});
    let entries = json!({"clip": {"textual": options}});
    let (status, answer) = world.predict(&entries, None, Some("two fish")).await;
    assert_eq!(
        (status, answer.as_object().unwrap().len()),
        (200, 1),
        "{answer}"
    );
    assert_close(&vector(&answer), &model.embed_text("two fish").unwrap());
    world.end().await;
}

#[tokio::test]
async fn immich_is_told_what_is_missing() {
    let world = World::start(Keys::default()).await;
    let visual = |name: &str| json!({"clip": {"visual": {"modelName": name}}});
    let (status, problem) = world
        .predict(&visual("ViT-L-14__openai"), Some(world.picture()), None)
        .await;
    assert_eq!(
        (status, &problem["detail"], &problem["hint"]),
        (
            404,
            &json!("model `ViT-L-14__openai` is not on this machine"),
            &json!("to download it: clipseek model pull openai/clip-vit-large-patch14")
        )
    );
    for (entries, status, expected) in [
        (
            visual("XLM-Roberta-Large-Vit-B-32"),
            404,
            "unsupported model",
        ),
        // No directory is opened.
        (visual("/etc"), 404, "unsupported model `/etc`"),
        (visual(IMMICH_DEFAULT), 400, "no part `image`"),
        (
            json!({"clip": {"textual": {"modelName": IMMICH_DEFAULT}}}),
            200,
            "",
        ),
        (
            json!({"ocr": {"detection": {"modelName": "a"}}}),
            400,
            "unsupported task `ocr`",
        ),
        (
            json!({"clip": {"visual": {}}}),
            400,
            "missing field `modelName`",
        ),
        (json!([]), 400, "not a JSON object"),
    ] {
        let (found, answer) = world.predict(&entries, None, Some("a dog")).await;
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert!(
            found == status && detail.contains(expected),
            "{entries}: {found} {answer}"
        );
    }
    let (status, _) = world
        .predict(&visual(IMMICH_DEFAULT), Some(b"no picture".to_vec()), None)
        .await;
    assert_eq!(status, 400);
    world.end().await;
}

#[tokio::test]
async fn texts_are_embedded_as_by_openai() {
    let world = World::start(Keys::default()).await;
    let model = world.model();
    let expected = model.embed_texts(&["a bird", "two dogs"]).unwrap();
    let (status, answer) = world
        .embeddings(json!({"model": "mini", "input": ["a bird", "two dogs"]}))
        .await;
    assert_eq!(
        (status, &answer["model"]),
        (200, &json!("mini")),
        "{answer}"
    );
    for (n, expected) in expected.iter().enumerate() {
        let one = &answer["data"][n];
        assert_eq!(one["index"], json!(n));
        let found: Vec<f32> = serde_json::from_value(one["embedding"].clone()).unwrap();
        assert_close(&found, expected);
    }
    let tokens = ["a bird", "two dogs"].map(|text| model.tokenize(text).unwrap().len());
    let tokens: usize = tokens.iter().sum();
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": tokens, "total_tokens": tokens})
    );
    // In base64, of the model in the cache; more than are embedded at a time.
    let many: Vec<String> = (0..70).map(|n| format!("a bird {}", n / 69)).collect();
    let body = json!({"model": "openai/clip-vit-base-patch32", "input": many, "encoding_format": "base64", "dimensions": 256, "user": "me"});
    let (status, answer) = world.embeddings(body).await;
    assert_eq!(
        (status, answer["data"].as_array().unwrap().len()),
        (200, 70),
        "{answer}"
    );
    let bytes = STANDARD
        .decode(answer["data"][69]["embedding"].as_str().unwrap())
        .unwrap();
    let numbers = bytes
        .chunks_exact(4)
        .map(|it| f32::from_le_bytes(it.try_into().unwrap()));
    assert_close(
        &numbers.collect::<Vec<_>>(),
        &model.embed_text("a bird 1").unwrap(),
    );
    world.end().await;
}

#[tokio::test]
async fn errors_have_the_form_of_openai() {
    let world = World::start(Keys::from_iter(["secret"])).await;
    let ask = |key: &'static str, body: Value| {
        let request = world
            .request(Method::POST, "/v1/embeddings")
            .bearer_auth(key);
        world.answer(request.body(body.to_string()))
    };
    let (status, refused) = ask("other", json!({"model": "mini", "input": "a"})).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (401, &json!("invalid_api_key"))
    );
    assert_eq!(
        ask("secret", json!({"model": "mini", "input": "a"}))
            .await
            .0,
        200
    );
    for (body, status, param, expected) in [
        (
            json!({"model": "mini"}),
            400,
            Value::Null,
            "missing field `input`",
        ),
        (
            json!({"model": "mini", "input": []}),
            400,
            json!("input"),
            "0 texts, expected 1 to 2048",
        ),
        (
            json!({"model": "mini", "input": ""}),
            400,
            json!("input"),
            "a text is empty",
        ),
        (
            json!({"model": "mini", "input": [1, 2]}),
            400,
            json!("input"),
            "token ids",
        ),
        (
            json!({"model": "mini", "input": "a", "dimensions": 64}),
            400,
            json!("dimensions"),
            "have 256",
        ),
        (
            json!({"model": "mini", "input": "a", "encoding_format": "hex"}),
            400,
            Value::Null,
            "unknown variant",
        ),
        (
            json!({"model": "google/siglip-base-patch16-224", "input": "a"}),
            404,
            json!("model"),
            "clipseek model pull google/siglip-base-patch16-224",
        ),
        (
            json!({"model": "text-embedding-3-small", "input": "a"}),
            404,
            json!("model"),
            "is not a Hugging Face model id",
        ),
        (
            json!({"model": "../..", "input": "a"}),
            404,
            json!("model"),
            "is not a Hugging Face model id",
        ),
    ] {
        let (found, answer) = ask("secret", body.clone()).await;
        let error = &answer["error"];
        let message = error["message"].as_str().unwrap();
        assert!(
            found == status && message.contains(expected) && error["param"] == param,
            "{body}: {found} {answer}"
        );
        assert_eq!(error["type"], json!("invalid_request_error"));
    }
    for (method, path, status) in [
        (Method::GET, "/v1/embeddings", 405),
        (Method::POST, "/v1/none", 404),
    ] {
        let answer = world
            .request(method, path)
            .bearer_auth("secret")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), status);
        let answer: Value = answer.json().await.unwrap();
        assert!(answer["error"]["message"].is_string());
    }
    world.end().await;
}
