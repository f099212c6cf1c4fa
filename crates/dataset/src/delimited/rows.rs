use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::PathBuf;

use csv::{ByteRecord, Terminator};

use super::dialect::Dialect;
use super::quotes::{Quotes, Quoting};
use super::tabs::TabText;
use crate::row::LONGEST;
use crate::text_stream::TextStream;
use crate::{Error, ProblemReason, Result};

const READ_AT_ONCE: usize = 1 << 16;

/// Reads the rows of a table as cells.
pub(super) struct Rows {
    reader: csv::Reader<CheckedText>,
    dialect: Dialect,
}

#[derive(Default)]
pub(super) struct RawRow {
    pub(super) cells: ByteRecord,
    /// Why the cells differ from the text.
    pub(super) fault: Option<ProblemReason>,
}

impl RawRow {
    /// Whether the line is only white space. The reader skips empty lines itself.
    pub(super) fn is_blank(&self) -> bool {
        self.cells.len() == 1 && self.cells[0].trim_ascii().is_empty()
    }
}

impl Rows {
    pub(super) fn new(text: TextStream, dialect: Dialect) -> Self {
        let reader = csv::ReaderBuilder::new()
            .delimiter(dialect.delimiter)
            .quoting(dialect.quoting != Quoting::Off)
            .flexible(true)
            // The default terminator, either of `\r` and `\n`, counts lines wrongly in files with both.
            .terminator(Terminator::Any(dialect.ending))
            .has_headers(false)
            .buffer_capacity(READ_AT_ONCE)
            .from_reader(CheckedText::new(text, dialect));
        Self { reader, dialect }
    }

    /// Reads the next row. Returns false at the end.
    pub(super) fn read(&mut self, row: &mut RawRow) -> Result<bool> {
        let is_there = self.reader.read_byte_record(&mut row.cells);
        let end = self.reader.position().byte();
        let text = self.reader.get_mut();
        row.fault = text.fault_before(end);
        is_there.map_err(|error| Error::read(&text.path)(error.into()))
    }

    /// The line of a row, which the reader counts by `\n`.
    pub(super) fn line(&self, cells: &ByteRecord) -> u64 {
        let line = cells
            .position()
            .map_or(0, |position| match self.dialect.ending {
                b'\n' => position.line(),
                _ => position.record() + 1,
            });
        line + self.dialect.skipped_lines
    }

    /// Whether the last row ends within a quoted cell.
    pub(super) fn is_open(&self) -> bool {
        self.reader.get_ref().quotes.is_open()
    }
}

/// Passes on a text with RFC 4180 quotation marks and rows of at most [`LONGEST`] bytes. Cuts longer rows at
/// the end of the line.
struct CheckedText {
    path: PathBuf,
    text: Box<dyn Read>,
    quotes: Quotes,
    ending: u8,
    /// The bytes read from the text.
    bytes: Vec<u8>,
    /// The bytes to pass on, and how many of them have been.
    ready: Vec<u8>,
    handed: usize,
    /// The number of bytes passed on before `ready`.
    before: u64,
    /// The start of the row, in passed-on bytes.
    row_start: u64,
    is_skipping: bool,
    /// The first fault of each row, and its position.
    faults: VecDeque<(u64, ProblemReason)>,
}

impl CheckedText {
    fn new(text: TextStream, dialect: Dialect) -> Self {
        Self {
            path: text.path.clone(),
            text: match dialect.delimiter {
                b'\t' => Box::new(TabText::new(text, dialect.ending)),
                _ => Box::new(text),
            },
            quotes: Quotes::new(dialect.delimiter, dialect.ending, dialect.quoting),
            ending: dialect.ending,
            bytes: vec![0; READ_AT_ONCE],
            ready: Vec::new(),
            handed: 0,
            before: 0,
            row_start: 0,
            is_skipping: false,
            faults: VecDeque::new(),
        }
    }

    /// The fault of the row that ends before `end`, in passed-on bytes.
    fn fault_before(&mut self, end: u64) -> Option<ProblemReason> {
        let mut first = None;
        while self.faults.front().is_some_and(|(at, _)| *at < end) {
            let fault = self.faults.pop_front().map(|(_, reason)| reason);
            first = first.or(fault);
        }
        first
    }

    fn refill(&mut self) -> io::Result<()> {
        self.before += self.ready.len() as u64;
        self.ready.clear();
        self.handed = 0;
        // A text that begins with a skipped line or a backslash may yield no bytes at first.
        while self.ready.is_empty() {
            let mut bytes = std::mem::take(&mut self.bytes);
            let count = self.text.read(&mut bytes)?;
            let mut rest = &bytes[..count];
            while let Some((&byte, after)) = rest.split_first() {
                let run = self.run(rest);
                rest = match run {
                    0 => {
                        self.take(byte);
                        after
                    }
                    _ => self.hand(rest, run),
                };
            }
            self.bytes = bytes;
            if count == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The number of next bytes that need no checks.
    fn run(&self, rest: &[u8]) -> usize {
        let run = self.quotes.run(rest);
        let length = self.at() - self.row_start;
        if self.is_skipping || length + run as u64 >= LONGEST {
            0
        } else {
            run
        }
    }

    /// Passes a run on. Returns the bytes after it.
    fn hand<'a>(&mut self, rest: &'a [u8], run: usize) -> &'a [u8] {
        let (run, after) = rest.split_at(run);
        self.ready.extend_from_slice(run);
        if run.ends_with(&[self.ending]) && !self.quotes.is_open() {
            self.row_start = self.at();
        }
        after
    }

    fn take(&mut self, byte: u8) {
        if self.is_skipping && byte != self.ending {
            return;
        }
        self.is_skipping = false;
        let at = self.at();
        if !self.quotes.take(byte, &mut self.ready) {
            self.add_fault(at, ProblemReason::TextAfterQuote);
        }
        if byte == self.ending && !self.quotes.is_open() {
            self.row_start = self.at();
        } else if at - self.row_start >= LONGEST {
            self.cut(at);
        }
    }

    /// Ends a row that is too long.
    fn cut(&mut self, at: u64) {
        self.add_fault(at, ProblemReason::LineTooLong { limit: LONGEST });
        if self.quotes.is_open() {
            self.ready.push(b'"');
        }
        self.quotes.restart();
        self.is_skipping = true;
    }

    fn at(&self) -> u64 {
        self.before + self.ready.len() as u64
    }

    fn add_fault(&mut self, at: u64, reason: ProblemReason) {
        let last = self.faults.back();
        if last.is_none_or(|(at, _)| *at < self.row_start) {
            self.faults.push_back((at, reason));
        }
    }
}

impl Read for CheckedText {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.handed == self.ready.len() {
            self.refill()?;
        }
        let ready = &self.ready[self.handed..];
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.handed += count;
        Ok(count)
    }
}
