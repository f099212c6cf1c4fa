//! Decodes bytes of a known format to upright RGB.
//!
//! Each format's module checks the header's size against the limits, decodes, and flattens to eight-bit RGB
//! ([`flatten`]). EXIF's orientation is applied last ([`orientation`]).

mod av1;
mod bmp;
mod decoded;
mod extra_content;
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
mod tiff;
mod yuv;

use std::path::Path;

pub(crate) use decoded::Decoded;
pub use extra_content::holds_more;
use fault::guarded;

use crate::{Error, Format, Limits, Picture, Reduced, Result, read_within};

impl Picture {
    /// Decodes a file's `bytes`.
    ///
    /// - The content determines the format; see [`Format`].
    /// - EXIF's orientation is applied, or else XMP's. Broken metadata is ignored. HEIC and AVIF rotate by their own
    ///   boxes (`irot`, `imir`) instead, because their encoders leave EXIF's orientation unchanged.
    /// - 16-bit and float samples are scaled to eight bits. Floats range from 0 to 1, or from the file's least to its
    ///   greatest if some lie outside. Alpha is composited over white; palettes, CMYK and YCCK become RGB. Colour
    ///   profiles are ignored, except that JPEG XL's numeric colour spaces become sRGB.
    /// - Of an animation or a file with several pictures, only the first is decoded; for GIF and WebP, it is the first
    ///   frame on its canvas.
    /// - A truncated file is an error ([`Error::Truncated`]), as in Pillow, even if the top of the picture could be
    ///   decoded. If all pixels are present, the end marker may be missing. Flipped bits may go unnoticed.
    ///
    /// # Errors
    ///
    /// All but those of files and parsing. No input makes this panic, block, or take more memory than `limits` imply.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture> {
        Picture::decode_reduced(bytes, limits, u32::MAX).map(|whole| whole.picture)
    }

    /// Decodes a file's `bytes` at a reduced size if that saves work, with at least `shortest` pixels on the shorter
    /// side. See [`Reduced`].
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Picture::decode). The limit on pixels applies to the whole picture, although a reduced one
    /// takes less memory.
    pub fn decode_reduced(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<Reduced> {
        decode(bytes, limits, shortest)
    }

    /// Reads the file at `path` with [`read_within`] and [decodes](Picture::decode) it.
    ///
    /// # Errors
    ///
    /// Those of both.
    pub fn open(path: &Path, limits: &Limits) -> Result<Picture> {
        Picture::decode(&read_within(path, limits)?, limits)
    }
}

/// Decodes with at least `shortest` pixels on the shorter side, if the file has as many.
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

/// Decodes a format that needs a child process, in that process.
pub(crate) fn here(format: Format, bytes: &[u8], limits: &Limits) -> Result<Decoded> {
    match format {
        Format::Jxl => jxl::decode_here(bytes, limits),
        _ => heif::decode_here(format, bytes, limits),
    }
}

/// The peak memory, in bytes, to decode a picture with at least `shortest` pixels on the shorter side. It includes the
/// result but not the file's `bytes`. Reads only the headers, and how a JPEG ends.
///
/// Use it to bound how much is decoded at once. 0 for a file that is rejected before decoding.
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

/// The result of `read`, or the default if it panics; for metadata, which is not worth an error.
pub(crate) fn or_default<T: Default>(format: Format, read: impl FnOnce() -> T) -> T {
    guarded(format, || Ok(read())).unwrap_or_default()
}
