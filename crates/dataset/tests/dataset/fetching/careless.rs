//! Careless responses that browsers and curl accept.

use std::io::Write;
use std::sync::Mutex;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

/// A response with these bytes between its status line and its body.
fn with_headers(headers: &[u8]) -> RawAnswer {
    let status = b"HTTP/1.1 200 OK\r\n";
    RawAnswer::Bytes([status, headers, b"\r\n", PICTURE].concat())
}

#[track_caller]
fn arrives(what: &str, answer: RawAnswer) {
    match answered(answer) {
        Ok(bytes) => assert_eq!(bytes, PICTURE, "{what}"),
        Err(error) => panic!("{what}: {error:?}"),
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn encoded(encoding: &str, body: &[u8]) -> RawAnswer {
    RawAnswer::http("200 OK", &[&format!("content-encoding: {encoding}")], body)
}

#[test]
fn a_picture_is_one_whatever_encoding_is_declared() {
    for encoding in [
        "UTF-8",
        "none",
        "binary",
        "",
        "aws-chunked",
        "gzip",
        "br",
        "deflate",
        "gzip, gzip",
        "identity",
        "zstd",
        "compress",
        "ISO-8859-1",
        "gzip;q=1.0",
    ] {
        arrives(encoding, encoded(encoding, PICTURE));
    }
    let latin = with_headers(b"content-encoding: \xe4\r\n");
    arrives("Latin-1", latin);
    let twice = &["content-encoding: aws-chunked", "content-encoding: gzip"];
    arrives("twice", RawAnswer::http("200 OK", twice, &gzip(PICTURE)));
}

#[test]
fn what_is_packed_is_unpacked_whatever_encoding_is_declared() {
    let twice = gzip(&gzip(PICTURE));
    let zstandard = zstd::encode_all(PICTURE, 1).unwrap();
    for (encoding, body) in [
        ("gzip", gzip(PICTURE)),
        ("X-GZip", gzip(PICTURE)),
        ("gzip, gzip", gzip(PICTURE)),
        ("gzip, gzip", twice.clone()),
        ("gzip", twice),
        ("aws-chunked,gzip", gzip(PICTURE)),
        ("aws-chunked", gzip(PICTURE)),
        ("br", gzip(PICTURE)),
        ("UTF-8", gzip(PICTURE)),
        ("deflate", zlib(PICTURE)),
        ("deflate", deflate(PICTURE)),
        ("deflate", gzip(PICTURE)),
        ("gzip", zlib(PICTURE)),
        ("gzip, deflate", gzip(&zlib(PICTURE))),
        ("zstd", zstandard),
    ] {
        arrives(encoding, encoded(encoding, &body));
    }
    let undeclared = RawAnswer::http("200 OK", &[], &gzip(PICTURE));
    arrives("undeclared", undeclared);
}

#[test]
fn what_is_unpacked_is_bounded() {
    let few = FetchOptions {
        bytes: 1 << 16,
        ..options()
    };
    let bomb = [PICTURE, &[0; 1 << 17]].concat();
    let twice = gzip(&gzip(&[PICTURE, &vec![0; 1 << 24]].concat()));
    let zstandard = zstd::encode_all(bomb.as_slice(), 1).unwrap();
    for (encoding, body) in [
        ("gzip", gzip(&bomb)),
        ("none", gzip(&bomb)),
        ("gzip, gzip", twice),
        ("deflate", zlib(&bomb)),
        ("deflate", deflate(&bomb)),
        ("zstd", zstandard),
    ] {
        assert!(body.len() < 1 << 16, "{encoding}");
        let server = RawServer::start(move |_| encoded(encoding, &body));
        let error = fetched(&server.url("/"), &few).unwrap_err();
        assert!(
            matches!(error, FetchError::TooLarge { limit: 65536, .. }),
            "{encoding}: {error}"
        );
    }
}

#[test]
fn what_cannot_be_unpacked_says_why() {
    let cut = |packed: Vec<u8>| packed[..packed.len() - 12].to_vec();
    for (encoding, body) in [
        ("br", b"\x0b\x05\x80hello\x03".to_vec()),
        ("gzip", b"hello".to_vec()),
        ("gzip", cut(gzip(PICTURE))),
        ("deflate", cut(deflate(PICTURE))),
        ("deflate", b"hello".to_vec()),
        ("compress", b"\x1f\x9d\x90".to_vec()),
    ] {
        let error = fails(encoded(encoding, &body), encoding);
        assert!(matches!(error, FetchError::Encoding { .. }), "{error}");
    }
    for (encoding, body) in [
        ("UTF-8", b"hello".to_vec()),
        ("none", cut(gzip(PICTURE))),
        ("gzip", gzip(b"hello")),
        ("deflate", deflate(b"hello")),
    ] {
        fails(encoded(encoding, &body), "is not a picture");
    }
    let page = b"<!doctype html><p>gone";
    for (encoding, body) in [
        ("gzip", page.to_vec()),
        ("deflate", page.to_vec()),
        ("gzip", gzip(page)),
        ("deflate", deflate(page)),
    ] {
        fails(encoded(encoding, &body), "is a web page");
    }
    fails(encoded("gzip", b""), "is empty");
    fails(encoded("gzip", &gzip(b"")), "is empty");
}

#[test]
fn malformed_headers_are_skipped_or_understood() {
    let length = format!("content-length: {}\r\n", PICTURE.len());
    for (what, headers) in [
        ("a control byte", &b"x: a\x01b\r\n"[..]),
        ("DEL", b"x: a\x7fb\r\n"),
        ("a control byte in the name", b"x\x01y: a\r\n"),
        ("a blank in the name", b"x y: a\r\n"),
        ("a blank before the colon", b"x : a\r\n"),
        ("a tab before the colon", b"x\t: a\r\n"),
        ("a folded line", b"x: a\r\n b\r\n\tc\r\n"),
        ("a folded empty line", b"x:\r\n b\r\n"),
        ("an empty name", b": a\r\n"),
        ("no colon", b"hello\r\n"),
        ("a name beyond ASCII", b"x\xe4: a\r\n"),
        ("a value beyond ASCII", b"x: \xe4\xff\r\n"),
        ("lines that end by LF", b"x: a\ny: b\n"),
    ] {
        arrives(what, with_headers(headers));
        let before = [headers, length.as_bytes()].concat();
        arrives(what, with_headers(&before));
        let after = [length.as_bytes(), headers].concat();
        arrives(what, with_headers(&after));
    }
    arrives("a fold before all headers", with_headers(b" x: a\r\n"));
    let many: String = (0..4000).map(|n| format!("x{n}: {n}\r\n")).collect();
    arrives("many headers", with_headers(many.as_bytes()));
    let endless: String = (0..6000).map(|n| format!("x{n}: {n}\r\n")).collect();
    let refused = [
        ("too many", endless.as_bytes()),
        ("a NUL", b"x: a\0b\r\n"),
        // curl accepts it; hyper has no option for it.
        ("CR CR LF", b"x: a\r\r\n"),
        (
            "other lengths",
            b"content-length: 1\r\ncontent-length: 2\r\n",
        ),
    ];
    for (what, headers) in refused {
        let error = fails(with_headers(headers), "is not valid HTTP");
        assert!(matches!(error, FetchError::Malformed { .. }), "{what}");
    }
}

#[test]
fn headers_in_a_careless_form_count() {
    for headers in [
        &b"x-robots-tag : noai\r\n"[..],
        b"x-robots-tag: nofollow,\r\n noai\r\n",
        b": a\r\nx\x01: b\r\nX-ROBOTS-TAG:noai\r\n",
    ] {
        let error = answered(with_headers(headers)).unwrap_err();
        assert!(matches!(error, FetchError::OptedOut { .. }), "{error}");
    }
    // The length is known, so the client doesn't wait for the rest.
    let length = format!("content-length : {}\r\n", PICTURE.len());
    let RawAnswer::Bytes(bytes) = with_headers(length.as_bytes()) else {
        unreachable!()
    };
    arrives("a length", RawAnswer::Stall(bytes));
    let redirect = b"HTTP/1.1 302 Found\r\nlocation :\r\n /b.png\r\n\r\n";
    let server = RawServer::start(|head| match head[0].as_str() {
        "GET /b.png HTTP/1.1" => RawAnswer::http("200 OK", &[], PICTURE),
        _ => RawAnswer::Bytes(redirect.to_vec()),
    });
    assert_eq!(fetched(&server.url("/"), &options()).unwrap(), PICTURE);
}

#[test]
fn bodies_end_as_http_lets_them() {
    let chunks = [
        format!("{:x};note=1\r\n", PICTURE.len()).as_bytes(),
        PICTURE,
        b"\r\n0\r\nx-checksum: 1\r\n\r\n",
    ]
    .concat();
    let chunked = |first: &[u8]| RawAnswer::Bytes([first, &chunks].concat());
    arrives(
        "trailers",
        chunked(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
    );
    arrives(
        "trailers and a length",
        chunked(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"),
    );
    let plain = |head: &[u8]| RawAnswer::Bytes([head, PICTURE].concat());
    for head in [
        &b"HTTP/1.0 200 OK\r\n\r\n"[..],
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 200 \xe4\n\n",
        b"HTTP/1.1 206 Partial Content\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: </b.png>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        arrives(&String::from_utf8_lossy(head), plain(head));
    }
    let length = PICTURE.len();
    for lengths in [
        format!("content-length: {length}\r\ncontent-length: {length}\r\n"),
        format!("content-length: {length}, {length}\r\n"),
    ] {
        arrives(&lengths, with_headers(lengths.as_bytes()));
    }
    // Bytes after the length aren't read.
    let short = format!("content-length: {}\r\n", length - 1);
    let bytes = answered(with_headers(short.as_bytes())).unwrap();
    assert_eq!(bytes, PICTURE[..length - 1]);
    let long = format!("content-length: {}\r\n", length + 1);
    let error = answered(with_headers(long.as_bytes())).unwrap_err();
    assert!(matches!(error, FetchError::BrokenOff { .. }), "{error}");
}

/// A server that redirects `/` to this location, and has a picture at this path.
fn redirecting(status: &'static str, location: &[u8], path: &'static str) -> RawServer {
    let location = location.to_vec();
    RawServer::start(move |head| {
        let asked = head[0].split(' ').nth(1).unwrap();
        if asked == path {
            return RawAnswer::http("200 OK", &[], PICTURE);
        }
        if asked != "/" {
            return RawAnswer::http("404 Not Found", &[], asked.as_bytes());
        }
        let status = format!("HTTP/1.1 {status}\r\nlocation: ");
        let head = [status.as_bytes(), &location, b"\r\n\r\n"].concat();
        RawAnswer::Bytes(head)
    })
}

#[test]
fn locations_are_followed_in_every_form() {
    for (location, path) in [
        ("/b\u{e4}\u{72ac}.png".as_bytes(), "/b%C3%A4%E7%8A%AC.png"),
        (b"/b\xe4.png?q=\xfc", "/b%E4.png?q=%FC"),
        (b"/b%E4.png", "/b%E4.png"),
        (b"b.png", "/b.png"),
        (b"./x/../b.png", "/b.png"),
        (b"/b.png#part", "/b.png"),
        (b"?q", "/?q"),
        (b"/a b.png", "/a%20b.png"),
        (b"\\b.png", "/b.png"),
    ] {
        let server = redirecting("302 Found", location, path);
        let got = fetched(&server.url("/"), &options());
        assert_eq!(got.unwrap(), PICTURE, "{path}");
    }
    let other = redirecting("302 Found", b"", "/b.png").url("/b.png");
    for location in [other.as_str(), other.strip_prefix("http:").unwrap()] {
        let server = redirecting("302 Found", location.as_bytes(), "/none");
        assert_eq!(fetched(&server.url("/"), &options()).unwrap(), PICTURE);
    }
    for location in [&b""[..], b"  ", b"http://", b"data:image/png,", b"//\xe4/b"] {
        let server = redirecting("302 Found", location, "/none");
        let error = fetched(&server.url("/"), &options()).unwrap_err();
        assert!(
            error.to_string().contains("without a valid address"),
            "{error}"
        );
    }
}

#[test]
fn statuses_that_redirect_are_followed_and_others_are_not() {
    for status in [
        "300 Multiple Choices",
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let server = redirecting(status, b"/b.png", "/b.png");
        assert_eq!(fetched(&server.url("/"), &options()).unwrap(), PICTURE);
    }
    for status in ["201 Created", "304 Not Modified", "305 Use Proxy"] {
        let server = redirecting(status, b"/b.png", "/b.png");
        assert!(fetched(&server.url("/"), &options()).is_err(), "{status}");
    }
    fails(RawAnswer::http("300 Multiple Choices", &[], b""), "300");
    let refresh = RawAnswer::http("200 OK", &["refresh: 0; url=/b.png"], b"<html>wait");
    fails(refresh, "is a web page");
}

#[test]
fn every_redirect_is_kept_from_private_addresses() {
    let inside = RawServer::start(|_| panic!("a private address was asked"));
    let inside = inside.url("/b\u{e4}.png").replace("127.0.0.1", "127.0.0.2");
    let public = FetchOptions {
        allowed_addresses: AllowedAddresses::PublicAnd(vec![Ipv4Addr::LOCALHOST.into()]),
        ..options()
    };
    for location in [inside.as_str(), inside.strip_prefix("http:").unwrap()] {
        let location = format!("{location}\r\nset-cookie: a=b");
        let server = redirecting("300 Multiple Choices", location.as_bytes(), "/none");
        let error = fetched(&server.url("/"), &public).unwrap_err();
        assert!(
            matches!(error, FetchError::PrivateAddress { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_redirect_to_itself_gets_its_cookie_back() {
    let heads = std::sync::Arc::new(Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&heads);
    let server = RawServer::start(move |head| {
        let cookie = head.iter().find_map(|line| line.strip_prefix("cookie: "));
        let cookie = cookie.unwrap_or_default().to_owned();
        let answer = match cookie.as_str() {
            "" => RawAnswer::http(
                "302 Found",
                &["location: /a.png", "set-cookie: seen=1; Path=/; HttpOnly"],
                b"",
            ),
            "seen=1" => RawAnswer::http(
                "307 Temporary Redirect",
                &["location: a.png", "set-cookie: more=\"2\"; SameSite=Lax"],
                b"",
            ),
            _ => RawAnswer::http("200 OK", &[], PICTURE),
        };
        seen.lock().unwrap().push(cookie);
        answer
    });
    for _ in 0..2 {
        let got = fetched(&server.url("/a.png"), &options());
        assert_eq!(got.unwrap(), PICTURE);
        // The next fetch starts without cookies.
        let got = std::mem::take(&mut *heads.lock().unwrap());
        assert_eq!(got, ["", "seen=1", "seen=1; more=\"2\""]);
    }
}

#[test]
fn cookies_go_to_no_other_host() {
    let other = RawServer::start(|head| {
        let is_told = head.iter().any(|line| line.starts_with("cookie:"));
        let status = if is_told { "500 Told" } else { "200 OK" };
        RawAnswer::http(status, &[], PICTURE)
    });
    let elsewhere = other.url("/a.png").replace("127.0.0.1", "localhost");
    let location = format!("{elsewhere}\r\nset-cookie: a=b; Domain=localhost");
    let server = redirecting("302 Found", location.as_bytes(), "/none");
    assert_eq!(fetched(&server.url("/"), &options()).unwrap(), PICTURE);
}

#[test]
fn a_value_of_a_directive_is_no_opt_out() {
    for tag in ["max-image-preview:none", "googlebot: max-snippet: none"] {
        let header = format!("x-robots-tag: {tag}");
        arrives(tag, RawAnswer::http("200 OK", &[&header], PICTURE));
    }
    for tag in ["none", "noai", "noimageai", "noml", "googlebot: noai"] {
        let header = format!("x-robots-tag: {tag}");
        fails(
            RawAnswer::http("200 OK", &[&header], PICTURE),
            &header[14..],
        );
    }
}
