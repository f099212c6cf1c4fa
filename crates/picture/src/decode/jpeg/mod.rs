//! JPEG, with the pixels of libjpeg-turbo: they come out equal to Pillow's, bit by bit, and so do the
//! vectors that people compare with Python's.
//!
//! The usual kind is decoded here, at its full size ([`whole`]) or reduced ([`low_frequencies`]); all else
//! by libjpeg-turbo itself, in Mozilla's version.

mod bit_reader;
mod block;
mod chroma;
mod colours;
mod dispatch;
#[cfg(test)]
mod example;
mod frequencies;
mod header;
mod huffman;
mod low_frequencies;
mod scan;
mod whole;

use std::{
    collections::HashMap,
    io::{BufRead, Read},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use ::image::metadata::Orientation;
use mozjpeg::{ColorSpace, Decompress};

use super::{
    decoded::{Decoded, copy},
    fault::damaged,
    flatten::{Layout, to_rgb},
    orientation,
};
use crate::{
    Error, Format, Limits, Result, Size,
    container::jpeg::{
        END_OF_IMAGE, PROGRESSIVE, START_OF_IMAGE, START_OF_SCAN, Segments, next_marker,
    },
    scale::Scale,
};

/// The most scans a picture may have. Encoders make about ten; a file of a few kilobytes could
/// make a decoder walk over a hundred million pixels thousands of times.
const MOST_SCANS: usize = 100;

/// The eighths of a picture's width and height that can be had for less than the whole.
const SCALES: [u8; 4] = [1, 2, 3, 4];

/// Those at which libjpeg averages samples.
const AVERAGED: [u8; 2] = [2, 4];

/// Decodes leniently, as libjpeg does: bits that make no sense leave grey or a smear, not an
/// error, except that a file that ends early is refused, as Pillow refuses it. The rest of such a
/// picture would be grey, and it is the mark of a download that can be repeated.
///
/// Pixels are left out, by a scale of libjpeg's, as long as the shorter side has `shortest`.
pub(super) fn decode(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<Decoded> {
    let decoded = match directly(bytes, limits, shortest) {
        Some(decoded) => decoded,
        None => by_libjpeg(bytes, limits, shortest)?,
    };
    Ok(Decoded {
        orientation: orientation::of(Format::Jpeg, bytes),
        ..decoded
    })
}

/// The picture, quicker than by libjpeg; `None` where libjpeg has to read it.
fn directly(bytes: &[u8], limits: &Limits, shortest: u32) -> Option<Decoded> {
    let size = header_size(bytes)?;
    limits.check_size(size).ok()?;
    let eighths = eighths(size, shortest);
    Some(Decoded {
        size,
        scale: Scale {
            eighths,
            is_averaged: false,
        },
        orientation: Orientation::NoTransforms,
        pixels: dispatch::decode(bytes, eighths)?,
        opacity: None,
    })
}

fn by_libjpeg(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<Decoded> {
    let end = End::of(bytes)?;
    if let Some(size) = header_size(bytes) {
        limits.check_size(size)?;
    }
    match end {
        End::Marked => or_fatal_message(|| decompress(bytes, limits, shortest)),
        End::Unmarked(end) => without_end(&bytes[..end], limits, shortest),
    }
}

/// The picture in a file that has no mark of its end: some phones leave it out, or write their own data in its place.
///
/// It is whole when its scans bring all that they announce, and when no bit is needed beyond them: then the picture is the
/// same whatever comes behind. All of its pixels are compared, as few of them may not show a difference.
fn without_end(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<Decoded> {
    let truncated = Error::Truncated {
        format: Format::Jpeg,
    };
    if !has_all_coefficients(bytes) {
        return Err(truncated);
    }
    let whole = or_fatal_message(|| decompress(bytes, limits, u32::MAX))?;
    let noise = noise();
    let longer = bytes.chain(&noise[..]);
    match or_fatal_message(|| decompress(longer, limits, u32::MAX)) {
        Ok(longer) if longer.pixels == whole.pixels => {}
        _ => return Err(truncated),
    }
    match eighths(whole.size, shortest) {
        8 => Ok(whole),
        _ => or_fatal_message(|| decompress(bytes, limits, shortest)),
    }
}

/// Bits that look random, between marks of restarts in their order, and the mark of the end.
fn noise() -> Vec<u8> {
    const BETWEEN_RESTARTS: usize = 64;
    let mut state = 1_u32;
    let mut noise = Vec::new();
    for restart in (0xD0..=0xD7).cycle().take(64) {
        for _ in 0..BETWEEN_RESTARTS {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.push((state >> 24) as u8 & 0x7F);
        }
        noise.extend([0xFF, restart]);
    }
    noise.extend([0xFF, END_OF_IMAGE]);
    noise
}

/// Whether the scans that are announced bring every coefficient of every channel, to its last bit.
fn has_all_coefficients(bytes: &[u8]) -> bool {
    const COEFFICIENTS: usize = 64;
    let Some((channels, _)) = frame(bytes)
        .and_then(|content| content.get(6..))
        .map(<[u8]>::as_chunks::<3>)
    else {
        return false;
    };
    let is_progressive = is_progressive(bytes);
    let mut missing: HashMap<u8, [bool; COEFFICIENTS]> = channels
        .iter()
        .map(|&[name, ..]| (name, [true; COEFFICIENTS]))
        .collect();
    for (_, scan) in Segments(bytes).filter(|&(marker, _)| marker == START_OF_SCAN) {
        let Some((&count, rest)) = scan.split_first() else {
            continue;
        };
        let (channels, rest) = rest.split_at(rest.len().min(2 * usize::from(count)));
        let (range, is_last) = match *rest {
            [first, last, bits, ..] if is_progressive => {
                (usize::from(first)..usize::from(last) + 1, bits & 15 == 0)
            }
            _ => (0..COEFFICIENTS, true),
        };
        for &[name, _] in channels.as_chunks::<2>().0 {
            let missing = missing
                .get_mut(&name)
                .and_then(|missing| missing.get_mut(range.clone()));
            if is_last && let Some(missing) = missing {
                missing.fill(false);
            }
        }
    }
    !missing.is_empty() && missing.values().flatten().all(|missing| !missing)
}

fn decompress(bytes: impl BufRead, limits: &Limits, shortest: u32) -> Result<Decoded> {
    let failed = |error| damaged(Format::Jpeg, error);
    let mut decoder = Decompress::new_reader(bytes).map_err(failed)?;
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
        scale: Scale {
            eighths,
            is_averaged: AVERAGED.contains(&eighths),
        },
        orientation: Orientation::NoTransforms,
        pixels: to_rgb(samples, layout),
        opacity: None,
    })
}

/// The memory that decoding takes.
pub(super) fn cost(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<u64> {
    let size = header_size(bytes).ok_or(Error::Truncated {
        format: Format::Jpeg,
    })?;
    limits.check_size(size)?;
    let scale = Scale {
        eighths: eighths(size, shortest),
        ..Scale::WHOLE
    };
    let reduced = Size {
        width: scale.of(size.width),
        height: scale.of(size.height),
    };
    let channels = Channel::all(bytes);
    // Where the end has no mark, the whole is decoded, twice.
    let (decoded, copies) = match End::of(bytes)? {
        End::Marked => (reduced, 1),
        End::Unmarked(_) => (size, 2),
    };
    // Where a channel comes in several scans, all coefficients wait for the last: 16 bits each.
    let coefficients = if has_several_scans(bytes, channels.len()) {
        2 * samples(size, &channels)
    } else {
        0
    };
    // What our decoder has of its own, before there is a copy: all samples, or those of a row of MCUs, as numbers first.
    let own = match scale.eighths {
        8 => samples(size, &channels),
        eighths => 48 * u64::from(eighths) * (u64::from(reduced.width) + 64),
    };
    let count = channels.len() as u64;
    let copied = decoded.pixels() * copies * copy(count);
    Ok(coefficients + decoded.pixels() * count + copied.max(own))
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
        || is_progressive(bytes)
}

fn is_progressive(bytes: &[u8]) -> bool {
    Segments::before_scans(bytes).any(|(marker, _)| PROGRESSIVE.contains(&marker))
}

/// The fewest eighths of a picture of `size` that have `shortest` pixels on the shorter side.
fn eighths(size: Size, shortest: u32) -> u8 {
    let side = size.width.min(size.height);
    let is_enough = |&eighths: &u8| {
        let scale = Scale {
            eighths,
            ..Scale::WHOLE
        };
        scale.of(side) >= shortest
    };
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
    let is_unsupported = ["Unsupported", "not implemented", "Maximum supported"]
        .iter()
        .any(|words| message.contains(words));
    if is_unsupported {
        Error::unsupported(format)
    } else {
        Error::Damaged {
            format,
            cause: message.into(),
        }
    }
}

/// How a file ends.
enum End {
    /// By its mark.
    Marked,
    /// There, where the last scan's data end, without a mark.
    Unmarked(usize),
}

impl End {
    /// Refuses a picture of no scans, and one of too many.
    fn of(bytes: &[u8]) -> Result<End> {
        const MARKER: usize = 2;
        let mut scans = 0;
        let mut last = bytes;
        let mut segments = Segments(bytes);
        while let Some((marker, _)) = segments.next() {
            match marker {
                END_OF_IMAGE => return Ok(End::Marked),
                START_OF_SCAN if scans == MOST_SCANS => {
                    return Err(Error::Unsupported {
                        format: Format::Jpeg,
                        kind: format!("JPEG of more than {MOST_SCANS} scans").into(),
                    });
                }
                START_OF_SCAN => {
                    scans += 1;
                    last = segments.0;
                }
                _ => {}
            }
        }
        let behind = next_marker(last).map_or(0, |(_, behind)| behind.len() + MARKER);
        match scans {
            0 => Err(Error::Truncated {
                format: Format::Jpeg,
            }),
            _ => Ok(End::Unmarked(bytes.len() - behind)),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const NO_END: &[u8] = include_bytes!("../../../tests/fixtures/cases/jpg_no_eoi.jpg");

    /// The last bits may be of frequencies that a reduced copy does without.
    #[test]
    fn a_scan_that_is_cut_off_is_refused_at_every_scale() {
        let limits = Limits::default();
        let side = |size: Size| size.width.min(size.height);
        let side = header_size(NO_END).map(side).unwrap();
        let mut refused = 0;
        for end in NO_END.len() - 40..=NO_END.len() {
            let whole = decode(&NO_END[..end], &limits, u32::MAX).is_ok();
            refused += usize::from(!whole);
            for shortest in SCALES.map(|eighths| side * u32::from(eighths) / 8) {
                let reduced = decode(&NO_END[..end], &limits, shortest).is_ok();
                assert_eq!(reduced, whole, "{end} bytes, {shortest} pixels");
            }
        }
        assert!((1..=40).contains(&refused), "{refused}");
    }

    #[test]
    fn without_a_mark_of_its_end_a_picture_is_decoded_whole() {
        let limits = Limits::default();
        let size = header_size(NO_END).unwrap();
        let marked = [NO_END, &[0xFF, END_OF_IMAGE]].concat();
        assert!(cost(&marked, &limits, 1).unwrap() < size.pixels());
        // A comment that is longer than the file: the mark in it is none.
        let hidden = [NO_END, &[0xFF, 0xFE, 0xFF, 0x81, 0xFF, END_OF_IMAGE]].concat();
        for bytes in [NO_END, &hidden] {
            assert!(cost(bytes, &limits, 1).unwrap() > 6 * size.pixels());
        }
    }
}
