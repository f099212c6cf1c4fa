//! The chunks of a RIFF file, the container of WebP.

/// The names and contents of the chunks after the file's header, in order. The last may be truncated.
pub(crate) fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    const HEADER: usize = 12;
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let content = &after[..length.min(after.len())];
        // Chunks of odd length are followed by a byte of padding.
        rest = after
            .get(length.saturating_add(length % 2)..)
            .unwrap_or_default();
        Some((name, content))
    })
}
