//! The chunks of a PNG file.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// The length of the file signature.
pub(crate) const SIGNATURE: usize = 8;

/// A complete chunk, except perhaps for its checksum.
#[derive(Clone, Copy)]
pub(crate) struct Chunk<'a> {
    pub(crate) kind: &'a [u8; 4],
    pub(crate) content: &'a [u8],
    pub(crate) checksum: Option<&'a [u8; 4]>,
}

/// The chunks of a file, up to `IEND` or the first truncated one.
pub(crate) fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let (content, after) = after.split_at_checked(length)?;
        let (checksum, after) = after.split_first_chunk::<4>().unzip();
        rest = match kind {
            b"IEND" => &[],
            _ => after.unwrap_or_default(),
        };
        Some(Chunk {
            kind,
            content,
            checksum,
        })
    })
}

/// The keyword of a text chunk: `tEXt`, `zTXt` or `iTXt`.
pub(crate) fn keyword<'a>(chunk: Chunk<'a>) -> Option<&'a [u8]> {
    let is_text = matches!(chunk.kind, b"tEXt" | b"zTXt" | b"iTXt");
    is_text
        .then(|| split_at_zero(chunk.content))?
        .map(|(keyword, _)| keyword)
}

/// The text of a text chunk, decompressed to at most `most` bytes.
pub(crate) fn text(chunk: Chunk<'_>, most: usize) -> Option<Vec<u8>> {
    let (_keyword, rest) = split_at_zero(chunk.content)?;
    let plain = |text: &[u8]| text[..text.len().min(most)].to_vec();
    match chunk.kind {
        b"tEXt" => Some(plain(rest)),
        b"zTXt" => unpacked(rest.strip_prefix(&[0])?, most),
        b"iTXt" => {
            let (&[is_packed, _method], rest) = rest.split_first_chunk::<2>()?;
            let (_language, rest) = split_at_zero(rest)?;
            let (_translated, rest) = split_at_zero(rest)?;
            match is_packed {
                0 => Some(plain(rest)),
                _ => unpacked(rest, most),
            }
        }
        _ => None,
    }
}

/// Decodes ImageMagick's raw profiles, metadata blocks as text: a name, a length, and the bytes in hexadecimal.
pub(crate) fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let mut words = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let (_name, length) = (words.next()?, words.next()?);
    let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
    let digits: Vec<u8> = words.flatten().copied().collect();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let bytes = digits.chunks_exact(2).take(length).map(|pair| {
        let (high, low) = (digit(pair[0])?, digit(pair[1])?);
        Some((high << 4 | low) as u8)
    });
    bytes.collect()
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn unpacked(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    ZlibDecoder::new(packed)
        .take(most as u64)
        .read_to_end(&mut text)
        .ok()?;
    Some(text)
}
