//! From bytes of a known format to upright RGB.
//!
//! Each format's module checks the header's size against the limits, decodes, and flattens to
//! eight-bit RGB ([`flatten`]); the turn that EXIF asks for comes last ([`orientation`]).

mod av1;
mod bmp;
mod decoded;
mod fault;
mod flatten;
mod gif;
mod heif;
mod hevc;
mod jpeg;
mod jxl;
mod orientation;
mod png;
mod raster;
pub(crate) mod raw;
mod surplus;
mod tiff;
mod yuv;

use std::path::Path;

pub(crate) use decoded::Decoded;
use fault::guarded;
pub use surplus::holds_more;

use crate::{Error, Format, Limits, Picture, Reduced, Result, read_within};

impl Picture {
    /// The picture in a file's `bytes`.
    ///
    /// - The format is known by the content; see [`Format`].
    /// - EXIF's orientation is applied, or else XMP's. Broken blocks are ignored, and so are both in HEIC and AVIF: these
    ///   have boxes of their own for turning (`irot`, `imir`), and what writes them leaves EXIF's orientation as it was.
    /// - 16-bit and float samples are scaled to eight bits: floats from 0 to 1, or, where some are not, from the file's
    ///   least to its greatest. Alpha is composited over white, palettes and ink (CMYK, YCCK) become RGB. Colour profiles
    ///   are ignored, but JPEG XL that describes its colours in numbers becomes sRGB.
    /// - Of an animation or a file of several pictures, the first is read; a GIF's or WebP's first
    ///   frame on its canvas.
    /// - A file that ends too early is an error ([`Error::Truncated`]), as in Pillow, even where
    ///   the top of the picture could be had. Where all pixels are there, the format's mark of the end may be missing. Bits
    ///   that changed on the way may go unnoticed.
    ///
    /// # Errors
    ///
    /// Any but those of files and parsing. No input makes this panic, wait, or take memory beyond
    /// what `limits` imply.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture> {
        Picture::decode_reduced(bytes, limits, u32::MAX).map(|whole| whole.picture)
    }

    /// The picture in a file's `bytes`, made smaller where that saves work, but with at least
    /// `shortest` pixels on its shorter side. See [`Reduced`].
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Picture::decode). The limit on pixels is for the whole picture, though
    /// less memory is taken for a reduced one.
    pub fn decode_reduced(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<Reduced> {
        decode(bytes, limits, shortest)
    }

    /// The picture in the file at `path`: [`read_within`], then [`decode`](Picture::decode).
    ///
    /// # Errors
    ///
    /// Those of both.
    pub fn open(path: &Path, limits: &Limits) -> Result<Picture> {
        Picture::decode(&read_within(path, limits)?, limits)
    }
}

/// With at least `shortest` pixels on the shorter side, where the file has as many.
fn decode(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<Reduced> {
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    limits.check_bytes(bytes.len() as u64)?;
    let format = Format::of(bytes).ok_or(Error::NotAPicture)?;
    guarded(format, || {
        match format {
            Format::Jpeg => jpeg::decode(bytes, limits, shortest),
            Format::Tiff => tiff::decode(bytes, limits),
            Format::Raw => raw::decode(bytes, limits, shortest),
            Format::Avif | Format::Heif => heif::decode(format, bytes, limits),
            Format::Jxl => jxl::decode(bytes, limits),
            Format::Png | Format::WebP | Format::Gif | Format::Bmp | Format::Pnm => {
                raster::decode(format, bytes, limits)
            }
        }?
        .upright()
    })
}

/// The picture in `bytes` of a format that is decoded in processes apart, which this is one of.
pub(crate) fn here(format: Format, bytes: &[u8], limits: &Limits) -> Result<Decoded> {
    match format {
        Format::Jxl => jxl::decode_here(bytes, limits),
        _ => heif::decode_here(format, bytes, limits),
    }
}

/// The most memory that decoding a picture with at least `shortest` pixels on the shorter side
/// takes, in bytes, its result included and the file's `bytes` not. Reads the headers, and how a JPEG ends.
///
/// For bounding what is decoded at once. 0 for what is refused before it takes memory, for its size
/// or because it is no picture.
pub fn decoding_cost(bytes: &[u8], limits: &Limits, shortest: u32) -> u64 {
    let Some(format) = Format::of(bytes) else {
        return 0;
    };
    let cost = guarded(format, || match format {
        Format::Jpeg => jpeg::cost(bytes, limits, shortest),
        Format::Tiff => tiff::cost(bytes, limits),
        Format::Raw => raw::cost(bytes, limits, shortest),
        Format::Avif | Format::Heif => heif::cost(format, bytes),
        Format::Jxl => jxl::cost(bytes),
        Format::Png | Format::WebP | Format::Gif | Format::Bmp | Format::Pnm => {
            raster::cost(format, bytes, limits)
        }
    });
    cost.unwrap_or(0)
}

/// What `read` gives, or nothing where it panics: for what is worth no error.
pub(crate) fn or_default<T: Default>(format: Format, read: impl FnOnce() -> T) -> T {
    guarded(format, || Ok(read())).unwrap_or_default()
}
