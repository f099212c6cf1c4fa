//! PNG, WebP, GIF and BMP, through the decoders of the `image` crate.

use std::io::Cursor;

use ::image::{
    DynamicImage, ImageDecoder, ImageError, ImageResult,
    codecs::{bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, webp::WebPDecoder},
    metadata::Orientation,
};

use super::{
    decoded::{Decoded, copy},
    fault::damaged,
    flatten::{Layout, scale_16, to_rgb},
    orientation,
};
use crate::{Error, Format, Limits, Result, Size};

pub(super) fn decode(format: Format, bytes: &[u8], limits: &Limits) -> Result<Decoded> {
    let failed = |error| from_image_error(format, error, limits);
    let mut decoder = open(format, bytes, limits)?;
    let size = size(&*decoder);
    limits.check_size(size)?;
    decoder.set_limits(decoder_limits(limits)).map_err(failed)?;
    let orientation = match decoder.exif_metadata() {
        Ok(Some(block)) => orientation::from_exif(&block),
        Ok(None) | Err(_) => Orientation::NoTransforms,
    };
    let picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    let pixels = flatten(format, picture)?;
    Ok(Decoded {
        size,
        eighths: 8,
        orientation,
        pixels,
    })
}

/// The memory that decoding takes.
pub(super) fn cost(format: Format, bytes: &[u8], limits: &Limits) -> Result<u64> {
    let decoder = open(format, bytes, limits)?;
    let colours = decoder.color_type();
    // What the decoder has of its own: a canvas and a frame.
    let own = match format {
        Format::Gif | Format::WebP => 8,
        _ => 0,
    };
    let pixel = u64::from(colours.bytes_per_pixel()) + own + copy(colours.channel_count().into());
    Ok(size(&*decoder).pixels().saturating_mul(pixel))
}

/// The block of EXIF.
pub(super) fn exif(format: Format, bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let block = open(format, bytes, limits).ok()?.exif_metadata().ok()??;
    Some(match block.strip_prefix(b"Exif\0\0") {
        Some(block) => block.to_vec(),
        None => block,
    })
}

fn open<'a>(
    format: Format,
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<Box<dyn ImageDecoder + 'a>> {
    fn boxed<'a>(
        decoder: ImageResult<impl ImageDecoder + 'a>,
    ) -> ImageResult<Box<dyn ImageDecoder + 'a>> {
        decoder.map(|decoder| Box::new(decoder) as Box<dyn ImageDecoder + 'a>)
    }
    let reader = Cursor::new(bytes);
    let decoder = match format {
        // PNG takes its limits early, since metadata before the pixels can be compressed.
        Format::Png => boxed(PngDecoder::with_limits(reader, decoder_limits(limits))),
        Format::WebP => {
            check_riff_length(bytes)?;
            boxed(WebPDecoder::new(reader))
        }
        Format::Gif => boxed(GifDecoder::new(reader)),
        Format::Bmp => boxed(BmpDecoder::new(reader)),
        _ => unreachable!("{} is not decoded here", format.name()),
    };
    decoder.map_err(|error| from_image_error(format, error, limits))
}

fn size(decoder: &dyn ImageDecoder) -> Size {
    let (width, height) = decoder.dimensions();
    Size { width, height }
}

/// Whether all the bytes are there that the second word of a RIFF file counts, as libwebp demands.
/// The decoder would call what is cut off by other names.
fn check_riff_length(bytes: &[u8]) -> Result<()> {
    const NAME_AND_LENGTH: u64 = 8;
    let length = bytes
        .get(4..)
        .and_then(|bytes| bytes.first_chunk())
        .copied();
    let length = u64::from(u32::from_le_bytes(length.unwrap_or_default()));
    if (bytes.len() as u64) < NAME_AND_LENGTH + length {
        return Err(Error::Truncated {
            format: Format::WebP,
        });
    }
    Ok(())
}

fn decoder_limits(limits: &Limits) -> ::image::Limits {
    let mut decoder_limits = ::image::Limits::no_limits();
    decoder_limits.max_alloc = Some(limits.allocation());
    decoder_limits
}

fn flatten(format: Format, picture: DynamicImage) -> Result<Vec<u8>> {
    let (samples, layout) = match picture {
        DynamicImage::ImageLuma8(picture) => (picture.into_raw(), Layout::Grey),
        DynamicImage::ImageLumaA8(picture) => (picture.into_raw(), Layout::GreyAlpha),
        DynamicImage::ImageRgb8(picture) => (picture.into_raw(), Layout::Rgb),
        DynamicImage::ImageRgba8(picture) => (picture.into_raw(), Layout::RgbAlpha),
        DynamicImage::ImageLuma16(picture) => (scaled(&picture), Layout::Grey),
        DynamicImage::ImageLumaA16(picture) => (scaled(&picture), Layout::GreyAlpha),
        DynamicImage::ImageRgb16(picture) => (scaled(&picture), Layout::Rgb),
        DynamicImage::ImageRgba16(picture) => (scaled(&picture), Layout::RgbAlpha),
        other => {
            let kind = format!("samples of type {:?}", other.color());
            return Err(Error::Unsupported {
                format,
                source: kind.into(),
            });
        }
    };
    Ok(to_rgb(samples, layout))
}

fn scaled(samples: &[u16]) -> Vec<u8> {
    samples.iter().copied().map(scale_16).collect()
}

fn from_image_error(format: Format, error: ImageError, limits: &Limits) -> Error {
    match error {
        ImageError::Limits(_) => Error::TooMuchMemory {
            format,
            limit: limits.allocation(),
        },
        ImageError::Unsupported(error) => Error::Unsupported {
            format,
            source: error.into(),
        },
        // Taken out, since as an `ImageError` it would not be among its own causes.
        ImageError::IoError(error) => damaged(format, error),
        error => damaged(format, error),
    }
}
