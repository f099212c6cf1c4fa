//! Resampling with Pillow's arithmetic, of one window.
//!
//! Follows <https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c> to the
//! bit: weights in `f64`, normalised, then fixed-point numbers of 22 bits after the point; first
//! a horizontal pass, whose results are rounded to bytes, then a vertical one. Rows and columns
//! that the window does not need are left out.

use crate::{Filter, Size, Window};

/// Bits after the point of a weight: 32, less 8 for the sample and 2 for sums beyond 1.
const PRECISION: u32 = 32 - 8 - 2;

/// The bytes of a pixel.
const CHANNELS: usize = 3;

/// The `window`, inside `full`, of the picture `source` of `size` resized to `full`.
pub(crate) fn resample(
    source: &[u8],
    size: Size,
    full: Size,
    window: Window,
    filter: Filter,
) -> Vec<u8> {
    if window.width == 0 || window.height == 0 {
        return Vec::new();
    }
    if filter == Filter::Nearest {
        return nearest(source, size, full, window);
    }
    let columns = Weights::new(filter, size.width, full.width, window.left, window.width);
    let rows = Weights::new(filter, size.height, full.height, window.top, window.height);

    let needed = rows.first()..rows.end();
    let row_bytes = size.width as usize * CHANNELS;
    let source = &source[needed.start * row_bytes..needed.end * row_bytes];
    let narrow = horizontal(source, row_bytes, &columns);
    vertical(&narrow, window.width as usize * CHANNELS, &rows)
}

/// The pixel under each new pixel's centre.
fn nearest(source: &[u8], size: Size, full: Size, window: Window) -> Vec<u8> {
    let places = |from: u32, to: u32, first: u32, count: u32| -> Vec<usize> {
        let scale = f64::from(from) / f64::from(to);
        let place = |index: u32| ((f64::from(index) + 0.5) * scale) as usize;
        (first..first + count)
            .map(|index| place(index).min(from as usize - 1))
            .collect()
    };
    let columns = places(size.width, full.width, window.left, window.width);
    let rows = places(size.height, full.height, window.top, window.height);
    let (pixels, _) = source.as_chunks::<CHANNELS>();
    let row = |row: usize| &pixels[row * size.width as usize..];
    rows.into_iter()
        .flat_map(|place| columns.iter().flat_map(move |&column| row(place)[column]))
        .collect()
}

/// For each new pixel along one side, the source pixels it is made from and their weights.
struct Weights {
    /// The first source pixel and how many.
    spans: Vec<(usize, usize)>,
    /// `stride` for each new pixel, zero after the span's end.
    weights: Vec<i32>,
    stride: usize,
}

impl Weights {
    /// For `count` new pixels from `first` of a side that goes from `from` to `to` pixels.
    fn new(filter: Filter, from: u32, to: u32, first: u32, count: u32) -> Weights {
        let scale = f64::from(from) / f64::from(to);
        let filter_scale = scale.max(1.0);
        let support = filter.support() * filter_scale;
        let stride = (support.ceil() as usize * 2 + 1).min(from as usize);
        let mut spans = Vec::with_capacity(count as usize);
        let mut weights = vec![0; count as usize * stride];
        let mut exact = Vec::with_capacity(stride);
        for (index, weights) in (first..first + count).zip(weights.chunks_exact_mut(stride)) {
            let center = (f64::from(index) + 0.5) * scale;
            let start = ((center - support + 0.5).max(0.0) as usize).min(from as usize);
            let end = ((center + support + 0.5) as usize).min(from as usize);
            exact.clear();
            exact.extend(
                (start..end).map(|place| {
                    filter.weight((place as f64 - center + 0.5) * (1.0 / filter_scale))
                }),
            );
            let sum: f64 = exact.iter().sum();
            for (weight, exact) in weights.iter_mut().zip(&exact) {
                *weight = fixed_point(if sum == 0.0 { *exact } else { exact / sum });
            }
            spans.push((start, end - start));
        }
        Weights {
            spans,
            weights,
            stride,
        }
    }

    /// The first source pixel used.
    fn first(&self) -> usize {
        self.spans.first().map_or(0, |&(start, _)| start)
    }

    /// One beyond the last source pixel used.
    fn end(&self) -> usize {
        self.spans.last().map_or(0, |&(start, count)| start + count)
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let weights = self.weights.chunks_exact(self.stride);
        self.spans
            .iter()
            .zip(weights)
            .map(|(&(start, count), weights)| (start, &weights[..count]))
    }
}

/// Rounded away from zero at a half.
fn fixed_point(weight: f64) -> i32 {
    let half = if weight < 0.0 { -0.5 } else { 0.5 };
    (half + weight * f64::from(1 << PRECISION)) as i32
}

/// The byte of a sum that began with a half.
fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

const HALF: i32 = 1 << (PRECISION - 1);

fn horizontal(source: &[u8], row_bytes: usize, columns: &Weights) -> Vec<u8> {
    let mut narrow = Vec::new();
    for row in source.chunks_exact(row_bytes) {
        let (pixels, _) = row.as_chunks::<CHANNELS>();
        for (start, weights) in columns.iter() {
            let mut sums = [HALF; CHANNELS];
            for (pixel, &weight) in pixels[start..].iter().zip(weights) {
                for (sum, &sample) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(sample) * weight;
                }
            }
            narrow.extend(sums.map(to_byte));
        }
    }
    narrow
}

fn vertical(source: &[u8], row_bytes: usize, rows: &Weights) -> Vec<u8> {
    let first = rows.first();
    let mut resampled = Vec::new();
    let mut sums = vec![0; row_bytes];
    for (start, weights) in rows.iter() {
        sums.fill(HALF);
        let source = &source[(start - first) * row_bytes..];
        for (row, &weight) in source.chunks_exact(row_bytes).zip(weights) {
            for (sum, &sample) in sums.iter_mut().zip(row) {
                *sum += i32::from(sample) * weight;
            }
        }
        resampled.extend(sums.iter().copied().map(to_byte));
    }
    resampled
}
