//! Downloads of lists of URLs from a local server that causes every kind of error.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use dataset::{
    AllowedAddresses, Download, DownloadError, DownloadOptions, FetchOptions, Outcome, Progress,
    Reason, Source, SourceOptions, WebAddress, addresses,
};
use hub_double::{RawAnswer, RawServer};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use picture::Picture;

static NEVER: AtomicBool = AtomicBool::new(false);

/// A picture that differs for each number.
fn jpeg(number: u32) -> Vec<u8> {
    let pixels = (0..48 * 32).flat_map(|n| {
        let shade = (n * 7 + number * 13) as u8;
        [shade, (number * 31) as u8, (n / 48) as u8]
    });
    Picture::from_rgb(48, 32, pixels.collect())
        .unwrap()
        .to_jpeg(80)
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A PNG whose header claims 60,000 by 60,000 pixels.
fn bomb() -> Vec<u8> {
    let mut png = Picture::from_rgb(8, 8, vec![0; 192]).unwrap().to_png();
    png[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let mut checksum = flate2::Crc::new();
    checksum.update(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    png
}

/// The number of requests for each path.
type Asked = Arc<Mutex<BTreeMap<String, usize>>>;

fn ok(body: &[u8]) -> RawAnswer {
    let length = format!("content-length: {}", body.len());
    RawAnswer::http("200 OK", &["content-type: image/jpeg", &length], body)
}

fn head(status: &str, headers: &[&str]) -> Vec<u8> {
    match RawAnswer::http(status, headers, b"") {
        RawAnswer::Bytes(bytes) => bytes,
        _ => unreachable!(),
    }
}

/// The response to a path that was requested `before` times.
fn answer(path: &str, before: usize, meeting: &Arc<Barrier>, elsewhere: &str) -> RawAnswer {
    let picture = jpeg(1);
    let redirect = |to: &str| RawAnswer::http("302 Found", &[&format!("location: {to}")], b"");
    let status = |status: &str| RawAnswer::http(status, &[], b"");
    let name = path.trim_start_matches('/');
    if let Some(number) = name.strip_prefix("good/") {
        let number = number.trim_end_matches(".jpg");
        return ok(&jpeg(number.parse().unwrap()));
    }
    match name {
        "wrong-type" => RawAnswer::http("200 OK", &["content-type: text/html"], &picture),
        "redirected" => redirect("/good/1.jpg"),
        "unicode/%C3%A4%20%E7%8A%AC.jpg?q=%C3%BC" => ok(&picture),
        "gzip" => RawAnswer::http("200 OK", &["content-encoding: gzip"], &gzipped(&picture)),
        "chunked" => {
            let mut body = format!("{:x}\r\n", picture.len()).into_bytes();
            body.extend_from_slice(&picture);
            body.extend_from_slice(b"\r\n0\r\n\r\n");
            RawAnswer::http("200 OK", &["transfer-encoding: chunked"], &body)
        }
        // The rest of one is sent once the other has been requested too.
        "in-parts" => {
            let (first, rest) = picture.split_at(picture.len() / 2);
            let first = [&head("200 OK", &[]), first].concat();
            RawAnswer::Held(first, Arc::clone(meeting), rest.to_vec())
        }
        "beside" => {
            meeting.wait();
            ok(&picture)
        }
        "recovers-503" if before == 0 => {
            RawAnswer::http("503 Service Unavailable", &["retry-after: 0"], b"")
        }
        "recovers-429" if before == 0 => {
            RawAnswer::http("429 Too Many Requests", &["retry-after: 1"], b"")
        }
        "recovers-500" if before == 0 => status("500 Internal Server Error"),
        "recovers-reset" if before == 0 => RawAnswer::Reset(Vec::new()),
        "recovers-503" | "recovers-429" | "recovers-500" | "recovers-reset" => ok(&picture),

        "reset" => RawAnswer::Reset(Vec::new()),
        "reset-body" => {
            let head = head("200 OK", &["content-length: 1000000"]);
            RawAnswer::Reset([head, picture, vec![0; 900_000]].concat())
        }
        "silent" => RawAnswer::Stall(Vec::new()),
        "stalls" => RawAnswer::Stall(head("200 OK", &["content-length: 9999"])),
        "trickles" => RawAnswer::Stall([head("200 OK", &[]), vec![0xff; 500]].concat()),
        "endless" => RawAnswer::Endless(head("200 OK", &[]), vec![7; 1 << 16]),
        "huge" => RawAnswer::Bytes(head("200 OK", &["content-length: 99999999999"])),
        "long-length" => RawAnswer::http("200 OK", &["content-length: 9999"], &picture),
        "short-length" => RawAnswer::http("200 OK", &["content-length: 100"], &picture),
        "html" => RawAnswer::http(
            "200 OK",
            &["content-type: image/jpeg"],
            b"<!doctype html><p>gone",
        ),
        "text" => RawAnswer::http("200 OK", &["content-type: image/jpeg"], b"not here"),
        "empty" => RawAnswer::http("200 OK", &["content-length: 0"], b""),
        "truncated" => ok(&picture[..picture.len() / 2]),
        "bomb" => ok(&bomb()),
        "gzip-bomb" => RawAnswer::http(
            "200 OK",
            &["content-encoding: gzip"],
            &gzipped(&vec![0; 4 << 20]),
        ),
        "careless" => RawAnswer::Bytes(
            [
                b"HTTP/1.1 200 OK\r\n: a\r\nx\x01: b\r\ncontent-encoding : UTF-8\r\n\r\n",
                &picture[..],
            ]
            .concat(),
        ),
        "deflate" => RawAnswer::http(
            "200 OK",
            &["content-encoding: deflate"],
            &deflated(&picture),
        ),
        "to-itself" if before == 0 => RawAnswer::http(
            "302 Found",
            &["location: /to-itself", "set-cookie: a=b"],
            b"",
        ),
        "to-itself" => ok(&picture),
        "brotli" => RawAnswer::http(
            "200 OK",
            &["content-encoding: br"],
            b"\x0b\x05\x80hello\x03",
        ),
        "loop" => redirect("/loop"),
        "to-private" => redirect(elsewhere),
        "to-file" => redirect("file:///etc/passwd"),
        "to-nowhere" => RawAnswer::http("302 Found", &[], b""),
        "noai" => RawAnswer::http("200 OK", &["x-robots-tag: noai, noimageai"], &picture),
        "noindex" => RawAnswer::http("200 OK", &["x-robots-tag: somebot: NoIndex"], &picture),
        "nonsense" => RawAnswer::Bytes(b"\0\x01nonsense\r\n\r\n".to_vec()),
        "long-header" => {
            RawAnswer::Endless(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 1 << 16])
        }
        "403" => status("403 Forbidden"),
        "404" => status("404 Not Found"),
        "410" => status("410 Gone"),
        "429" => RawAnswer::http("429 Too Many Requests", &["retry-after: 9999"], b""),
        "500" => status("500 Internal Server Error"),
        "503" => status("503 Service Unavailable"),
        _ => panic!("asked for {path}"),
    }
}

/// The address of a server that responds at once, without TLS.
fn without_tls() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    address
}

struct Chaos {
    server: RawServer,
    asked: Asked,
}

impl Chaos {
    fn start() -> Self {
        let asked = Asked::default();
        let counted = Arc::clone(&asked);
        // Only 127.0.0.1 is allowed here.
        let elsewhere = RawServer::start(|_| panic!("a private address was asked"));
        let elsewhere = elsewhere.url("/secret").replace("127.0.0.1", "127.0.0.2");
        let meeting = Arc::new(Barrier::new(2));
        let server = RawServer::start(move |head| {
            let path = head[0].split(' ').nth(1).unwrap().to_owned();
            let before = {
                let mut counted = counted.lock().unwrap();
                let count = counted.entry(path.clone()).or_default();
                *count += 1;
                *count - 1
            };
            answer(&path, before, &meeting, &elsewhere)
        });
        Self { server, asked }
    }

    fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    fn asked(&self, path: &str) -> usize {
        self.asked
            .lock()
            .unwrap()
            .get(path)
            .copied()
            .unwrap_or_default()
    }
}

/// A timeout that even a very busy machine meets.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The timeout for servers that never respond. All other servers respond in this time.
const SOON: Duration = Duration::from_secs(5);

fn options() -> DownloadOptions {
    let mut options = DownloadOptions {
        fetch: FetchOptions {
            bytes: 1 << 20,
            connect: LONGEST_WAIT,
            stall: LONGEST_WAIT,
            whole: LONGEST_WAIT,
            allowed_addresses: AllowedAddresses::PublicAnd(vec![Ipv4Addr::LOCALHOST.into()]),
            ..FetchOptions::default()
        },
        ..DownloadOptions::default()
    };
    options.retry.first_wait = Duration::from_millis(50);
    options.per_host = 64;
    options
}

/// A table with the URLs and captions `rows` in its own folder.
fn list(folder: &Path, rows: &[(String, String)]) -> Source {
    let path = folder.join("list.tsv");
    let rows = rows
        .iter()
        .map(|(url, caption)| format!("{caption}\t{url}\n"));
    fs::write(&path, rows.collect::<String>()).unwrap();
    Source::open(&path, SourceOptions::default()).unwrap()
}

fn run(download: &Download, source: &Source) -> Progress {
    let feed = |take: &mut dyn FnMut(WebAddress) -> ControlFlow<()>| {
        addresses(source, None, take).map_err(DownloadError::from)
    };
    let done = |_: &WebAddress, _: &Outcome, _: &Progress| Ok::<_, DownloadError>(());
    download.run(&NEVER, feed, done).unwrap()
}

/// The rows of the manifest in `folder`, without their times.
fn manifest(folder: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join("manifest.jsonl")).unwrap();
    let rows = text.lines().map(|line| {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        row.as_object_mut().unwrap().remove("time");
        row
    });
    rows.collect()
}

#[test]
fn every_trouble_has_its_reason_and_the_good_ones_arrive() {
    let chaos = Chaos::start();
    let unbound = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        format!("http://{}/a.jpg", listener.local_addr().unwrap())
    };
    let plain = format!("https://{}/a.jpg", without_tls());
    type Expected = Result<(), (Reason, Option<u16>)>;
    let cases: Vec<(String, Expected)> = [
        ("/good/1.jpg", Ok(())),
        ("/wrong-type", Ok(())),
        ("/redirected", Ok(())),
        ("/unicode/\u{e4} \u{72ac}.jpg?q=\u{fc}", Ok(())),
        ("/gzip", Ok(())),
        ("/chunked", Ok(())),
        ("/in-parts", Ok(())),
        ("/beside", Ok(())),
        ("/recovers-503", Ok(())),
        ("/recovers-429", Ok(())),
        ("/recovers-500", Ok(())),
        ("/recovers-reset", Ok(())),
        ("/careless", Ok(())),
        ("/deflate", Ok(())),
        ("/to-itself", Ok(())),
        ("/reset", Err((Reason::BrokenOff, None))),
        ("/reset-body", Err((Reason::BrokenOff, Some(200)))),
        ("/endless", Err((Reason::TooManyBytes, Some(200)))),
        ("/huge", Err((Reason::TooManyBytes, Some(200)))),
        ("/long-length", Err((Reason::BrokenOff, Some(200)))),
        ("/short-length", Err((Reason::Damaged, Some(200)))),
        ("/html", Err((Reason::NotAPicture, Some(200)))),
        ("/text", Err((Reason::NotAPicture, Some(200)))),
        ("/empty", Err((Reason::Empty, Some(200)))),
        ("/truncated", Err((Reason::Damaged, Some(200)))),
        ("/bomb", Err((Reason::TooManyPixels, Some(200)))),
        ("/gzip-bomb", Err((Reason::TooManyBytes, Some(200)))),
        ("/brotli", Err((Reason::UnknownEncoding, Some(200)))),
        ("/loop", Err((Reason::BadRedirect, None))),
        ("/to-private", Err((Reason::PrivateAddress, None))),
        ("/to-file", Err((Reason::BadRedirect, None))),
        ("/to-nowhere", Err((Reason::BadRedirect, None))),
        ("/noai", Err((Reason::OptedOut, Some(200)))),
        ("/noindex", Err((Reason::OptedOut, Some(200)))),
        ("/nonsense", Err((Reason::BadResponse, None))),
        ("/long-header", Err((Reason::BadResponse, None))),
        ("/403", Err((Reason::HttpError, Some(403)))),
        ("/404", Err((Reason::HttpError, Some(404)))),
        ("/410", Err((Reason::HttpError, Some(410)))),
        ("/429", Err((Reason::HttpError, Some(429)))),
        ("/500", Err((Reason::HttpError, Some(500)))),
        ("/503", Err((Reason::HttpError, Some(503)))),
    ]
    .into_iter()
    .map(|(path, expected)| (chaos.url(path), expected))
    .chain([
        (unbound, Err((Reason::Unreachable, None))),
        (plain, Err((Reason::Tls, None))),
        (
            "http://no-such-host.invalid/a.jpg".to_owned(),
            Err((Reason::NoSuchHost, None)),
        ),
        (
            "http://127.0.0.2:9/a.jpg".to_owned(),
            Err((Reason::PrivateAddress, None)),
        ),
        (
            "http://[::1]:9/a.jpg".to_owned(),
            Err((Reason::PrivateAddress, None)),
        ),
        (
            "http://169.254.169.254/latest/meta-data".to_owned(),
            Err((Reason::PrivateAddress, None)),
        ),
        (
            "data:image/png;base64".to_owned(),
            Err((Reason::InvalidUrl, None)),
        ),
        (
            "ftp://127.0.0.1/a.jpg".to_owned(),
            Err((Reason::InvalidUrl, None)),
        ),
        ("http://".to_owned(), Err((Reason::InvalidUrl, None))),
        (
            "file:///no/such/file.jpg".to_owned(),
            Err((Reason::NoSuchFile, None)),
        ),
        (String::new(), Err((Reason::BadRow, None))),
    ])
    .collect();

    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<_> = cases
        .iter()
        .map(|(url, _)| (url.clone(), "a fish".to_owned()))
        .collect();
    let source = list(folder.path(), &rows);
    let to = folder.path().join("to");
    let download = Download::open(&to, options()).unwrap();
    let progress = run(&download, &source);
    let report = download.write_manifest(&[source], None, true).unwrap();

    let rows = manifest(&to);
    assert_eq!(rows.len(), cases.len());
    for (row, (url, expected)) in rows.iter().zip(&cases) {
        let got = if row["is_valid"].as_bool().unwrap() {
            Ok(())
        } else {
            Err((row["reason"].as_str().unwrap(), row["status"].as_u64()))
        };
        let expected = expected.map_err(|(reason, status)| (reason.words(), status.map(u64::from)));
        assert_eq!(got, expected, "{url}");
        if got.is_ok() {
            assert_eq!(
                (&row["width"], &row["height"]),
                (&48.into(), &32.into()),
                "{url}"
            );
            let bytes = fs::read(to.join(row["file"].as_str().unwrap())).unwrap();
            assert_eq!(bytes, jpeg(1), "{url}");
        }
    }
    assert_eq!(report.rows, cases.len() as u64);
    assert_eq!(report.valid, 15);
    assert_eq!(progress.pictures, 15);
    // Permanent errors are requested once.
    for path in ["/404", "/html", "/noai", "/429", "/bomb", "/nonsense"] {
        assert_eq!(chaos.asked(path), 1, "{path}");
    }
    // Transient errors are retried twice.
    for path in ["/500", "/reset", "/reset-body"] {
        assert_eq!(chaos.asked(path), 3, "{path}");
    }
    drop(download);
    let files = fs::read_dir(to.join("images")).unwrap().count();
    assert_eq!(files, 1, "one picture, kept once");
}

#[test]
fn who_never_answers_is_left_and_perhaps_asked_again() {
    let chaos = Chaos::start();
    let cases = [
        ("/silent", "stalled", None, 2),
        ("/stalls", "stalled", Some(200), 2),
        ("/trickles", "too slow", Some(200), 1),
    ];
    let folder = tempfile::tempdir().unwrap();
    let rows = cases.map(|(path, ..)| (chaos.url(path), String::new()));
    let source = list(folder.path(), &rows);
    let to = folder.path().join("to");
    let mut options = options();
    options.fetch.stall = SOON;
    options.retry.attempts = 1;
    let download = Download::open(&to, options).unwrap();
    run(&download, &source);
    download.write_manifest(&[source], None, true).unwrap();
    let rows = manifest(&to);
    assert_eq!(rows.len(), cases.len());
    for (row, (path, reason, status, asked)) in rows.iter().zip(cases) {
        assert_eq!(
            (&row["reason"], row["status"].as_u64()),
            (&reason.into(), status)
        );
        assert_eq!(chaos.asked(path), asked, "{path}");
    }
}

#[test]
fn pictures_of_data_urls_are_taken_out() {
    let folder = tempfile::tempdir().unwrap();
    let png = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";
    let rows = ["missing.jpg", png, "data:,x", "data:image/png;base64"];
    let rows = rows.map(|url| (url.to_owned(), "a fish".to_owned()));
    let source = list(folder.path(), &rows);
    let to = folder.path().join("to");
    let download = Download::open(&to, options()).unwrap();
    let taken = download.take_inside(&source, None, &NEVER, |_| ());
    assert_eq!(taken.unwrap().pictures, 1);
    download.write_manifest(&[source], None, true).unwrap();
    let rows = manifest(&to);
    let valid: Vec<_> = rows
        .iter()
        .map(|row| row["is_valid"].as_bool().unwrap())
        .collect();
    assert_eq!(valid, [false, true, false, false], "{rows:?}");
    assert_eq!(rows[3]["reason"], "invalid URL");
}

/// A Parquet table with one column of texts, or of pictures as in data sets.
fn parquet(path: &Path, schema: &str, value: &[u8]) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values = [ByteArray::from(value.to_vec())];
    let typed = column.typed::<ByteArrayType>();
    typed.write_batch(&values, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn each_table_of_a_folder_says_whether_it_has_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let tables = folder.path().join("tables");
    fs::create_dir(&tables).unwrap();
    let urls = "message t { required binary url (UTF8); }";
    parquet(&tables.join("1.parquet"), urls, b"missing.jpg");
    let inside = "message t { required group image { required binary bytes; } }";
    parquet(&tables.join("2.parquet"), inside, &jpeg(1));
    fs::write(tables.join("3.csv"), "url\nmissing.jpg\n").unwrap();
    let source = Source::table(&tables, SourceOptions::default()).unwrap();
    let download = Download::open(&folder.path().join("to"), options()).unwrap();
    let taken = download.take_inside(&source, None, &NEVER, |_| ());
    assert_eq!(taken.unwrap().pictures, 1);
}

/// The server responds to none before all have sent requests.
#[test]
fn urls_are_waited_for_together() {
    const MANY: u32 = 40;
    let all = Barrier::new(MANY as usize);
    let server = RawServer::start(move |_| {
        all.wait();
        ok(&jpeg(1))
    });
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<_> = (0..MANY)
        .map(|number| (server.url(&format!("/{number}.jpg")), String::new()))
        .collect();
    let source = list(folder.path(), &rows);
    let download = Download::open(&folder.path().join("to"), options()).unwrap();
    let progress = run(&download, &source);
    assert_eq!(progress.pictures, u64::from(MANY));
}
