#![expect(
    unsafe_code,
    reason = "tiles of one output are written by several threads, by vector instructions"
)]

use std::mem::MaybeUninit;

use super::{Precision, matrix::Matrix, rows::Rows, vector::Vector};
use crate::Activation;

/// Operations after a product, in this order.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a> {
    pub(crate) activation: Option<Activation>,
    /// Numbers of the product's shape to add.
    pub(crate) addend: Option<&'a [f32]>,
}

impl Epilogue<'_> {
    pub(crate) const NOTHING: Self = Self {
        activation: None,
        addend: None,
    };
}

/// All that turns the sums of a product's tiles into outputs.
pub(super) struct ProductEpilogue<'a> {
    pub(super) rows: &'a Rows<'a>,
    pub(super) matrix: &'a Matrix,
    /// The weights of each outlier in `rows`, by output.
    pub(super) outlier_weights: &'a [Vec<f32>],
    pub(super) finish: Epilogue<'a>,
}

/// What turns the sums of one tile into outputs while they are in registers, and where it writes them.
#[derive(Clone, Copy)]
pub(super) struct TileEpilogue<'a> {
    /// The bias of the panel's outputs.
    pub(super) bias: &'a [f32],
    /// For int8 only.
    pub(super) scaled: Option<Scaled<'a>>,
    pub(super) relu6: bool,
    /// Numbers to add, from the tile's first on; rows are as far apart as in `outputs`.
    pub(super) addend: Option<&'a [f32]>,
    /// The outputs, from the tile's first on.
    pub(super) outputs: Outputs,
    /// The number of the panel's outputs to write.
    pub(super) wanted: usize,
}

/// The factors that turn sums of bytes into numbers.
#[derive(Clone, Copy)]
pub(super) struct Scaled<'a> {
    /// The scale of each output.
    pub(super) scales: &'a [f32],
    /// The sum of each output's bytes.
    pub(super) totals: &'a [f32],
    /// Scale and zero point of each row.
    pub(super) rows: &'a [[f32; 2]],
}

impl TileEpilogue<'_> {
    /// Checks that the slices are long enough for `count` rows of `width` outputs, and that `scaled` matches.
    pub(super) fn check(&self, (count, width): (usize, usize), scaled: bool) {
        let last = (count - 1) * self.outputs.stride + self.wanted;
        assert!(self.wanted <= width && self.bias.len() >= width);
        assert!(self.outputs.length >= last, "a tile lies in the output");
        assert!(self.addend.is_none_or(|addend| addend.len() >= last));
        assert!(self.scaled.is_some() == scaled);
        assert!(self.scaled.is_none_or(|scaled| {
            let by_output = scaled.scales.len().min(scaled.totals.len());
            by_output >= width && scaled.rows.len() >= count
        }));
    }

    /// Scales (only with `SCALED`), shifts, activates and writes a tile.
    ///
    /// # Safety
    /// See [`Vector`]. [`check`](Self::check) must have passed for these rows and registers, and no other thread may
    /// access these outputs.
    #[inline(always)]
    pub(super) unsafe fn write<
        V: Vector,
        const ROWS: usize,
        const VECTORS: usize,
        const SCALED: bool,
    >(
        &self,
        sums: &[[V; VECTORS]; ROWS],
    ) {
        // SAFETY: as the caller promises.
        unsafe {
            match (self.relu6, self.addend) {
                (true, _) => self.write_with::<V, ROWS, VECTORS, SCALED, true, false>(sums),
                (_, Some(_)) => self.write_with::<V, ROWS, VECTORS, SCALED, false, true>(sums),
                _ => self.write_with::<V, ROWS, VECTORS, SCALED, false, false>(sums),
            }
        }
    }

    #[inline(always)]
    unsafe fn write_with<
        V: Vector,
        const ROWS: usize,
        const VECTORS: usize,
        const SCALED: bool,
        const RELU6: bool,
        const ADD: bool,
    >(
        &self,
        sums: &[[V; VECTORS]; ROWS],
    ) {
        let addend = self.addend.map_or(std::ptr::null(), <[f32]>::as_ptr);
        for register in 0..VECTORS {
            let column = register * V::LENGTH;
            let left = self.wanted.saturating_sub(column);
            // SAFETY: as the caller promises; `check` covers all reads and writes of `addend` and output.
            unsafe {
                let bias = V::load(self.bias.as_ptr().add(column));
                let (mut scales, mut totals) = (bias, bias);
                let mut by_row: &[[f32; 2]] = &[];
                if SCALED && let Some(scaled) = self.scaled {
                    scales = V::load(scaled.scales.as_ptr().add(column));
                    totals = V::load(scaled.totals.as_ptr().add(column));
                    by_row = scaled.rows;
                }
                for (row, sums) in sums.iter().enumerate() {
                    let mut number = sums[register];
                    if SCALED {
                        let [scale, zero] = *by_row.get_unchecked(row);
                        let shifted = totals.times_plus(V::all(-zero), number);
                        number = shifted.times_plus(scales.times(V::all(scale)), bias);
                    } else {
                        number = number.plus(bias);
                    }
                    if RELU6 {
                        number = Activation::Relu6.of(number);
                    }
                    let place = row * self.outputs.stride + column;
                    let output = self.outputs.first.wrapping_add(place);
                    let addend = addend.wrapping_add(place);
                    if left >= V::LENGTH {
                        if ADD {
                            number = number.plus(V::load(addend));
                        }
                        number.store(output);
                    } else if left > 0 {
                        if ADD {
                            number = number.plus(V::load_first(addend, left));
                        }
                        number.store_first(output, left);
                    }
                }
            }
        }
    }
}

/// The sums of one tile, and where its outputs belong.
pub(super) struct TileSums<'a> {
    /// The tile's first row and output.
    pub(super) row: usize,
    pub(super) column: usize,
    /// Outputs in a row of `sums`; the last of them may lie beyond the matrix.
    pub(super) width: usize,
    pub(super) sums: &'a [u32],
    pub(super) outputs: Outputs,
}

/// The output of a product, of which each tile writes its part.
#[derive(Clone, Copy)]
pub(super) struct Outputs {
    first: *mut f32,
    length: usize,
    /// Numbers from one row to the next.
    stride: usize,
}

#[expect(
    unsafe_code,
    reason = "tiles of one output are written by several threads"
)]
// SAFETY: tiles do not overlap, so no two threads write the same number.
unsafe impl Send for Outputs {}
// SAFETY: as above.
unsafe impl Sync for Outputs {}

impl Outputs {
    /// Uninitialised rows that begin `stride` numbers apart.
    pub(super) fn of(numbers: &mut [MaybeUninit<f32>], stride: usize) -> Self {
        Self {
            first: numbers.as_mut_ptr().cast(),
            length: numbers.len(),
            stride,
        }
    }

    /// Initialised rows that begin `stride` numbers apart.
    pub(super) fn over(numbers: &mut [f32], stride: usize) -> Self {
        Self {
            first: numbers.as_mut_ptr(),
            length: numbers.len(),
            stride,
        }
    }

    /// Numbers from one row to the next.
    pub(super) fn stride(self) -> usize {
        self.stride
    }

    /// A pointer to the number `start`, checked to be followed by `count` numbers.
    #[inline(always)]
    pub(super) fn part_of(self, start: usize, count: usize) -> *mut f32 {
        assert!(start + count <= self.length, "a part lies in the output");
        self.first.wrapping_add(start)
    }

    /// The outputs from the number `start` on.
    pub(super) fn from(self, start: usize) -> Self {
        assert!(start <= self.length, "a part lies in the output");
        Self {
            first: self.first.wrapping_add(start),
            length: self.length - start,
            stride: self.stride,
        }
    }

    /// `count` numbers from `start` on.
    ///
    /// # Safety
    /// No other thread may access them.
    #[expect(
        unsafe_code,
        reason = "tiles of one output are written by several threads"
    )]
    #[inline(always)]
    unsafe fn part<'a>(self, start: usize, count: usize) -> &'a mut [f32] {
        assert!(start + count <= self.length, "a tile lies in the output");
        // SAFETY: within the output, and the caller promises exclusive access.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(start), count) }
    }
}

impl ProductEpilogue<'_> {
    /// Scales, shifts, activates and writes a tile.
    ///
    /// # Safety
    /// See [`Vector`].
    #[inline(always)]
    pub(super) unsafe fn apply<V: Vector>(&self, tile: &TileSums<'_>) {
        let columns = self.matrix.outputs();
        for (index, sums) in tile.sums.chunks_exact(tile.width).enumerate() {
            let row = tile.row + index;
            for (block, sums) in sums.chunks_exact(V::LENGTH).enumerate() {
                let column = tile.column + block * V::LENGTH;
                let Some(wanted) = columns.checked_sub(column).filter(|&left| left > 0) else {
                    break;
                };
                let wanted = wanted.min(V::LENGTH);
                let addend = self.finish.addend;
                let addend = addend.map(|addend| &addend[row * columns + column..][..wanted]);
                let place = row * tile.outputs.stride + column;
                // SAFETY: no other tile has these outputs; the rest as the caller promises.
                unsafe {
                    let numbers = self.activated(self.shifted::<V>(row, column, sums));
                    let output = tile.outputs.part(place, wanted);
                    write(numbers, addend, output);
                }
            }
        }
    }

    /// The sums of a row as numbers, plus the bias.
    #[inline(always)]
    unsafe fn shifted<V: Vector>(&self, row: usize, column: usize, sums: &[u32]) -> V {
        assert_eq!(sums.len(), V::LENGTH);
        // SAFETY: as the caller promises, and the assertion checks the length.
        unsafe {
            let numbers = match self.matrix.precision() {
                Precision::Int8 => self.scaled(row, column, sums),
                _ => V::load(sums.as_ptr().cast()),
            };
            match self.matrix.bias() {
                Some(bias) => numbers.plus(V::load(at(bias, column, V::LENGTH))),
                None => numbers,
            }
        }
    }

    #[inline(always)]
    unsafe fn scaled<V: Vector>(&self, row: usize, column: usize, sums: &[u32]) -> V {
        let (scale, zero) = self.rows.scale(row);
        let (scales, totals) = self.matrix.scales();
        // SAFETY: as the caller promises, and `at` checks the bounds.
        unsafe {
            let numbers = V::load_difference(sums.as_ptr(), zero, at(totals, column, V::LENGTH));
            let scales = V::load(at(scales, column, V::LENGTH));
            let mut numbers = numbers.times(scales.times(V::all(scale)));
            for (outlier, weights) in self.rows.outliers().iter().zip(self.outlier_weights) {
                let weights = V::load(at(weights, column, V::LENGTH));
                numbers = weights.times_plus(V::all(outlier.inputs[row]), numbers);
            }
            numbers
        }
    }

    #[inline(always)]
    unsafe fn activated<V: Vector>(&self, x: V) -> V {
        // SAFETY: as the caller promises.
        unsafe {
            match self.finish.activation {
                None => x,
                Some(activation) => activation.of(x),
            }
        }
    }
}

/// Writes as many of `numbers` as `output` has room for.
#[inline(always)]
unsafe fn write<V: Vector>(numbers: V, addend: Option<&[f32]>, output: &mut [f32]) {
    // SAFETY: as the caller promises; whole registers are only read and written where they fit.
    unsafe {
        if output.len() == V::LENGTH {
            let numbers = match addend {
                Some(addend) => numbers.plus(V::load(at(addend, 0, V::LENGTH))),
                None => numbers,
            };
            numbers.store(output.as_mut_ptr());
            return;
        }
        let mut all = [0.0; 16];
        assert!(V::LENGTH <= all.len());
        numbers.store(all.as_mut_ptr());
        for (place, output) in output.iter_mut().enumerate() {
            *output = all[place] + addend.map_or(0.0, |addend| addend[place]);
        }
    }
}

/// A pointer to `numbers[start]`, checked to be followed by `count` numbers.
#[inline(always)]
fn at<T>(numbers: &[T], start: usize, count: usize) -> *const T {
    numbers[start..start + count].as_ptr()
}
