//! Rewrites BMP headers that the decoder rejects into one that it accepts.

use std::borrow::Cow;

use crate::{Error, Format, Result};

/// The length of the file header, before the picture's header.
const FILE_HEADER: usize = 14;
/// The length of Windows' `BITMAPINFOHEADER`, which all later headers extend.
const INFO_HEADER: usize = 40;
/// The length of the header with masks for red, green, blue and alpha.
const MASKS_HEADER: u32 = 56;

// Offsets in the file.
const DATA: usize = 10;
const LENGTH: usize = FILE_HEADER;
const PLANES_OF_CORE: usize = 22;
const PLANES: usize = 26;
const BITS: usize = 28;
const COMPRESSION: usize = 30;
const COLOURS: usize = 46;

const BIT_FIELDS: u32 = 3;
const ALPHA_BIT_FIELDS: u32 = 6;

/// Returns the file, or a repaired copy:
///
/// - The headers of OS/2 2.x, of 16 to 64 bytes, begin like Windows' and become one.
/// - The number of planes becomes 1.
/// - Masks with alpha, as written by Windows CE, move to where a later header has them.
/// - The palette has at most as many colours as samples can address.
pub(super) fn repaired(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    let mut copy = Cow::Borrowed(bytes);
    let Some(length) = long(bytes, LENGTH).map(|length| length as usize) else {
        return Ok(copy);
    };
    if length == 12 {
        set_short(&mut copy, PLANES_OF_CORE, 1);
        return Ok(copy);
    }
    if bytes.len() < FILE_HEADER + length || length < 16 {
        return Ok(copy);
    }
    if !matches!(length, INFO_HEADER | 52 | 56 | 108 | 124) {
        copy = Cow::Owned(with_info_header(bytes, length)?);
    }
    set_short(&mut copy, PLANES, 1);
    if long(&copy, COMPRESSION) == Some(ALPHA_BIT_FIELDS) {
        set_long(&mut copy, COMPRESSION, BIT_FIELDS);
        if length == INFO_HEADER {
            set_long(&mut copy, LENGTH, MASKS_HEADER);
        }
    }
    if let Some(bits @ 1..=8) = short(&copy, BITS)
        && long(&copy, COLOURS).is_some_and(|colours| colours > 1 << bits)
    {
        set_long(&mut copy, COLOURS, 1 << bits);
    }
    Ok(copy)
}

/// Replaces the header of `length` bytes, which begins with the same fields, by Windows'.
fn with_info_header(bytes: &[u8], length: usize) -> Result<Vec<u8>> {
    let (header, rest) = bytes[FILE_HEADER..].split_at(length);
    let mut own = [0; INFO_HEADER];
    let shared = length.min(INFO_HEADER);
    own[..shared].copy_from_slice(&header[..shared]);
    own[..4].copy_from_slice(&(INFO_HEADER as u32).to_le_bytes());
    let mut copy = [&bytes[..FILE_HEADER], &own, rest].concat();
    // From here on, OS/2 has its own codes.
    if long(&copy, COMPRESSION).is_some_and(|compression| compression >= BIT_FIELDS) {
        return Err(Error::Unsupported {
            format: Format::Bmp,
            kind: "BMP with OS/2 compression".into(),
        });
    }
    let data = long(bytes, DATA).unwrap_or(0) as usize;
    let data = (data + INFO_HEADER).saturating_sub(length);
    copy[DATA..DATA + 4].copy_from_slice(&(data as u32).to_le_bytes());
    Ok(copy)
}

fn short(bytes: &[u8], place: usize) -> Option<u16> {
    bytes
        .get(place..)?
        .first_chunk()
        .map(|bytes| u16::from_le_bytes(*bytes))
}

fn long(bytes: &[u8], place: usize) -> Option<u32> {
    bytes
        .get(place..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

/// Copies the file only if the number changes.
fn set_short(bytes: &mut Cow<'_, [u8]>, place: usize, value: u16) {
    if short(bytes, place).is_some_and(|old| old != value) {
        bytes.to_mut()[place..place + 2].copy_from_slice(&value.to_le_bytes());
    }
}

fn set_long(bytes: &mut Cow<'_, [u8]>, place: usize, value: u32) {
    if long(bytes, place).is_some_and(|old| old != value) {
        bytes.to_mut()[place..place + 4].copy_from_slice(&value.to_le_bytes());
    }
}
