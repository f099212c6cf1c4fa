use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

use memchr::{memchr, memrchr};

use super::quotes::{Quotes, Quoting};
use super::requoted::requoted;
use crate::row::LONGEST;

const READ_AT_ONCE: usize = 1 << 16;
const TAB: u8 = b'\t';

/// Converts tab-separated text to RFC 4180 quoting.
///
/// A row is a line, and a quotation mark is an ordinary character. A quoted cell may contain tabs or continue
/// on further lines. It's recognised by the number of cells: the row then has as many as the first line,
/// while its line alone or the next lines don't.
pub(super) struct TabText<R> {
    text: BufReader<R>,
    ending: u8,
    /// The number of cells in a row.
    cells: Option<usize>,
    /// Lines that were read ahead.
    ahead: VecDeque<Vec<u8>>,
    ready: Vec<u8>,
    handed: usize,
}

impl<R: Read> TabText<R> {
    pub(super) fn new(text: R, ending: u8) -> Self {
        Self {
            text: BufReader::with_capacity(READ_AT_ONCE, text),
            ending,
            cells: None,
            ahead: VecDeque::new(),
            ready: Vec::new(),
            handed: 0,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.handed = 0;
        while self.ready.len() < READ_AT_ONCE / 2 {
            self.take_plain()?;
            let row = self.row()?;
            if row.is_empty() {
                break;
            }
            self.ready.extend_from_slice(&row);
        }
        Ok(())
    }

    /// Passes on the next lines without quotation marks, as far as they have been read.
    fn take_plain(&mut self) -> io::Result<()> {
        if self.cells.is_none() || !self.ahead.is_empty() {
            return Ok(());
        }
        let text = self.text.fill_buf()?;
        let plain = memchr(b'"', text).unwrap_or(text.len());
        let end = memrchr(self.ending, &text[..plain]).map_or(0, |last| last + 1);
        self.ready.extend_from_slice(&text[..end]);
        self.text.consume(end);
        Ok(())
    }

    /// The next row; empty at the end.
    fn row(&mut self) -> io::Result<Vec<u8>> {
        let Some(line) = self.line()? else {
            return Ok(Vec::new());
        };
        let cells = *self.cells.get_or_insert_with(|| count(&line));
        let mut starts = line.split(|&byte| byte == TAB).map(<[u8]>::first);
        if starts.all(|start| start != Some(&b'"')) {
            return Ok(line);
        }
        let is_row = count(&line) == cells;
        let last = memrchr(TAB, &line).map_or(0, |tab| tab + 1);
        if is_row && line.get(last) != Some(&b'"') {
            return Ok(requoted(&line, self.ending));
        }
        let mut joined = Joined::new(self.ending);
        joined.add(&line);
        if is_row && !(joined.is_open() && joined.cells == cells) {
            return Ok(requoted(&line, self.ending));
        }
        let mut lines = Vec::new();
        while joined.is_open() {
            let Some(next) = self.line()? else {
                break;
            };
            let is_part = count(&next) != cells && joined.text.len() as u64 <= LONGEST;
            if is_part {
                joined.add(&next);
            }
            lines.push(next);
            if !is_part {
                break;
            }
        }
        if joined.is_sound && !joined.is_open() && joined.cells == cells {
            return Ok(joined.text);
        }
        for line in lines.into_iter().rev() {
            self.ahead.push_front(line);
        }
        Ok(requoted(&line, self.ending))
    }

    /// The next line with its ending, or more than [`LONGEST`] bytes of a longer one.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        let mut part = (&mut self.text).take(LONGEST + 1);
        part.read_until(self.ending, &mut line)?;
        if line.len() as u64 > LONGEST && !line.ends_with(&[self.ending]) {
            self.text.skip_until(self.ending)?;
            line.push(self.ending);
        }
        Ok((!line.is_empty()).then_some(line))
    }
}

impl<R: Read> Read for TabText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.handed == self.ready.len() {
            self.refill()?;
        }
        let count = (&self.ready[self.handed..]).read(buffer)?;
        self.handed += count;
        Ok(count)
    }
}

/// The number of cells of a line, ignoring quotation marks.
fn count(line: &[u8]) -> usize {
    1 + line.iter().filter(|&&byte| byte == TAB).count()
}

/// Lines joined into a row by RFC 4180.
struct Joined {
    text: Vec<u8>,
    quotes: Quotes,
    cells: usize,
    /// Whether all quotation marks are in allowed positions.
    is_sound: bool,
}

impl Joined {
    fn new(ending: u8) -> Self {
        Self {
            text: Vec::new(),
            quotes: Quotes::new(TAB, ending, Quoting::Doubled),
            cells: 1,
            is_sound: true,
        }
    }

    fn add(&mut self, line: &[u8]) {
        for &byte in line {
            self.cells += usize::from(byte == TAB && !self.quotes.is_open());
            self.is_sound &= self.quotes.take(byte, &mut self.text);
        }
    }

    /// Whether the row may continue.
    fn is_open(&self) -> bool {
        self.is_sound && self.quotes.is_open()
    }
}
