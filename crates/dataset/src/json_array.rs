//! The elements of a JSON array, read one by one, as a table may be larger than memory.

use std::io::{self, BufRead};

use crate::ProblemReason;
use crate::row::LONGEST;

/// Whether a text begins like an array of objects or strings. An empty array before something else is a line
/// of JSON Lines.
pub(crate) fn is_meant(start: &[u8]) -> bool {
    let inner = start.trim_ascii_start().strip_prefix(b"[");
    match inner.unwrap_or_default().trim_ascii_start() {
        [b'{' | b'"', ..] => true,
        [b']', after @ ..] => matches!(after.trim_ascii_start(), [] | [b'[', ..]),
        _ => false,
    }
}

/// Reads the texts of the elements of an array, or of several arrays in sequence.
pub(crate) struct Elements<R> {
    text: R,
    is_inside: bool,
}

impl<R: BufRead> Elements<R> {
    pub(crate) fn new(text: R) -> Self {
        Self {
            text,
            is_inside: false,
        }
    }

    /// Reads the text of the next element, which may be malformed; `None` after the last. After text outside
    /// of an array, or an unclosed array, reading stops.
    pub(crate) fn next(
        &mut self,
        element: &mut Vec<u8>,
    ) -> io::Result<Option<Result<(), ProblemReason>>> {
        loop {
            let Some(byte) = self.peek()? else {
                let is_cut = std::mem::take(&mut self.is_inside);
                return Ok(is_cut.then(|| Err(malformed("the array is not closed"))));
            };
            match (byte, self.is_inside) {
                (b' ' | b'\t' | b'\r' | b'\n', _) | (b',', true) => self.text.consume(1),
                (b']', true) | (b'[', false) => {
                    self.text.consume(1);
                    self.is_inside = byte == b'[';
                }
                (_, true) => return self.read(element).map(Some),
                (_, false) => {
                    // None of it is a row.
                    while self.peek()?.is_some() {
                        let length = self.text.fill_buf()?.len();
                        self.text.consume(length);
                    }
                    return Ok(Some(Err(malformed("text after the array"))));
                }
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.text.fill_buf()?.first().copied())
    }

    /// Reads an element up to the comma or bracket after it.
    fn read(&mut self, element: &mut Vec<u8>) -> io::Result<Result<(), ProblemReason>> {
        element.clear();
        let (mut nesting, mut length) = (Nesting::default(), 0_u64);
        loop {
            let bytes = self.text.fill_buf()?;
            let end = bytes.iter().position(|&byte| nesting.ends_before(byte));
            let count = end.unwrap_or(bytes.len());
            length += count as u64;
            if length <= LONGEST {
                element.extend_from_slice(&bytes[..count]);
            }
            let is_end = end.is_some() || bytes.is_empty();
            self.text.consume(count);
            if is_end {
                return Ok(if length <= LONGEST {
                    Ok(())
                } else {
                    Err(ProblemReason::LineTooLong { limit: LONGEST })
                });
            }
        }
    }
}

fn malformed(message: &str) -> ProblemReason {
    ProblemReason::InvalidJson {
        message: message.to_owned(),
    }
}

/// The position within an element's nested structure.
#[derive(Debug, Default)]
struct Nesting {
    depth: u64,
    is_quoted: bool,
    is_escaped: bool,
}

impl Nesting {
    /// Processes the next byte. Returns true, without consuming it, if it comes after the element.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.is_quoted {
            self.is_quoted = self.is_escaped || byte != b'"';
            self.is_escaped = byte == b'\\' && !self.is_escaped;
            return false;
        }
        match byte {
            b'"' => self.is_quoted = true,
            b'{' | b'[' => self.depth += 1,
            b',' | b']' if self.depth == 0 => return true,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        false
    }
}
