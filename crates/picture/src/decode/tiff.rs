//! TIFF.
//!
//! The `tiff` crate is used directly: through `image` it gives neither palettes, nor grey with
//! alpha, nor grey floats, nor YCbCr. It refuses palettes and subsampled YCbCr itself, because it
//! does not convert colours. We do, so for those it is given a copy of the file in which the
//! samples are called grey or RGB ([`Colours`]).

use std::{borrow::Cow, io::Cursor};

use ::image::metadata::Orientation;
use ::tiff::{
    ColorType, TiffError, TiffResult,
    decoder::{Decoder, DecodingResult},
    tags::{CompressionMethod, PhotometricInterpretation, Tag},
};

use super::{
    decoded::{Decoded, copy},
    fault::damaged,
    flatten::{Layout, scale_16, scale_float, to_rgb},
    jpeg,
};
use crate::{Error, Format, Limits, Result, Size};

/// More than any kind that is read has.
const MOST_CHANNELS: u64 = 5;

type Reader<'a> = Decoder<Cursor<Cow<'a, [u8]>>>;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded> {
    let failed = |error| from_tiff_error(error, limits);
    let mut reader = open(Cow::Borrowed(bytes), limits).map_err(failed)?;
    let (width, height) = reader.dimensions().map_err(failed)?;
    let size = Size { width, height };
    limits.check_size(size)?;
    let orientation = orientation(&mut reader);
    if has_planes_of_tiles(&mut reader) {
        return Err(unsupported("one plane of tiles after another".to_owned()));
    }
    let colours = Colours::of(&mut reader).map_err(failed)?;
    if compression(&mut reader) == Some(CompressionMethod::ModernJPEG) {
        check_jpeg_chunks(&mut reader, bytes, limits)?;
    }
    if let Some(stand_in) = colours.stand_in() {
        reader = open(Cow::Owned(with_photometric(bytes, stand_in)), limits).map_err(failed)?;
    }
    let pixels = match colours {
        Colours::Palette(palette) => read_indexes(&mut reader, size, &palette, limits)?,
        Colours::YCbCr => read_samples(&mut reader, size, Some(Layout::YCbCr), limits)?,
        Colours::Plain => read_samples(&mut reader, size, None, limits)?,
    };
    Ok(Decoded {
        size,
        eighths: 8,
        orientation,
        pixels,
    })
}

/// The memory that decoding takes.
pub(super) fn cost(bytes: &[u8], limits: &Limits) -> Result<u64> {
    let failed = |error| from_tiff_error(error, limits);
    let mut reader = open(Cow::Borrowed(bytes), limits).map_err(failed)?;
    let (width, height) = reader.dimensions().map_err(failed)?;
    let channels = reader.find_tag_unsigned(Tag::SamplesPerPixel);
    let channels = channels
        .map_err(failed)?
        .unwrap_or(1_u64)
        .min(MOST_CHANNELS);
    let bits = reader.find_tag_unsigned_vec(Tag::BitsPerSample);
    let bits = bits.map_err(failed)?.unwrap_or_default();
    let bits = bits.into_iter().max().unwrap_or(1_u64).min(64);
    // A strip, which may be the whole, and the picture.
    let pixel = 2 * channels * bits.div_ceil(8) + copy(channels);
    let pixels = Size { width, height }.pixels().saturating_mul(pixel);
    // A copy of the file in which the samples are called something else.
    Ok(pixels.saturating_add(bytes.len() as u64))
}

fn open<'a>(bytes: Cow<'a, [u8]>, limits: &Limits) -> TiffResult<Reader<'a>> {
    let allocation = usize::try_from(limits.allocation()).unwrap_or(usize::MAX);
    let mut decoder_limits = ::tiff::decoder::Limits::default();
    decoder_limits.decoding_buffer_size = allocation;
    decoder_limits.intermediate_buffer_size = allocation;
    Ok(Decoder::new(Cursor::new(bytes))?.with_limits(decoder_limits))
}

fn orientation(reader: &mut Reader<'_>) -> Orientation {
    let tag = reader.find_tag_unsigned(Tag::Orientation).ok().flatten();
    tag.and_then(Orientation::from_exif)
        .unwrap_or(Orientation::NoTransforms)
}

/// Whether each channel has tiles of its own, at which the crate panics.
fn has_planes_of_tiles(reader: &mut Reader<'_>) -> bool {
    const PLANES: u16 = 2;
    let arrangement = reader.find_tag_unsigned(Tag::PlanarConfiguration);
    let tiles = reader.find_tag(Tag::TileOffsets);
    matches!(arrangement, Ok(Some(PLANES))) && matches!(tiles, Ok(Some(_)))
}

fn compression(reader: &mut Reader<'_>) -> Option<CompressionMethod> {
    let tag = reader.find_tag_unsigned(Tag::Compression).ok().flatten();
    tag.and_then(CompressionMethod::from_u16)
}

/// What the samples mean, as far as the `tiff` crate has to be told something else.
enum Colours {
    /// As the crate says.
    Plain,
    /// Indexes into these colours.
    Palette(Vec<[u8; 3]>),
    /// Out of JPEG strips, in which the crate has evened out the subsampling.
    YCbCr,
}

impl Colours {
    fn of(reader: &mut Reader<'_>) -> TiffResult<Colours> {
        let tag = reader.find_tag_unsigned(Tag::PhotometricInterpretation)?;
        Ok(match tag.and_then(PhotometricInterpretation::from_u16) {
            Some(PhotometricInterpretation::RGBPalette) => {
                Colours::Palette(palette(&reader.get_tag_u16_vec(Tag::ColorMap)?))
            }
            Some(PhotometricInterpretation::YCbCr)
                if compression(reader) == Some(CompressionMethod::ModernJPEG) =>
            {
                Colours::YCbCr
            }
            _ => Colours::Plain,
        })
    }

    /// What to call the samples instead.
    fn stand_in(&self) -> Option<PhotometricInterpretation> {
        match self {
            Colours::Plain => None,
            Colours::Palette(_) => Some(PhotometricInterpretation::BlackIsZero),
            Colours::YCbCr => Some(PhotometricInterpretation::RGB),
        }
    }
}

/// Colours from a map that holds all the reds, then the greens, then the blues. The upper byte is
/// right for both kinds of writers, those who scale to 16 bits by 257 and those who do by 256.
fn palette(map: &[u16]) -> Vec<[u8; 3]> {
    let (reds, rest) = map.split_at(map.len() / 3);
    let (greens, blues) = rest.split_at(rest.len() / 2);
    let channels = reds.iter().zip(greens).zip(blues);
    channels
        .map(|((&red, &green), &blue)| [red, green, blue].map(|colour| (colour >> 8) as u8))
        .collect()
}

/// A copy of the file whose first directory has another photometric interpretation. Unchanged
/// when there is no such entry, and for BigTIFF, whose directories are laid out differently.
fn with_photometric(bytes: &[u8], value: PhotometricInterpretation) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    if let Some(place) = photometric_place(bytes) {
        let value = value.to_u16();
        let value = if bytes[0] == b'I' {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        };
        copy[place..place + 2].copy_from_slice(&value);
    }
    copy
}

/// Where the value of the entry is: eight bytes into the twelve of the entry.
fn photometric_place(bytes: &[u8]) -> Option<usize> {
    let little = bytes.starts_with(b"II");
    let short = |place: usize| {
        let bytes: [u8; 2] = bytes.get(place..place.checked_add(2)?)?.try_into().ok()?;
        Some(if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let long = |place: usize| {
        let bytes: [u8; 4] = bytes.get(place..place.checked_add(4)?)?.try_into().ok()?;
        Some(if little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    };
    if short(2)? != 42 {
        return None;
    }
    let directory = long(4)? as usize;
    let entries = usize::from(short(directory)?);
    (0..entries)
        .map(|entry| directory + 2 + entry * 12)
        .find(|&entry| short(entry) == Some(Tag::PhotometricInterpretation.to_u16()))
        .map(|entry| entry + 8)
        .filter(|place| place + 2 <= bytes.len())
}

/// Refuses strips and tiles of JPEG that claim to be larger than their place in the picture. The
/// `tiff` crate would decode each in full, and so let a file get round the limit on pixels.
fn check_jpeg_chunks(reader: &mut Reader<'_>, bytes: &[u8], limits: &Limits) -> Result<()> {
    let (width, height) = reader.chunk_dimensions();
    let (_, picture_height) = reader
        .dimensions()
        .map_err(|error| from_tiff_error(error, limits))?;
    // A picture in one strip may say that the strip has 4,294,967,295 rows.
    let tiled = reader
        .find_tag(Tag::TileOffsets)
        .is_ok_and(|tag| tag.is_some());
    let height = if tiled {
        height
    } else {
        height.min(picture_height)
    };
    limits.check_size(Size { width, height })?;

    let offsets = if tiled {
        Tag::TileOffsets
    } else {
        Tag::StripOffsets
    };
    let offsets = reader
        .get_tag_u64_vec(offsets)
        .map_err(|error| from_tiff_error(error, limits))?;
    for offset in offsets {
        let chunk = usize::try_from(offset)
            .ok()
            .and_then(|offset| bytes.get(offset..));
        let Some(size) = chunk.and_then(jpeg::header_size) else {
            continue;
        };
        if size.width > width || size.height > height {
            let message = format!(
                "a JPEG of {}x{} pixels in the place of {width}x{height}",
                size.width, size.height
            );
            return Err(Error::Damaged {
                format: Format::Tiff,
                source: message.into(),
            });
        }
    }
    Ok(())
}

/// RGB from samples laid out as the crate says, or as `layout` does.
fn read_samples(
    reader: &mut Reader<'_>,
    size: Size,
    layout: Option<Layout>,
    limits: &Limits,
) -> Result<Vec<u8>> {
    let colour_type = reader
        .colortype()
        .map_err(|error| from_tiff_error(error, limits))?;
    let layout = match layout {
        Some(layout) => layout,
        None => layout_of(reader, colour_type)?,
    };
    let samples = read(reader, limits)?;
    let samples = match colour_type.bit_depth() {
        depth @ (1 | 2 | 4) if layout == Layout::Grey => {
            // 255 is divisible by the largest value of each of these depths.
            let scale = 255 / ((1 << depth) - 1);
            unpacked(&samples.bytes()?, size, depth)
                .into_iter()
                .map(|grey| grey * scale)
                .collect()
        }
        8 | 16 | 32 | 64 => samples.interleaved(layout.channels())?,
        depth => return Err(unsupported(format!("{depth} bits a sample"))),
    };
    check_length(&samples, size, layout.channels())?;
    Ok(to_rgb(samples, layout))
}

/// RGB from indexes into a palette, which the reader takes for greys.
fn read_indexes(
    reader: &mut Reader<'_>,
    size: Size,
    palette: &[[u8; 3]],
    limits: &Limits,
) -> Result<Vec<u8>> {
    let colour_type = reader
        .colortype()
        .map_err(|error| from_tiff_error(error, limits))?;
    let samples = read(reader, limits)?.bytes()?;
    let indexes = match colour_type {
        ColorType::Gray(8) => samples,
        ColorType::Gray(depth @ (1 | 2 | 4)) => unpacked(&samples, size, depth),
        other => {
            return Err(unsupported(format!(
                "a palette for samples of kind {other:?}"
            )));
        }
    };
    check_length(&indexes, size, 1)?;
    // An index beyond the palette is black, as in Pillow.
    let colour = |index: u8| palette.get(usize::from(index)).copied().unwrap_or_default();
    Ok(indexes.into_iter().flat_map(colour).collect())
}

fn layout_of(reader: &mut Reader<'_>, colour_type: ColorType) -> Result<Layout> {
    /// The first extra sample is alpha, and the colours are multiplied by it.
    const ASSOCIATED_ALPHA: u16 = 1;
    Ok(match colour_type {
        ColorType::Gray(_) => Layout::Grey,
        ColorType::GrayA(_) | ColorType::Multiband { num_samples: 2, .. } => Layout::GreyAlpha,
        ColorType::RGB(_) => Layout::Rgb,
        ColorType::RGBA(_) => {
            let extra = reader
                .find_tag_unsigned_vec(Tag::ExtraSamples)
                .ok()
                .flatten();
            if extra.is_some_and(|extra| extra.first() == Some(&ASSOCIATED_ALPHA)) {
                Layout::RgbPremultiplied
            } else {
                Layout::RgbAlpha
            }
        }
        ColorType::CMYK(_) => Layout::Cmyk,
        ColorType::YCbCr(_) => Layout::YCbCr,
        other => return Err(unsupported(format!("samples of kind {other:?}"))),
    })
}

/// The samples of a whole picture, as they are stored: interleaved, or one plane after another.
struct Samples {
    values: DecodingResult,
    planes: usize,
}

fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Samples> {
    let mut values = DecodingResult::U8(Vec::new());
    let layout = reader
        .read_image_to_buffer(&mut values)
        .map_err(|error| from_tiff_error(error, limits))?;
    Ok(Samples {
        values,
        planes: layout.planes,
    })
}

impl Samples {
    fn bytes(self) -> Result<Vec<u8>> {
        match self.values {
            DecodingResult::U8(values) => Ok(values),
            _ => Err(unsupported(
                "packed samples of more than eight bits".to_owned(),
            )),
        }
    }

    /// Eight-bit samples, those of a pixel side by side.
    fn interleaved(self, channels: usize) -> Result<Vec<u8>> {
        let samples = match self.values {
            DecodingResult::U8(values) => values,
            DecodingResult::U16(values) => values.into_iter().map(scale_16).collect(),
            DecodingResult::U32(values) => values
                .into_iter()
                .map(|value| scale_16((value >> 16) as u16))
                .collect(),
            DecodingResult::F16(values) => values
                .into_iter()
                .map(|value| scale_float(value.to_f32()))
                .collect(),
            DecodingResult::F32(values) => values.into_iter().map(scale_float).collect(),
            DecodingResult::F64(values) => values
                .into_iter()
                .map(|value| scale_float(value as f32))
                .collect(),
            _ => {
                return Err(unsupported(
                    "signed or 64-bit whole numbers as samples".to_owned(),
                ));
            }
        };
        if self.planes <= 1 {
            return Ok(samples);
        }
        let plane = samples.len() / self.planes;
        let pixel = |index| (0..channels).map(move |channel| channel * plane + index);
        let places = (0..plane).flat_map(pixel);
        places
            .map(|place| samples.get(place).copied())
            .collect::<Option<_>>()
            .ok_or_else(|| unsupported(format!("{} planes for {channels} channels", self.planes)))
    }
}

/// Samples of fewer than eight bits, one a byte. Each row begins at a byte.
fn unpacked(packed: &[u8], size: Size, depth: u8) -> Vec<u8> {
    let depth = usize::from(depth);
    let width = size.width as usize;
    let row_bytes = (width * depth).div_ceil(8);
    let sample = |row: &[u8], column: usize| {
        let bit = column * depth;
        row[bit / 8] >> (8 - depth - bit % 8) & ((1 << depth) - 1) as u8
    };
    packed
        .chunks_exact(row_bytes)
        .flat_map(|row| (0..width).map(move |column| sample(row, column)))
        .collect()
}

fn check_length(samples: &[u8], size: Size, channels: usize) -> Result<()> {
    let expected = size.width as usize * size.height as usize * channels;
    if samples.len() != expected {
        let message = format!("{} samples, expected {expected}", samples.len());
        return Err(Error::Damaged {
            format: Format::Tiff,
            source: message.into(),
        });
    }
    Ok(())
}

fn unsupported(kind: String) -> Error {
    Error::Unsupported {
        format: Format::Tiff,
        source: kind.into(),
    }
}

fn from_tiff_error(error: TiffError, limits: &Limits) -> Error {
    let format = Format::Tiff;
    match error {
        TiffError::LimitsExceeded => Error::TooMuchMemory {
            format,
            limit: limits.allocation(),
        },
        TiffError::UnsupportedError(error) => Error::Unsupported {
            format,
            source: error.into(),
        },
        error => damaged(format, error),
    }
}
