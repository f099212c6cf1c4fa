//! Pictures from local servers.

mod careless;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use dataset::{Address, AllowedAddresses, FetchError, FetchOptions, WebAddress, fetch};
use hub_double::{RawAnswer, RawServer};

/// The part of a picture that is examined here.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1A\n and so on";

fn address(url: &str) -> WebAddress {
    match Address::of(url) {
        Ok(Some(Address::Web(address))) => address,
        other => panic!("no address: {other:?}"),
    }
}

/// A timeout that even a very busy machine meets.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

fn options() -> FetchOptions {
    FetchOptions {
        connect: LONGEST_WAIT,
        stall: LONGEST_WAIT,
        whole: LONGEST_WAIT,
        allowed_addresses: AllowedAddresses::Anywhere,
        ..FetchOptions::default()
    }
}

fn fetched(url: &str, options: &FetchOptions) -> Result<Vec<u8>, FetchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(fetch(&address(url), options))
}

/// The result for a server with this response.
fn answered(answer: RawAnswer) -> Result<Vec<u8>, FetchError> {
    let server = RawServer::start(move |_| answer.clone());
    fetched(&server.url("/a.png"), &options())
}

#[track_caller]
fn fails(answer: RawAnswer, expected: &str) -> FetchError {
    let error = answered(answer).unwrap_err();
    let said = error.to_string();
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("http://127.0.0.1:"), "{said}");
    assert!(error.hint().is_some(), "{said}");
    error
}

#[test]
fn a_picture_is_fetched_by_a_client_that_says_who_it_is() {
    let server = RawServer::start(|head| {
        let agent = head
            .iter()
            .any(|line| line.starts_with("user-agent: clipseek/"));
        match (agent, head[0].as_str()) {
            (true, "GET /a%20b.png?c HTTP/1.1") => RawAnswer::http("200 OK", &[], PICTURE),
            _ => RawAnswer::http("400 Bad Request", &[], b""),
        }
    });
    let bytes = fetched(&server.url("/a b.png?c#d"), &options()).unwrap();
    assert_eq!(bytes, PICTURE);
}

#[test]
fn what_the_server_calls_a_picture_does_not_count() {
    let of_text = RawAnswer::http("200 OK", &["content-type: text/html"], PICTURE);
    assert_eq!(answered(of_text).unwrap(), PICTURE);
    let kind = &["content-type: image/png"];
    for page in ["<!DOCTYPE html><p>not here", "\n <HTML>"] {
        let error = fails(
            RawAnswer::http("200 OK", kind, page.as_bytes()),
            "is a web page",
        );
        assert!(matches!(error, FetchError::Page { .. }));
    }
    let page = RawAnswer::http(
        "200 OK",
        &["Content-Type: text/HTML; charset=utf-8"],
        b"hello",
    );
    fails(page, "is a web page");
    fails(
        RawAnswer::http("200 OK", kind, b"hello"),
        "is not a picture",
    );
    fails(RawAnswer::http("204 No Content", kind, b""), "is empty");
}

#[test]
fn a_server_that_refuses_is_quoted() {
    for status in [
        "404 Not Found",
        "500 Internal Server Error",
        "403 Forbidden",
    ] {
        let error = fails(RawAnswer::http(status, &[], PICTURE), status);
        assert!(matches!(error, FetchError::Status { .. }));
    }
}

#[test]
fn redirects_are_followed_but_not_forever() {
    let server = RawServer::start(|head| match head[0].as_str() {
        "GET /1 HTTP/1.1" => RawAnswer::http("302 Found", &["location: /2"], b""),
        "GET /2 HTTP/1.1" => RawAnswer::http("308 Permanent Redirect", &["location: /3"], b""),
        "GET /3 HTTP/1.1" => RawAnswer::http("200 OK", &[], PICTURE),
        "GET /file HTTP/1.1" => {
            RawAnswer::http("302 Found", &["location: file:///etc/passwd"], b"")
        }
        _ => RawAnswer::http("302 Found", &["location: /loop"], b""),
    });
    assert_eq!(fetched(&server.url("/1"), &options()).unwrap(), PICTURE);
    for (path, fault) in [
        ("/loop", "redirects too often"),
        ("/file", "redirects without a valid address"),
    ] {
        let said = fetched(&server.url(path), &options())
            .unwrap_err()
            .to_string();
        assert!(said.contains(fault), "{said}");
    }
}

#[test]
fn a_password_goes_to_its_own_server_and_is_not_shown() {
    let other = RawServer::start(|head| {
        let is_told = head.iter().any(|line| line.starts_with("authorization:"));
        let status = if is_told { "500 Told" } else { "200 OK" };
        RawAnswer::http(status, &[], PICTURE)
    });
    let elsewhere = format!("location: {}", other.url("/a.png"));
    let server = RawServer::start(move |head| {
        // `me:secret`
        let is_told = head
            .iter()
            .any(|line| line == "authorization: Basic bWU6c2VjcmV0");
        match (is_told, head[0].as_str()) {
            (false, _) => RawAnswer::http("401 Unauthorized", &[], b""),
            (_, "GET /own HTTP/1.1") => RawAnswer::http("302 Found", &["location: /a.png"], b""),
            (_, "GET /other HTTP/1.1") => RawAnswer::http("302 Found", &[&elsewhere], b""),
            (_, "GET /a.png HTTP/1.1") => RawAnswer::http("200 OK", &[], PICTURE),
            _ => RawAnswer::http("404 Not Found", &[], b""),
        }
    });
    let with_password = |path| server.url(path).replace("http://", "http://me:secret@");
    for path in ["/a.png", "/own", "/other"] {
        assert_eq!(
            fetched(&with_password(path), &options()).unwrap(),
            PICTURE,
            "{path}"
        );
    }
    let said = fetched(&with_password("/gone"), &options())
        .unwrap_err()
        .to_string();
    assert_eq!(
        said,
        format!(
            "the server answered 404 Not Found to `{}`",
            server.url("/gone")
        )
    );
}

#[test]
fn what_is_too_large_is_refused_whether_it_says_so_or_not() {
    let few = FetchOptions {
        bytes: 10,
        ..options()
    };
    let length = format!("content-length: {}", PICTURE.len());
    let declared = RawServer::start(move |_| {
        // Its body never arrives: it must be refused before.
        let RawAnswer::Bytes(head) = RawAnswer::http("200 OK", &[&length], b"") else {
            unreachable!()
        };
        RawAnswer::Stall(head)
    });
    let undeclared = RawServer::start(|_| RawAnswer::http("200 OK", &[], PICTURE));
    for server in [declared, undeclared] {
        let error = fetched(&server.url("/"), &few).unwrap_err();
        assert!(
            matches!(error, FetchError::TooLarge { limit: 10, .. }),
            "{error}"
        );
    }
    let just = FetchOptions {
        bytes: PICTURE.len() as u64,
        ..options()
    };
    assert!(fetched(&undeclared.url("/"), &just).is_ok());
}

#[test]
fn nobody_is_waited_for_forever() {
    let server = RawServer::start(|_| RawAnswer::Stall(Vec::new()));
    let stalls = FetchOptions {
        stall: Duration::from_millis(300),
        ..options()
    };
    let error = fetched(&server.url("/"), &stalls).unwrap_err();
    assert!(matches!(error, FetchError::Stalled { .. }), "{error}");
    assert!(
        error.to_string().contains("sent nothing for 0.3 s"),
        "{error}"
    );
    let short = FetchOptions {
        whole: Duration::from_millis(200),
        ..options()
    };
    let error = fetched(&server.url("/"), &short).unwrap_err();
    assert!(matches!(error, FetchError::TooSlow { .. }), "{error}");
}

/// Requests a picture from a server that responds while the event loop's only thread is blocked, for longer
/// than servers may be silent.
fn fetched_by_a_blocked_loop(answer: RawAnswer) -> Result<Vec<u8>, FetchError> {
    let (asked, is_asked) = mpsc::channel();
    let (block, is_blocked) = mpsc::channel();
    let is_blocked = Mutex::new(is_blocked);
    let server = RawServer::start(move |_| {
        asked.send(()).unwrap();
        is_blocked.lock().unwrap().recv().unwrap();
        answer.clone()
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let options = FetchOptions {
        stall: Duration::from_secs(1),
        ..options()
    };
    let address = address(&server.url("/a.png"));
    runtime.block_on(async {
        let blocking = async {
            while is_asked.try_recv().is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            block.send(()).unwrap();
            std::thread::sleep(options.stall * 3 / 2);
        };
        tokio::join!(fetch(&address, &options), blocking).0
    })
}

#[test]
fn no_server_is_blamed_while_the_program_itself_stands_still() {
    let answered = fetched_by_a_blocked_loop(RawAnswer::http("200 OK", &[], PICTURE));
    assert_eq!(answered.unwrap(), PICTURE);
    let silent = fetched_by_a_blocked_loop(RawAnswer::Stall(Vec::new()));
    assert!(matches!(silent, Err(FetchError::Stalled { .. })));
}

#[test]
fn what_is_cut_off_is_no_picture() {
    let length = format!("content-length: {}", 2 * PICTURE.len());
    let error = fails(
        RawAnswer::http("200 OK", &[&length], PICTURE),
        "ended before",
    );
    assert!(matches!(error, FetchError::BrokenOff { .. }));
    let chunked = &["transfer-encoding: chunked"];
    fails(
        RawAnswer::http("200 OK", chunked, b"ff\r\n\x89PNG"),
        "ended before",
    );
    let nonsense = RawAnswer::Bytes(b"nonsense\r\n\r\n".to_vec());
    let error = fails(nonsense, "is not valid HTTP");
    assert!(matches!(error, FetchError::Malformed { .. }));
}

#[test]
fn where_no_server_is_that_is_said() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = fetched(&format!("http://127.0.0.1:{port}/a.png"), &options()).unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    // A server that doesn't use TLS. It responds before the request.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
        // Waits until the client closes the connection in any way.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let error = fetched(&url, &options()).unwrap_err();
    assert!(matches!(error, FetchError::Tls { .. }), "{error}");
    answering.join().unwrap();
}
