use std::cmp::Reverse;
use std::path::Path;

use super::quotes::Quoting;
use crate::columns::{Columns, Role};
use crate::text_stream::{Compression, TextStream};
use crate::{Address, Result, encoding, folder, paths};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// The delimiter if each line is one cell. No text contains it.
const NONE: u8 = 0;
/// The number of a table's first lines that are examined.
const LOOKED_AT: usize = 100;

/// The dialect of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// The last byte of a line: `\n`, optionally after `\r`, or `\r` alone, as on old Macs.
    pub(super) ending: u8,
    pub(super) quoting: Quoting,
    /// The number of lines before the header.
    pub(super) skipped_lines: u64,
}

impl Dialect {
    /// Detects the dialect, and moves the text to its header.
    pub(super) fn of(text: &mut TextStream, columns: &Columns) -> Result<Self> {
        encoding::begin(text)?;
        let ending = ending(text.start());
        let named = named_delimiter(text.start(), ending);
        if let Some((_, length)) = named {
            text.skip(length);
        }
        let delimiter = match named {
            Some((delimiter, _)) => delimiter,
            None => {
                let lines = lines(text.start(), ending, text.is_short());
                delimiter(&lines, &text.path, columns)
            }
        };
        let quoting = match delimiter {
            NONE => Quoting::Off,
            // `TabText` converts the quotation marks to this.
            b'\t' => Quoting::Doubled,
            _ => Quoting::of(text.start(), delimiter, ending),
        };
        Ok(Self {
            delimiter,
            ending,
            quoting,
            skipped_lines: u64::from(named.is_some()),
        })
    }
}

fn ending(start: &[u8]) -> u8 {
    let line = first_line(start, b'\n');
    if line.len() == start.len() && line.contains(&b'\r') {
        b'\r'
    } else {
        b'\n'
    }
}

fn first_line(start: &[u8], ending: u8) -> &[u8] {
    let mut lines = start.split(|&byte| byte == ending);
    lines.next().unwrap_or_default()
}

/// The delimiter in Excel's first line, `sep=;`, and the length of that line.
fn named_delimiter(start: &[u8], ending: u8) -> Option<(u8, usize)> {
    let line = first_line(start, ending);
    let text = line.strip_suffix(b"\r").unwrap_or(line);
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    let (name, value) = text.split_at_checked(4)?;
    let value = value.strip_suffix(b"\"").unwrap_or(value);
    match value {
        _ if !name.eq_ignore_ascii_case(b"sep=") => None,
        [b'"' | b'\r' | b'\n' | NONE] => None,
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() => {
            Some((*byte, start.len().min(line.len() + 1)))
        }
        b"\\t" => Some((b'\t', start.len().min(line.len() + 1))),
        _ => None,
    }
}

/// The first lines that are complete and not empty.
fn lines(start: &[u8], ending: u8, is_all: bool) -> Vec<&[u8]> {
    let mut pieces: Vec<&[u8]> = start
        .split(|&byte| byte == ending)
        .take(LOOKED_AT + 1)
        .collect();
    if pieces.len() > 1 && (pieces.len() > LOOKED_AT || !is_all) {
        pieces.pop();
    }
    pieces.retain(|line| !line.trim_ascii().is_empty());
    pieces
}

/// The delimiter of a table at `path` with these lines.
fn delimiter(lines: &[&[u8]], path: &Path, columns: &Columns) -> u8 {
    let usual = usual_delimiter(path);
    let Some(first) = lines.first() else {
        return usual.unwrap_or(b',');
    };
    if are_addresses(lines, usual.is_some()) {
        return NONE;
    }
    let there = DELIMITERS
        .into_iter()
        .filter(|&it| count_unquoted(first, it) > 0);
    // If nothing favours either, the one that occurs first.
    let best = there.min_by_key(|&candidate| {
        let count = count_unquoted(first, candidate);
        let is_usual = candidate == usual.unwrap_or(b',');
        let sense = Sense::of(first, candidate, columns);
        // Any delimiter except a tab may occur in a caption or a URL.
        let speaks_for_row = match sense {
            Sense::Row => [
                candidate == b'\t',
                lines
                    .iter()
                    .all(|it| count_unquoted(it, candidate) == count),
                is_usual,
            ],
            Sense::Header | Sense::None => [false; 3],
        };
        Reverse((sense, speaks_for_row, count, is_usual, candidate))
    });
    best.unwrap_or(NONE)
}

/// The delimiter by the file's extension; `None` if the extension has no meaning.
fn usual_delimiter(path: &Path) -> Option<u8> {
    let name = Compression::uncompressed_name(path);
    match paths::extension(&name).as_str() {
        "csv" => Some(b','),
        "tsv" | "tab" => Some(b'\t'),
        _ => None,
    }
}

/// The meaning of the first row with a delimiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sense {
    None,
    /// A row that names a picture.
    Row,
    /// A header that names the column of paths.
    Header,
}

impl Sense {
    fn of(line: &[u8], delimiter: u8, columns: &Columns) -> Self {
        let cells = split_unquoted(line, delimiter);
        let names = cells.iter().map(String::as_str);
        if Role::Path.find(columns, names.clone()).is_some() {
            return Sense::Header;
        }
        if names.clone().any(names_picture) {
            Sense::Row
        } else {
            Sense::None
        }
    }
}

/// Whether a cell is a URL or the name of a picture, optionally with `#0` as in Flickr8k.
pub(super) fn names_picture(cell: &str) -> bool {
    Address::is_meant_in_a_table(cell) || folder::is_picture_name(without_number(cell))
}

/// `dog.jpg` for `dog.jpg#0`, the number of a caption in Flickr8k and Flickr30k.
pub(super) fn without_number(path: &str) -> &str {
    match path.rsplit_once('#') {
        Some((name, number)) if is_number(number) && !Address::is_meant_in_a_table(name) => name,
        _ => path,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text begins like a table or a list of URLs. For extensions without meaning.
pub(crate) fn is_list(start: &[u8]) -> bool {
    let lines = lines(start, ending(start), false);
    let is_header = |line: &[u8]| Sense::of(line, NONE, &Columns::default()) == Sense::Header;
    are_addresses(&lines, false) || lines.first().is_some_and(|line| is_header(line))
}

/// Whether each line is a URL or path, including any commas. If the file is `named` a CSV or TSV, there must
/// be a reason not to split at commas.
fn are_addresses(lines: &[&[u8]], named: bool) -> bool {
    let mut pieces = Vec::with_capacity(lines.len());
    for line in lines {
        let Some(line) = Line::of(line) else {
            return false;
        };
        pieces.push(line);
    }
    let is_even = |column: usize| {
        let mut counts = pieces.iter().map(|line| line.delimiters[column]);
        let first = counts.next().unwrap_or_default();
        first > 0 && counts.all(|count| count == first)
    };
    let has_even = (0..DELIMITERS.len()).any(is_even);
    if has_even && pieces.iter().all(|line| !line.is_url) {
        // A caption and a path, rather than paths that all contain a comma.
        return false;
    }
    if !named {
        return !pieces.is_empty();
    }
    let is_cut = |line: &Line| line.is_cut || line.delimiters == [0; 4];
    pieces.iter().all(is_cut) && (!has_even || pieces.iter().all(|line| line.goes_on))
}

/// A line that is a URL or path.
struct Line {
    is_url: bool,
    /// The number of each delimiter.
    delimiters: [usize; 4],
    /// Whether a delimiter would split a picture's name, or cut off a URL.
    is_cut: bool,
    /// Whether the text after the first delimiter reads like the rest of a URL.
    goes_on: bool,
}

impl Line {
    fn of(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line.trim_ascii()).ok()?;
        let text = text.trim_matches('"');
        let first = text.split([',', ';', '\t', '|']).next()?;
        let rest = &text[first.len()..];
        let is_cut = !folder::is_picture_name(first);
        let ends_as_picture = folder::is_picture_name(text);
        let is_whole = ends_as_picture && (is_cut || first == text);
        let is_url = Address::is_meant_in_a_table(text);
        // A URL after other text is in its own cell.
        let is_address = if is_url {
            is_whole || !text.contains(char::is_whitespace)
        } else {
            is_whole && !text.contains("://")
        };
        (is_address && !text.contains('\t')).then(|| Self {
            is_url,
            delimiters: DELIMITERS.map(|it| count_unquoted(line, it)),
            is_cut,
            goes_on: !rest.contains("://") && (ends_as_picture || rest.contains(['/', '=', '&'])),
        })
    }
}

fn count_unquoted(line: &[u8], delimiter: u8) -> usize {
    let mut quoted = false;
    let mut count = 0;
    for &byte in line {
        quoted ^= byte == b'"';
        count += usize::from(byte == delimiter && !quoted);
    }
    count
}

/// The cells of a line, without surrounding white space and quotation marks.
fn split_unquoted(line: &[u8], delimiter: u8) -> Vec<String> {
    let mut quoted = false;
    let cells = line.split(|&byte| {
        quoted ^= byte == b'"';
        byte == delimiter && !quoted
    });
    cells
        .map(|cell| {
            let cell = String::from_utf8_lossy(cell);
            cell.trim().trim_matches('"').trim().to_owned()
        })
        .collect()
}
