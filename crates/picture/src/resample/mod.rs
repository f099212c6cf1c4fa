//! Resamples one window with Pillow's arithmetic.
//!
//! Follows Pillow 13's `src/libImaging/Resample.c` bit for bit: weights in `f64`, normalised, then rounded to
//! fixed-point numbers ([`weights`]); a pass along the rows and one along the columns, the first of which rounds to
//! bytes for the second ([`passes`]). Source rows and columns that the window does not need are skipped.

mod dispatch;
mod passes;
mod side;
mod weights;

use std::iter::successors;

use passes::{CHANNELS, Grid};
pub(crate) use side::Side;
use weights::Weights;

use crate::{Filter, Size, Window};

/// Returns the `window`, inside `full`, of the picture with these sides resized to `full`. `source` holds the stored
/// pixels.
pub(crate) fn resample(
    source: &[u8],
    columns: Side,
    rows: Side,
    full: Size,
    window: Window,
    filter: Filter,
) -> Vec<u8> {
    if window.width == 0 || window.height == 0 {
        return Vec::new();
    }
    if filter == Filter::Nearest {
        return nearest(source, columns, rows, full, window);
    }
    let size = Size {
        width: columns.whole,
        height: rows.whole,
    };
    let row = columns.pixels as usize * CHANNELS;
    let columns = Weights::new(filter, columns, full.width, window.left, window.width);
    let rows = Weights::new(filter, rows, full.height, window.top, window.height);
    let needed = Grid::new(source, row).cut(columns.sources(), rows.sources());
    dispatch::resize(needed, &columns, &rows, is_vertical_first(size, full))
}

/// Whether the vertical pass comes first, as in Pillow 13, because it saves work when a picture loses many rows and
/// few columns. The order affects the result, because the first pass clamps the filter's overshoot.
fn is_vertical_first(size: Size, full: Size) -> bool {
    let fewer_rows = i64::from(size.height) - i64::from(full.height);
    let fewer_columns = i64::from(size.width) - i64::from(full.width);
    fewer_rows > 0 && fewer_rows > fewer_columns * 2
}

/// The pixel under each new pixel's centre.
fn nearest(source: &[u8], columns: Side, rows: Side, full: Size, window: Window) -> Vec<u8> {
    // Pillow accumulates the scale step by step. If a centre lies on the border of two pixels, the rounding of these
    // additions decides; a product would round differently.
    let places = |from: Side, to: u32, first: u32, count: u32| -> Vec<usize> {
        let scale = f64::from(from.whole) / f64::from(to);
        let centers = successors(Some(scale * 0.5), |center| Some(center + scale));
        let needed = centers.skip(first as usize).take(count as usize);
        needed
            .map(|center| from.pixel((center as usize).min(from.whole as usize - 1)))
            .collect()
    };
    let width = columns.pixels as usize;
    let columns = places(columns, full.width, window.left, window.width);
    let rows = places(rows, full.height, window.top, window.height);
    let (pixels, _) = source.as_chunks::<CHANNELS>();
    let mut resampled = Vec::with_capacity(rows.len() * columns.len() * CHANNELS);
    for row in rows {
        let row = &pixels[row * width..];
        columns
            .iter()
            .for_each(|&column| resampled.extend(row[column]));
    }
    resampled
}
