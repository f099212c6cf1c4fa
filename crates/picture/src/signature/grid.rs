//! 32 x 32 levels of grey, and how unlike two such grids are.

use std::fmt;

use crate::{Size, container::heif::Aperture};

/// Cells across and down.
pub(crate) const SIDE: usize = 32;
pub(crate) const CELLS: usize = SIDE * SIDE;

/// The energy of detail, in squares of levels, below which there is none: rounding and noise.
const NO_DETAIL: f32 = 2.0;

/// Levels by which a cell of a version may be off, and which part of the range of the cells around it.
///
/// Versions of 60 rendered documents (JPEG of quality 20, half and a quarter as large) were off by up to 0.7 times that, and
/// different forms and slides by 1.27 times and more (100 of each).
const MOST_OFF: f32 = 4.0;
const MOST_OFF_AT_EDGES: f32 = 0.3;

/// Row by row from the top.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Grid(Box<[u8; CELLS]>);

impl FromIterator<u8> for Grid {
    /// Cells that are missing are 0.
    fn from_iter<I: IntoIterator<Item = u8>>(levels: I) -> Grid {
        let mut cells = Box::new([0; CELLS]);
        for (cell, level) in cells.iter_mut().zip(levels) {
            *cell = level;
        }
        Grid(cells)
    }
}

impl fmt::Debug for Grid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Grid({SIDE}x{SIDE})")
    }
}

impl Grid {
    /// The means of a picture's cells. Where it has fewer pixels than cells, these share them.
    pub(crate) fn of(size: Size, pixel: impl Fn(usize) -> u8) -> Grid {
        let (width, height) = (size.width as usize, size.height as usize);
        let pixels = |cell: usize, side: usize| {
            let start = cell * side / SIDE;
            start..((cell + 1) * side / SIDE).max(start + 1)
        };
        let mean = |cell: usize| {
            let (rows, columns) = (pixels(cell / SIDE, height), pixels(cell % SIDE, width));
            let count = rows.len() * columns.len();
            let places =
                rows.flat_map(|row| columns.clone().map(move |column| row * width + column));
            let sum: u64 = places.map(|place| u64::from(pixel(place))).sum();
            (sum / count as u64) as u8
        };
        (0..CELLS).map(mean).collect()
    }

    /// The cells under a part of the picture of `size`, each the nearest one.
    pub(crate) fn cropped(&self, size: Size, part: &Aperture) -> Grid {
        let place = |cell: usize, start: u32, length: u32, side: u32| {
            let middle = f64::from(start) + (cell as f64 + 0.5) / SIDE as f64 * f64::from(length);
            ((middle / f64::from(side) * SIDE as f64) as usize).min(SIDE - 1)
        };
        let level = |cell: usize| {
            let row = place(cell / SIDE, part.top, part.height, size.height);
            let column = place(cell % SIDE, part.left, part.width, size.width);
            self.0[row * SIDE + column]
        };
        (0..CELLS).map(level).collect()
    }

    pub(crate) fn levels(&self) -> &[u8; CELLS] {
        &self.0
    }

    pub(super) fn floats(&self) -> Vec<f32> {
        self.0.iter().map(|&level| f32::from(level)).collect()
    }

    /// The standard deviation.
    pub(super) fn deviation(&self) -> f32 {
        let levels = self.floats();
        let mean = levels.iter().sum::<f32>() / CELLS as f32;
        let squares = levels.iter().map(|level| (level - mean).powi(2));
        (squares.sum::<f32>() / CELLS as f32).sqrt()
    }

    /// How much of the detail of `other` is not here.
    pub(super) fn unlike(&self, other: &Grid) -> f32 {
        unexplained(&self.floats(), &other.floats())
    }

    /// How far the worst cell of `other` is off, of what it may be off by where it lies, once these levels are made brighter
    /// and darker as fits it best.
    pub(super) fn farthest_in_tone(&self, other: &Grid) -> f32 {
        let other = other.floats();
        let toned = toned(&self.floats(), &other);
        let parts = (0..CELLS).map(|cell| {
            let levels = near(cell).map(|cell| other[cell]);
            let least = levels.clone().fold(f32::INFINITY, f32::min);
            let greatest = levels.fold(f32::NEG_INFINITY, f32::max);
            (toned[cell] - other[cell]).abs() / (MOST_OFF + MOST_OFF_AT_EDGES * (greatest - least))
        });
        parts.fold(0.0, f32::max)
    }

    /// As [`unlike`](Grid::unlike), once these levels are made brighter and darker as fits `other` best.
    pub(super) fn unlike_in_tone(&self, other: &Grid) -> f32 {
        unlike_in_tone(&self.floats(), &other.floats())
    }
}

pub(super) fn unlike_in_tone(own: &[f32], other: &[f32]) -> f32 {
    unexplained(&toned(own, other), other)
}

/// The difference of two grids, as a part of the detail of the second: 0 where they are equal.
fn unexplained(own: &[f32], other: &[f32]) -> f32 {
    let differences = own
        .iter()
        .zip(other)
        .map(|(own, other)| (own - other).powi(2));
    let difference: f32 = differences.sum();
    let blurred = blurred(other);
    let details = other
        .iter()
        .zip(&blurred)
        .map(|(level, around)| (level - around).powi(2));
    let detail: f32 = details.sum();
    (difference / (detail + NO_DETAIL * CELLS as f32)).sqrt()
}

/// The mean of each cell and those around it.
fn blurred(cells: &[f32]) -> Vec<f32> {
    let mean = |cell| near(cell).map(|cell| cells[cell]).sum::<f32>() / 9.0;
    (0..CELLS).map(mean).collect()
}

/// A cell and the eight around it; at the edge, some are there twice.
fn near(cell: usize) -> impl Iterator<Item = usize> + Clone {
    let around = |at: usize| [at.saturating_sub(1), at, (at + 1).min(SIDE - 1)].into_iter();
    let columns = around(cell % SIDE);
    around(cell / SIDE).flat_map(move |row| columns.clone().map(move |column| row * SIDE + column))
}

/// `own` by the rising curve of tones that brings it nearest to `other`: isotonic regression, by pooling neighbours that
/// fall.
fn toned(own: &[f32], other: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..own.len()).collect();
    order.sort_by(|&a, &b| own[a].total_cmp(&own[b]));
    // Runs of one level: their mean, and how many cells they are of.
    let mut runs: Vec<(f32, usize)> = Vec::new();
    let alike = order.chunk_by(|&a, &b| own[a] == own[b]);
    for cells in alike {
        let sum: f32 = cells.iter().map(|&cell| other[cell]).sum();
        let mut run = (sum / cells.len() as f32, cells.len());
        while let Some(&(level, count)) = runs.last()
            && level >= run.0
        {
            runs.pop();
            let sum = level * count as f32 + run.0 * run.1 as f32;
            run = (sum / (count + run.1) as f32, count + run.1);
        }
        runs.push(run);
    }
    let levels = runs
        .iter()
        .flat_map(|&(level, count)| std::iter::repeat_n(level, count));
    let mut toned = vec![0.0; own.len()];
    for (&cell, level) in order.iter().zip(levels) {
        toned[cell] = level;
    }
    toned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(period: f32) -> Grid {
        let level = |at: usize| {
            let (row, column) = ((at / SIDE) as f32, (at % SIDE) as f32);
            (127.0 + 60.0 * (column / period).sin() + 60.0 * (row * column / 40.0 / period).cos())
                as u8
        };
        Grid::from_iter((0..CELLS).map(level))
    }

    #[test]
    fn tones_do_not_count() {
        let grid = waves(2.0);
        assert_eq!(grid.unlike(&grid), 0.0);
        let darker = Grid::from_iter(grid.levels().iter().map(|&level| level / 2));
        let curved = grid
            .levels()
            .iter()
            .map(|&level| (f32::from(level) / 255.0).powi(2));
        let curved = Grid::from_iter(curved.map(|level| (255.0 * level) as u8));
        for other in [darker, curved] {
            assert!(grid.unlike(&other) > 1.0);
            assert!(grid.unlike_in_tone(&other) < 0.02);
        }
    }

    #[test]
    fn what_is_light_is_not_dark() {
        let grid = waves(2.0);
        let negative = Grid::from_iter(grid.levels().iter().map(|&level| 255 - level));
        assert!(grid.unlike_in_tone(&negative) > 1.0);
        assert!(grid.unlike_in_tone(&waves(3.0)) > 1.0);
    }

    #[test]
    fn nothing_but_one_level_has_no_detail() {
        let white = Grid::from_iter([255; CELLS]);
        let black = Grid::from_iter([0; CELLS]);
        assert_eq!(white.unlike(&white), 0.0);
        assert!(white.unlike(&black) > 100.0);
    }
}
