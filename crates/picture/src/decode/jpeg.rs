//! JPEG.

use ::image::metadata::Orientation;
use zune_jpeg::{
    JpegDecoder,
    errors::DecodeErrors,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

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
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    decoder.decode_headers().map_err(from_jpeg_error)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    // JPEG's width and height are 16-bit numbers.
    let size = Size {
        width: width as u32,
        height: height as u32,
    };
    limits.check_size(size)?;

    // Ink is taken for inverted, as Adobe stores it, with or without Adobe's mark; so does Pillow.
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (colours, layout) = if grey {
        (ColorSpace::Luma, Layout::Grey)
    } else {
        (ColorSpace::RGB, Layout::Rgb)
    };
    decoder.set_options(options().jpeg_set_out_colorspace(colours));
    let orientation = decoder.exif().map_or(Orientation::NoTransforms, |block| {
        orientation::from_exif(block)
    });
    let mut samples = vec![0; width * height * layout.channels()];
    decoder.decode_into(&mut samples).map_err(from_jpeg_error)?;
    Ok(Decoded {
        size,
        orientation,
        pixels: to_rgb(samples, layout),
    })
}

fn options() -> DecoderOptions {
    DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
}

fn from_jpeg_error(error: DecodeErrors) -> Error {
    let format = Format::Jpeg;
    match error {
        DecodeErrors::ExhaustedData => Error::Truncated { format },
        DecodeErrors::Unsupported(_) => Error::Unsupported {
            format,
            source: error.into(),
        },
        error => damaged(format, error),
    }
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

/// The segments of a file: each one's marker and what follows its length, to the end of the file.
struct Segments<'a>(&'a [u8]);

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (marker, after) = next_marker(self.0)?;
        let has_content = !matches!(marker, TEMPORARY | START_OF_IMAGE | END_OF_IMAGE);
        let (content, rest) = match after {
            &[high, low, ref content @ ..] if has_content => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                (content, after.get(length..).unwrap_or_default())
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
