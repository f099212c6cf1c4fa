use memchr::{memchr, memchr2, memrchr};

/// How a quotation mark inside a quoted cell is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Cells are not quoted.
    Off,
    /// `""`, as RFC 4180 says.
    Doubled,
    /// `\"`, as Spark and MySQL write it, beside `""`.
    Escaped,
}

/// Where in a row a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    CellStart,
    Unquoted,
    Quoted,
    /// After a backslash in a quoted cell.
    Escape,
    /// After a quotation mark in a quoted cell: the end, or the first of two.
    Closed,
    /// In white space after that.
    Spaced,
}

/// Follows the quotation marks through a text, byte by byte.
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

    /// Takes the next byte and adds what an RFC 4180 reader should see to `out`. Returns whether the byte
    /// may stand there.
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

    /// How many of the next bytes are to be handed on as they are, and change nothing: what is within a cell, or rows
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

    /// Whether a quoted cell has begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Quoted | State::Escape)
    }

    /// Begins with the next line, whatever was open.
    pub(super) fn restart(&mut self) {
        self.state = State::CellStart;
    }
}

impl Quoting {
    /// How quotation marks are written in a text that begins with `start`.
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
        match is_escaped {
            true => Quoting::Escaped,
            false => Quoting::Doubled,
        }
    }
}

/// What speaks against a kind of quoting.
struct Faults {
    /// Bytes after a closing quotation mark.
    misplaced: usize,
    /// Closing quotation marks after a backslash.
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
