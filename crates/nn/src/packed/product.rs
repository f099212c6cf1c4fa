use std::ops::Range;

use rayon::prelude::*;

use super::{
    Finish, Matrix, Rows,
    finish::{Finishing, Outputs, TileOf},
    matrix::Panel,
};
use crate::Activation;

/// Lanes of the inner dimension that are summed before the next ones' turn: a panel of so many stays in the second cache.
const MOST_LANES: usize = 1024;

/// What so many lanes of a task's input rows take of that cache, in lanes.
const BLOCK: usize = 96 << 10;

/// The most rows that are multiplied twice before the next ones' turn.
const TWICE_ROWS: usize = 104;

/// The most panels of a task, whose sums wait for the next lanes.
const MOST_PANELS: usize = 8;

/// The least outliers whose weights one thread looks up.
const OUTLIERS_AT_ONCE: usize = 8;

/// The least products of numbers that are worth a task of their own.
const GRAIN: usize = 4 << 20;

/// `rows` times `matrix`, and what follows, as (rows, outputs).
pub(crate) fn multiply(rows: &Rows<'_>, matrix: &Matrix, finish: Finish<'_>) -> Vec<f32> {
    written(rows.count(), matrix, |outputs| {
        multiply_into(rows, matrix, finish, outputs);
    })
}

/// The same on this thread alone, for a matrix of f32.
pub(super) fn multiply_alone(rows: &Rows<'_>, matrix: &Matrix) -> Vec<f32> {
    written(rows.count(), matrix, |outputs| {
        multiply_here(rows, matrix, Finish::NOTHING, outputs);
    })
}

/// The product of two: `rows`, (rows, inputs of `inner`), by `inner`, `activation` of each number, by `outer`, and what
/// follows. What lies between is made in blocks, so that it stays in the cache.
pub(crate) fn multiply_twice(
    rows: &[f32],
    inner: &Matrix,
    activation: Activation,
    outer: &Matrix,
    finish: Finish<'_>,
) -> Vec<f32> {
    assert_eq!(inner.outputs(), outer.inputs(), "the matrices go together");
    let count = rows.len() / inner.inputs();
    let (inputs, columns) = (inner.inputs(), outer.outputs());
    let blocks = count.div_ceil(TWICE_ROWS);
    let between = Finish {
        activation: Some(activation),
        addend: None,
    };
    written(count, outer, |outputs| {
        (0..blocks)
            .into_par_iter()
            .with_max_len(1)
            .for_each(|block| {
                let block = share(count, blocks, block);
                let rows = Rows::new(&rows[block.start * inputs..block.end * inputs], inner);
                let hidden = multiply(&rows, inner, between);
                let addend = finish.addend;
                let addend =
                    addend.map(|addend| &addend[block.start * columns..block.end * columns]);
                let finish = Finish { addend, ..finish };
                let outputs = outputs.from(block.start * columns);
                multiply_into(&Rows::new(&hidden, outer), outer, finish, outputs);
            });
    })
}

/// The (rows, outputs) that `write` has written in full.
fn written(rows: usize, matrix: &Matrix, write: impl FnOnce(Outputs)) -> Vec<f32> {
    let count = rows * matrix.outputs();
    let mut output = Vec::with_capacity(count);
    write(Outputs::of(
        &mut output.spare_capacity_mut()[..count],
        matrix.outputs(),
    ));
    // SAFETY: a product writes the tiles of all rows and panels, which are all numbers.
    #[expect(
        unsafe_code,
        reason = "what is written in full need not be cleared before"
    )]
    unsafe {
        output.set_len(count);
    }
    output
}

/// `rows` times `matrix`, and what follows, into `outputs`, which are the caller's alone.
fn multiply_into(rows: &Rows<'_>, matrix: &Matrix, finish: Finish<'_>, outputs: Outputs) {
    let outliers = rows.outliers().par_iter().with_min_len(OUTLIERS_AT_ONCE);
    let outlier_weights: Vec<Vec<f32>> = outliers
        .map(|outlier| matrix.weights_of(outlier.input))
        .collect();
    let finishing = Finishing {
        rows,
        matrix,
        outlier_weights: &outlier_weights,
        finish,
    };
    let tasks = Tasks::of(rows, matrix);
    (0..tasks.count())
        .into_par_iter()
        .with_max_len(1)
        .for_each(|task| {
            let (rows, panels) = tasks.task(task);
            multiply_block(&finishing, rows, panels, outputs);
        });
}

/// The same on this thread alone, for a matrix of f32.
pub(super) fn multiply_here(
    rows: &Rows<'_>,
    matrix: &Matrix,
    finish: Finish<'_>,
    outputs: Outputs,
) {
    let finishing = Finishing {
        rows,
        matrix,
        outlier_weights: &[],
        finish,
    };
    multiply_block(&finishing, 0..rows.count(), 0..matrix.panels(), outputs);
}

/// Some rows by some panels: a part of the lanes of all of them, then the next.
fn multiply_block(
    finishing: &Finishing<'_>,
    rows: Range<usize>,
    panels: Range<usize>,
    outputs: Outputs,
) {
    let (matrix, kernels) = (finishing.matrix, finishing.matrix.kernels());
    let lanes = matrix.inner_lanes();
    let parts = lanes.div_ceil(MOST_LANES).max(1);
    // Of one tile; of all, where they wait for the next lanes.
    let waiting = if parts > 1 {
        rows.len() * panels.len()
    } else {
        kernels.rows
    };
    let mut sums = vec![0; waiting * kernels.width];
    for part in 0..parts {
        let mut first = 0;
        for panel in panels.clone() {
            let panel = matrix.panel(panel);
            for tile in tiles(rows.clone(), kernels.rows) {
                let sums = &mut sums[first..][..tile.len() * panel.width];
                add_products(finishing, &tile, panel, share(lanes, parts, part), sums);
                if part + 1 == parts {
                    let tile = &TileOf {
                        row: tile.start,
                        column: panel.first,
                        width: panel.width,
                        sums,
                        outputs,
                    };
                    kernels.finish(finishing, tile);
                }
                if parts > 1 {
                    first += sums.len();
                }
            }
        }
    }
}

/// Adds the products of `lanes` to the sums of one tile, which begin as 0 with the first of them.
#[expect(unsafe_code, reason = "the innermost loops take pointers")]
fn add_products(
    finishing: &Finishing<'_>,
    tile: &Range<usize>,
    panel: Panel<'_>,
    lanes: Range<usize>,
    sums: &mut [u32],
) {
    let stride = finishing.rows.stride();
    let rows = &finishing.rows.lanes()[tile.start * stride + lanes.start..];
    assert!(rows.len() >= (tile.len() - 1) * stride + lanes.len());
    let weights = &panel.lanes[lanes.start * panel.width..lanes.end * panel.width];
    assert_eq!(sums.len(), tile.len() * panel.width);
    let multiply = finishing.matrix.kernels().tile(tile.len(), panel.width);
    // SAFETY: the assertions say that rows, panel and sums are as long as the loop takes them to be. Matrices are packed
    // for instructions that the processor has.
    unsafe {
        multiply(
            rows.as_ptr(),
            stride,
            weights.as_ptr(),
            lanes.len(),
            sums.as_mut_ptr(),
            lanes.start > 0,
            None,
        );
    }
}

/// A product in tasks: blocks of rows, each by groups of panels.
struct Tasks {
    rows: usize,
    blocks: usize,
    panels: usize,
    groups: usize,
}

impl Tasks {
    fn of(rows: &Rows<'_>, matrix: &Matrix) -> Self {
        let lanes = matrix.inner_lanes().clamp(1, MOST_LANES);
        let most = (BLOCK / lanes).max(matrix.kernels().rows);
        let blocks = rows.count().div_ceil(most);
        let block = rows.count().div_ceil(blocks.max(1));
        let work = block * matrix.inputs() * matrix.kernels().width;
        let group = (GRAIN / work.max(1)).clamp(1, MOST_PANELS);
        Self {
            rows: rows.count(),
            blocks,
            panels: matrix.panels(),
            groups: matrix.panels().div_ceil(group),
        }
    }

    fn count(&self) -> usize {
        self.blocks * self.groups
    }

    /// Its rows and panels.
    fn task(&self, task: usize) -> (Range<usize>, Range<usize>) {
        let (block, group) = (task / self.groups, task % self.groups);
        (
            share(self.rows, self.blocks, block),
            share(self.panels, self.groups, group),
        )
    }
}

/// Rows in tiles of nearly equal height, `most` at the most.
pub(super) fn tiles(rows: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let count = rows.len().div_ceil(most);
    (0..count).map(move |tile| {
        let part = share(rows.len(), count, tile);
        rows.start + part.start..rows.start + part.end
    })
}

/// The `index`-th of `parts` nearly equal parts of `0..whole`.
pub(super) fn share(whole: usize, parts: usize, index: usize) -> Range<usize> {
    whole * index / parts..whole * (index + 1) / parts
}
