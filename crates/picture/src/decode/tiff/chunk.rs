//! Unpacks strips and tiles in compressions that the `tiff` crate does not support.

use std::{borrow::Cow, io::Read};

use hayro_ccitt::{DecodeSettings, Decoder, DecoderContext, EncodingMode};
use zstd::stream::read::Decoder as ZstdDecoder;

/// Reverses the bits of each byte.
pub(super) fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte.reverse_bits()).collect()
}

/// The compressions that this module unpacks.
#[derive(Clone, Copy)]
pub(super) enum Packing {
    /// CCITT modified Huffman: one-dimensional runs, with each row starting at a new byte.
    Runs,
    /// CCITT group 3, one-dimensional or two-dimensional.
    Group3 {
        is_two_dimensional: bool,
    },
    Zstandard,
}

/// The size of a chunk: its rows, and the bytes and pixels of each.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) rows: u32,
    pub(super) row_bytes: usize,
    pub(super) width: u32,
}

impl Packing {
    /// The rows in `packed`, or `None` if it ends too early.
    pub(super) fn unpack(self, packed: &[u8], extent: Extent) -> Option<Vec<u8>> {
        let length = extent.row_bytes.checked_mul(extent.rows as usize)?;
        let encoding = match self {
            Packing::Zstandard => return unpack_zstandard(packed, length),
            Packing::Runs => EncodingMode::Group3_1D,
            Packing::Group3 {
                is_two_dimensional: false,
            } => EncodingMode::Group3_1D,
            Packing::Group3 {
                is_two_dimensional: true,
            } => EncodingMode::Group3_2D { k: 1 },
        };
        let is_runs = matches!(self, Packing::Runs);
        let mut context = DecoderContext::new(DecodeSettings {
            columns: extent.width,
            rows: extent.rows,
            end_of_block: !is_runs,
            end_of_line: !is_runs,
            rows_are_byte_aligned: is_runs,
            encoding,
            invert_black: false,
        });
        let mut rows = Rows::new(length);
        // Invalid bits at the end are padding, or rows are missing below.
        let _ = hayro_ccitt::decode(packed, &mut rows, &mut context);
        (rows.bytes.len() == length).then_some(rows.bytes)
    }
}

fn unpack_zstandard(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut unpacked = Vec::new();
    let decoder = ZstdDecoder::with_buffer(packed).ok()?;
    decoder
        .take(length as u64)
        .read_to_end(&mut unpacked)
        .ok()?;
    (unpacked.len() == length).then_some(unpacked)
}

/// Rows of bits, 0 for white; each starts at a new byte.
struct Rows {
    bytes: Vec<u8>,
    most: usize,
    byte: u8,
    bits: u8,
}

impl Rows {
    fn new(most: usize) -> Rows {
        Rows {
            bytes: Vec::new(),
            most,
            byte: 0,
            bits: 0,
        }
    }

    fn push(&mut self, byte: u8) {
        if self.bytes.len() < self.most {
            self.bytes.push(byte);
        }
    }
}

impl Decoder for Rows {
    fn push_pixel(&mut self, white: bool) {
        self.byte = self.byte << 1 | u8::from(!white);
        self.bits += 1;
        if self.bits == 8 {
            self.push(self.byte);
            self.bits = 0;
        }
    }

    fn push_pixel_chunk(&mut self, white: bool, chunk_count: u32) {
        for _ in 0..chunk_count {
            self.push(if white { 0 } else { 0xFF });
        }
    }

    fn next_line(&mut self) {
        if self.bits > 0 {
            self.push(self.byte << (8 - self.bits));
            self.bits = 0;
        }
    }
}

/// The bytes of a chunk, cut short if the file ends.
pub(super) fn bytes_of(file: &[u8], place: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(place).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    file.get(start..end)
}

/// A chunk with its bits in the usual order.
pub(super) fn in_order(chunk: &[u8], is_reversed: bool) -> Cow<'_, [u8]> {
    if is_reversed {
        Cow::Owned(reversed(chunk))
    } else {
        Cow::Borrowed(chunk)
    }
}
