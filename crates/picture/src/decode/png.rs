//! Repairs PNG files that the decoder rejects, and names those that it cannot read.

use std::borrow::Cow;

use flate2::Crc;

use crate::{
    Error, Format, Result, Size,
    container::png::{SIGNATURE, chunks},
};

/// Chunks that pixels do not need, but whose contents may make the decoder reject the file.
const TROUBLESOME: [&[u8; 4]; 5] = [b"cICP", b"mDCV", b"cLLI", b"iCCP", b"bKGD"];

/// Returns the file, or a copy with an end and only the chunks that pixels need, and whether the file had an end.
pub(super) fn repaired(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, bool)> {
    if chunks(bytes)
        .next()
        .is_some_and(|chunk| chunk.kind == b"CgBI")
    {
        return Err(Error::Unsupported {
            format: Format::Png,
            kind: "Apple CgBI PNG".into(),
        });
    }
    let had_end = chunks(bytes).any(|chunk| chunk.kind == b"IEND");
    let is_plain = !chunks(bytes).any(|chunk| TROUBLESOME.contains(&chunk.kind));
    let bytes = if had_end && is_plain {
        Cow::Borrowed(bytes)
    } else {
        Cow::Owned(pixels_alone(bytes))
    };
    Ok((bytes, had_end))
}

/// The size in the header of a file, before decoding.
pub(super) fn size(bytes: &[u8]) -> Option<Size> {
    let header = chunks(bytes).next().filter(|chunk| chunk.kind == b"IHDR")?;
    let number = |at: usize| {
        let bytes = header.content.get(at..)?.first_chunk()?;
        Some(u32::from_be_bytes(*bytes))
    };
    Some(Size {
        width: number(0)?,
        height: number(4)?,
    })
}

fn pixels_alone(bytes: &[u8]) -> Vec<u8> {
    let mut copy = bytes[..bytes.len().min(SIGNATURE)].to_vec();
    for chunk in chunks(bytes).filter(|chunk| chunk.kind != b"IEND") {
        let is_critical = chunk.kind[0].is_ascii_uppercase();
        if is_critical || [b"tRNS", b"acTL", b"fcTL", b"fdAT"].contains(&chunk.kind) {
            copy.extend((chunk.content.len() as u32).to_be_bytes());
            copy.extend(chunk.kind);
            copy.extend(chunk.content);
            copy.extend(
                chunk
                    .checksum
                    .copied()
                    .unwrap_or_else(|| checksum(chunk.kind, chunk.content)),
            );
        }
    }
    copy.extend(b"\0\0\0\0IEND");
    copy.extend(checksum(b"IEND", &[]));
    copy
}

fn checksum(kind: &[u8], content: &[u8]) -> [u8; 4] {
    let mut checksum = Crc::new();
    checksum.update(kind);
    checksum.update(content);
    checksum.sum().to_be_bytes()
}
