//! A grid of 32 x 32 grey levels, and measures of how much two differ.

use std::fmt;

use crate::{Size, container::heif::Aperture};

/// Cells across and down.
pub(crate) const SIDE: usize = 32;
pub(crate) const CELLS: usize = SIDE * SIDE;

/// The number of grey levels.
const LEVELS: usize = 256;

/// The energy of detail, in squared levels, up to which it counts as rounding and noise.
const NO_DETAIL: f32 = 2.0;

/// The tolerance of a cell in levels, and as a fraction of the range of the cells around it.
///
/// Versions of 60 rendered documents (JPEG of quality 20, half and a quarter as large) differed by at most 0.7 times
/// the tolerance; different forms and slides (100 of each) by at least 1.27 times.
const MOST_OFF: f32 = 4.0;
const MOST_OFF_AT_EDGES: f32 = 0.3;

/// Row by row from the top.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Grid(Box<[u8; CELLS]>);

impl FromIterator<u8> for Grid {
    /// Missing cells are 0.
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
    /// The means of a picture's cells. With fewer pixels than cells, several cells share a pixel.
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

    /// The cells of a part of the picture of `size`, each the nearest one.
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

    /// How much of the detail of `other` is missing here.
    pub(super) fn unlike(&self, other: &Grid) -> f32 {
        unexplained(self.0.iter().map(|&level| f32::from(level)), other)
    }

    /// The largest deviation of a cell from `other`, as a multiple of its tolerance, after fitting this grid's tones
    /// to it.
    pub(super) fn farthest_in_tone(&self, other: &Grid) -> f32 {
        let tones = self.tones(other);
        let other = other.floats();
        let parts = (0..CELLS).map(|cell| {
            let levels = near(cell).map(|cell| other[cell]);
            let least = levels.clone().fold(f32::INFINITY, f32::min);
            let greatest = levels.fold(f32::NEG_INFINITY, f32::max);
            let toned = tones[usize::from(self.0[cell])];
            (toned - other[cell]).abs() / (MOST_OFF + MOST_OFF_AT_EDGES * (greatest - least))
        });
        parts.fold(0.0, f32::max)
    }

    /// Like [`unlike`](Grid::unlike), after fitting this grid's tones to `other`.
    pub(super) fn unlike_in_tone(&self, other: &Grid) -> f32 {
        let tones = self.tones(other);
        let toned = self.0.iter().map(|&level| tones[usize::from(level)]);
        unexplained(toned, other)
    }

    /// Whether [`unlike_in_tone`](Grid::unlike_in_tone) is at most `most`, given the [`detail`](Grid::detail) of `other`.
    ///
    /// Most pairs of different pictures take a tenth of the time.
    pub(super) fn is_like_in_tone(&self, other: &Grid, detail: f32, most: f32) -> bool {
        // Tolerates rounding in the sums of squares.
        const ROUNDING: f32 = 1.001;
        let most_difference = most * most * (detail + NO_DETAIL * CELLS as f32);
        self.least_difference(other) as f32 <= ROUNDING * most_difference
            && self.unlike_in_tone(other) <= most
    }

    /// A lower bound of the sum of squared differences in [`unlike_in_tone`](Grid::unlike_in_tone).
    ///
    /// A rising curve keeps the order of two cells. If the darker cell is brighter by `d` in `other`, or both are equal here,
    /// every curve is off by at least `d² / 2`. Each cell is in one pair, so pairs add up.
    fn least_difference(&self, other: &Grid) -> u32 {
        let half = |grid: &'_ Grid| -> ([u8; CELLS / 2], [u8; CELLS / 2]) {
            let (rows, _) = grid.0.as_chunks::<{ 2 * SIDE }>();
            let row = |at: usize| rows[at / SIDE][at % SIDE];
            let below = |at: usize| rows[at / SIDE][at % SIDE + SIDE];
            (std::array::from_fn(row), std::array::from_fn(below))
        };
        let ((own, own_below), (other, other_below)) = (half(self), half(other));
        let mut doubled = 0;
        for at in 0..CELLS / 2 {
            let here = i32::from(own[at]) - i32::from(own_below[at]);
            let there = i32::from(other[at]) - i32::from(other_below[at]);
            let is_kept = here != 0 && here * there >= 0;
            doubled += if is_kept { 0 } else { there * there };
        }
        doubled.unsigned_abs() / 2
    }

    /// For each level, its new level by the rising tone curve that brings this grid nearest to `other`.
    fn tones(&self, other: &Grid) -> [f32; LEVELS] {
        // For each level, the number of its cells and, in the low bits, their sum in `other`. Neighbours often share a
        // level, so a single table would serialise the additions.
        const COUNT: u32 = 1 << 20;
        let mut tables = [[0_u32; LEVELS]; 4];
        let (own, _) = self.0.as_chunks::<4>();
        let (others, _) = other.0.as_chunks::<4>();
        for (own, others) in own.iter().zip(others) {
            for ((table, &own), &other) in tables.iter_mut().zip(own).zip(others) {
                table[usize::from(own)] += COUNT + u32::from(other);
            }
        }
        let [first, second, third, fourth] = tables;
        let sums: [u32; LEVELS] = std::array::from_fn(|level| {
            first[level] + second[level] + third[level] + fourth[level]
        });
        let cells = |level: usize| (sums[level] / COUNT) as usize;
        let there = (0..LEVELS).filter(|&level| cells(level) > 0);
        let mut curve = Curve::default();
        for level in there.clone() {
            curve.push((sums[level] % COUNT) as f32, cells(level));
        }
        let mut tones = [0.0; LEVELS];
        let mut runs = curve.0.into_iter();
        let (mut tone, mut left) = (0.0, 0);
        for level in there {
            if left == 0 {
                (tone, left) = runs.next().unwrap_or_default();
            }
            left -= cells(level);
            tones[level] = tone;
        }
        tones
    }

    /// The energy of each cell's deviation from its neighbours, in squared levels.
    pub(super) fn detail(&self) -> f32 {
        let (rows, _) = self.0.as_chunks::<SIDE>();
        let around = |at: usize| [at.saturating_sub(1), at, (at + 1).min(SIDE - 1)];
        let mut details = 0.0;
        for (at, row) in rows.iter().enumerate() {
            let [above, _, below] = around(at).map(|at| &rows[at]);
            let columns: [u16; SIDE] = std::array::from_fn(|column| {
                u16::from(above[column]) + u16::from(row[column]) + u16::from(below[column])
            });
            let squares: [f32; SIDE] = std::array::from_fn(|column| {
                let [left, middle, right] = around(column).map(|column| columns[column]);
                let mean = f32::from(left + middle + right) / 9.0;
                (f32::from(row[column]) - mean).powi(2)
            });
            details = squares.iter().fold(details, |sum, square| sum + square);
        }
        details
    }
}

/// Like [`Grid::unlike_in_tone`], for fractional levels.
pub(super) fn unlike_in_tone(own: &[f32], other: &Grid) -> f32 {
    unexplained(toned(own, &other.floats()).into_iter(), other)
}

/// The difference of two grids as a fraction of the detail of the second; 0 if they are equal.
fn unexplained(own: impl Iterator<Item = f32>, other: &Grid) -> f32 {
    let pairs = own.zip(other.0.iter());
    let differences = pairs.map(|(own, &other)| (own - f32::from(other)).powi(2));
    let difference: f32 = differences.sum();
    (difference / (other.detail() + NO_DETAIL * CELLS as f32)).sqrt()
}

/// A cell and its eight neighbours; at the edge, some occur twice.
fn near(cell: usize) -> impl Iterator<Item = usize> + Clone {
    let around = |at: usize| [at.saturating_sub(1), at, (at + 1).min(SIDE - 1)].into_iter();
    let columns = around(cell % SIDE);
    around(cell / SIDE).flat_map(move |row| columns.clone().map(move |column| row * SIDE + column))
}

/// The rising tone curve nearest to its input: isotonic regression by the pool-adjacent-violators algorithm. It
/// consists of runs of equal tone, each with its number of cells.
#[derive(Default)]
struct Curve(Vec<(f32, usize)>);

impl Curve {
    /// Adds the cells of the next level: their number, and the sum of their targets.
    fn push(&mut self, sum: f32, count: usize) {
        let mut run = (sum / count as f32, count);
        while let Some(&(tone, count)) = self.0.last()
            && tone >= run.0
        {
            self.0.pop();
            let sum = tone * count as f32 + run.0 * run.1 as f32;
            run = (sum / (count + run.1) as f32, count + run.1);
        }
        self.0.push(run);
    }
}

/// Applies the rising tone curve that brings `own` nearest to `other`.
fn toned(own: &[f32], other: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..own.len()).collect();
    order.sort_by(|&a, &b| own[a].total_cmp(&own[b]));
    let mut curve = Curve::default();
    for cells in order.chunk_by(|&a, &b| own[a] == own[b]) {
        curve.push(cells.iter().map(|&cell| other[cell]).sum(), cells.len());
    }
    let runs = curve.0.into_iter();
    let tones = runs.flat_map(|(tone, count)| std::iter::repeat_n(tone, count));
    let mut toned = vec![0.0; own.len()];
    for (&cell, tone) in order.iter().zip(tones) {
        toned[cell] = tone;
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

    /// Counting integers instead of sorting, and taking means row by row, gives the same result to the last bit.
    #[test]
    fn it_is_computed_as_it_is_defined() {
        let grids = [2.0, 3.0, 0.3, 50.0].map(waves);
        let step = Grid::from_iter((0..CELLS).map(|at| (at / 100 * 23 % 200) as u8));
        let grids = [&grids[..], &[step, Grid::from_iter([7; CELLS])]].concat();
        for own in &grids {
            for other in &grids {
                let expected = unlike_in_tone(&own.floats(), other);
                assert_eq!(own.unlike_in_tone(other).to_bits(), expected.to_bits());
            }
            let mean = |cell| near(cell).map(|at| own.floats()[at]).sum::<f32>() / 9.0;
            let details = own.floats().into_iter().enumerate();
            let details = details.map(|(cell, level)| (level - mean(cell)).powi(2));
            assert_eq!(own.detail().to_bits(), details.sum::<f32>().to_bits());
        }
    }

    #[test]
    fn what_is_refused_early_is_unlike() {
        let mut seed = 1_u32;
        let mut noise = |grid: &Grid, most: u32| {
            let level = |&level: &u8| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                level.saturating_add((seed >> 24) as u8 % most as u8)
            };
            Grid::from_iter(grid.levels().iter().map(level))
        };
        let mut grids = vec![Grid::from_iter([7; CELLS]), waves(2.0)];
        for period in [0.3, 2.0, 2.1, 3.0, 50.0] {
            grids.extend([1, 8, 60, 250].map(|most| noise(&waves(period), most)));
        }
        let mut outcomes = [0; 2];
        for own in &grids {
            for other in &grids {
                let tones = own.tones(other);
                let pairs = own.0.iter().zip(other.0.iter());
                let difference: f64 = pairs
                    .map(|(&own, &other)| f64::from(tones[usize::from(own)]) - f64::from(other))
                    .map(|difference| difference.powi(2))
                    .sum();
                assert!(f64::from(own.least_difference(other)) <= difference * 1.000_1);
                for most in [0.2, 0.5, 1.0] {
                    let is_like = own.unlike_in_tone(other) <= most;
                    assert_eq!(own.is_like_in_tone(other, other.detail(), most), is_like);
                    outcomes[usize::from(is_like)] += 1;
                }
            }
        }
        assert!(outcomes.iter().all(|count| *count > 100), "{outcomes:?}");
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
