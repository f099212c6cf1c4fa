//! From bytes of a known format to upright RGB.
//!
//! Each format's module checks the header's size against the limits, decodes, and flattens to
//! eight-bit RGB ([`flatten`]); the turn that EXIF asks for comes last ([`orientation`]).

mod flatten;
mod jpeg;
mod orientation;
mod raster;
mod tiff;

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use ::image::metadata::Orientation;

use crate::{Error, Format, Limits, Picture, Result, Size};

/// A picture as it lies in its file: RGB, not yet upright.
struct Decoded {
    size: Size,
    orientation: Orientation,
    pixels: Vec<u8>,
}

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture> {
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    limits.check_bytes(bytes.len() as u64)?;
    let format = Format::of(bytes).ok_or(Error::NotAPicture)?;
    guarded(format, || {
        let decoded = match format {
            Format::Jpeg => jpeg::decode(bytes, limits),
            Format::Tiff => tiff::decode(bytes, limits),
            Format::Png | Format::WebP | Format::Gif | Format::Bmp => {
                raster::decode(format, bytes, limits)
            }
        }?;
        let (size, pixels) =
            orientation::upright(decoded.size, decoded.pixels, decoded.orientation);
        Picture::from_rgb(size.width, size.height, pixels)
    })
}

/// Runs a decoder so that a panic inside it is an error.
///
/// The decoders are other people's code that indexes and does arithmetic on hostile numbers. They
/// are fuzzed and mean never to panic, but new panics are found in them every year, and one file
/// must not take down the indexing of a million. This is the last line of defence, not the first:
/// the panic hook still reports where it happened. A panic leaves nothing half-changed behind,
/// since all that the closure can write to is dropped with it.
fn guarded(format: Format, decode: impl FnOnce() -> Result<Picture>) -> Result<Picture> {
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
        let Err(error) = guarded(Format::Gif, || panic!("index out of {}", "bounds")) else {
            panic!("expected an error");
        };
        assert_eq!(error.reason(), "damaged");
        assert_eq!(
            error.to_string(),
            "the GIF decoder gave up on a damaged file: index out of bounds"
        );
    }
}
