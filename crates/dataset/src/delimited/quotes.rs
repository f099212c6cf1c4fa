use memchr::{memchr, memchr2, memrchr};

/// How quotation marks inside a quoted cell are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Cells are not quoted.
    Off,
    /// `""`, as in RFC 4180.
    Doubled,
    /// `\"`, as in Spark and MySQL, or `""`.
    Escaped,
}

/// The state of the parser within a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    CellStart,
    Unquoted,
    Quoted,
    /// After a backslash in a quoted cell.
    Escape,
    /// After a quotation mark in a quoted cell: the cell's end, or the first of two marks.
    Closed,
    /// In white space after the cell's end.
    Spaced,
}

/// Tracks the quotation marks of a text byte by byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotes {
    delimiter: u8,
    ending: u8,
    quoting: Quoting,
    state: State,
}

impl Quotes {
    pub(super) fn new(delimiter: u8, ending: u8, quoting: Quoting) -> Self {
        Self {
            delimiter,
            ending,
            quoting,
            state: State::CellStart,
        }
    }

    /// Processes the next byte, and appends its RFC 4180 form to `out`. Returns whether the byte is allowed
    /// there.
    pub(super) fn take(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        if self.state == State::Escape {
            self.state = State::Quoted;
            match byte {
                b'"' => out.extend_from_slice(b"\"\""),
                b'\\' => out.push(byte),
                _ if byte == self.ending => out.push(byte),
                _ => {
                    out.push(b'\\');
                    return self.take(byte, out);
                }
            }
            return true;
        }
        let next = self.after(byte);
        self.state = next.unwrap_or(State::Unquoted);
        if self.state != State::Escape {
            out.push(byte);
        }
        next.is_some()
    }

    /// The number of next bytes that can be copied without changing the state: the inside of a cell, or rows
    /// without quotation marks.
    pub(super) fn run(&self, bytes: &[u8]) -> usize {
        let end = match self.state {
            State::CellStart => {
                let plain = memchr(b'"', bytes).unwrap_or(bytes.len());
                return memrchr(self.ending, &bytes[..plain]).map_or(0, |last| last + 1);
            }
            State::Unquoted => memchr2(self.delimiter, self.ending, bytes),
            State::Quoted if self.quoting == Quoting::Escaped => memchr2(b'"', b'\\', bytes),
            State::Quoted => memchr(b'"', bytes),
            State::Escape | State::Closed | State::Spaced => Some(0),
        };
        end.unwrap_or(bytes.len())
    }

    fn after(&self, byte: u8) -> Option<State> {
        let is_end = byte == self.delimiter || byte == self.ending;
        Some(match self.state {
            State::Quoted | State::Escape => match byte {
                b'"' => State::Closed,
                b'\\' if self.quoting == Quoting::Escaped => State::Escape,
                _ => State::Quoted,
            },
            _ if is_end => State::CellStart,
            State::CellStart if byte == b'"' && self.quoting != Quoting::Off => State::Quoted,
            State::CellStart | State::Unquoted => State::Unquoted,
            State::Closed if byte == b'"' => State::Quoted,
            State::Closed | State::Spaced if b" \t\r".contains(&byte) => State::Spaced,
            State::Closed | State::Spaced => return None,
        })
    }

    /// Whether a quoted cell is open.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Quoted | State::Escape)
    }

    /// Starts over with the next line, even within a cell.
    pub(super) fn restart(&mut self) {
        self.state = State::CellStart;
    }
}

impl Quoting {
    /// Detects the quoting of a text that begins with `start`.
    pub(super) fn of(start: &[u8], delimiter: u8, ending: u8) -> Self {
        let doubled = Faults::of(start, Quotes::new(delimiter, ending, Quoting::Doubled));
        if doubled.misplaced == 0 && doubled.after_backslash == 0 {
            return Quoting::Doubled;
        }
        let escaped = Faults::of(start, Quotes::new(delimiter, ending, Quoting::Escaped));
        let is_escaped = match doubled.misplaced {
            // `"C:\"` is well-formed, and may be `C:\` or the beginning of more.
            0 => escaped.misplaced == 0 && !escaped.is_open,
            misplaced => escaped.misplaced < misplaced,
        };
        if is_escaped {
            Quoting::Escaped
        } else {
            Quoting::Doubled
        }
    }
}

/// The errors of a text under one kind of quoting.
struct Faults {
    /// The number of bytes after a closing quotation mark.
    misplaced: usize,
    /// The number of closing quotation marks after a backslash.
    after_backslash: usize,
    is_open: bool,
}

impl Faults {
    fn of(start: &[u8], mut quotes: Quotes) -> Self {
        let (mut misplaced, mut after_backslash) = (0, 0);
        let (mut previous, mut seen) = (0, Vec::new());
        for &byte in start {
            misplaced += usize::from(!quotes.take(byte, &mut seen));
            after_backslash += usize::from(quotes.state == State::Closed && previous == b'\\');
            previous = byte;
            seen.clear();
        }
        Self {
            misplaced,
            after_backslash,
            is_open: quotes.is_open(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_told_by_what_follows_the_marks() {
        for (text, expected) in [
            ("a,b\n1,\"x \"\"y\"\"\"\n", Quoting::Doubled),
            ("a,b\n1,\"x \\\"y\\\"\"\n", Quoting::Escaped),
            ("a,b\n1,\"\\\"x, y\\\"\"\n", Quoting::Escaped),
            ("a,b\n1,\"x \\\", y\"\n", Quoting::Escaped),
            ("a,b\n1,\"x\\\\\"\n", Quoting::Escaped),
            ("a,b\n\"C:\\a\\\",x\n\"C:\\b\\\",y\n", Quoting::Doubled),
            ("a,b\n\"C:\\a\\\",x\n", Quoting::Doubled),
            ("a,b\n\"x\" y,\"\"\"z\"\"\"\n", Quoting::Doubled),
            ("a,b\n12\\\",13\\\"\n", Quoting::Doubled),
        ] {
            assert_eq!(
                Quoting::of(text.as_bytes(), b',', b'\n'),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_run_changes_nothing() {
        let text = b"a,b\n1,2\n\"x \\\" y\nz\",\"\"\"w\" \n12\",\\\n3,4\n5,";
        for quoting in [Quoting::Doubled, Quoting::Escaped, Quoting::Off] {
            let (mut slow, mut fast) = (Vec::new(), Vec::new());
            let (mut slow_fit, mut fast_fit, mut in_runs) = (true, true, 0);
            let mut quotes = Quotes::new(b',', b'\n', quoting);
            for &byte in text {
                slow_fit &= quotes.take(byte, &mut slow);
            }
            let mut running = Quotes::new(b',', b'\n', quoting);
            let mut rest = &text[..];
            while !rest.is_empty() {
                let (run, after) = rest.split_at(running.run(rest));
                fast.extend_from_slice(run);
                in_runs += run.len();
                rest = after;
                if let (true, Some((&byte, after))) = (run.is_empty(), after.split_first()) {
                    fast_fit &= running.take(byte, &mut fast);
                    rest = after;
                }
            }
            assert_eq!(
                (slow, slow_fit, quotes.state),
                (fast, fast_fit, running.state)
            );
            assert!(in_runs > text.len() / 3, "{in_runs}");
        }
    }

    #[test]
    fn escapes_become_doubled_marks() {
        let mut quotes = Quotes::new(b',', b'\n', Quoting::Escaped);
        let mut out = Vec::new();
        for &byte in br#""a \"b\" \\ C:\new ""c""",\"d\"# {
            assert!(quotes.take(byte, &mut out));
        }
        assert_eq!(out, br#""a ""b"" \ C:\new ""c""",\"d\"#);
    }
}
