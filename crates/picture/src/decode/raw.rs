//! Camera raw files, decoded by their embedded JPEG preview.
//!
//! Sensor data is not developed: every camera embeds its own rendering, in many models at full size. Makers store it
//! in different ways, but always as JPEG. So this module looks at every JPEG in the file and takes the largest. It
//! skips lossless JPEG, with which some makers compress sensor data.

use std::{borrow::Cow, collections::HashSet};

use ::image::metadata::Orientation;

use super::{decoded::Decoded, jpeg, orientation};
use crate::{
    Error, Format, Limits, Result,
    container::directory::Directories,
    metadata::Blocks,
    raw_file::{directories, is_of_sensor},
};

/// How many previews to try, from the largest.
const MOST_TRIED: usize = 4;

/// More strips or tiles than a file needs. Each may be a JPEG.
const MOST_STRIPS: usize = 1 << 16;

// Tags of TIFF, TIFF/EP and DNG.
const STRIP_OFFSETS: u16 = 273;
const TILE_OFFSETS: u16 = 324;
/// The tag `JPEGInterchangeFormat`.
const JPEG_OFFSET: u16 = 513;

pub(super) fn decode(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<Decoded> {
    let mut failure = None;
    for preview in previews(bytes).into_iter().take(MOST_TRIED) {
        let preview = &bytes[preview.place..];
        match jpeg::decode(preview, limits, shortest) {
            Ok(decoded) => {
                let orientation =
                    orientation::find(Format::Jpeg, preview).or_else(|| orientation(bytes));
                return Ok(Decoded {
                    orientation: orientation.unwrap_or(Orientation::NoTransforms),
                    ..decoded
                });
            }
            // The file is truncated: a smaller preview would hide that the download must be repeated.
            Err(error @ Error::Truncated { .. }) => return Err(of_preview(error)),
            Err(error) => failure = failure.or(Some(of_preview(error))),
        }
    }
    Err(failure.unwrap_or_else(|| without_preview(bytes)))
}

/// The error for a file without a usable preview.
fn without_preview(bytes: &[u8]) -> Error {
    let format = Format::Raw;
    let directories = directories(bytes);
    if directories.is_empty() && Directories::new(bytes).is_some() {
        // The first directory lies beyond the end.
        return Error::Truncated { format };
    }
    let mut places = directories.iter().flat_map(|directory| {
        let tags = [JPEG_OFFSET, STRIP_OFFSETS, TILE_OFFSETS];
        tags.into_iter().filter_map(|tag| directory.number(tag))
    });
    let is_cut_off = |place: u32| match bytes.get(place as usize..) {
        None | Some([]) => true,
        // A JPEG that ends before its size.
        Some(there) => there.starts_with(&[0xFF, 0xD8]) && jpeg::header_size(there).is_none(),
    };
    let is_tiff = Directories::new(bytes).is_some();
    if is_tiff && directories.is_empty() || places.any(is_cut_off) {
        return Error::Truncated { format };
    }
    Error::Unsupported {
        format,
        kind: "camera raw without a JPEG preview".into(),
    }
}

/// The memory, in bytes, that decoding takes.
pub(super) fn cost(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<u64> {
    let previews = previews(bytes).into_iter().take(MOST_TRIED);
    let costs = previews.map(|preview| jpeg::cost(&bytes[preview.place..], limits, shortest));
    Ok(costs.filter_map(Result::ok).max().unwrap_or(0))
}

/// The blocks that may hold EXIF: the file's own directories, Canon's boxes, the previews.
pub(crate) fn exif_blocks(bytes: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let own = Directories::new(bytes).map(|_| bytes).into_iter();
    let previews = previews(bytes);
    let of_previews = previews
        .iter()
        .take(MOST_TRIED)
        .flat_map(|preview| Blocks::of(Format::Jpeg, &bytes[preview.place..]).exif);
    let own = own.chain(canon_blocks(bytes)).map(Cow::Borrowed);
    own.chain(of_previews).collect()
}

/// A JPEG in a raw file.
struct Preview {
    place: usize,
    pixels: u64,
}

/// Possible previews, from the largest.
fn previews(bytes: &[u8]) -> Vec<Preview> {
    let sensor = sensor_places(bytes);
    let mut previews: Vec<Preview> = jpeg::places(bytes)
        .filter(|(place, _)| !sensor.contains(place))
        .map(|(place, size)| Preview {
            place,
            pixels: size.pixels(),
        })
        .collect();
    previews.sort_by_key(|preview| std::cmp::Reverse(preview.pixels));
    previews
}

/// The offsets of sensor data's strips and tiles, which may be JPEG too.
fn sensor_places(bytes: &[u8]) -> HashSet<usize> {
    let directories = directories(bytes);
    let of_sensor = directories
        .iter()
        .filter(|directory| is_of_sensor(directory));
    let places = of_sensor.flat_map(|directory| {
        let strips = directory.numbers(STRIP_OFFSETS);
        strips.chain(directory.numbers(TILE_OFFSETS))
    });
    places
        .take(MOST_STRIPS)
        .map(|place| place as usize)
        .collect()
}

/// The orientation of the raw file.
fn orientation(bytes: &[u8]) -> Option<Orientation> {
    orientation::in_block(bytes).or_else(|| canon_blocks(bytes).find_map(orientation::in_block))
}

/// The boxes of Canon's CR3 that hold EXIF directories: `CMT1` (the first), `CMT2` (the photograph) and `CMT4` (the
/// position). They come early in the file.
fn canon_blocks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const REACH: usize = 1 << 16;
    let is_canon = bytes.get(4..8) == Some(b"ftyp");
    let start = if is_canon {
        &bytes[..bytes.len().min(REACH)]
    } else {
        &[]
    };
    let names = start.windows(4).enumerate().filter(|(_, name)| {
        [b"CMT1", b"CMT2", b"CMT4"]
            .iter()
            .any(|box_name| name == box_name)
    });
    names.map(|(place, _)| &bytes[place + 4..])
}

/// Converts an error about the preview to one about the raw file.
fn of_preview(error: Error) -> Error {
    let format = Format::Raw;
    match error {
        Error::Truncated { .. } => Error::Truncated { format },
        Error::Damaged { cause, .. } => Error::Damaged { format, cause },
        Error::Unsupported { kind, .. } => Error::Unsupported { format, kind },
        other => other,
    }
}
