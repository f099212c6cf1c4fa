use std::io::{BufRead, BufReader};
use std::net::TcpStream;

/// One of the double's two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The Hub itself.
    Hub,
    /// The storage for large files, on another host.
    Storage,
}

/// A received request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The server that received it.
    pub server: Server,
    /// `GET` or `HEAD`.
    pub method: String,
    /// The path as sent, without the query.
    pub path: String,
    /// The query, without the question mark.
    pub query: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(named)
            .map(|(_, value)| value.as_str())
    }

    /// The first requested byte.
    #[must_use]
    pub fn range_start(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.split('-').next()?.parse().ok()
    }

    /// The last requested byte, if given.
    pub(crate) fn range_end(&self) -> Option<usize> {
        self.header("range")?.split_once('-')?.1.parse().ok()
    }

    /// The decoded parts of the path.
    pub(crate) fn parts(&self) -> Vec<String> {
        let parts = self.path.split('/').filter(|part| !part.is_empty());
        parts.map(decoded).collect()
    }

    /// Reads the next request of a connection; `None` at its end.
    pub(crate) fn read(reader: &mut BufReader<TcpStream>, server: Server) -> Option<Self> {
        let line = line(reader)?;
        let mut words = line.split(' ');
        let method = words.next()?.to_owned();
        let target = words.next()?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let mut headers = Vec::new();
        loop {
            let header = self::line(reader)?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':')?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Some(Self {
            server,
            method,
            path,
            query,
            headers,
        })
    }
}

fn line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let count = reader.read_line(&mut line).ok()?;
    (count > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}

fn decoded(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut decoded = Vec::new();
    let mut place = 0;
    while place < bytes.len() {
        let code = part.get(place + 1..place + 3);
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match (bytes[place], code) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                place += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                place += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
