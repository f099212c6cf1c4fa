//! The two passes, in plain loops that compilers turn into vector instructions.

use std::ops::Range;

use super::{
    CHANNELS,
    weights::{AT_ONCE, ChannelWeights, HALF, Weights, to_byte},
};
use crate::Size;

/// The samples weighted at once along a row.
const ROW_LANES: usize = AT_ONCE * CHANNELS;

/// The samples weighted at once down the columns: four registers of eight sums.
const COLUMN_LANES: usize = 32;

/// A part of a picture.
#[derive(Clone, Copy)]
pub(super) struct Grid<'a> {
    /// From the first sample on.
    samples: &'a [u8],
    /// Samples from one row of the picture to the next.
    stride: usize,
    /// Samples of a row of the part.
    row: usize,
    rows: usize,
}

impl<'a> Grid<'a> {
    pub(super) fn new(samples: &'a [u8], size: Size) -> Grid<'a> {
        let row = size.width as usize * CHANNELS;
        Grid {
            samples,
            stride: row,
            row,
            rows: size.height as usize,
        }
    }

    /// The part of some columns and rows.
    pub(super) fn cut(self, columns: Range<usize>, rows: Range<usize>) -> Grid<'a> {
        Grid {
            samples: &self.samples[rows.start * self.stride + columns.start * CHANNELS..],
            row: columns.len() * CHANNELS,
            rows: rows.len(),
            ..self
        }
    }

    #[inline(always)]
    fn row(&self, index: usize) -> &'a [u8] {
        &self.samples[index * self.stride..][..self.row]
    }
}

#[inline(always)]
pub(super) fn resize(
    source: Grid<'_>,
    columns: &Weights,
    rows: &Weights,
    is_vertical_first: bool,
) -> Vec<u8> {
    let (width, height) = (columns.len() as u32, rows.len() as u32);
    if is_vertical_first {
        let short = vertical(source, rows);
        let size = Size {
            width: (source.row / CHANNELS) as u32,
            height,
        };
        horizontal(Grid::new(&short, size), &columns.for_channels())
    } else {
        let narrow = horizontal(source, &columns.for_channels());
        vertical(
            Grid::new(
                &narrow,
                Size {
                    width,
                    height: source.rows as u32,
                },
            ),
            rows,
        )
    }
}

#[inline(always)]
fn horizontal(source: Grid<'_>, columns: &ChannelWeights) -> Vec<u8> {
    let mut narrow = Vec::with_capacity(source.rows * columns.len() * CHANNELS);
    // A copy of the row with room for the weights that are zero beyond its end.
    let mut row = vec![0; source.row + columns.stride];
    for index in 0..source.rows {
        row[..source.row].copy_from_slice(source.row(index));
        for (start, weights) in columns.iter() {
            narrow.extend(weighted_pixel(&row[start..], weights));
        }
    }
    narrow
}

#[inline(always)]
fn weighted_pixel(samples: &[u8], weights: &[i32]) -> [u8; CHANNELS] {
    let mut lanes = [0; ROW_LANES];
    let (samples, _) = samples.as_chunks::<ROW_LANES>();
    let (weights, _) = weights.as_chunks::<ROW_LANES>();
    for (samples, weights) in samples.iter().zip(weights) {
        for lane in 0..ROW_LANES {
            lanes[lane] += i32::from(samples[lane]) * weights[lane];
        }
    }
    let mut sums = [HALF; CHANNELS];
    for lanes in lanes.as_chunks::<CHANNELS>().0 {
        for channel in 0..CHANNELS {
            sums[channel] += lanes[channel];
        }
    }
    sums.map(to_byte)
}

#[inline(always)]
fn vertical(source: Grid<'_>, rows: &Weights) -> Vec<u8> {
    let mut short = Vec::with_capacity(rows.len() * source.row);
    for (start, weights) in rows.iter() {
        let mut column = 0;
        while column + COLUMN_LANES <= source.row {
            short.extend(weighted_columns::<COLUMN_LANES>(
                source, start, column, weights,
            ));
            column += COLUMN_LANES;
        }
        while column < source.row {
            short.extend(weighted_columns::<1>(source, start, column, weights));
            column += 1;
        }
    }
    short
}

/// `LANES` samples of a new row, from those in the rows below `start`.
#[inline(always)]
fn weighted_columns<const LANES: usize>(
    source: Grid<'_>,
    start: usize,
    column: usize,
    weights: &[i32],
) -> [u8; LANES] {
    let mut sums = [HALF; LANES];
    for (index, &weight) in weights.iter().enumerate() {
        let samples = &source.samples[(start + index) * source.stride + column..][..LANES];
        for lane in 0..LANES {
            sums[lane] += i32::from(samples[lane]) * weight;
        }
    }
    sums.map(to_byte)
}
