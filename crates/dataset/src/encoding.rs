//! Text encodings.

use crate::text_stream::TextStream;
use crate::{Error, Result};

/// The byte order mark that Windows programs put before UTF-8 text, where it has no meaning.
pub(crate) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a text begins like UTF-16 or UTF-32, with or without a byte order mark.
pub(crate) fn is_utf16(start: &[u8]) -> bool {
    let marks: [&[u8]; 3] = [b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"];
    let is_ascii = |index: usize| start.get(index).is_some_and(|&byte| byte >= b' ');
    let is_zero = |index: usize| start.get(index) == Some(&0);
    marks.iter().any(|mark| start.starts_with(mark))
        || is_ascii(0) && is_zero(1) && is_zero(3)
        || is_zero(0) && is_ascii(1) && is_zero(2)
}

/// Skips byte order marks at the beginning of a UTF-8 text.
///
/// # Errors
/// [`Error::Utf16`].
pub(crate) fn begin(text: &mut TextStream) -> Result<()> {
    if is_utf16(text.start()) {
        let path = text.path.clone();
        return Err(Error::Utf16 { path });
    }
    while text.start().starts_with(UTF8_MARK) {
        text.skip(UTF8_MARK.len());
    }
    Ok(())
}

/// A row without the byte order mark that joining files leaves in the middle of a text.
pub(crate) fn without_mark(row: &[u8]) -> &[u8] {
    row.strip_prefix(UTF8_MARK).unwrap_or(row)
}
