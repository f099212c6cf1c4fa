//! The two passes, in plain loops that compilers turn into vector instructions.

use std::ops::Range;

use super::weights::{HALF, Weights, to_byte};

/// Bytes a pixel.
pub(super) const CHANNELS: usize = 3;

/// Rows that are weighted at once: two registers of eight sums.
const BAND: usize = 16;

/// Samples of a row that are summed at once: four registers of eight sums.
const PART: usize = 32;

/// A part of a picture.
#[derive(Clone, Copy)]
pub(super) struct Grid<'a> {
    /// The samples from the part's first on.
    samples: &'a [u8],
    /// Samples from one row of the picture to the next.
    stride: usize,
    /// Samples in a row of the part.
    row: usize,
    rows: usize,
}

impl<'a> Grid<'a> {
    /// A whole picture, with rows of `row` samples.
    pub(super) fn new(samples: &'a [u8], row: usize) -> Grid<'a> {
        Grid {
            samples,
            stride: row,
            row,
            rows: samples.len() / row,
        }
    }

    /// A part of the columns and rows.
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
    if is_vertical_first {
        let short = vertical(source, rows);
        horizontal(Grid::new(&short, source.row), columns)
    } else {
        let narrow = horizontal(source, columns);
        vertical(Grid::new(&narrow, columns.len() * CHANNELS), rows)
    }
}

/// Resamples along the rows: whole bands first, then the few remaining rows one by one. A band is as large as its
/// rows; a band for fewer rows could be larger than the picture.
#[inline(always)]
fn horizontal(source: Grid<'_>, columns: &Weights) -> Vec<u8> {
    let row = columns.len() * CHANNELS;
    let mut narrow = vec![0; source.rows * row];
    let in_bands = source.rows / BAND * BAND;
    let (bands, rest) = narrow.split_at_mut(in_bands * row);
    if in_bands > 0 {
        horizontal_in_bands(source, columns, bands);
    }
    for (index, narrow) in rest.chunks_exact_mut(row).enumerate() {
        horizontal_in_row(source.row(in_bands + index), columns, narrow);
    }
    narrow
}

/// Transposes [`BAND`] rows at once, so that the samples of a column lie side by side. Then each weight applies to a
/// full register, and no sum is spread over one.
#[inline(always)]
fn horizontal_in_bands(source: Grid<'_>, columns: &Weights, narrow: &mut [u8]) {
    let row = columns.len() * CHANNELS;
    let mut band = Band::new(source.row);
    let mut narrow_band = Band::new(row);
    for (index, narrow) in narrow.chunks_exact_mut(BAND * row).enumerate() {
        band.fill(source, index * BAND);
        let (pixels, _) = narrow_band.columns.as_chunks_mut::<CHANNELS>();
        for (pixel, (start, weights)) in pixels.iter_mut().zip(columns.iter()) {
            for (channel, samples) in pixel.iter_mut().enumerate() {
                *samples = band.weighted(start * CHANNELS + channel, weights);
            }
        }
        narrow_band.pour(narrow, row);
    }
}

#[inline(always)]
fn horizontal_in_row(row: &[u8], columns: &Weights, narrow: &mut [u8]) {
    let (pixels, _) = row.as_chunks::<CHANNELS>();
    let (new_pixels, _) = narrow.as_chunks_mut::<CHANNELS>();
    for (new_pixel, (start, weights)) in new_pixels.iter_mut().zip(columns.iter()) {
        let mut sums = [HALF; CHANNELS];
        for (pixel, &weight) in pixels[start..].iter().zip(weights) {
            add_weighted(&mut sums, pixel, weight);
        }
        *new_pixel = sums.map(to_byte);
    }
}

/// [`BAND`] rows, transposed.
struct Band {
    columns: Vec<[u8; BAND]>,
}

impl Band {
    fn new(row: usize) -> Band {
        Band {
            columns: vec![[0; BAND]; row.next_multiple_of(BAND)],
        }
    }

    /// Fills the band with the rows from `first` on.
    #[inline(always)]
    fn fill(&mut self, source: Grid<'_>, first: usize) {
        for (index, columns) in self
            .columns
            .as_chunks_mut::<BAND>()
            .0
            .iter_mut()
            .enumerate()
        {
            let mut block = [[0; BAND]; BAND];
            for (line, row) in block.iter_mut().zip(first..) {
                let samples = &source.row(row)[index * BAND..];
                match samples.first_chunk() {
                    Some(samples) => *line = *samples,
                    None => line[..samples.len()].copy_from_slice(samples),
                }
            }
            *columns = transposed(block);
        }
    }

    /// Writes the rows, of `row` samples each.
    #[inline(always)]
    fn pour(&self, rows: &mut [u8], row: usize) {
        for (index, columns) in self.columns.as_chunks::<BAND>().0.iter().enumerate() {
            for (line, row) in transposed(*columns).iter().zip(rows.chunks_exact_mut(row)) {
                let samples = &mut row[index * BAND..];
                match samples.first_chunk_mut() {
                    Some(samples) => *samples = *line,
                    None => samples.copy_from_slice(&line[..samples.len()]),
                }
            }
        }
    }

    /// One new sample of each row, from every third column from `start` on.
    #[inline(always)]
    fn weighted(&self, start: usize, weights: &[i32]) -> [u8; BAND] {
        let mut sums = [HALF; BAND];
        // Given whole pixels, compilers vectorise across the weights, which takes twice as long. With `step_by`, they
        // vectorise over the rows.
        for (samples, &weight) in self.columns[start..].iter().step_by(CHANNELS).zip(weights) {
            add_weighted(&mut sums, samples, weight);
        }
        let mut samples = [0; BAND];
        for (sample, sum) in samples.iter_mut().zip(sums) {
            *sample = to_byte(sum);
        }
        samples
    }
}

#[inline(always)]
fn add_weighted(sums: &mut [i32], samples: &[u8], weight: i32) {
    for (sum, &sample) in sums.iter_mut().zip(samples) {
        *sum += i32::from(sample) * weight;
    }
}

/// Transposes a block in four shuffles. Each moves the upper of the eight index bits to the lower end, so that after
/// four the bits of row and column have changed places.
#[inline(always)]
fn transposed(block: [[u8; BAND]; BAND]) -> [[u8; BAND]; BAND] {
    const { assert!(BAND == 16) };
    let mut cards = block;
    for _ in 0..4 {
        let mut riffled = [[0; BAND]; BAND];
        let (upper, lower) = cards.as_flattened().split_at(BAND * BAND / 2);
        let pairs = riffled.as_flattened_mut().as_chunks_mut::<2>().0;
        for ((pair, &upper), &lower) in pairs.iter_mut().zip(upper).zip(lower) {
            *pair = [upper, lower];
        }
        cards = riffled;
    }
    cards
}

#[inline(always)]
fn vertical(source: Grid<'_>, rows: &Weights) -> Vec<u8> {
    let mut short = vec![0; rows.len() * source.row];
    for (new_row, (start, weights)) in short.chunks_exact_mut(source.row).zip(rows.iter()) {
        let (parts, rest) = new_row.as_chunks_mut::<PART>();
        for (index, part) in parts.iter_mut().enumerate() {
            *part = vertical_part(source, start, weights, index * PART);
        }
        let first = parts.len() * PART;
        for (column, sample) in (first..).zip(rest) {
            [*sample] = vertical_part::<1>(source, start, weights, column);
        }
    }
    short
}

/// So many new samples of a row, from the column `first` on.
#[inline(always)]
fn vertical_part<const COUNT: usize>(
    source: Grid<'_>,
    start: usize,
    weights: &[i32],
    first: usize,
) -> [u8; COUNT] {
    let mut sums = [HALF; COUNT];
    for (index, &weight) in weights.iter().enumerate() {
        let samples = &source.row(start + index)[first..][..COUNT];
        add_weighted(&mut sums, samples, weight);
    }
    let mut samples = [0; COUNT];
    for (sample, sum) in samples.iter_mut().zip(sums) {
        *sample = to_byte(sum);
    }
    samples
}
