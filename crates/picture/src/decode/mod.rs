//! From bytes of a known format to upright RGB.
//!
//! Each format's module checks the header's size against the limits, decodes, and flattens to
//! eight-bit RGB ([`flatten`]); the turn that EXIF asks for comes last ([`orientation`]).

#[cfg(feature = "avif")]
mod av1;
mod flatten;
mod heif;
mod hevc;
mod jpeg;
mod orientation;
mod raster;
pub(crate) mod raw;
mod surplus;
mod tiff;
mod yuv;

use std::{
    any::Any,
    borrow::Cow,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use ::image::metadata::Orientation;

use crate::{Error, Format, Limits, Picture, Reduced, Result, Size};

pub use surplus::holds_more;

/// A picture as it lies in its file: RGB, not yet upright.
struct Decoded {
    /// The size of the whole picture.
    size: Size,
    /// How many eighths of its width and of its height the pixels are, rounded up.
    eighths: u8,
    orientation: Orientation,
    pixels: Vec<u8>,
}

impl Decoded {
    fn upright(self) -> Result<Reduced> {
        let reduced = Size {
            width: in_eighths(self.size.width, self.eighths),
            height: in_eighths(self.size.height, self.eighths),
        };
        let (reduced, pixels) = orientation::upright(reduced, self.pixels, self.orientation);
        Ok(Reduced {
            picture: Picture::from_rgb(reduced.width, reduced.height, pixels)?,
            size: orientation::upright_size(self.size, self.orientation),
            eighths: self.eighths,
            mirrored: orientation::mirrored(self.orientation),
        })
    }
}

/// So many eighths of a side, rounded up.
fn in_eighths(side: u32, eighths: u8) -> u32 {
    let side = u64::from(side) * u64::from(eighths);
    // No more than the side.
    side.div_ceil(8) as u32
}

/// The bytes of a copy of a pixel of so many channels, of which one at a time is made: in eight
/// bits, in RGB, or upright.
fn copy(channels: u64) -> u64 {
    channels.max(3)
}

/// With at least `shortest` pixels on the shorter side, where the file has as many.
pub(crate) fn decode(bytes: &[u8], limits: &Limits, shortest: u32) -> Result<Reduced> {
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
            Format::Png | Format::WebP | Format::Gif | Format::Bmp => {
                raster::decode(format, bytes, limits)
            }
        }?
        .upright()
    })
}

/// The most memory that decoding a picture with at least `shortest` pixels on the shorter side
/// takes, in bytes, its result included and the file's `bytes` not. Reads the headers alone.
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
        Format::Png | Format::WebP | Format::Gif | Format::Bmp => {
            raster::cost(format, bytes, limits)
        }
    });
    cost.unwrap_or(0)
}

/// The blocks of EXIF, the best first. Several only where a file has them in parts.
pub(crate) fn exif_blocks(bytes: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let Some(format) = Format::of(bytes) else {
        return Vec::new();
    };
    let blocks = guarded(format, || {
        Ok(match format {
            Format::Jpeg => jpeg::exif(bytes).map(Cow::Borrowed).into_iter().collect(),
            Format::Tiff => vec![Cow::Borrowed(bytes)],
            Format::Raw => raw::exif_blocks(bytes),
            Format::Avif | Format::Heif => heif::exif(format, bytes).into_iter().collect(),
            Format::Png | Format::WebP | Format::Gif | Format::Bmp => {
                let block = raster::exif(format, bytes, &Limits::default());
                block.map(Cow::Owned).into_iter().collect()
            }
        })
    });
    blocks.unwrap_or_default()
}

/// Runs a decoder so that a panic inside it is an error.
///
/// The decoders are other people's code that indexes and does arithmetic on hostile numbers. They
/// are fuzzed and mean never to panic, but new panics are found in them every year, and one file
/// must not take down the indexing of a million. This is the last line of defence, not the first:
/// the panic hook still reports where it happened. A panic leaves nothing half-changed behind,
/// since all that the closure can write to is dropped with it.
fn guarded<T>(format: Format, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        Err(Error::DecoderFailed {
            format,
            message: panic_message(&*panic),
        })
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(message) = panic.downcast_ref::<&str>() {
        return (*message).to_owned();
    }
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| "no message".to_owned())
}

/// The error for what a decoder of `format` reported: truncated when it ran out of bytes.
fn damaged(format: Format, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    if is_out_of_bytes(&cause) {
        return Error::Truncated { format };
    }
    Error::Damaged {
        format,
        source: cause.into(),
    }
}

/// Whether the end of the file is among the causes of `error`.
fn is_out_of_bytes(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(gif::DecodingError::UnexpectedEof) = error.downcast_ref() {
            return true;
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                return true;
            }
            // An `io::Error` leaves itself out of its chain of sources: the error it wraps comes
            // from `get_ref`.
            if let Some(inner) = error.get_ref() {
                return is_out_of_bytes(inner);
            }
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_decoder_is_an_error() {
        let Err(error) = guarded::<()>(Format::Gif, || panic!("index out of {}", "bounds")) else {
            panic!("expected an error");
        };
        assert_eq!(error.reason(), "damaged");
        assert_eq!(
            error.to_string(),
            "the GIF decoder gave up on a damaged file: index out of bounds"
        );
    }
}
