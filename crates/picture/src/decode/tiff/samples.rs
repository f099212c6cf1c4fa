//! Converts samples of every type to eight bits.

use ::tiff::decoder::DecodingResult;

use super::{File, damaged_because, unsupported};
use crate::{
    Result, Size,
    decode::flatten::{scale_16, scale_float},
};

/// The interleaved samples of a picture.
pub(super) struct Samples {
    /// One sample a byte, unscaled: 2-bit samples range from 0 to 3.
    pub(super) bytes: Vec<u8>,
    pub(super) channels: usize,
    /// The largest possible value of a sample.
    pub(super) largest: u8,
}

impl Samples {
    /// Joins planes, or takes one with all channels.
    pub(super) fn new(planes: Vec<DecodingResult>, file: &File<'_>) -> Result<Samples> {
        let bits = file.bits;
        let channels = usize::from(file.channels);
        let range = range(&planes);
        let mut parts = Vec::new();
        for plane in planes {
            let part = match bits {
                1 | 2 | 4 => unpacked(
                    &packed(plane)?,
                    file.size,
                    bits.into(),
                    file.channels_of_plane().into(),
                ),
                8 | 16 | 32 | 64 => eight_bits(plane, range)?,
                _ => return Err(unsupported(format!("TIFF with samples of {bits} bits"))),
            };
            parts.push(part);
        }
        let bytes = interleaved(parts);
        let expected = file.size.width as usize * file.size.height as usize * channels;
        if bytes.len() != expected {
            return Err(damaged_because("it has more or fewer samples than pixels"));
        }
        Ok(Samples {
            bytes,
            channels,
            largest: if bits < 8 { (1 << bits) - 1 } else { 255 },
        })
    }
}

/// The least and the greatest float if one lies outside 0 to 1. Such a file has its own range, which is stretched from
/// black to white.
fn range(planes: &[DecodingResult]) -> (f32, f32) {
    let mut range = (f32::INFINITY, f32::NEG_INFINITY);
    let mut extend = |value: f32| {
        if value.is_finite() {
            range = (range.0.min(value), range.1.max(value));
        }
    };
    for plane in planes {
        match plane {
            DecodingResult::F16(values) => values.iter().for_each(|value| extend(value.to_f32())),
            DecodingResult::F32(values) => values.iter().for_each(|&value| extend(value)),
            DecodingResult::F64(values) => values.iter().for_each(|&value| extend(value as f32)),
            _ => {}
        }
    }
    let (least, greatest) = range;
    if (least < 0.0 || greatest > 1.0) && greatest > least {
        range
    } else {
        (0.0, 1.0)
    }
}

fn eight_bits(plane: DecodingResult, (least, greatest): (f32, f32)) -> Result<Vec<u8>> {
    // Halved, because the difference of two floats may overflow.
    let width = greatest / 2.0 - least / 2.0;
    let scaled = |value: f32| scale_float((value / 2.0 - least / 2.0) / width);
    Ok(match plane {
        DecodingResult::U8(values) => values,
        DecodingResult::U16(values) => values.into_iter().map(scale_16).collect(),
        DecodingResult::U32(values) => {
            let upper = values.into_iter().map(|value| (value >> 16) as u16);
            upper.map(scale_16).collect()
        }
        DecodingResult::F16(values) => values
            .into_iter()
            .map(|value| scaled(value.to_f32()))
            .collect(),
        DecodingResult::F32(values) => values.into_iter().map(scaled).collect(),
        DecodingResult::F64(values) => values
            .into_iter()
            .map(|value| scaled(value as f32))
            .collect(),
        _ => {
            return Err(unsupported("TIFF with signed or 64-bit samples".to_owned()));
        }
    })
}

fn packed(plane: DecodingResult) -> Result<Vec<u8>> {
    match plane {
        DecodingResult::U8(values) => Ok(values),
        _ => Err(unsupported(
            "TIFF with signed samples of less than 8 bits".to_owned(),
        )),
    }
}

/// Unpacks samples of fewer than eight bits to one a byte. Each row begins at a new byte.
fn unpacked(packed: &[u8], size: Size, bits: usize, channels: usize) -> Vec<u8> {
    let columns = size.width as usize * channels;
    let row_bytes = (columns * bits).div_ceil(8);
    let sample = |row: &[u8], column: usize| {
        let bit = column * bits;
        row[bit / 8] >> (8 - bits - bit % 8) & ((1 << bits) - 1) as u8
    };
    packed
        .chunks_exact(row_bytes)
        .flat_map(|row| (0..columns).map(move |column| sample(row, column)))
        .collect()
}

/// Interleaves the samples of all parts.
fn interleaved(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let length = parts.iter().map(Vec::len).min().unwrap_or(0);
    let samples = (0..length).flat_map(|index| parts.iter().map(move |part| part[index]));
    samples.collect()
}
