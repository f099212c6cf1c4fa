//! Whole files: sent part by part, and only as long as they are what was added.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{World, fill, filled, filled_with_few};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use server::Keys;

const COLLECTION: &str = "/api/v1/collections/birds";

/// The pictures of the collection, as searches show them.
async fn hits(world: &World) -> Vec<Value> {
    let (_, found) = world.get(&format!("{COLLECTION}/search?top_k=100")).await;
    found["hits"].as_array().unwrap().clone()
}

async fn original(world: &World, hit: &Value, headers: &[(&str, &str)]) -> Response {
    let path = format!(
        "{COLLECTION}/records/{}/original",
        hit["id"].as_str().unwrap()
    );
    let request = world.request(Method::GET, &path);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.send().await.unwrap()
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap()).to_owned()
}

/// Where the file of a picture is.
fn file(directory: &Path, hit: &Value) -> PathBuf {
    directory.join(hit["path"].as_str().unwrap())
}

#[tokio::test]
async fn parts_of_a_file_can_be_asked_for() {
    let world = World::with(filled(), Keys::default()).await;
    let hit = &hits(&world).await[0];
    let whole = original(&world, hit, &[]).await;
    assert_eq!(
        (whole.status().as_u16(), header(&whole, "accept-ranges")),
        (200, "bytes".to_owned())
    );
    let tag = header(&whole, "etag");
    let length = header(&whole, "content-length");
    let whole = whole.bytes().await.unwrap();
    assert_eq!(whole, fs::read(file(filled(), hit)).unwrap());
    let n = whole.len();
    assert_eq!(length, n.to_string());
    for (range, expected) in [
        ("bytes=0-9", 0..10),
        ("bytes=10-", 10..n),
        ("bytes=-10", n - 10..n),
        ("bytes=0-999999999999", 0..n),
    ] {
        let part = original(&world, hit, &[("range", range)]).await;
        assert_eq!(part.status().as_u16(), 206, "{range}");
        let about = format!("bytes {}-{}/{n}", expected.start, expected.end - 1);
        assert_eq!(header(&part, "content-range"), about);
        assert_eq!(part.bytes().await.unwrap(), whole[expected], "{range}");
    }
    // What is no range, several of them, and a part of another file.
    for headers in [
        &[("range", "bytes=9-0")][..],
        &[("range", "lines=1-2")],
        &[("range", "bytes=0-1,5-6")],
        &[("range", "bytes=0-9"), ("if-range", "\"other\"")],
    ] {
        let response = original(&world, hit, headers).await;
        let (status, length) = (
            response.status().as_u16(),
            header(&response, "content-length"),
        );
        let is_whole = (status, length) == (200, n.to_string());
        assert!(is_whole || status == 416, "{headers:?} {status}");
    }
    let beyond = original(&world, hit, &[("range", &format!("bytes={n}-"))]).await;
    assert_eq!(
        (beyond.status().as_u16(), header(&beyond, "content-range")),
        (416, format!("bytes */{n}"))
    );
    let part = original(&world, hit, &[("range", "bytes=0-9"), ("if-range", &tag)]).await;
    assert_eq!(part.status().as_u16(), 206);
    let known = original(&world, hit, &[("if-none-match", &tag)]).await;
    assert_eq!(known.status().as_u16(), 304);
    world.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn what_took_the_place_of_a_file_is_not_shown() {
    let directory = filled_with_few(3);
    // A secret that is a picture, too, and small pictures that nobody has asked for yet.
    let secret = directory.path().join("secret.jpg");
    fs::copy(filled().join("demo/pictures/two-perch.jpg"), &secret).unwrap();
    let world = World::with(directory.path(), Keys::default()).await;
    let hits = hits(&world).await;
    let small = async |hit: &Value| {
        let request = world.request(Method::GET, hit["thumbnail"].as_str().unwrap());
        request.send().await.unwrap().status().as_u16()
    };
    let (linked, touched, replaced) = (&hits[0], &hits[1], &hits[2]);
    let path = file(directory.path(), linked);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&secret, &path).unwrap();
    let path = file(directory.path(), replaced);
    fs::copy(&secret, &path).unwrap();
    // The same again, at another time.
    let path = file(directory.path(), touched);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, &bytes).unwrap();
    for hit in [linked, replaced] {
        let answer = original(&world, hit, &[]).await;
        assert_eq!(answer.status().as_u16(), 404);
        let problem: Value = answer.json().await.unwrap();
        let expected = "the picture's file has changed since it was added";
        assert_eq!(problem["detail"], json!(expected));
        assert_eq!(small(hit).await, 404);
    }
    let answer = original(&world, touched, &[]).await;
    assert_eq!(answer.bytes().await.unwrap(), bytes);
    assert_eq!(small(touched).await, 200);
    // A pipe is not waited for, nor a folder read.
    let path = file(directory.path(), linked);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(original(&world, linked, &[]).await.status().as_u16(), 404);
    world.end().await;
}

/// The memory of this process in KiB: now, and at most since the last [`forget_peak`].
#[cfg(target_os = "linux")]
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Many large files are on their way at once; of none there is more than a part in memory.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn files_on_their_way_take_little_memory() {
    const AT_ONCE: usize = 24;
    const LENGTH: usize = 32 << 20;
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("large");
    fs::create_dir(&folder).unwrap();
    let mut bytes = fs::read(filled().join("demo/pictures/two-perch.jpg")).unwrap();
    bytes.resize(LENGTH, 0);
    fs::write(folder.join("large.jpg"), &bytes).unwrap();
    drop(bytes);
    fill(directory.path(), folder, "birds");
    let world = World::of(directory.path(), |options| options.limits.at_once = AT_ONCE).await;
    let hit = &hits(&world).await[0];
    // What is allocated once.
    drop(
        original(&world, hit, &[("range", "bytes=0-9")])
            .await
            .bytes()
            .await,
    );
    forget_peak();
    let before = memory("VmRSS");
    let mut responses = Vec::new();
    for _ in 0..AT_ONCE {
        let response = original(&world, hit, &[]).await;
        assert_eq!(response.status().as_u16(), 200);
        responses.push(response);
    }
    // No room for another one.
    let response = original(&world, hit, &[]).await;
    assert_eq!(response.status().as_u16(), 503);
    assert_eq!(header(&response, "retry-after"), "1");
    for mut response in responses {
        let mut length = 0;
        while let Some(part) = response.chunk().await.unwrap() {
            length += part.len();
        }
        assert_eq!(length, LENGTH);
    }
    let grown = memory("VmHWM").saturating_sub(before) >> 10;
    let whole = (AT_ONCE * LENGTH) >> 20;
    assert!(grown < 128, "{grown} of {whole} MiB");
    world.end().await;
}
