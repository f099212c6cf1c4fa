//! TIFF.
//!
//! The `tiff` crate only unpacks chunks here. It rejects palettes, extra samples of unknown meaning, tiles in planes,
//! subsampled YCbCr and some compressions, and does not convert colours. So this module gives it a synthetic file in
//! which every sample is grey ([`Plane`]), one for each plane. The real tags then determine what the samples mean
//! ([`Interpretation`]).

mod chunk;
mod interpretation;
mod plane;
mod samples;
mod subsampling;

use std::io::Cursor;

use ::image::metadata::Orientation;
use ::tiff::{
    TiffError, TiffResult,
    decoder::{Decoder, DecodingResult},
    tags::{CompressionMethod, PhotometricInterpretation, Tag},
};

use self::{
    chunk::{Extent, Packing, bytes_of, in_order},
    interpretation::Interpretation,
    plane::Plane,
    samples::Samples,
    subsampling::Subsampling,
};
use super::{
    decoded::{Decoded, copy},
    fault::damaged,
    jpeg, orientation,
};
use crate::{Error, Format, Limits, Result, Size, scale::Scale};

/// More channels than any supported kind has.
const MOST_CHANNELS: u64 = 16;

type Reader<'a> = Decoder<Cursor<&'a [u8]>>;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded> {
    let file = File::open(bytes, limits)?;
    limits.check_size(file.size)?;
    file.check_subsampling()?;
    if file.compression == CompressionMethod::ModernJPEG {
        file.check_jpeg_chunks(limits)?;
    }
    let planes = (0..file.planes).map(|plane| file.read(plane, limits));
    let planes = planes.collect::<Result<Vec<_>>>()?;
    let samples = Samples::new(planes, &file)?;
    let (pixels, opacity) = file.interpretation.to_rgb(samples, file.size)?;
    Ok(Decoded {
        size: file.size,
        scale: Scale::WHOLE,
        orientation: file.orientation,
        pixels,
        opacity,
    })
}

/// The memory, in bytes, that decoding takes.
pub(super) fn cost(bytes: &[u8], limits: &Limits) -> Result<u64> {
    let file = File::open(bytes, limits)?;
    let channels = u64::from(file.channels);
    let sample = u64::from(file.bits).div_ceil(8);
    // A strip, which may be the whole picture, and the picture.
    let pixel = 2 * channels * sample + copy(channels);
    // A copy of the chunks that are unpacked here.
    let unpacked = match file.packing() {
        Ok(None) => 0,
        _ => channels * sample,
    };
    let reversed = if file.is_reversed {
        bytes.len() as u64
    } else {
        0
    };
    Ok(file
        .size
        .pixels()
        .saturating_mul(pixel + unpacked)
        .saturating_add(reversed))
}

/// The contents of the first directory.
struct File<'a> {
    bytes: &'a [u8],
    size: Size,
    channels: u16,
    bits: u16,
    /// 1 for integers, 3 for floats.
    sample_format: u16,
    /// The number of one-channel planes, stored one after another; 1 for interleaved channels.
    planes: u16,
    compression: CompressionMethod,
    predictor: u16,
    jpeg_tables: Option<Vec<u8>>,
    fax_options: u32,
    is_reversed: bool,
    chunks: Chunks,
    interpretation: Interpretation,
    /// `None` if each pixel has all its samples, or the `tiff` crate upsamples.
    subsampling: Option<Subsampling>,
    orientation: Orientation,
}

/// Strips, as wide as the picture, or tiles.
struct Chunks {
    is_tiled: bool,
    width: u32,
    height: u32,
    places: Vec<u64>,
    lengths: Vec<u64>,
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8], limits: &Limits) -> Result<File<'a>> {
        const FILL_ORDER_LAST_FIRST: u16 = 2;
        const PLANES: u16 = 2;
        let failed = |error| from_tiff_error(error, limits);
        let mut reader = open(Cursor::new(bytes), limits).map_err(failed)?;
        let (width, height) = reader.dimensions().map_err(failed)?;
        let channels = number(&mut reader, Tag::SamplesPerPixel, 1).map_err(failed)?;
        if channels == 0 || u64::from(channels) > MOST_CHANNELS {
            return Err(unsupported(format!("TIFF with {channels} channels")));
        }
        let is_in_planes =
            number(&mut reader, Tag::PlanarConfiguration, 1).map_err(failed)? == PLANES;
        let compression = number(&mut reader, Tag::Compression, 1).map_err(failed)?;
        let jpeg_tables = reader.find_tag(Tag::JPEGTables).ok().flatten();
        let fax_options = reader
            .find_tag_unsigned(Tag::Unknown(T4_OPTIONS))
            .ok()
            .flatten();
        let size = Size { width, height };
        let orientation = upright(&mut reader, bytes);
        let compression = CompressionMethod::from_u16_exhaustive(compression);
        let interpretation = Interpretation::of(&mut reader, channels).map_err(failed)?;
        // The JPEG decoder upsamples itself.
        let subsampling =
            if compression != CompressionMethod::ModernJPEG && interpretation.is_ycbcr() {
                Subsampling::of(&mut reader).map_err(failed)?
            } else {
                None
            };
        Ok(File {
            bytes,
            size,
            channels,
            bits: first(&mut reader, Tag::BitsPerSample, 1).map_err(failed)?,
            sample_format: first(&mut reader, Tag::SampleFormat, 1).map_err(failed)?,
            planes: if is_in_planes { channels } else { 1 },
            compression,
            predictor: number(&mut reader, Tag::Predictor, 1).map_err(failed)?,
            jpeg_tables: jpeg_tables.and_then(|tables| tables.into_u8_vec().ok()),
            fax_options: fax_options.unwrap_or(0),
            is_reversed: number(&mut reader, Tag::FillOrder, 1).map_err(failed)?
                == FILL_ORDER_LAST_FIRST,
            chunks: Chunks::of(&mut reader, size).map_err(failed)?,
            interpretation,
            subsampling,
            orientation,
        })
    }

    /// The compression of the chunks, if they are unpacked here.
    fn packing(&self) -> Result<Option<Packing>> {
        const TWO_DIMENSIONAL: u32 = 1;
        Ok(match self.compression {
            CompressionMethod::Huffman => Some(Packing::Runs),
            CompressionMethod::Fax3 => Some(Packing::Group3 {
                is_two_dimensional: self.fax_options & TWO_DIMENSIONAL != 0,
            }),
            CompressionMethod::ZSTD => Some(Packing::Zstandard),
            CompressionMethod::None
            | CompressionMethod::LZW
            | CompressionMethod::PackBits
            | CompressionMethod::Deflate
            | CompressionMethod::OldDeflate
            | CompressionMethod::ModernJPEG
            | CompressionMethod::Fax4 => None,
            other => {
                let number = other.to_u16();
                return Err(unsupported(format!("TIFF with compression {number}")));
            }
        })
    }

    /// Reads the samples of one plane, or of all interleaved channels.
    fn read(&self, plane: u16, limits: &Limits) -> Result<DecodingResult> {
        let failed = |error| from_tiff_error(error, limits);
        let mut reader = open(self.plane(plane, limits)?, limits).map_err(failed)?;
        let mut values = DecodingResult::U8(Vec::new());
        reader.read_image_to_buffer(&mut values).map_err(failed)?;
        match (self.subsampling, values) {
            (None, values) => Ok(values),
            (Some(subsampling), DecodingResult::U8(blocks)) => {
                let pixels = subsampling.evened(&blocks, self.size);
                let pixels = pixels.ok_or_else(too_few_chunks)?;
                Ok(DecodingResult::U8(pixels))
            }
            _ => Err(unsupported_subsampling()),
        }
    }

    /// Rejects subsampling in planes, with more channels, or with samples other than bytes; nobody writes these.
    fn check_subsampling(&self) -> Result<()> {
        let Some(subsampling) = self.subsampling else {
            return Ok(());
        };
        if (self.planes, self.channels, self.bits) != (1, 3, 8) || self.predictor != 1 {
            return Err(unsupported_subsampling());
        }
        subsampling.check(self.chunks.height, self.size.height)
    }

    /// The number of channels in one plane.
    fn channels_of_plane(&self) -> u16 {
        self.channels / self.planes
    }

    /// The number of stored samples across and down for this many pixels.
    fn coded(&self, width: u32, height: u32) -> (u32, u32) {
        match self.subsampling {
            None => (width, height),
            Some(subsampling) => (subsampling.columns(width), subsampling.rows(height)),
        }
    }

    /// The number of channels to declare to the `tiff` crate.
    fn coded_channels(&self) -> u16 {
        match self.subsampling {
            None => self.channels_of_plane(),
            Some(_) => 1,
        }
    }

    fn plane(&self, index: u16, limits: &Limits) -> Result<Plane<'a>> {
        let count = self.chunks.places.len() / usize::from(self.planes);
        let range = usize::from(index) * count..(usize::from(index) + 1) * count;
        let places = &self.chunks.places[range.clone()];
        let lengths = self.chunks.lengths.get(range).ok_or_else(too_few_chunks)?;
        let packing = self.packing()?;
        let is_reversed = self.is_reversed && self.compression != CompressionMethod::ModernJPEG;
        let mut plane = Plane::new(self.bytes);
        let (mut new_places, mut new_lengths) = (Vec::new(), Vec::new());
        let mut copied = 0;
        for (number, (&place, &length)) in places.iter().zip(lengths).enumerate() {
            if packing.is_none() && !is_reversed {
                new_places.push(Plane::moved(place));
                new_lengths.push(length);
                continue;
            }
            let chunk = bytes_of(self.bytes, place, length).ok_or_else(truncated)?;
            copied += chunk.len();
            if copied > self.bytes.len() {
                return Err(damaged_because("its chunks are longer than the file"));
            }
            let chunk = in_order(chunk, is_reversed);
            let chunk = match packing {
                Some(packing) => {
                    let extent = self.extent(number, limits)?;
                    packing.unpack(&chunk, extent).ok_or_else(truncated)?.into()
                }
                None => chunk,
            };
            new_places.push(plane.append(&chunk));
            new_lengths.push(chunk.len() as u64);
        }
        self.describe(&mut plane, packing.is_some(), new_places, new_lengths);
        Ok(plane.finish())
    }

    /// The size of a chunk, given its number in the plane.
    fn extent(&self, number: usize, limits: &Limits) -> Result<Extent> {
        let Chunks {
            is_tiled,
            width,
            height,
            ..
        } = self.chunks;
        let rows = if is_tiled {
            height
        } else {
            let above = (number as u64).saturating_mul(u64::from(height));
            let below = u64::from(self.size.height).saturating_sub(above);
            below.min(u64::from(height)) as u32
        };
        limits.check_size(Size {
            width,
            height: rows,
        })?;
        let (width, rows) = self.coded(width, rows);
        let bits = u64::from(width) * u64::from(self.coded_channels()) * u64::from(self.bits);
        Ok(Extent {
            rows,
            row_bytes: bits.div_ceil(8) as usize,
            width,
        })
    }

    /// Writes the directory of a plane.
    fn describe(
        &self,
        plane: &mut Plane<'_>,
        is_unpacked: bool,
        places: Vec<u64>,
        lengths: Vec<u64>,
    ) {
        const NOT_PACKED: u16 = 1;
        let compression = if is_unpacked {
            NOT_PACKED
        } else {
            self.compression.to_u16()
        };
        let channels = self.coded_channels();
        let (width, height) = self.coded(self.size.width, self.size.height);
        for (tag, number) in [
            (Tag::ImageWidth, width),
            (Tag::ImageLength, height),
            (Tag::BitsPerSample, self.bits.into()),
            (Tag::Compression, compression.into()),
            (
                Tag::PhotometricInterpretation,
                PhotometricInterpretation::BlackIsZero.to_u16().into(),
            ),
            (Tag::SamplesPerPixel, channels.into()),
            (Tag::Predictor, self.predictor.into()),
            (Tag::SampleFormat, self.sample_format.into()),
        ] {
            plane.set(tag, vec![number.into()]);
        }
        let (width, height) = self.coded(self.chunks.width, self.chunks.height);
        if self.chunks.is_tiled {
            plane.set(Tag::TileWidth, vec![width.into()]);
            plane.set(Tag::TileLength, vec![height.into()]);
            plane.set(Tag::TileOffsets, places);
            plane.set(Tag::TileByteCounts, lengths);
        } else {
            plane.set(Tag::RowsPerStrip, vec![height.into()]);
            plane.set(Tag::StripOffsets, places);
            plane.set(Tag::StripByteCounts, lengths);
        }
        if let Some(tables) = &self.jpeg_tables {
            plane.set_bytes(Tag::JPEGTables, tables.clone());
        }
    }

    /// Rejects JPEG strips and tiles that claim to be larger than their part of the picture. The `tiff` crate would
    /// decode each in full, which would circumvent the limit on pixels.
    fn check_jpeg_chunks(&self, limits: &Limits) -> Result<()> {
        let Chunks { width, height, .. } = self.chunks;
        limits.check_size(Size { width, height })?;
        for &place in &self.chunks.places {
            let chunk = usize::try_from(place)
                .ok()
                .and_then(|place| self.bytes.get(place..));
            let size = chunk.and_then(jpeg::header_size);
            if size.is_some_and(|size| size.width > width || size.height > height) {
                return Err(damaged_because(
                    "a JPEG strip or tile is larger than its part of the picture",
                ));
            }
        }
        Ok(())
    }
}

impl Chunks {
    fn of(reader: &mut Reader<'_>, size: Size) -> TiffResult<Chunks> {
        let is_tiled = reader.find_tag(Tag::TileOffsets)?.is_some();
        let (width, height) = reader.chunk_dimensions();
        let (places, lengths) = if is_tiled {
            (Tag::TileOffsets, Tag::TileByteCounts)
        } else {
            (Tag::StripOffsets, Tag::StripByteCounts)
        };
        Ok(Chunks {
            is_tiled,
            width,
            // A picture in one strip may declare 4,294,967,295 rows a strip.
            height: if is_tiled {
                height
            } else {
                height.min(size.height)
            },
            places: reader.get_tag_u64_vec(places)?,
            lengths: reader.get_tag_u64_vec(lengths)?,
        })
    }
}

const T4_OPTIONS: u16 = 292;

fn open<R: std::io::Read + std::io::Seek>(file: R, limits: &Limits) -> TiffResult<Decoder<R>> {
    const OFFSETS: usize = 16 << 20;
    let allocation = usize::try_from(limits.allocation()).unwrap_or(usize::MAX);
    let mut decoder_limits = ::tiff::decoder::Limits::default();
    decoder_limits.decoding_buffer_size = allocation;
    decoder_limits.intermediate_buffer_size = allocation;
    decoder_limits.ifd_value_size = OFFSETS;
    Ok(Decoder::new(file)?.with_limits(decoder_limits))
}

/// The only number of a tag.
fn number(reader: &mut Reader<'_>, tag: Tag, default: u16) -> TiffResult<u16> {
    Ok(reader.find_tag_unsigned(tag)?.unwrap_or(default))
}

/// The first number of a tag that has one for each channel.
fn first(reader: &mut Reader<'_>, tag: Tag, default: u16) -> TiffResult<u16> {
    let numbers = reader.find_tag_unsigned_vec(tag)?.unwrap_or_default();
    Ok(numbers.first().copied().unwrap_or(default))
}

/// The orientation in the tag, of any integer type, or else in XMP.
fn upright(reader: &mut Reader<'_>, bytes: &[u8]) -> Orientation {
    let tag = reader.find_tag(Tag::Orientation).ok().flatten();
    let number = tag.and_then(|value| value.into_i64_vec().ok()?.first().copied());
    let orientation = number.and_then(|number| Orientation::from_exif(u8::try_from(number).ok()?));
    orientation.unwrap_or_else(|| orientation::of(Format::Tiff, bytes))
}

fn unsupported(kind: String) -> Error {
    Error::Unsupported {
        format: Format::Tiff,
        kind: kind.into(),
    }
}

fn unsupported_subsampling() -> Error {
    unsupported("TIFF with unsupported chroma subsampling".to_owned())
}

fn truncated() -> Error {
    Error::Truncated {
        format: Format::Tiff,
    }
}

fn too_few_chunks() -> Error {
    damaged_because("it has fewer chunks than its size needs")
}

fn damaged_because(cause: &'static str) -> Error {
    Error::Damaged {
        format: Format::Tiff,
        cause: cause.into(),
    }
}

fn from_tiff_error(error: TiffError, limits: &Limits) -> Error {
    let format = Format::Tiff;
    match error {
        TiffError::LimitsExceeded => Error::TooMuchMemory {
            format,
            limit: limits.allocation(),
        },
        TiffError::UnsupportedError(_) => Error::unsupported(format),
        error => damaged(format, error),
    }
}
