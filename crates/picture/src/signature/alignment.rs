//! Finds a picture as a crop of another.

use super::grid::{Grid, SIDE, unlike_in_tone};

/// The smallest part of a side that a crop keeps.
const LEAST: f32 = 0.75;

/// The least correlation of a crop with its whole, both stretched to the same frame. One in five pairs of different
/// photographs reaches it.
const LEAST_STRETCHED: f32 = 0.2;

/// The correlation from which a closer look pays.
const PROMISING: f32 = 0.8;

/// The presumed crop: its left upper corner and its width, in fractions of the whole.
#[derive(Clone, Copy)]
struct Frame {
    left: f32,
    top: f32,
    width: f32,
}

/// How much of the detail of `part` is missing from `whole` in the best alignment. `proportion` is the ratio of the
/// aspect ratios.
pub(super) fn unlike_as_crop(whole: &Grid, part: &Grid, proportion: f32) -> f32 {
    let (whole, levels) = (whole.floats(), part.floats());
    if correlation(&whole, &levels) < LEAST_STRETCHED {
        return f32::INFINITY;
    }
    let search = Search {
        coarse_part: halved(&levels),
        whole,
        part: levels,
        proportion,
    };
    match search.best() {
        Some(frame) => unlike_in_tone(&search.seen::<SIDE>(frame), part),
        None => f32::INFINITY,
    }
}

struct Search {
    whole: Vec<f32>,
    part: Vec<f32>,
    /// The part at half the resolution.
    coarse_part: Vec<f32>,
    proportion: f32,
}

const COARSE: usize = SIDE / 2;

impl Search {
    /// The best frame, if any is promising: the best of a coarse raster, refined in ever smaller steps.
    fn best(&self) -> Option<Frame> {
        const ROUNDS: usize = 4;
        let likenesses = self.raster().map(|frame| {
            let likeness = self.likeness::<COARSE>(frame, &self.coarse_part);
            (likeness, frame)
        });
        let (likeness, mut frame) = likenesses.max_by(|left, right| left.0.total_cmp(&right.0))?;
        if likeness < PROMISING {
            return None;
        }
        let mut likeness = self.likeness::<SIDE>(frame, &self.part);
        let mut step = 0.5 / SIDE as f32;
        for _ in 0..ROUNDS {
            while let Some((better, next)) = self.better(frame, likeness, step) {
                (likeness, frame) = (better, next);
            }
            step /= 2.0;
        }
        Some(frame)
    }

    /// Frames of every size, one cell apart.
    fn raster(&self) -> impl Iterator<Item = Frame> {
        const SIZES: usize = 7;
        let cells = |room: f32| (room.max(0.0) * SIDE as f32 + 0.001) as usize + 1;
        let sizes = (0..SIZES).map(|size| 1.0 - size as f32 * 0.04);
        sizes.flat_map(move |width| {
            let height = width * self.proportion;
            let places = move |row| (0..cells(1.0 - width)).map(move |column| (row, column));
            let places = (0..cells(1.0 - height)).flat_map(places);
            places.map(move |(row, column)| Frame {
                left: column as f32 / SIDE as f32,
                top: row as f32 / SIDE as f32,
                width,
            })
        })
    }

    /// The best neighbouring frame, if it is better by more than rounding.
    fn better(&self, frame: Frame, likeness: f32, step: f32) -> Option<(f32, Frame)> {
        const LEAST_GAIN: f32 = 1e-5;
        let neighbours = (0..27).map(|neighbour| {
            let by = |digit: i32| (digit % 3 - 1) as f32 * step;
            let next = Frame {
                left: frame.left + by(neighbour),
                top: frame.top + by(neighbour / 3),
                width: frame.width + by(neighbour / 9),
            };
            (self.likeness::<SIDE>(next, &self.part), next)
        });
        let best = neighbours.max_by(|left, right| left.0.total_cmp(&right.0));
        best.filter(|best| best.0 > likeness + LEAST_GAIN)
    }

    /// The correlation of the part with the frame's content; -1 for frames that leave the whole or are too small.
    fn likeness<const ACROSS: usize>(&self, frame: Frame, part: &[f32]) -> f32 {
        const SLACK: f32 = 0.01;
        let Frame { left, top, width } = frame;
        let height = width * self.proportion;
        let is_inside = |start: f32, length: f32| {
            length >= LEAST && start >= -SLACK && start + length <= 1.0 + SLACK
        };
        if !is_inside(left, width) || !is_inside(top, height) {
            return -1.0;
        }
        correlation(&self.seen::<ACROSS>(frame), part)
    }

    /// The content of a frame in `ACROSS` cells across and down.
    fn seen<const ACROSS: usize>(&self, frame: Frame) -> Vec<f32> {
        let columns = taps::<ACROSS>(frame.left, frame.width);
        let rows = taps::<ACROSS>(frame.top, frame.width * self.proportion);
        let mut narrow = vec![0.0; SIDE * ACROSS];
        for (source, target) in self
            .whole
            .chunks_exact(SIDE)
            .zip(narrow.chunks_exact_mut(ACROSS))
        {
            for (cell, taps) in target.iter_mut().zip(&columns) {
                *cell = taps.iter().map(|&(at, weight)| source[at] * weight).sum();
            }
        }
        let mut seen = vec![0.0; ACROSS * ACROSS];
        for (target, taps) in seen.chunks_exact_mut(ACROSS).zip(&rows) {
            for &(at, weight) in taps {
                let source = &narrow[at * ACROSS..][..ACROSS];
                target
                    .iter_mut()
                    .zip(source)
                    .for_each(|(cell, level)| *cell += level * weight);
            }
        }
        seen
    }
}

/// Pearson's correlation; 0 if one of them is constant.
fn correlation(own: &[f32], other: &[f32]) -> f32 {
    let mean = |cells: &[f32]| cells.iter().sum::<f32>() / cells.len() as f32;
    let (own_mean, other_mean) = (mean(own), mean(other));
    let (mut product, mut own_square, mut other_square) = (0.0, 0.0, 0.0);
    for (own, other) in own.iter().zip(other) {
        let (own, other) = (own - own_mean, other - other_mean);
        product += own * other;
        own_square += own * own;
        other_square += other * other;
    }
    let scale = (own_square * other_square).sqrt();
    if scale > 0.0 { product / scale } else { 0.0 }
}

/// The means of 2 x 2 cells.
fn halved(cells: &[f32]) -> Vec<f32> {
    let mean = |at: usize| {
        let corner = at / COARSE * 2 * SIDE + at % COARSE * 2;
        let four = [corner, corner + 1, corner + SIDE, corner + SIDE + 1];
        four.iter().map(|&cell| cells[cell]).sum::<f32>() / 4.0
    };
    (0..COARSE * COARSE).map(mean).collect()
}

/// For each cell of a part of a side, the four nearest cells of the whole, and their weights by Keys' cubic with a =
/// -0.5.
fn taps<const ACROSS: usize>(start: f32, length: f32) -> [[(usize, f32); 4]; ACROSS] {
    std::array::from_fn(|cell| {
        let middle = (start + (cell as f32 + 0.5) / ACROSS as f32 * length) * SIDE as f32 - 0.5;
        let first = middle.floor();
        std::array::from_fn(|tap| {
            let at = first + tap as f32 - 1.0;
            let nearest = at.clamp(0.0, (SIDE - 1) as f32) as usize;
            (nearest, cubic((middle - at).abs()))
        })
    })
}

fn cubic(x: f32) -> f32 {
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}
