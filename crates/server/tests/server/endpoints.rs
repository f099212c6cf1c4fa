//! What the documents say of the endpoints is what is served.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clipseek::{Clipseek, Settings};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use server::{Keys, Server, ServerOptions, endpoints};
use tokio::sync::oneshot;

/// A line of the table: a method, or none for all, a path, and whether it is offered.
type Line = (Option<Method>, String, bool);

/// The lines of the table of endpoints in docs/pinecone.md.
fn table() -> BTreeSet<String> {
    let text = document("docs/pinecone.md");
    let (_, table) = text
        .split_once("| endpoint | support |\n|---|---|\n")
        .unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.flat_map(lines).map(shown).collect()
}

fn document(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(name)).unwrap()
}

fn lines(row: &str) -> Vec<Line> {
    let (names, support) = row[1..].split_once('|').unwrap();
    let is_supported = !support.trim().starts_with("501");
    // What stands between backticks.
    let names = names.split('`').skip(1).step_by(2);
    let names = names.filter(|name| name.contains('/'));
    let lines = names.map(|name| match name.split_once(' ') {
        Some((method, path)) => (Some(method.parse().unwrap()), path.to_owned(), is_supported),
        None => (None, name.replace('…', "{*rest}"), is_supported),
    });
    lines.collect()
}

fn shown((method, path, is_supported): Line) -> String {
    let method = method.map_or("any".to_owned(), |method| method.to_string());
    let support = if is_supported {
        "offered"
    } else {
        "not offered"
    };
    format!("{method} {path}: {support}")
}

#[test]
fn the_table_has_every_route() {
    let served = endpoints().into_iter();
    let served = served.map(|it| shown((it.method, it.path.to_owned(), it.is_supported)));
    assert_eq!(table(), served.collect());
}

#[test]
fn the_api_document_has_every_route_that_is_supported() {
    let text = document("docs/openapi.yaml");
    let (_, paths) = text.split_once("\npaths:\n").unwrap();
    let (paths, _) = paths.split_once("\ncomponents:\n").unwrap();
    let (mut path, mut documented) = ("", BTreeSet::new());
    for line in paths.lines() {
        let name = line.trim().trim_end_matches(':');
        match line.len() - line.trim_start().len() {
            2 => path = name,
            4 => drop(documented.insert(format!("{} {path}", name.to_uppercase()))),
            _ => {}
        }
    }
    let offered = endpoints().into_iter().filter(|it| it.is_supported);
    let offered = offered.map(|it| format!("{} {}", it.method.unwrap(), it.path));
    assert_eq!(documented, offered.collect());
}

#[tokio::test]
async fn what_is_supported_answers_and_the_rest_says_that_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let options = ServerOptions::new("127.0.0.1:0".parse().unwrap(), Keys::default());
    let clipseek = Clipseek::new(Settings::in_directory(folder.path()));
    let server = Server::bind(clipseek, options).await.unwrap();
    let address = format!("http://{}", server.address());
    let (end, ended) = oneshot::channel::<()>();
    let served = tokio::spawn(server.run(async {
        let _ = ended.await;
    }));
    let client = net::client(&net::ClientSettings::default())
        .unwrap()
        .build()
        .unwrap();
    let spec = json!({"serverless": {"cloud": "aws", "region": "us-east-1"}});
    let index = json!({"name": "checked", "dimension": 2, "spec": spec});
    let (_, index) = ask(&client, Method::POST, format!("{address}/indexes"), &index).await;
    let host = index["host"].as_str().unwrap().to_owned();
    let vectors = json!({"vectors": [{"id": "a", "values": [1, 2]}], "namespace": "some"});
    let url = format!("{host}/vectors/upsert");
    ask(&client, Method::POST, url, &vectors).await;
    let mut all = endpoints();
    // What takes away what others ask about is asked last.
    all.sort_by_key(|it| (it.method == Some(Method::DELETE), !it.is_data));
    for endpoint in all {
        let at = if endpoint.is_data { &host } else { &address };
        let path = endpoint.path.replace("{name}", "checked");
        let path = path
            .replace("{namespace}", "some")
            .replace("{*rest}", "any/thing");
        let method = endpoint.method.clone().unwrap_or(Method::POST);
        let (status, said) = ask(&client, method, format!("{at}{path}"), &json!({})).await;
        if endpoint.is_supported {
            assert!(
                ![404, 405, 501].contains(&status),
                "{endpoint:?}: {status} {said}"
            );
            assert_ne!(said["message"], "method not allowed", "{endpoint:?}");
        } else {
            assert_eq!(status, 501, "{endpoint:?}: {said}");
            assert_eq!(said["error"]["code"], "UNIMPLEMENTED");
            assert_eq!(said["code"], 12);
        }
    }
    end.send(()).unwrap();
    served.await.unwrap().unwrap();
}

async fn ask(client: &Client, method: Method, url: String, body: &Value) -> (u16, Value) {
    let request = client.request(method, url).body(body.to_string());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}
