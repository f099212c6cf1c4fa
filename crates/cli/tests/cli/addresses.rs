//! Pictures that are asked with by a URL, or on standard input.

use std::fs::{self, File};
use std::process::Stdio;

use hub_double::{RawAnswer, RawServer};

use crate::world::{Ran, World, demo, until};

const PICTURES: &[&str] = &["two-perch.jpg", "stone-windmill.jpg", "orange-hammer.jpg"];

/// Serves the demo's pictures.
fn server() -> RawServer {
    RawServer::start(|head| {
        let path = head[0].split(' ').nth(1).unwrap_or_default();
        match path {
            "/page" => RawAnswer::http("200 OK", &[], b"<!doctype html>"),
            _ => match fs::read(demo().join("pictures").join(&path[1..])) {
                Ok(bytes) => RawAnswer::http("200 OK", &[], &bytes),
                Err(_) => RawAnswer::http("404 Not Found", &[], b"<!doctype html>"),
            },
        }
    })
}

fn locations(ran: &Ran) -> Vec<(String, f64)> {
    let json = ran.json();
    let hits = json["hits"].as_array().unwrap().iter();
    let hit = |hit: &serde_json::Value| {
        let location = hit["path"].as_str().unwrap().to_owned();
        (location, hit["similarity"].as_f64().unwrap())
    };
    hits.map(hit).collect()
}

#[test]
fn a_url_is_a_picture_to_ask_with_as_its_file_is() {
    let world = World::with_pictures(PICTURES);
    let url = server().url("/mountain-trail.jpg");
    let file = demo()
        .join("pictures/mountain-trail.jpg")
        .canonicalize()
        .unwrap();
    world.write("a b.jpg", fs::read(&file).unwrap());
    let folder = world.path("").canonicalize().unwrap();
    let file_url = format!("file://{}/a%20b.jpg", folder.display());
    let search =
        |options: &[&str]| world.well(&[&["search", "--format", "json"], options].concat());
    let by_file = search(&["--image", file.to_str().unwrap()]);
    for options in [
        &["--image", &url][..],
        &["--image", &file_url],
        &[url.as_str()],
        &[file_url.as_str()],
    ] {
        assert_eq!(
            locations(&search(options)),
            locations(&by_file),
            "{options:?}"
        );
    }
    assert_eq!(search(&["--image", &url]).json()["query"]["image"], url);
    let mix = |picture: &str| search(&[&format!("2:a windmill + {picture} - fish")]);
    let by_file = mix(file.to_str().unwrap());
    for address in [&url, &file_url] {
        assert_eq!(locations(&mix(address)), locations(&by_file), "{address}");
    }
    // A picture of the collection is known by its bytes.
    let own = search(&["--image", &server().url("/two-perch.jpg")]);
    assert!(
        locations(&own)
            .iter()
            .all(|(location, _)| !location.ends_with("two-perch.jpg"))
    );
}

#[test]
fn pages_and_grids_show_a_picture_that_was_fetched() {
    let world = World::with_pictures(PICTURES);
    let url = server().url("/mountain-trail.jpg");
    world.well(&["search", "--image", &url, "-k", "1", "--to", "found.html"]);
    let page = world.read("found.html");
    assert!(page.contains(&url));
    assert_eq!(
        page.matches("<img src=\"data:image/jpeg;base64,").count(),
        2
    );
    let file = demo().join("pictures/mountain-trail.jpg");
    for (image, to) in [
        (url.as_str(), "url.png"),
        (file.to_str().unwrap(), "file.png"),
    ] {
        world.well(&["search", "--image", image, "-k", "1", "--to", to]);
    }
    assert!(fs::read(world.path("url.png")).unwrap() == fs::read(world.path("file.png")).unwrap());
}

#[test]
fn standard_input_is_a_picture_to_ask_with() {
    let world = World::with_pictures(PICTURES);
    let file = demo().join("pictures/mountain-trail.jpg");
    let piped = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        Ran::of(command.stdin(File::open(&file).unwrap()).output().unwrap())
    };
    let ran = piped(&["search", "--image", "-", "--format", "json"]);
    let by_file = [
        "search",
        "--image",
        file.to_str().unwrap(),
        "--format",
        "json",
    ];
    assert_eq!(locations(&ran), locations(&world.well(&by_file)));
    let embedded = piped(&["embed", "--image", "-", "--model", "mini"]);
    let by_file = [
        "embed",
        "--image",
        file.to_str().unwrap(),
        "--model",
        "mini",
    ];
    assert_eq!(embedded.stdout, world.well(&by_file).stdout);
    let said = world.fails(&["search", "--image", "-"]);
    assert!(said.contains("standard input is empty"), "{said}");
}

#[test]
fn pictures_are_embedded_and_classified_by_url() {
    let world = World::new();
    let url = server().url("/orange-hammer.jpg");
    let file = demo()
        .join("pictures/orange-hammer.jpg")
        .canonicalize()
        .unwrap();
    let file_url = format!("file://{}", file.display());
    let embed = |image: &str| {
        world
            .well(&["embed", "--image", image, "--model", "mini"])
            .stdout
    };
    let by_file = embed(file.to_str().unwrap());
    assert_eq!(embed(&url), by_file);
    assert_eq!(embed(&file_url), by_file);
    let classify = |image: &str| {
        let labels = ["--labels", "a hammer,a fish", "--format", "json"];
        let ran = world.well(&[&["classify", image, "--model", "mini"][..], &labels].concat());
        ran.json()[0].clone()
    };
    let (by_url, by_file) = (classify(&url), classify(file.to_str().unwrap()));
    assert_eq!(by_url["image"], url);
    assert_eq!(by_url["labels"], by_file["labels"]);
    assert_eq!(classify(&file_url)["labels"], by_file["labels"]);
}

#[test]
fn what_cannot_be_fetched_is_told_with_its_address_and_a_way_out() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    let server = server();
    for (address, expected) in [
        (server.url("/gone.jpg"), "the server answered 404 Not Found"),
        (server.url("/page"), "is a web page, not a picture"),
        (
            "ftp://host/a.jpg".to_owned(),
            "expected http://, https:// or file://",
        ),
        ("http://".to_owned(), "is not a URL"),
        (
            "file:///no/such%20file.jpg".to_owned(),
            "could not search with `/no/such file.jpg`",
        ),
    ] {
        let said = world.fails(&["search", "--image", &address]);
        assert!(said.contains(expected), "{address}: {said}");
        assert!(
            address.starts_with("file") || said.contains(&address),
            "{said}"
        );
        assert!(
            address.starts_with("file") || said.contains("hint:"),
            "{said}"
        );
    }
    let secret = server.url("/gone.jpg").replace("//", "//me:secret@");
    for command in ["search", "embed"] {
        let said = world.fails(&[command, "--image", &secret]);
        assert!(
            said.contains(&server.url("/gone.jpg")) && !said.contains("secret"),
            "{said}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_fetch_at_once() {
    use std::os::unix::process::ExitStatusExt;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let world = World::with_pictures(&["two-perch.jpg"]);
    let is_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_asked);
    let silent = RawServer::start(move |_| {
        asked.store(true, Ordering::Relaxed);
        RawAnswer::Stall(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())
    });
    let mut asking = world
        .command(&["search", "--image", &silent.url("/picture.jpg")])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("a request", || is_asked.load(Ordering::Relaxed));
    let pid = asking.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .unwrap();
    assert!(sent.success());
    // Not by the error that the server stalls. Ctrl-C's signal is passed over where a shell without a terminal
    // began the tests.
    assert_eq!(asking.wait().unwrap().signal(), Some(15));
}
