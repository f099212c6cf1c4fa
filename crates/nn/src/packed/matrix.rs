use rayon::prelude::*;

use super::{
    Arithmetic, Precision,
    epilogue::{Outputs, Scaled, TileEpilogue},
    kernel::Kernels,
    rows::{bf16, rounded},
};

/// A weight (outputs, inputs) packed in panels for the innermost loops, and its bias.
pub(crate) struct Matrix {
    precision: Precision,
    kernels: Kernels,
    outputs: usize,
    inputs: usize,
    /// Panel after panel; in each, lane after lane of the inputs, with all outputs side by side.
    lanes: Vec<u32>,
    bias: Option<Vec<f32>>,
    /// For int8: the scale of each output, and the sum of its bytes.
    scales: Vec<f32>,
    totals: Vec<i32>,
    /// `totals` as f32.
    float_totals: Vec<f32>,
    /// For int8: the rounding error of each byte, in the order of `lanes` (see [`pack_rounding_errors`]).
    errors: Vec<u32>,
}

/// The outputs of one panel.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub(super) first: usize,
    pub(super) width: usize,
    pub(super) lanes: &'a [u32],
}

impl Matrix {
    /// Packs the rows of several weights (outputs, inputs), one after another.
    pub(crate) fn pack(
        weights: &[&[f32]],
        bias: Option<Vec<f32>>,
        inputs: usize,
        arithmetic: Arithmetic,
    ) -> Self {
        let rows: Vec<&[f32]> = weights
            .iter()
            .flat_map(|weight| weight.chunks_exact(inputs))
            .collect();
        let mut matrix = Self::empty(rows.len(), inputs, arithmetic);
        matrix.bias = bias;
        let whole = matrix.kernels.width * matrix.inner_lanes();
        let mut lanes = vec![0; matrix.panel_starts_at(matrix.panels())];
        let panels = lanes.par_chunks_mut(whole.max(1)).enumerate();
        let of_bytes = panels.map(|(panel, lanes)| matrix.fill(panel, &rows, lanes));
        let of_bytes: Vec<Vec<(f32, i32)>> = of_bytes.collect();
        if arithmetic.precision == Precision::Int8 {
            (matrix.scales, matrix.totals) = of_bytes.into_iter().flatten().unzip();
        }
        matrix.fill_up();
        matrix.lanes = lanes;
        if arithmetic.precision == Precision::Int8 {
            let mut errors = vec![0; matrix.lanes.len()];
            let panels = errors.par_chunks_mut(whole.max(1)).enumerate();
            panels.for_each(|(panel, lanes)| matrix.fill_rounding_errors(panel, &rows, lanes));
            matrix.errors = errors;
        }
        matrix
    }

    /// Packs `rows`, each of `inputs` numbers, on this thread for one product.
    pub(super) fn of_rows(rows: &[&[f32]], inputs: usize, arithmetic: Arithmetic) -> Self {
        let mut matrix = Self::empty(rows.len(), inputs, arithmetic);
        let mut lanes = vec![0; matrix.panel_starts_at(matrix.panels())];
        for panel in 0..matrix.panels() {
            let range = matrix.panel_starts_at(panel)..matrix.panel_starts_at(panel + 1);
            let (first, width) = (panel * matrix.kernels.width, matrix.width_of(panel));
            for (place, row) in rows[first..].iter().take(width).enumerate() {
                let places = lanes[range.clone()][place..].iter_mut().step_by(width);
                for (lane, number) in places.zip(*row) {
                    *lane = number.to_bits();
                }
            }
        }
        matrix.lanes = lanes;
        matrix
    }

    /// Packs columns, each with the numbers of one input for all `outputs`.
    pub(super) fn of_columns(columns: &[&[f32]], outputs: usize, arithmetic: Arithmetic) -> Self {
        let mut matrix = Self::empty(outputs, columns.len(), arithmetic);
        let mut lanes = vec![0; matrix.panel_starts_at(matrix.panels())];
        for panel in 0..matrix.panels() {
            let range = matrix.panel_starts_at(panel)..matrix.panel_starts_at(panel + 1);
            let (first, width) = (panel * matrix.kernels.width, matrix.width_of(panel));
            for (lanes, column) in lanes[range].chunks_exact_mut(width).zip(columns) {
                let column = &column[first..(first + width).min(outputs)];
                lanes[..column.len()].copy_from_slice(bytemuck::cast_slice(column));
            }
        }
        matrix.lanes = lanes;
        matrix
    }

    fn empty(outputs: usize, inputs: usize, arithmetic: Arithmetic) -> Self {
        Self {
            precision: arithmetic.precision,
            kernels: Kernels::of(arithmetic),
            outputs,
            inputs,
            lanes: Vec::new(),
            bias: None,
            scales: Vec::new(),
            totals: Vec::new(),
            float_totals: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    pub(super) fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    /// The bias, padded to whole panels.
    pub(super) fn bias(&self) -> Option<&[f32]> {
        self.bias.as_deref()
    }

    /// For int8: the scale of each output, and the sum of its bytes.
    pub(super) fn scales(&self) -> (&[f32], &[i32]) {
        (&self.scales, &self.totals)
    }

    /// The ending of `panel`'s tiles, with the given scales of rows, operations and outputs.
    pub(super) fn ending<'a>(
        &'a self,
        panel: Panel<'a>,
        rows: &'a [[f32; 2]],
        (relu6, addend): (bool, Option<&'a [f32]>),
        outputs: Outputs,
    ) -> TileEpilogue<'a> {
        let scaled = (self.precision == Precision::Int8).then(|| Scaled {
            scales: &self.scales[panel.first..],
            totals: &self.float_totals[panel.first..],
            rows,
        });
        TileEpilogue {
            bias: self.bias().map_or(&NO_BIAS, |bias| &bias[panel.first..]),
            scaled,
            relu6,
            addend,
            outputs,
            wanted: panel.width.min(self.outputs - panel.first),
        }
    }

    /// Lanes of the inner dimension.
    pub(super) fn inner_lanes(&self) -> usize {
        self.inputs.div_ceil(self.precision.in_lane())
    }

    pub(super) fn panels(&self) -> usize {
        self.outputs.div_ceil(self.kernels.width)
    }

    pub(super) fn panel(&self, index: usize) -> Panel<'_> {
        let start = self.panel_starts_at(index);
        Panel {
            first: index * self.kernels.width,
            width: self.width_of(index),
            lanes: &self.lanes[start..self.panel_starts_at(index + 1)],
        }
    }

    /// Pads values per output to whole panels, so that they can be read without a bounds check.
    fn fill_up(&mut self) {
        let whole = self.panels() * self.kernels.width;
        if let Some(bias) = &mut self.bias {
            bias.resize(whole, 0.0);
        }
        if self.precision == Precision::Int8 {
            self.scales.resize(whole, 1.0);
            self.totals.resize(whole, 0);
            self.float_totals = self.totals.iter().map(|&total| total as f32).collect();
        }
    }

    /// The weights of one input for all outputs, padded to whole panels.
    ///
    /// For int8, they include the rounding errors of the bytes, which an outlier would magnify.
    pub(super) fn weights_of(&self, input: usize) -> Vec<f32> {
        let (lane, byte) = (input / 4, input % 4);
        let mut weights = vec![0.0; self.scales.len()];
        for index in 0..self.panels() {
            let (panel, place) = (self.panel(index), lane * self.width_of(index));
            let start = self.panel_starts_at(index) + place;
            let of_input = OfInput {
                bytes: &panel.lanes[place..place + panel.width],
                errors: &self.errors[start..start + panel.width],
                scales: &self.scales[panel.first..panel.first + panel.width],
                byte,
            };
            let weights = &mut weights[panel.first..panel.first + panel.width];
            self.kernels.weights(&of_input, weights);
        }
        weights
    }

    /// The last panel is half as wide if its other half would be empty.
    fn width_of(&self, panel: usize) -> usize {
        let (whole, left) = (
            self.kernels.width,
            self.outputs - panel * self.kernels.width,
        );
        if left <= whole / 2 { whole / 2 } else { whole }
    }

    /// An index into `lanes`.
    fn panel_starts_at(&self, panel: usize) -> usize {
        let inner = self.inner_lanes();
        if panel == self.panels() && panel > 0 {
            self.panel_starts_at(panel - 1) + self.width_of(panel - 1) * inner
        } else {
            panel * self.kernels.width * inner
        }
    }

    /// Fills one panel, initially zeros. Returns the scale of each output and the sum of its bytes.
    fn fill(&self, panel: usize, rows: &[&[f32]], lanes: &mut [u32]) -> Vec<(f32, i32)> {
        let rows = self.rows_of(panel, rows);
        let mut converted = vec![0; rows.len() * self.inner_lanes()];
        let scales = converted.chunks_exact_mut(self.inner_lanes()).zip(rows);
        let scales = scales.map(|(lanes, row)| self.kernels.pack(self.precision, row, lanes));
        let scales = scales.collect();
        self.interleave(panel, &converted, lanes);
        scales
    }

    /// Fills a panel of `errors`.
    fn fill_rounding_errors(&self, panel: usize, rows: &[&[f32]], lanes: &mut [u32]) {
        let rows = self.rows_of(panel, rows);
        let mut converted = vec![0; rows.len() * self.inner_lanes()];
        let scales = &self.scales[panel * self.kernels.width..];
        let converting = converted.chunks_exact_mut(self.inner_lanes());
        for ((lanes, row), scale) in converting.zip(rows).zip(scales) {
            pack_rounding_errors(row, *scale, lanes);
        }
        self.interleave(panel, &converted, lanes);
    }

    /// The rows of a panel.
    fn rows_of<'a, 'b>(&self, panel: usize, rows: &'b [&'a [f32]]) -> &'b [&'a [f32]] {
        let (first, width) = (panel * self.kernels.width, self.width_of(panel));
        &rows[first..(first + width).min(rows.len())]
    }

    /// Interleaves the lanes of consecutive outputs into the order of a panel.
    fn interleave(&self, panel: usize, converted: &[u32], lanes: &mut [u32]) {
        let (inner, width) = (self.inner_lanes(), self.width_of(panel));
        // In blocks that stay in the cache.
        for block in (0..inner).step_by(IN_BLOCK) {
            let block = block..(block + IN_BLOCK).min(inner);
            for (place, row) in converted.chunks_exact(inner).enumerate() {
                let places = lanes[block.start * width + place..]
                    .iter_mut()
                    .step_by(width);
                for (place, lane) in places.zip(&row[block.clone()]) {
                    *place = *lane;
                }
            }
        }
    }
}

/// The bias of a panel without one.
static NO_BIAS: [f32; 32] = [0.0; 32];

/// Lanes of a panel that are written together.
const IN_BLOCK: usize = 64;

/// Writes the weights of one output into `lanes`.
///
/// For int8, returns their scale, with 127 for the largest weight, and the sum of the bytes.
#[inline(always)]
pub(super) fn pack(precision: Precision, weights: &[f32], lanes: &mut [u32]) -> (f32, i32) {
    match precision {
        Precision::F32 => lanes.copy_from_slice(bytemuck::cast_slice(weights)),
        Precision::Bf16 => {
            let halves: &mut [u16] = bytemuck::cast_slice_mut(lanes);
            for (half, weight) in halves.iter_mut().zip(weights) {
                *half = bf16(*weight);
            }
        }
        Precision::Int8 => {
            let largest = weights.iter().map(|weight| weight.abs());
            let largest = largest.fold(0.0, f32::max);
            let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
            let bytes: &mut [i8] = bytemuck::cast_slice_mut(lanes);
            let mut total = 0;
            for (byte, weight) in bytes.iter_mut().zip(weights) {
                *byte = rounded(weight * (1.0 / scale), -127.0, 127.0) as i8;
                total += i32::from(*byte);
            }
            return (scale, total);
        }
    }
    (1.0, 0)
}

/// The bytes of one input for the outputs of a panel, and their rounding errors.
pub(super) struct OfInput<'a> {
    bytes: &'a [u32],
    errors: &'a [u32],
    scales: &'a [f32],
    /// The position of the byte in its lane.
    byte: usize,
}

impl OfInput<'_> {
    /// Writes the weights.
    #[inline(always)]
    pub(super) fn weights(&self, weights: &mut [f32]) {
        let up = 24 - 8 * self.byte as u32;
        let number = |lane: u32| ((lane << up).cast_signed() >> 24) as f32;
        let bytes = self.bytes.iter().zip(self.errors).zip(self.scales);
        for (weight, ((byte, error), scale)) in weights.iter_mut().zip(bytes) {
            *weight = (number(*byte) + number(*error) * (1.0 / PARTS)) * scale;
        }
    }
}

/// Units of rounding errors in a byte: an error is at most half of them.
const PARTS: f32 = 254.0;

/// Writes the rounding errors of one output's bytes, whose scale is `scale`, into `lanes`.
fn pack_rounding_errors(weights: &[f32], scale: f32, lanes: &mut [u32]) {
    let bytes: &mut [i8] = bytemuck::cast_slice_mut(lanes);
    for (byte, weight) in bytes.iter_mut().zip(weights) {
        let number = weight * (1.0 / scale);
        let error = number - f32::from(rounded(number, -127.0, 127.0) as i8);
        *byte = rounded(error * PARTS, -127.0, 127.0) as i8;
    }
}
