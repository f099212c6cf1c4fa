use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::trouble::Trouble;

/// How often to check whether to go on holding a response.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A response, and the errors to inject.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The offset of the body in the whole file.
    pub(crate) start: usize,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            start: 0,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Injects the errors that apply before anything is sent.
    pub(crate) fn with_trouble(mut self, trouble: Option<&Trouble>) -> Self {
        match trouble {
            Some(Trouble::Status(status, headers)) => {
                let empty = Self::new(*status);
                return headers
                    .iter()
                    .fold(empty, |answer, (name, value)| answer.header(name, value));
            }
            Some(Trouble::Corrupt(place)) => {
                let place = place.checked_sub(self.start);
                if let Some(byte) = place.and_then(|place| self.body.get_mut(place)) {
                    *byte ^= 1;
                }
            }
            Some(Trouble::OtherRange) => {
                for (name, value) in &mut self.headers {
                    if name == "content-range" {
                        *value = "bytes 1-2/3".to_owned();
                    }
                }
            }
            Some(Trouble::Without(header)) => self.headers.retain(|(name, _)| name != header),
            Some(Trouble::With(header, value)) => {
                self.headers.retain(|(name, _)| name != header);
                self.headers.push(((*header).to_owned(), value.clone()));
            }
            _ => {}
        }
        self
    }

    /// Sends the response. Returns false if the connection can't be reused.
    pub(crate) fn send(
        &self,
        mut stream: &TcpStream,
        without_body: bool,
        trouble: Option<&Trouble>,
        stopped: &AtomicBool,
    ) -> io::Result<bool> {
        if matches!(trouble, Some(Trouble::Silence)) {
            hold(stream, stopped)?;
            return Ok(false);
        }
        stream.write_all(self.head().as_bytes())?;
        if without_body {
            return Ok(true);
        }
        match trouble {
            Some(Trouble::Cut(count)) => {
                stream.write_all(&self.body[..self.body.len().min(*count)])?;
                Ok(false)
            }
            Some(Trouble::Stall(count)) => {
                stream.write_all(&self.body[..self.body.len().min(*count)])?;
                hold(stream, stopped)?;
                Ok(false)
            }
            Some(Trouble::StallAt(place)) if self.start < *place => {
                stream.write_all(&self.body[..self.body.len().min(place - self.start)])?;
                hold(stream, stopped)?;
                Ok(false)
            }
            Some(Trouble::Held(count, path)) => {
                let (first, rest) = self.body.split_at(self.body.len().min(*count));
                stream.write_all(first)?;
                while !path.exists() && !stopped.load(Ordering::Relaxed) {
                    thread::sleep(LOOK_EVERY);
                }
                stream.write_all(rest)?;
                Ok(true)
            }
            _ => {
                stream.write_all(&self.body)?;
                Ok(true)
            }
        }
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let says_length = self
            .headers
            .iter()
            .any(|(name, _)| name == "content-length");
        if !says_length {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        head
    }
}

/// Keeps the connection open until the client closes it or the double stops.
fn hold(stream: &TcpStream, stopped: &AtomicBool) -> io::Result<()> {
    stream.set_read_timeout(Some(LOOK_EVERY))?;
    while !stopped.load(Ordering::Relaxed) {
        match stream.peek(&mut [0]) {
            Ok(0) => break,
            Ok(_) => thread::sleep(LOOK_EVERY),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    Ok(())
}
