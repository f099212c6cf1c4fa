//! The byte order marks with which a text may begin.

/// What Windows programs put before UTF-8, where it says nothing.
pub(crate) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a text begins like UTF-16.
pub(crate) fn is_utf16(start: &[u8]) -> bool {
    start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff")
}
