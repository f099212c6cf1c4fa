use std::borrow::Cow;

/// Converts a line of tab-separated cells to RFC 4180: quotes a cell that begins with a quotation mark,
/// unless it's already wholly quoted.
pub(super) fn requoted(line: &[u8], ending: u8) -> Vec<u8> {
    let mut written = Vec::with_capacity(line.len() + 16);
    let text = line.strip_suffix(&[ending]).unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    for (index, cell) in text.split(|&byte| byte == b'\t').enumerate() {
        if index > 0 {
            written.push(b'\t');
        }
        if cell.starts_with(b"\"") {
            write_quoted(&unquoted(cell), &mut written);
        } else {
            written.extend_from_slice(cell);
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

/// Unquotes a cell: `"a ""b"""` and `"a \"b\""` become `a "b"`. A cell that isn't wholly quoted stays
/// unchanged.
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
