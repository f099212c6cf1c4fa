//! JPEG, by libjpeg-turbo in Mozilla's version: pixels come out equal to Pillow's, bit by bit, and
//! so do the vectors that people compare with Python's.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ::image::metadata::Orientation;
use mozjpeg::{ColorSpace, Decompress};

use super::{
    Decoded, damaged,
    flatten::{Layout, to_rgb},
    orientation,
};
use crate::{Error, Format, Limits, Result, Size};

/// The most scans a picture may have. Encoders make about ten; a file of a few kilobytes could
/// make a decoder walk over a hundred million pixels thousands of times.
const MOST_SCANS: usize = 100;

/// Decodes leniently, as libjpeg does: bits that make no sense leave grey or a smear, not an
/// error, except that a file that ends early is refused, as Pillow refuses it. The rest of such a
/// picture would be grey, and it is the mark of a download that can be repeated.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded> {
    check_scans(bytes)?;
    if let Some(size) = header_size(bytes) {
        limits.check_size(size)?;
    }
    let orientation = exif(bytes).map_or(Orientation::NoTransforms, orientation::from_exif);
    let (size, pixels) = or_fatal_message(|| decompress(bytes, limits))?;
    Ok(Decoded {
        size,
        orientation,
        pixels,
    })
}

fn decompress(bytes: &[u8], limits: &Limits) -> Result<(Size, Vec<u8>)> {
    let failed = |error| damaged(Format::Jpeg, error);
    let decoder = Decompress::new_mem(bytes).map_err(failed)?;
    // JPEG's width and height are 16-bit numbers.
    let size = Size {
        width: decoder.width() as u32,
        height: decoder.height() as u32,
    };
    limits.check_size(size)?;
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
    Ok((size, to_rgb(samples, layout)))
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
fn exif(bytes: &[u8]) -> Option<&[u8]> {
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
    Segments(bytes).find_map(|(marker, content)| match (marker, content) {
        // Numbers among those of frames that are of tables and reserved.
        (0xC4 | 0xC8 | 0xCC, _) => None,
        (0xC0..=0xCF, &[_precision, h1, h0, w1, w0, ..]) => {
            let number = |high, low| u32::from(u16::from_be_bytes([high, low]));
            Some(Size {
                width: number(w1, w0),
                height: number(h1, h0),
            })
        }
        _ => None,
    })
}

const TEMPORARY: u8 = 0x01;
const START_OF_IMAGE: u8 = 0xD8;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;
const APPLICATION_1: u8 = 0xE1;

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
