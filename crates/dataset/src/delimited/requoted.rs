use std::borrow::Cow;

/// A line of cells between tabs whose quotation marks are as RFC 4180 says: a cell that begins with one is put between
/// quotation marks, unless it's wholly within them already.
pub(super) fn requoted(line: &[u8], ending: u8) -> Vec<u8> {
    let mut written = Vec::with_capacity(line.len() + 16);
    let text = line.strip_suffix(&[ending]).unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    for (index, cell) in text.split(|&byte| byte == b'\t').enumerate() {
        if index > 0 {
            written.push(b'\t');
        }
        match cell.starts_with(b"\"") {
            true => write_quoted(&unquoted(cell), &mut written),
            false => written.extend_from_slice(cell),
        }
    }
    written.extend_from_slice(&line[text.len()..]);
    written
}

fn write_quoted(cell: &[u8], written: &mut Vec<u8>) {
    written.push(b'"');
    for &byte in cell {
        written.push(byte);
        if byte == b'"' {
            written.push(byte);
        }
    }
    written.push(b'"');
}

/// `"a ""b"""` and `"a \"b\""` are `a "b"`; whatever is not wholly quoted stays as it is.
pub(super) fn unquoted(cell: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = cell
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
    else {
        return Cow::Borrowed(cell);
    };
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().peekable();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' if bytes.next_if_eq(&&b'"').is_some() => text.push(b'"'),
            b'"' if bytes.next() != Some(&b'"') => return Cow::Borrowed(cell),
            byte => text.push(byte),
        }
    }
    Cow::Owned(text)
}
