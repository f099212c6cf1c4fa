//! The segments of a JPEG file.

pub(crate) const TEMPORARY: u8 = 0x01;
pub(crate) const START_OF_IMAGE: u8 = 0xD8;
pub(crate) const END_OF_IMAGE: u8 = 0xD9;
pub(crate) const START_OF_SCAN: u8 = 0xDA;
pub(crate) const APPLICATION_1: u8 = 0xE1;
pub(crate) const APPLICATION_2: u8 = 0xE2;
pub(crate) const APPLICATION_13: u8 = 0xED;
/// Progressive frames.
pub(crate) const PROGRESSIVE: [u8; 2] = [0xC2, 0xCA];

/// The segments of a file: each one's marker and content, which is cut short if the file ends.
pub(crate) struct Segments<'a>(pub(crate) &'a [u8]);

impl<'a> Segments<'a> {
    /// The segments before the first scan, which hold metadata and the picture's size.
    pub(crate) fn before_scans(bytes: &'a [u8]) -> impl Iterator<Item = (u8, &'a [u8])> {
        Segments(bytes).take_while(|&(marker, _)| marker != START_OF_SCAN)
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (marker, after) = next_marker(self.0)?;
        let has_content = !matches!(marker, TEMPORARY | START_OF_IMAGE | END_OF_IMAGE);
        let (content, rest) = match after {
            &[high, low, ..] if has_content => {
                // The length includes its own two bytes.
                let length = usize::from(u16::from_be_bytes([high, low])).max(2);
                let (segment, rest) = after.split_at(length.min(after.len()));
                (&segment[2..], rest)
            }
            _ => (&[][..], after),
        };
        self.0 = rest;
        Some((marker, content))
    }
}

/// The next marker and the bytes after it. Skips the data of a scan, where 0xFF is followed by zero or a restart
/// marker, and junk, as decoders do.
pub(crate) fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = bytes;
    loop {
        let start = memchr::memchr(0xFF, rest)?;
        rest = &rest[start + 1..];
        match *rest.first()? {
            // A stuffed byte, a fill byte, a restart marker.
            0x00 | 0xFF | 0xD0..=0xD7 => {}
            marker => return Some((marker, &rest[1..])),
        }
    }
}
