//! The files of uploads: they go with their picture and with their collection, and nobody else's do.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::support::{World, fill, filled_with_few};
use clipseek::picture::Picture;
use clipseek::{Clipseek, Deletion, Settings};
use reqwest::{Method, multipart};
use search::{AddOptions, Store};
use serde_json::{Value, json};
use server::Keys;

const COLLECTION: &str = "/api/v1/collections/birds";

fn uploads(directory: &Path) -> PathBuf {
    directory.join("store/uploads/birds")
}

/// The names of the uploads' files, in order.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(uploads(directory)).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Uploads a grey picture of that level, and gives the id of its record.
async fn upload(world: &World, level: u8) -> String {
    let picture = Picture::from_rgb(40, 40, vec![level; 40 * 40 * 3]).unwrap();
    let name = format!("grey{level}.png");
    let part = multipart::Part::bytes(picture.to_png()).file_name(name.clone());
    let form = multipart::Form::new()
        .text("request", json!({"caption": name}).to_string())
        .part("image", part);
    let path = format!("{COLLECTION}/pictures");
    let request = world.request(Method::POST, &path).multipart(form);
    let (_, begun) = world.answer(request).await;
    let job = format!("/api/v1/jobs/{}/events", begun["job"].as_str().unwrap());
    let events = world.request(Method::GET, &job).send().await.unwrap();
    events.text().await.unwrap();
    let search = format!("{COLLECTION}/search?keywords=grey{level}");
    let (_, found) = world.get(&search).await;
    found["hits"][0]["id"].as_str().unwrap().to_owned()
}

async fn forget(world: &World, id: &str) {
    let path = format!("{COLLECTION}/records/{id}");
    let answer = world.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204);
}

fn clipseek(directory: &Path) -> Clipseek {
    Clipseek::new(Settings::in_directory(&directory.join("store")))
}

#[tokio::test]
async fn a_forgotten_upload_leaves_no_file() {
    let directory = filled_with_few(1);
    let directory = directory.path();
    let world = World::with(directory, Keys::default()).await;
    let (_, all) = world.get(&format!("{COLLECTION}/search")).await;
    let hit: &Value = &all["hits"][0];
    let (one, other) = (upload(&world, 10).await, upload(&world, 200).await);
    assert_eq!(names(directory).len(), 2);
    // Another collection has the second as well.
    fill(
        directory,
        uploads(directory).join(&names(directory)[1]),
        "others",
    );
    forget(&world, &one).await;
    forget(&world, &other).await;
    let left = names(directory);
    assert!(
        left.len() == 1 && left[0].starts_with("grey200-"),
        "{left:?}"
    );
    // What was not uploaded is its owner's.
    forget(&world, hit["id"].as_str().unwrap()).await;
    assert!(directory.join(hit["path"].as_str().unwrap()).exists());
    world.end().await;
}

#[tokio::test]
async fn a_deleted_collection_takes_its_uploads_along() {
    let directory = filled_with_few(1);
    let directory = directory.path();
    let world = World::with(directory, Keys::default()).await;
    upload(&world, 10).await;
    upload(&world, 200).await;
    fill(
        directory,
        uploads(directory).join(&names(directory)[1]),
        "others",
    );
    world.end().await;
    let deleted = clipseek(directory).delete_collection("birds", &AtomicBool::new(false));
    let expected = Deletion::Done {
        with_fetched: false,
        with_uploaded: true,
    };
    assert_eq!(deleted.unwrap(), expected);
    let left = names(directory);
    assert!(
        left.len() == 1 && left[0].starts_with("grey200-"),
        "{left:?}"
    );
    let deleted = clipseek(directory).delete_collection("others", &AtomicBool::new(false));
    assert_eq!(deleted.unwrap(), expected);
    assert!(!uploads(directory).exists());
    let pictures = std::fs::read_dir(directory.join("demo/pictures")).unwrap();
    assert!(pictures.count() > 50);
}

/// A process that is killed once the collection is out of the catalogue leaves its files; the next one removes them.
#[tokio::test]
async fn an_interrupted_deletion_is_finished() {
    for by_server in [true, false] {
        let directory = filled_with_few(1);
        let directory = directory.path();
        let world = World::with(directory, Keys::default()).await;
        upload(&world, 10).await;
        world.end().await;
        let store = Store::open(&directory.join("store")).unwrap();
        assert!(
            store
                .delete_collection("birds", &AddOptions::default())
                .unwrap()
        );
        drop(store);
        assert_eq!(names(directory).len(), 1);
        match by_server {
            true => World::with(directory, Keys::default()).await.end().await,
            // One of the same name doesn't inherit them.
            false => fill(directory, directory.join("demo/few.csv"), "birds"),
        }
        assert!(!uploads(directory).exists());
    }
}
