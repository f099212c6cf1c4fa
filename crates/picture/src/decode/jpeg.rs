//! JPEG, by libjpeg-turbo in Mozilla's version: pixels come out equal to Pillow's, bit by bit, and
//! so do the vectors that people compare with Python's.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ::image::metadata::Orientation;
use mozjpeg::{ColorSpace, Decompress};

use super::{
    decoded::{Decoded, copy, in_eighths},
    fault::damaged,
    flatten::{Layout, to_rgb},
    orientation,
};
use crate::{Error, Format, Limits, Result, Size};

/// The most scans a picture may have. Encoders make about ten; a file of a few kilobytes could
/// make a decoder walk over a hundred million pixels thousands of times.
const MOST_SCANS: usize = 100;

/// The eighths of a picture's width and height that can be had for less than the whole.
const SCALES: [u8; 4] = [1, 2, 3, 4];

/// Decodes leniently, as libjpeg does: bits that make no sense leave grey or a smear, not an
/// error, except that a file that ends early is refused, as Pillow refuses it. The rest of such a
/// picture would be grey, and it is the mark of a download that can be repeated.
///
/// Pixels are left out, by a scale of libjpeg's, as long as the shorter side has `shortest`.
pub(super) fn decode(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<Decoded> {
    check_scans(bytes)?;
    if let Some(size) = header_size(bytes) {
        limits.check_size(size)?;
    }
    let orientation = exif(bytes).map_or(Orientation::NoTransforms, orientation::from_exif);
    or_fatal_message(|| decompress(bytes, limits, shortest)).map(|decoded| Decoded {
        orientation,
        ..decoded
    })
}

fn decompress(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<Decoded> {
    let failed = |error| damaged(Format::Jpeg, error);
    let mut decoder = Decompress::new_mem(bytes).map_err(failed)?;
    // JPEG's width and height are 16-bit numbers.
    let size = Size {
        width: decoder.width() as u32,
        height: decoder.height() as u32,
    };
    limits.check_size(size)?;
    let eighths = eighths(size, shortest);
    decoder.scale(eighths);
    let (colours, layout) = match decoder.color_space() {
        ColorSpace::JCS_GRAYSCALE => (ColorSpace::JCS_GRAYSCALE, Layout::Grey),
        ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK => (ColorSpace::JCS_CMYK, Layout::Cmyk),
        _ => (ColorSpace::JCS_RGB, Layout::Rgb),
    };
    let mut lines = decoder.to_colorspace(colours).map_err(failed)?;
    let mut samples = lines.read_scanlines::<u8>().map_err(failed)?;
    if layout == Layout::Cmyk {
        // Ink is taken for inverted, as Adobe stores it, with or without Adobe's mark; so does
        // Pillow.
        samples.iter_mut().for_each(|sample| *sample = !*sample);
    }
    Ok(Decoded {
        size,
        eighths,
        orientation: Orientation::NoTransforms,
        pixels: to_rgb(samples, layout),
    })
}

/// The memory that decoding takes.
pub(super) fn cost(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<u64> {
    let size = header_size(bytes).ok_or(Error::Truncated {
        format: Format::Jpeg,
    })?;
    limits.check_size(size)?;
    let eighths = eighths(size, shortest);
    let reduced = Size {
        width: in_eighths(size.width, eighths),
        height: in_eighths(size.height, eighths),
    };
    let channels = Channel::all(bytes);
    // Where a channel comes in several scans, all coefficients wait for the last: 16 bits each.
    let coefficients = if has_several_scans(bytes, channels.len()) {
        2 * samples(size, &channels)
    } else {
        0
    };
    let count = channels.len() as u64;
    Ok(coefficients + reduced.pixels() * (count + copy(count)))
}

/// A channel as the frame header has it: how many samples it has in the space in which the finest
/// channel has the most.
struct Channel {
    across: u64,
    down: u64,
}

impl Channel {
    fn all(bytes: &[u8]) -> Vec<Channel> {
        const BEFORE: usize = 6;
        let channels = frame(bytes).and_then(|content| content.get(BEFORE..));
        let (channels, _) = channels.unwrap_or_default().as_chunks::<3>();
        channels
            .iter()
            .map(|&[_name, sampling, _table]| Channel {
                across: u64::from(sampling >> 4).max(1),
                down: u64::from(sampling & 15).max(1),
            })
            .collect()
    }
}

/// The samples of all channels of a picture of `size`, of which the finest have one a pixel.
fn samples(size: Size, channels: &[Channel]) -> u64 {
    let across = channels.iter().map(|channel| channel.across).max();
    let down = channels.iter().map(|channel| channel.down).max();
    let of_all: u64 = channels.iter().map(|each| each.across * each.down).sum();
    let of_finest = across.unwrap_or(1) * down.unwrap_or(1);
    // Sides are filled up to whole blocks.
    let filled =
        |side: u32, most: Option<u64>| u64::from(side).next_multiple_of(8 * most.unwrap_or(1));
    let pixels = filled(size.width, across) * filled(size.height, down);
    (pixels * of_all).div_ceil(of_finest)
}

/// Whether the frame is progressive, or its first scan has not all of its channels.
fn has_several_scans(bytes: &[u8], channels: usize) -> bool {
    let scan = Segments(bytes).find(|&(marker, _)| marker == START_OF_SCAN);
    scan.and_then(|(_, content)| content.first())
        .is_none_or(|&in_scan| usize::from(in_scan) < channels)
        || Segments(bytes).any(|(marker, _)| PROGRESSIVE.contains(&marker))
}

/// The fewest eighths of a picture of `size` that have `shortest` pixels on the shorter side.
fn eighths(size: Size, shortest: u32) -> u8 {
    let side = size.width.min(size.height);
    let is_enough = |&eighths: &u8| in_eighths(side, eighths) >= shortest;
    SCALES.into_iter().find(is_enough).unwrap_or(8)
}

/// What `decode` gives, or the error of the message with which libjpeg ended it. The binding
/// throws that message through libjpeg as the payload of a panic, past the panic hook.
fn or_fatal_message<T>(decode: impl FnOnce() -> Result<T>) -> Result<T> {
    let panic = match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(result) => return result,
        Err(panic) => panic,
    };
    let message = panic
        .downcast_ref::<String>()
        .and_then(|message| message.strip_prefix("libjpeg fatal error: "));
    match message {
        Some(message) => Err(from_fatal_message(message)),
        None => resume_unwind(panic),
    }
}

/// The words by which libjpeg's messages (jerror.h) tell what it can't do from what is wrong.
fn from_fatal_message(message: &str) -> Error {
    let format = Format::Jpeg;
    let source = message.into();
    let is_unsupported = ["Unsupported", "not implemented", "Maximum supported"]
        .iter()
        .any(|words| message.contains(words));
    if is_unsupported {
        Error::Unsupported { format, source }
    } else {
        Error::Damaged { format, source }
    }
}

/// The first block of EXIF.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    Segments(bytes).find_map(|(marker, content)| match marker {
        APPLICATION_1 => content.strip_prefix(b"Exif\0\0"),
        _ => None,
    })
}

/// Refuses a picture without its end, and one of too many scans.
fn check_scans(bytes: &[u8]) -> Result<()> {
    let mut scans = 0;
    for (marker, _) in Segments(bytes) {
        match marker {
            END_OF_IMAGE => return Ok(()),
            START_OF_SCAN if scans == MOST_SCANS => {
                let source = format!("more than {MOST_SCANS} scans").into();
                return Err(Error::Unsupported {
                    format: Format::Jpeg,
                    source,
                });
            }
            START_OF_SCAN => scans += 1,
            _ => {}
        }
    }
    Err(Error::Truncated {
        format: Format::Jpeg,
    })
}

/// The size in the first frame header, if there is one: what a decoder will take it for.
pub(super) fn header_size(bytes: &[u8]) -> Option<Size> {
    let &[_precision, h1, h0, w1, w0, ..] = frame(bytes)? else {
        return None;
    };
    let number = |high, low| u32::from(u16::from_be_bytes([high, low]));
    Some(Size {
        width: number(w1, w0),
        height: number(h1, h0),
    })
}

/// The JPEGs inside of another file: where each begins, and its size. Those alone that show a
/// picture: of eight bits, in one channel or three, and not lossless.
pub(super) fn places(bytes: &[u8]) -> impl Iterator<Item = (usize, Size)> {
    let starts = bytes.windows(3).enumerate();
    let starts = starts.filter(|(_, start)| *start == [0xFF, START_OF_IMAGE, 0xFF]);
    starts.filter_map(|(place, _)| Some((place, strict_size(&bytes[place + 2..])?)))
}

/// The size in the frame header of what looks like a JPEG without a fault up to there.
fn strict_size(bytes: &[u8]) -> Option<Size> {
    const MOST_SEGMENTS: usize = 64;
    let mut rest = bytes;
    for _ in 0..MOST_SEGMENTS {
        let &[0xFF, marker, l1, l0, ..] = rest else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([l1, l0]));
        let content = rest.get(4..2 + length)?;
        match (marker, content) {
            (0xC0..=0xC2, &[8, h1, h0, w1, w0, 1 | 3, ..]) => {
                let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
                let size = Size {
                    width: side(w1, w0),
                    height: side(h1, h0),
                };
                return Some(size).filter(|size| size.pixels() > 0);
            }
            // Tables, applications' segments and comments come before.
            (0xC4 | 0xDB | 0xDD | 0xE0..=0xEF | 0xFE, _) => rest = &rest[2 + length..],
            _ => return None,
        }
    }
    None
}

/// The first frame header that has a size.
fn frame(bytes: &[u8]) -> Option<&[u8]> {
    let mut segments = Segments(bytes).filter(|(_, content)| content.len() >= 5);
    segments.find_map(|(marker, content)| match marker {
        // Numbers among those of frames that are of tables and reserved.
        0xC4 | 0xC8 | 0xCC => None,
        0xC0..=0xCF => Some(content),
        _ => None,
    })
}

const TEMPORARY: u8 = 0x01;
const START_OF_IMAGE: u8 = 0xD8;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;
const APPLICATION_1: u8 = 0xE1;
/// Frames whose coefficients come bit by bit.
const PROGRESSIVE: [u8; 2] = [0xC2, 0xCA];

/// The segments of a file: each one's marker and its content, which ends early where the file
/// does.
struct Segments<'a>(&'a [u8]);

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (marker, after) = next_marker(self.0)?;
        let has_content = !matches!(marker, TEMPORARY | START_OF_IMAGE | END_OF_IMAGE);
        let (content, rest) = match after {
            &[high, low, ..] if has_content => {
                // The length counts its own two bytes.
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

/// The next marker and what follows it. Bytes before it are the coded data of a scan, in which
/// 0xFF is followed by zero or a restart marker, or junk, which decoders skip.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = bytes;
    loop {
        let start = rest.iter().position(|&byte| byte == 0xFF)?;
        rest = &rest[start + 1..];
        match *rest.first()? {
            // A stuffed byte, a filling byte, a restart.
            0x00 | 0xFF | 0xD0..=0xD7 => {}
            marker => return Some((marker, &rest[1..])),
        }
    }
}
