//! PNG, WebP, GIF, BMP and PNM, decoded by the `image` crate.

use std::{borrow::Cow, io::Cursor};

use ::image::{
    DynamicImage, ImageDecoder, ImageError, ImageResult,
    codecs::{
        bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, pnm::PnmDecoder, webp::WebPDecoder,
    },
};

use super::{
    bmp,
    decoded::{Decoded, copy},
    fault::damaged,
    flatten::{Layout, opacity, scale_16, to_rgb},
    gif, orientation, png,
};
use crate::{Error, Format, Limits, Result, Size, scale::Scale, signature::Grid};

pub(super) fn decode(format: Format, bytes: &[u8], limits: &Limits) -> Result<Decoded> {
    let file = Repaired::of(format, bytes)?;
    let (size, (pixels, opacity)) =
        read(format, &file.bytes, limits).map_err(|error| match error {
            Error::Damaged { .. } if !file.had_end => Error::Truncated { format },
            error => error,
        })?;
    Ok(Decoded {
        size,
        scale: Scale::WHOLE,
        orientation: orientation::of(format, bytes),
        pixels,
        opacity,
    })
}

fn read(format: Format, bytes: &[u8], limits: &Limits) -> Result<(Size, Flat)> {
    let failed = |error| from_image_error(format, error, limits);
    let mut decoder = open(format, bytes, limits)?;
    let size = size(&*decoder);
    limits.check_size(size)?;
    decoder.set_limits(decoder_limits(limits)).map_err(failed)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    Ok((size, flatten(format, picture, size)?))
}

/// The memory, in bytes, that decoding takes.
pub(super) fn cost(format: Format, bytes: &[u8], limits: &Limits) -> Result<u64> {
    let file = Repaired::of(format, bytes)?;
    let copied = match file.bytes {
        Cow::Borrowed(_) => 0,
        Cow::Owned(ref copy) => copy.len() as u64,
    };
    let decoder = open(format, &file.bytes, limits)?;
    let colours = decoder.color_type();
    // The decoder's own memory: a canvas and a frame.
    let own = match format {
        Format::Gif | Format::WebP => 8,
        _ => 0,
    };
    let pixel = u64::from(colours.bytes_per_pixel()) + own + copy(colours.channel_count().into());
    let pixels = size(&*decoder).pixels().saturating_mul(pixel);
    Ok(pixels.saturating_add(copied))
}

/// A file, repaired if its decoder needs that.
struct Repaired<'a> {
    bytes: Cow<'a, [u8]>,
    /// Whether the original had its end.
    had_end: bool,
}

impl<'a> Repaired<'a> {
    fn of(format: Format, bytes: &'a [u8]) -> Result<Repaired<'a>> {
        let (bytes, had_end) = match format {
            Format::Png => png::repaired(bytes)?,
            Format::Gif => (gif::repaired(bytes), true),
            Format::Bmp => (bmp::repaired(bytes)?, true),
            _ => (Cow::Borrowed(bytes), true),
        };
        Ok(Repaired { bytes, had_end })
    }
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
        // Set PNG's limits early, because metadata before the pixels may be compressed.
        Format::Png => {
            if let Some(size) = png::size(bytes) {
                limits.check_size(size)?;
            }
            boxed(PngDecoder::with_limits(reader, decoder_limits(limits)))
        }
        Format::WebP => {
            check_riff_length(bytes)?;
            boxed(WebPDecoder::new(reader))
        }
        Format::Gif => boxed(GifDecoder::new(reader)),
        Format::Bmp => boxed(BmpDecoder::new(reader)),
        Format::Pnm => boxed(PnmDecoder::new(reader)),
        _ => unreachable!("{} is not decoded here", format.name()),
    };
    decoder.map_err(|error| from_image_error(format, error, limits))
}

fn size(decoder: &dyn ImageDecoder) -> Size {
    let (width, height) = decoder.dimensions();
    Size { width, height }
}

/// Checks that the file is as long as its RIFF header says, as libwebp does. The decoder would report a truncated file
/// as another error.
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

/// Pixels and their opacity.
type Flat = (Vec<u8>, Option<Grid>);

fn flatten(format: Format, picture: DynamicImage, size: Size) -> Result<Flat> {
    let (samples, layout) = match picture {
        DynamicImage::ImageLuma8(picture) => (picture.into_raw(), Layout::Grey),
        DynamicImage::ImageLumaA8(picture) => (picture.into_raw(), Layout::GreyAlpha),
        DynamicImage::ImageRgb8(picture) => (picture.into_raw(), Layout::Rgb),
        DynamicImage::ImageRgba8(picture) => {
            let mut samples = picture.into_raw();
            if format == Format::Bmp {
                make_visible(&mut samples);
            }
            (samples, Layout::RgbAlpha)
        }
        DynamicImage::ImageLuma16(picture) => (scaled(&picture), Layout::Grey),
        DynamicImage::ImageLumaA16(picture) => (scaled(&picture), Layout::GreyAlpha),
        DynamicImage::ImageRgb16(picture) => (scaled(&picture), Layout::Rgb),
        DynamicImage::ImageRgba16(picture) => (scaled(&picture), Layout::RgbAlpha),
        other => {
            let bits = other.color().bits_per_pixel();
            return Err(Error::Unsupported {
                format,
                kind: format!("{} with {bits} bits a pixel", format.name()).into(),
            });
        }
    };
    let opacity = opacity(&samples, layout, size);
    Ok((to_rgb(samples, layout), opacity))
}

/// Treats a bitmap with alpha 0 everywhere as opaque, as viewers do: programs without alpha support write zeros.
fn make_visible(samples: &mut [u8]) {
    let (pixels, _) = samples.as_chunks_mut::<4>();
    if pixels.iter().all(|&[.., alpha]| alpha == 0) {
        pixels.iter_mut().for_each(|[.., alpha]| *alpha = 255);
    }
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
        ImageError::Unsupported(_) => Error::unsupported(format),
        // Unwrapped, because an `ImageError` does not list it among its causes.
        ImageError::IoError(error) => damaged(format, error),
        error => damaged(format, error),
    }
}
