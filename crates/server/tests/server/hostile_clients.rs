//! What hostile clients send to the JSON API: each is refused, or harmless.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{World, filled, filled_with_few};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clipseek::picture::Picture;
use reqwest::{Method, multipart};
use serde_json::{Value, json};
use server::Keys;

const COLLECTION: &str = "/api/v1/collections/birds";

/// Adds one picture of a form, and waits for the end of the job.
async fn upload(world: &World, bytes: Vec<u8>, name: &str, caption: &str) -> Value {
    let part = multipart::Part::bytes(bytes).file_name(name.to_owned());
    let request = json!({"caption": caption}).to_string();
    let form = multipart::Form::new()
        .text("request", request)
        .part("image", part);
    let path = format!("{COLLECTION}/pictures");
    let request = world.request(Method::POST, &path).multipart(form);
    let (status, begun) = world.answer(request).await;
    assert_eq!(status, 202, "{begun}");
    ended(world, &begun).await
}

/// The job as it is in the end.
async fn ended(world: &World, begun: &Value) -> Value {
    let job = format!("/api/v1/jobs/{}", begun["job"].as_str().unwrap());
    let events = world.request(Method::GET, &format!("{job}/events"));
    // They end with the job.
    events.send().await.unwrap().text().await.unwrap();
    world.get(&job).await.1
}

/// A listener on this machine that nobody may connect to.
struct Forbidden(TcpListener);

impl Forbidden {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    fn assert_untouched(&self) {
        let asked = self.0.accept();
        assert!(asked.is_err(), "{asked:?}");
    }
}

/// Ways to name this machine, or its network, or no picture of the web at all.
const INWARD: [&str; 38] = [
    "http://127.0.0.1:PORT/a.jpg",
    "https://127.0.0.1:PORT/a.jpg",
    "http://localhost:PORT/a.jpg",
    "HTTP://LOCALHOST:PORT/a.jpg",
    "http://localhost.:PORT/a.jpg",
    "http://127.0.0.1.:PORT/a.jpg",
    "http://127.1:PORT/a.jpg",
    "http://2130706433:PORT/a.jpg",
    "http://0x7f000001:PORT/a.jpg",
    "http://0x7f.0.0.1:PORT/a.jpg",
    "http://017700000001:PORT/a.jpg",
    "http://0177.0.0.01:PORT/a.jpg",
    "http://0.0.0.0:PORT/a.jpg",
    "http://0:PORT/a.jpg",
    "http://①②⑦.⓪.⓪.①:PORT/a.jpg",
    "http://127.0.0%2e1:PORT/a.jpg",
    "http://127.0.0\t.1:PORT/a.jpg",
    "http://[::1]:PORT/a.jpg",
    "http://[::]:PORT/a.jpg",
    "http://[::ffff:127.0.0.1]:PORT/a.jpg",
    "http://[::ffff:7f00:1]:PORT/a.jpg",
    "http://[0:0:0:0:0:ffff:7f00:0001]:PORT/a.jpg",
    "http://[::127.0.0.1]:PORT/a.jpg",
    "http://[64:ff9b::127.0.0.1]:PORT/a.jpg",
    "http://[2002:7f00:1::]:PORT/a.jpg",
    "http://[fc00::1]:PORT/a.jpg",
    "http://[fe80::1]:PORT/a.jpg",
    "http://169.254.169.254/latest/meta-data/",
    "http://example.com@127.0.0.1:PORT/a.jpg",
    "http://example.com:80@127.0.0.1:PORT/a.jpg",
    "http://127.0.0.1:PORT#@example.com/a.jpg",
    "http://127.0.0.1:PORT\\@example.com/a.jpg",
    "file:///etc/passwd",
    "FILE://localhost/etc/passwd",
    "gopher://127.0.0.1:PORT/_GET",
    "//127.0.0.1:PORT/a.jpg",
    " http://127.0.0.1:PORT/a.jpg",
    "http:127.0.0.1:PORT/a.jpg",
];

#[tokio::test]
async fn urls_lead_to_the_web_only() {
    let directory = filled_with_few(1);
    let world = World::with(directory.path(), Keys::default()).await;
    let forbidden = Forbidden::listen();
    for url in INWARD {
        let url = url.replace("PORT", &forbidden.port().to_string());
        for (path, body) in [
            (
                format!("{COLLECTION}/search"),
                json!({"image": {"url": url}}),
            ),
            (
                "/api/v1/embed".to_owned(),
                json!({"collection": "birds", "images": [{"url": url}]}),
            ),
            (
                "/api/v1/classify".to_owned(),
                json!({"collection": "birds", "labels": ["a", "b"], "image": {"url": url}}),
            ),
        ] {
            let (status, told) = world.post(&path, &body).await;
            assert_eq!(status, 400, "{path} {url} {told}");
        }
        let (status, begun) = world
            .post(&format!("{COLLECTION}/pictures"), &json!({"url": url}))
            .await;
        assert_eq!(status, 202);
        let job = ended(&world, &begun).await;
        assert_eq!(
            (&job["added"], job["failed"].as_array().unwrap().len()),
            (&json!(0), 1),
            "{url}"
        );
    }
    forbidden.assert_untouched();
    assert!(!directory.path().join("store/uploads/birds").exists());
    world.end().await;
}

/// A proxy, which stands for the web: each address redirects to what stands behind its `?`. It notes what it is asked for.
fn redirecting(asked: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else {
                continue;
            };
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let url = first.split(' ').nth(1).unwrap_or_default().to_owned();
            let target = url.split_once('?').map(|(_, target)| target.to_owned());
            asked.lock().unwrap().push(url);
            let location = target.unwrap_or_default();
            let answer = format!(
                "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[tokio::test]
async fn redirects_lead_to_the_web_only() {
    let asked = Arc::default();
    let proxy = redirecting(Arc::clone(&asked));
    let world = World::of_settings(
        filled(),
        |settings| settings.fetch.client.proxies.http = Some(proxy),
        |_| {},
    )
    .await;
    let forbidden = Forbidden::listen();
    let numbers = INWARD
        .iter()
        .filter(|url| !url.to_lowercase().contains("localhost"));
    for target in numbers {
        let target = target.replace("PORT", &forbidden.port().to_string());
        let url = format!("http://pictures.example/a.jpg?{target}");
        let body = json!({"image": {"url": url}});
        let (status, told) = world.post(&format!("{COLLECTION}/search"), &body).await;
        assert_eq!(status, 400, "{url} {told}");
    }
    forbidden.assert_untouched();
    let asked = std::mem::take(&mut *asked.lock().unwrap());
    assert!(asked.len() > 30);
    for url in asked {
        assert!(url.starts_with("http://pictures.example/"), "{url}");
    }
    world.end().await;
}

/// The head and body of the answer to what no client would send.
fn raw(world: &World, request: &str) -> String {
    let address = world.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_stay_within_the_collection() {
    let world = World::with(filled(), Keys::default()).await;
    for path in [
        "/records/../../../../../../etc/passwd/original",
        "/records/..%2f..%2f..%2f..%2fetc%2fpasswd/original",
        "/records/%2e%2e%2f%2e%2e%2fcatalogue.sqlite/original",
        "/records/..%5c..%5ccatalogue.sqlite/original",
        "/records/%2fetc%2fpasswd/original",
        "/records/%2fetc%2fpasswd%00.jpg/original",
        "/records/%c0%ae%c0%ae%2fetc%2fpasswd/original",
        "/records/....//....//etc/passwd/original",
        "/records/file:%2f%2f%2fetc%2fpasswd/thumbnail",
        "/records/..%2f..%2fcatalogue.sqlite/thumbnail?v=../../../etc/passwd",
        "/../../../etc/passwd",
        "/..%2f..%2f/facets",
        "/search?like=..%2f..%2fcatalogue.sqlite",
    ] {
        let host = world.address.strip_prefix("http://").unwrap();
        let request =
            format!("GET {COLLECTION}{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = raw(&world, &request);
        let status = answer.get(9..12).unwrap();
        assert!(["400", "404"].contains(&status), "{path}: {answer}");
        assert!(
            !answer.contains("root:") && !answer.contains("SQLite format"),
            "{answer}"
        );
    }
    for width in ["-1", "99999999999", "NaN", "1e3", ""] {
        let (_, found) = world.get(&format!("{COLLECTION}/search?top_k=1")).await;
        let small = found["hits"][0]["thumbnail"].as_str().unwrap().to_owned();
        let (status, told) = world.get(&format!("{small}&width={width}")).await;
        assert_eq!(status, 400, "{width} {told}");
    }
    let (status, found) = world
        .get(&format!("{COLLECTION}/search?folder=..%2F..%2Fetc"))
        .await;
    assert_eq!((status, &found["hits"]), (200, &json!([])));
    world.end().await;
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

#[tokio::test]
async fn names_of_uploads_stay_in_their_folder() {
    let directory = filled_with_few(1);
    let world = World::with(directory.path(), Keys::default()).await;
    let before = files(directory.path());
    let long = "a".repeat(5000);
    let names = [
        "../../../evil.jpg",
        "/etc/cron.d/evil.jpg",
        "..\\..\\evil.jpg",
        "C:\\evil.jpg",
        "evil.jpg/../../x",
        "..",
        ".",
        "~/.ssh/evil",
        "con.jpg",
        "evil\".jpg",
        "<script>alert(1)</script>.jpg",
        "$(touch evil).jpg",
        ".bashrc",
        &long,
    ];
    for (n, name) in names.iter().enumerate() {
        let grey = vec![n as u8 * 9; 40 * 40 * 3];
        let picture = Picture::from_rgb(40, 40, grey).unwrap().to_png();
        let job = upload(&world, picture, name, "evil").await;
        assert_eq!(job["added"], json!(1), "{name} {job}");
    }
    let uploads = directory.path().join("store/uploads/birds");
    let mut kept = 0;
    for file in files(directory.path()) {
        if file.parent() == Some(&uploads) {
            kept += 1;
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(name.ends_with(".png") && name.len() < 100, "{name}");
            let harmless = |letter: char| letter.is_alphanumeric() || "-_ .".contains(letter);
            assert!(
                name.chars().all(harmless) && !name.starts_with('.'),
                "{name}"
            );
        } else {
            let is_the_stores = file.starts_with(directory.path().join("store"));
            assert!(
                before.contains(&file) || is_the_stores,
                "{}",
                file.display()
            );
        }
    }
    assert_eq!(kept, names.len());
    world.end().await;
}

/// The beginning of a PNG of this size, which has no pixels.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Picture::from_rgb(1, 1, vec![0; 3]).unwrap().to_png();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    bytes
}

#[tokio::test]
async fn bombs_do_not_go_off() {
    let world = World::with(filled(), Keys::default()).await;
    let gif = [b"GIF89a".as_slice(), &[0xFF; 4], &[0, 0, 0, b';']].concat();
    let mut bmp = vec![b'B', b'M'];
    bmp.extend([0; 12]);
    bmp.extend(40_u32.to_le_bytes());
    bmp.extend(i32::MAX.to_le_bytes());
    bmp.extend(i32::MAX.to_le_bytes());
    bmp.extend([1, 0, 24, 0].iter().chain(&[0; 24]));
    let pnm = b"P6\n4000000000 4000000000\n255\n".to_vec();
    for bomb in [
        png(100_000, 100_000),
        png(u32::MAX, u32::MAX),
        png(0, 1),
        gif,
        bmp,
        pnm,
    ] {
        let image = json!({"image": {"base64": STANDARD.encode(&bomb)}});
        let (status, told) = world.post(&format!("{COLLECTION}/search"), &image).await;
        assert_eq!(status, 400, "{told}");
    }
    // What is packed is not unpacked.
    for packing in ["gzip", "br", "deflate", "zstd"] {
        let request = world.request(Method::POST, &format!("{COLLECTION}/search"));
        let request = request.header("content-encoding", packing);
        let request = request.body(vec![0x1F, 0x8B, 8, 0]);
        assert_eq!(world.answer(request).await.0, 415);
    }
    // JSON as deep as it is long, numbers beyond all numbers, and one field over and over.
    let deep = "[".repeat(1 << 20);
    let terms = vec![json!({"text": "a"}); 100_000];
    let names = vec!["a"; 100_000];
    for body in [
        format!("{{\"filter\": {deep}"),
        format!("{{\"vector\": [{}1e999]}}", "1,".repeat(1 << 18)),
        "{\"top_k\": 1e300}".to_owned(),
        "{\"weight\": NaN}".to_owned(),
        format!("{{{}\"text\": \"a\"}}", "\"text\": \"a\", ".repeat(1 << 16)),
        json!({"mix": terms}).to_string(),
        json!({"fields": names}).to_string(),
        "\u{feff}{}".to_owned(),
        String::new(),
    ] {
        let request = world.request(Method::POST, &format!("{COLLECTION}/search"));
        let request = request.header("content-type", "application/json");
        let (status, told) = world.answer(request.body(body)).await;
        assert_eq!(status, 400, "{told}");
    }
    world.end().await;
}

#[tokio::test]
async fn forms_are_bounded() {
    let world = World::with(filled(), Keys::default()).await;
    let send = |body: Vec<u8>| {
        let request = world.request(Method::POST, &format!("{COLLECTION}/search"));
        let request = request.header("content-type", "multipart/form-data; boundary=X");
        world.answer(request.body(body))
    };
    let part = |name: &str| {
        format!(
            "--X\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"a\"\r\n\r\nx\r\n"
        )
    };
    let many = part("image").repeat(100_000) + "--X--\r\n";
    let large = part("image") + &"x".repeat(17 << 20);
    let head = "--X\r\ncontent-disposition: form-data; ".to_owned() + &"a=b; ".repeat(200_000);
    let headers = "--X\r\n".to_owned() + &"a: b\r\n".repeat(100_000);
    for (body, status) in [
        (many, 400),
        (large, 413),
        (head, 400),
        (headers, 400),
        (part("image"), 400),
        (part("other") + "--X--\r\n", 400),
        (part("request") + "--X--\r\n", 400),
        ("no part".to_owned(), 400),
    ] {
        let start = body.get(..60).unwrap_or(&body).to_owned();
        let (found, told) = send(body.into_bytes()).await;
        assert_eq!(found, status, "{start} {told}");
    }
    let request = world.request(Method::POST, &format!("{COLLECTION}/search"));
    let request = request.header("content-type", "multipart/form-data");
    assert_eq!(world.answer(request.body("--X")).await.0, 400);
    world.end().await;
}

/// A client that sends its upload byte by byte, or not at all, is given up.
#[tokio::test(flavor = "multi_thread")]
async fn slow_uploads_are_given_up() {
    let world = World::of(filled(), |options| {
        options.limits.time = Duration::from_millis(300);
    })
    .await;
    let host = world.address.strip_prefix("http://").unwrap();
    let answer = raw(
        &world,
        &format!(
            "POST {COLLECTION}/pictures HTTP/1.1\r\nhost: {host}\r\ncontent-length: 9999\r\n\
             content-type: multipart/form-data; boundary=X\r\n\r\n--X\r\n"
        ),
    );
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    world.end().await;
}

const SCRIPT: &str = "<script>alert(document.domain)</script>";

/// A JPEG with a page in a comment and behind its end.
fn jpeg_and_page() -> Vec<u8> {
    let picture = std::fs::read(filled().join("demo/pictures/two-perch.jpg")).unwrap();
    let page = format!("*/=1;{SCRIPT}<!doctype html>");
    let length = u16::try_from(page.len() + 2).unwrap().to_be_bytes();
    let comment = [&[0xFF, 0xFE], &length[..], page.as_bytes()].concat();
    [&picture[..2], &comment, &picture[2..], page.as_bytes()].concat()
}

/// A GIF of one pixel that is a script as well: its size is the beginning of a comment.
fn gif_and_script() -> Vec<u8> {
    let start = b"GIF89a/*\x01\x00\x80\x00\x00\xFF\xFF\xFF\x00\x00\x00";
    let image = b"\x2C\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00";
    [
        start,
        image.as_slice(),
        b"\x21\xFE\x0F*/=alert(1)//...\x00;",
    ]
    .concat()
}

#[tokio::test]
async fn files_that_are_two_things_are_pictures_alone() {
    let directory = filled_with_few(1);
    let world = World::with(directory.path(), Keys::default()).await;
    let svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{SCRIPT}</svg>");
    for (bytes, reason) in [
        (svg.into_bytes(), "not a picture"),
        (
            format!("<!doctype html>{SCRIPT}").into_bytes(),
            "not a picture",
        ),
        (b"%PDF-1.7 ...".to_vec(), "not a picture"),
        ([&[0xFF, 0xD8, 0xFF, 0xE0], SCRIPT.as_bytes()].concat(), ""),
        ([b"GIF89a".as_slice(), SCRIPT.as_bytes()].concat(), ""),
    ] {
        let job = upload(&world, bytes, "evil.svg", "evil").await;
        let failed = &job["failed"][0];
        assert_eq!(
            (&job["added"], &job["state"]),
            (&json!(0), &json!("done")),
            "{job}"
        );
        assert!(failed["reason"].as_str().unwrap().contains(reason), "{job}");
    }
    // What was refused is kept nowhere.
    let uploads = directory.path().join("store/uploads/birds");
    assert_eq!(files(&uploads), Vec::<PathBuf>::new());
    let pnm = [b"P6\n2 2\n255\n".as_slice(), &[7; 12]].concat();
    for (bytes, kind, how) in [
        (jpeg_and_page(), "image/jpeg", "inline"),
        (gif_and_script(), "image/gif", "inline"),
        (pnm, "application/octet-stream", "attachment"),
    ] {
        let name = "evil\"; filename=\"x.html;.html";
        let job = upload(&world, bytes, name, kind).await;
        assert_eq!(job["added"], json!(1), "{kind} {job}");
        let body = json!({"text": "", "keywords": format!("\"{kind}\"")});
        let (_, found) = world.post(&format!("{COLLECTION}/search"), &body).await;
        let hit = &found["hits"][0];
        let path = format!(
            "{COLLECTION}/records/{}/original",
            hit["id"].as_str().unwrap()
        );
        let whole = world.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(whole.status().as_u16(), 200);
        let header = |name: &str| whole.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), kind);
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"));
        let disposition = header("content-disposition");
        let (said, name) = disposition.split_once("; filename=\"").unwrap();
        assert_eq!(said, how);
        let harmless = |letter: char| letter.is_ascii_alphanumeric() || "-_. ".contains(letter);
        assert!(
            name.strip_suffix('"').unwrap().chars().all(harmless),
            "{disposition}"
        );
        let small = world.request(Method::GET, hit["thumbnail"].as_str().unwrap());
        let small = small.send().await.unwrap();
        assert_eq!(small.headers()["content-type"], "image/jpeg");
        let small = small.bytes().await.unwrap();
        let has_script = small.windows(6).any(|part| part == b"alert(");
        assert!(!has_script, "{kind}");
    }
    world.end().await;
}

/// Captions, names and keys come back as data, if at all: no browser takes an answer for a page.
#[tokio::test]
async fn scripts_come_back_as_data() {
    let directory = filled_with_few(1);
    let mut world = World::with(directory.path(), Keys::from_iter(["any"])).await;
    let grey = Picture::from_rgb(40, 40, vec![90; 40 * 40 * 3]).unwrap();
    let job = upload(&world, grey.to_png(), &format!("{SCRIPT}.png"), SCRIPT).await;
    assert_eq!(job["added"], json!(1));
    let escaped = SCRIPT.replace('<', "%3C").replace('>', "%3E");
    let mut seen = String::new();
    for path in [
        format!("{COLLECTION}/search?keywords=alert"),
        format!("{COLLECTION}/search?text={escaped}"),
        format!("{COLLECTION}/search?{escaped}=1"),
        format!("{COLLECTION}/facets"),
        format!("/api/v1/collections/{escaped}"),
        format!("{COLLECTION}/records/{escaped}"),
        format!("/api/v1/jobs/{escaped}"),
        format!("/api/v1/{escaped}"),
        format!("/indexes/{escaped}"),
        format!("/{escaped}"),
    ] {
        let answer = world.request(Method::GET, &path).send().await.unwrap();
        let kind = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(kind.starts_with("application/"), "{path} {kind}");
        if path.starts_with("/api/v1") {
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        }
        let _ = write!(seen, "{}", answer.text().await.unwrap());
    }
    assert!(seen.contains("alert"));
    // A key is not repeated to whoever sent it.
    world.key = "<script>alert(7)</script>";
    for path in [COLLECTION, "/indexes"] {
        let answer = world.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 401);
        assert!(!format!("{:?}", answer.headers()).contains("alert(7)"));
        assert!(!answer.text().await.unwrap().contains("alert(7)"));
    }
    world.end().await;
}
