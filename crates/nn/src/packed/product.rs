use std::ops::Range;

use rayon::prelude::*;

use super::{
    Epilogue, Matrix, Rows,
    epilogue::{Outputs, ProductEpilogue, TileSums},
    matrix::Panel,
};
use crate::Activation;

/// Lanes of the inner dimension that are summed at a time: a panel of this many stays in the second-level cache.
const MOST_LANES: usize = 1024;

/// The part of that cache for a task's input rows, in lanes.
const BLOCK: usize = 96 << 10;

/// The most rows in a block of [`multiply_twice`].
const TWICE_ROWS: usize = 104;

/// The most panels in a task, whose sums are kept until the next lanes.
const MOST_PANELS: usize = 8;

/// The fewest outliers worth a thread to look up their weights.
const OUTLIERS_AT_ONCE: usize = 8;

/// The fewest multiplications worth a task.
const GRAIN: usize = 4 << 20;

/// Multiplies `rows` by `matrix`, then `finish`: (rows, outputs).
pub(crate) fn multiply(rows: &Rows<'_>, matrix: &Matrix, finish: Epilogue<'_>) -> Vec<f32> {
    written(rows.count(), matrix, |outputs| {
        multiply_into(rows, matrix, finish, outputs);
    })
}

/// Like [`multiply`], on this thread only, for an f32 matrix.
pub(super) fn multiply_alone(rows: &Rows<'_>, matrix: &Matrix) -> Vec<f32> {
    written(rows.count(), matrix, |outputs| {
        multiply_here(rows, matrix, Epilogue::NOTHING, outputs);
    })
}

/// Multiplies `rows`, (rows, inputs of `inner`), by `inner`, applies `activation`, multiplies by `outer`, then
/// `finish`.
///
/// Works in blocks of rows, so that the values in between stay in the cache.
pub(crate) fn multiply_twice(
    rows: &[f32],
    inner: &Matrix,
    activation: Activation,
    outer: &Matrix,
    finish: Epilogue<'_>,
) -> Vec<f32> {
    assert_eq!(
        inner.outputs(),
        outer.inputs(),
        "the matrices' shapes match"
    );
    let count = rows.len() / inner.inputs();
    let (inputs, columns) = (inner.inputs(), outer.outputs());
    let blocks = count.div_ceil(TWICE_ROWS);
    let between = Epilogue {
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
                let finish = Epilogue { addend, ..finish };
                let outputs = outputs.from(block.start * columns);
                multiply_into(&Rows::new(&hidden, outer), outer, finish, outputs);
            });
    })
}

/// Returns the (rows, outputs) that `write` fills completely.
fn written(rows: usize, matrix: &Matrix, write: impl FnOnce(Outputs)) -> Vec<f32> {
    let count = rows * matrix.outputs();
    let mut output = Vec::with_capacity(count);
    write(Outputs::of(
        &mut output.spare_capacity_mut()[..count],
        matrix.outputs(),
    ));
    // SAFETY: a product writes the tiles of all rows and panels, so all numbers are initialised.
    #[expect(unsafe_code, reason = "the product initialises the whole buffer")]
    unsafe {
        output.set_len(count);
    }
    output
}

/// Writes `rows` times `matrix`, then `finish`, into `outputs`, to which the caller has exclusive access.
fn multiply_into(rows: &Rows<'_>, matrix: &Matrix, finish: Epilogue<'_>, outputs: Outputs) {
    let outliers = rows.outliers().par_iter().with_min_len(OUTLIERS_AT_ONCE);
    let outlier_weights: Vec<Vec<f32>> = outliers
        .map(|outlier| matrix.weights_of(outlier.input))
        .collect();
    let finishing = ProductEpilogue {
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

/// Like [`multiply_into`], on this thread only, for an f32 matrix.
pub(super) fn multiply_here(
    rows: &Rows<'_>,
    matrix: &Matrix,
    finish: Epilogue<'_>,
    outputs: Outputs,
) {
    let finishing = ProductEpilogue {
        rows,
        matrix,
        outlier_weights: &[],
        finish,
    };
    multiply_block(&finishing, 0..rows.count(), 0..matrix.panels(), outputs);
}

/// Multiplies some rows by some panels: one part of all their lanes after another.
fn multiply_block(
    finishing: &ProductEpilogue<'_>,
    rows: Range<usize>,
    panels: Range<usize>,
    outputs: Outputs,
) {
    let (matrix, kernels) = (finishing.matrix, finishing.matrix.kernels());
    let lanes = matrix.inner_lanes();
    let parts = lanes.div_ceil(MOST_LANES).max(1);
    // The sums of one tile, or of all tiles if they are kept until the next lanes.
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
                    let tile = &TileSums {
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

/// Adds the products of `lanes` to the sums of one tile. The first lanes start from 0.
#[expect(unsafe_code, reason = "the innermost loops take pointers")]
fn add_products(
    finishing: &ProductEpilogue<'_>,
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
    // SAFETY: by the assertions, rows, panel and sums are as long as the loop expects. Matrices are packed only for
    // instructions that the processor has.
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

/// A product split into tasks: blocks of rows by groups of panels.
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

    /// The task's rows and panels.
    fn task(&self, task: usize) -> (Range<usize>, Range<usize>) {
        let (block, group) = (task / self.groups, task % self.groups);
        (
            share(self.rows, self.blocks, block),
            share(self.panels, self.groups, group),
        )
    }
}

/// Splits rows into tiles of nearly equal height, at most `most`.
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
