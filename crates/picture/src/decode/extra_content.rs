//! Finds out whether a file holds more than the picture that is decoded.

use std::io::Cursor;

use ::image::codecs::webp::WebPDecoder;
use ::tiff::decoder::Decoder;

use super::{fault::guarded, gif};
use crate::{
    Format,
    container::{
        directory::Directories,
        jpeg::{APPLICATION_2, END_OF_IMAGE, START_OF_IMAGE, START_OF_SCAN, Segments},
        png,
    },
};

/// Whether a file holds more than the picture that [`Picture::decode`](crate::Picture::decode) returns: sensor data,
/// further frames or pages, a second picture or a video after a JPEG, or depth and gain maps, as in phones' HEIC.
///
/// Also `true` for unreadable files, because their content is unknown.
pub fn holds_more(bytes: &[u8]) -> bool {
    let Some(format) = Format::of(bytes) else {
        return true;
    };
    guarded(format, || {
        let reader = Cursor::new(bytes);
        let has_chunk = |kind| png::chunks(bytes).any(|chunk| chunk.kind == kind);
        Ok(match format {
            Format::Bmp | Format::Pnm => false,
            Format::Jpeg => lists_pictures(bytes) || has_film_or_picture(bytes),
            Format::Png => has_chunk(b"acTL") || !has_chunk(b"IDAT"),
            Format::WebP => WebPDecoder::new(reader).map_or(true, |it| it.has_animation()),
            Format::Gif => gif::has_frames(bytes),
            Format::Tiff => Decoder::new(reader).map_or(true, |it| it.more_images()),
            Format::Raw | Format::Avif | Format::Heif | Format::Jxl => true,
        })
    })
    .unwrap_or(true)
}

/// Whether the index of CIPA's Multi-Picture Format lists pictures other than the first and its previews.
fn lists_pictures(bytes: &[u8]) -> bool {
    entries(bytes).is_some_and(|entries| entries.skip(1).any(|kind| !is_preview(kind)))
}

/// The types of the pictures in that index.
fn entries(bytes: &[u8]) -> Option<impl Iterator<Item = u32>> {
    const ENTRIES: u16 = 0xB002;
    const KIND: u32 = 0xFF_FFFF;
    let mut segments = Segments::before_scans(bytes);
    let list = segments.find_map(|(marker, content)| match marker {
        APPLICATION_2 => content.strip_prefix(b"MPF\0"),
        _ => None,
    })?;
    let directories = Directories::new(list)?;
    let (entries, _) = directories.first()?.bytes(ENTRIES)?.as_chunks::<16>();
    Some(
        entries
            .iter()
            .filter_map(move |entry| Some(directories.long(entry)? & KIND)),
    )
}

/// Large thumbnails, in two sizes.
fn is_preview(kind: u32) -> bool {
    matches!(kind, 0x01_0001 | 0x01_0002)
}

/// Whether a JPEG or a video follows the picture.
fn has_film_or_picture(bytes: &[u8]) -> bool {
    let mut segments = Segments(bytes);
    let mut behind = bytes;
    while let Some((marker, _)) = segments.next() {
        if matches!(marker, START_OF_SCAN | END_OF_IMAGE) {
            behind = segments.0;
        }
        if marker == END_OF_IMAGE {
            break;
        }
    }
    // The first box of a video is short, so its length begins with three zeros.
    let is_film = |start: &[u8]| matches!(start, [0, 0, 0, _, b'f', b't', b'y', b'p']);
    let is_picture = |start: &[u8]| start.starts_with(&[0xFF, START_OF_IMAGE, 0xFF]);
    // Previews in the index also follow the picture.
    let has_previews = entries(bytes).is_some();
    behind
        .windows(8)
        .any(|start| is_film(start) || !has_previews && is_picture(start))
}
