//! The innermost loops: a tile of a product, by instruction set and precision.
//!
//! All have one structure, known from [BLIS](https://doi.org/10.1145/2764454). Numbers lie in *lanes* of 32 bits: one
//! f32, two bf16 or four bytes. The products of two lanes are summed into one lane of the result. A *panel* holds the
//! weights of [`Kernels::width`] outputs: for each lane of the inner dimension, those of all its outputs side by side.
//! A *tile* is up to [`Kernels::rows`] rows of input by one panel; its sums stay in registers from first to last.

#![expect(
    unsafe_code,
    reason = "loops compiled for instructions that a processor may lack"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use std::mem::MaybeUninit;

use super::{
    Arithmetic, Instructions, Precision,
    bottleneck::Strip,
    epilogue::{ProductEpilogue, TileEpilogue, TileSums},
    matrix::{OfInput, Panel},
    rows::Narrow,
};
use crate::Activation;

/// Computes the sums of one tile in registers: rows x [`Kernels::width`], as f32, or i32 for int8.
///
/// With `more`, they are added to `sums`; otherwise they replace them. With an `ending`, they become outputs in their
/// registers instead, and `sums` is not used.
///
/// # Safety
/// `rows` points to as many rows as the function is for, `stride` lanes apart, each of `lanes` lanes. `panel` has
/// `lanes` times its width. `sums` has room for rows x width lanes, initialised if `more`. `ending` is checked for as
/// many rows. The processor has the function's instructions.
pub(super) type Tile = unsafe fn(
    rows: *const u32,
    stride: usize,
    panel: *const u32,
    lanes: usize,
    sums: *mut u32,
    more: bool,
    ending: Option<&TileEpilogue<'_>>,
);

/// The loops for one instruction set and precision.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    /// Outputs in a panel: two registers of 32-bit lanes. The last panel of a matrix may be half as wide.
    pub(super) width: usize,
    /// The most rows in a tile.
    pub(super) rows: usize,
    /// Whether the sums are of bytes and must be scaled.
    scaled: bool,
    /// Tiles by whole panels; the one for n rows is at n - 1.
    whole: &'static [Tile],
    /// The same for half panels.
    half: &'static [Tile],
    finish: Apply,
    convert: Convert,
    largest: Largest,
    pack: Pack,
    softmax: Softmax,
    normalise: Normalise,
    activate: Activate,
    depthwise: Depthwise,
    convert_narrow: ConvertNarrow,
    weights: WeightsOfInput,
}

/// [`ProductEpilogue::apply`], compiled for one instruction set, which the processor must have.
type Apply = unsafe fn(&ProductEpilogue<'_>, &TileSums<'_>);
/// [`convert`](super::rows::convert), likewise.
type Convert = unsafe fn(Precision, &[f32], &[usize], &mut [u32]) -> (f32, i32);
/// [`largest`](super::rows::largest), likewise.
type Largest = unsafe fn(&[f32], &mut [f32]);
/// [`pack`](super::matrix::pack), likewise.
type Pack = unsafe fn(Precision, &[f32], &mut [u32]) -> (f32, i32);
/// [`softmax`](super::attention::softmax), likewise.
type Softmax = unsafe fn(&mut [f32], f32);
/// [`activate_all`](super::activation::activate_all), likewise.
type Activate = unsafe fn(Activation, &mut [f32]);
/// [`normalise_row`](super::normalisation::normalise_row), likewise.
type Normalise = unsafe fn(&[f32], &[f32], &[f32], f32, &mut [MaybeUninit<f32>]);
/// [`Narrow::convert`], likewise.
type ConvertNarrow = unsafe fn(&Narrow<'_>, &mut [u32], &mut [[f32; 2]]);
/// [`OfInput::weights`], likewise.
type WeightsOfInput = unsafe fn(&OfInput<'_>, &mut [f32]);
/// [`Strip::compute`], likewise.
type Depthwise = unsafe fn(&Strip<'_>);

impl Kernels {
    /// The loops for `arithmetic`. Falls back to instructions that the processor has for this precision.
    pub(super) fn of(arithmetic: Arithmetic) -> Self {
        let precision = arithmetic.precision;
        match arithmetic.instructions.or_best() {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => {
                avx512::kernels(precision).unwrap_or_else(|| avx2::kernels(precision))
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => avx2::kernels(precision),
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => neon::kernels(precision),
            Instructions::Portable => portable::kernels(precision),
        }
    }

    /// Turns the sums of a tile into outputs.
    pub(super) fn finish(&self, finishing: &ProductEpilogue<'_>, tile: &TileSums<'_>) {
        // SAFETY: `of` selects only loops whose instructions the processor has.
        unsafe { (self.finish)(finishing, tile) }
    }

    /// See [`convert`](super::rows::convert).
    pub(super) fn convert(
        &self,
        precision: Precision,
        numbers: &[f32],
        outliers: &[usize],
        lanes: &mut [u32],
    ) -> (f32, i32) {
        // SAFETY: as above.
        unsafe { (self.convert)(precision, numbers, outliers, lanes) }
    }

    /// See [`largest`](super::rows::largest).
    pub(super) fn largest(&self, numbers: &[f32], largest: &mut [f32]) {
        // SAFETY: as above.
        unsafe { (self.largest)(numbers, largest) }
    }

    /// See [`pack`](super::matrix::pack).
    pub(super) fn pack(
        &self,
        precision: Precision,
        weights: &[f32],
        lanes: &mut [u32],
    ) -> (f32, i32) {
        // SAFETY: as above.
        unsafe { (self.pack)(precision, weights, lanes) }
    }

    /// See [`softmax`](super::attention::softmax).
    pub(super) fn softmax(&self, scores: &mut [f32], scale: f32) {
        // SAFETY: as above.
        unsafe { (self.softmax)(scores, scale) }
    }

    /// See [`normalise_row`](super::normalisation::normalise_row).
    pub(super) fn normalise(
        &self,
        input: &[f32],
        weight: &[f32],
        bias: &[f32],
        epsilon: f32,
        output: &mut [MaybeUninit<f32>],
    ) {
        // SAFETY: as above.
        unsafe { (self.normalise)(input, weight, bias, epsilon, output) }
    }

    /// Applies `activation` to each number in place.
    pub(super) fn activate(&self, activation: Activation, numbers: &mut [f32]) {
        // SAFETY: as above.
        unsafe { (self.activate)(activation, numbers) }
    }

    /// See [`Narrow::convert`].
    pub(super) fn convert_narrow(
        &self,
        narrow: &Narrow<'_>,
        lanes: &mut [u32],
        scales: &mut [[f32; 2]],
    ) {
        // SAFETY: as above.
        unsafe { (self.convert_narrow)(narrow, lanes, scales) }
    }

    /// See [`OfInput::weights`].
    pub(super) fn weights(&self, of_input: &OfInput<'_>, weights: &mut [f32]) {
        // SAFETY: as above.
        unsafe { (self.weights)(of_input, weights) }
    }

    /// See [`Strip::compute`].
    pub(super) fn depthwise(&self, strip: &Strip<'_>) {
        // SAFETY: as above.
        unsafe { (self.depthwise)(strip) }
    }

    /// Multiplies `count` rows, `stride` lanes apart, by `panel` and writes the outputs as `ending` says.
    pub(super) fn multiply(
        &self,
        rows: &[u32],
        (count, stride): (usize, usize),
        panel: Panel<'_>,
        ending: &TileEpilogue<'_>,
    ) {
        let lanes = panel.lanes.len() / panel.width;
        assert!(rows.len() >= (count - 1) * stride + lanes);
        ending.check((count, panel.width), self.scaled);
        let multiply = self.tile(count, panel.width);
        // SAFETY: by the assertions, there are enough rows, and the ending was checked for them; a panel has its width
        // in each lane. Without `more` and with an ending, `sums` is not accessed.
        unsafe {
            multiply(
                rows.as_ptr(),
                stride,
                panel.lanes.as_ptr(),
                lanes,
                std::ptr::null_mut(),
                false,
                Some(ending),
            );
        }
    }

    /// The loop for a tile of `rows` rows by a panel of `width` outputs.
    pub(super) fn tile(&self, rows: usize, width: usize) -> Tile {
        if width == self.width {
            self.whole[rows - 1]
        } else {
            self.half[rows - 1]
        }
    }
}

/// Tiles of 1 to as many rows as given, for panels of `$vectors` registers.
macro_rules! tiles {
    ($tile:ident, $vectors:literal, [$($rows:literal)*]) => {
        &[$($tile::<$rows, $vectors> as $crate::packed::kernel::Tile),*]
    };
}
use tiles;

/// Defines the tile `$name`, compiled for the instructions `$features` with registers of `$length` lanes.
///
/// `$load(place)` loads a panel's lanes, and `$all(lane)` broadcasts a row's lane. Sums of the type `$sum` start as
/// `$zero`; `$add(sum, row, panel)` adds the products of a lane. `$float(sum)` converts a sum to numbers in a
/// `$vector`, and `$scaled` says whether to scale these.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! tile {
    ($name:ident, $features:literal, $length:literal, $load:expr, $all:expr, $sum:ty, $zero:expr, $add:expr,
     $vector:ty, $float:expr, $scaled:literal) => {
        #[target_feature(enable = $features)]
        unsafe fn $name<const ROWS: usize, const VECTORS: usize>(
            rows: *const u32,
            stride: usize,
            panel: *const u32,
            lanes: usize,
            sums: *mut u32,
            more: bool,
            ending: Option<&$crate::packed::epilogue::TileEpilogue<'_>>,
        ) {
            let mut totals = [[$zero; VECTORS]; ROWS];
            // SAFETY: as the caller promises of `rows`, `panel` and `sums`.
            unsafe {
                if more {
                    for (index, total) in totals.as_flattened_mut().iter_mut().enumerate() {
                        let sum = sums.add(index * $length).cast::<$sum>();
                        *total = sum.read_unaligned();
                    }
                }
                for lane in 0..lanes {
                    let panel = panel.add(lane * VECTORS * $length);
                    let mut weights = [$all(0); VECTORS];
                    for (vector, weights) in weights.iter_mut().enumerate() {
                        *weights = $load(panel.add(vector * $length));
                    }
                    for (row, totals) in totals.iter_mut().enumerate() {
                        let input = $all(*rows.add(row * stride + lane));
                        for (total, weights) in totals.iter_mut().zip(weights) {
                            *total = $add(*total, input, weights);
                        }
                    }
                }
                if let Some(ending) = ending {
                    let mut numbers = [[<$vector as Vector>::all(0.0); VECTORS]; ROWS];
                    for (numbers, totals) in numbers.iter_mut().zip(&totals) {
                        for (number, total) in numbers.iter_mut().zip(totals) {
                            *number = $float(*total);
                        }
                    }
                    ending.write::<$vector, ROWS, VECTORS, $scaled>(&numbers);
                    return;
                }
                for (index, total) in totals.as_flattened().iter().enumerate() {
                    let sum = sums.add(index * $length).cast::<$sum>();
                    sum.write_unaligned(*total);
                }
            }
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use tile;

/// Defines the other loops, compiled for the instructions `$features`, and the function that joins them with the
/// tiles: panels of `$width` outputs, tiles of up to `$rows` rows.
macro_rules! loops {
    ($(#[$features:meta])? $vector:ty, width: $width:expr, rows: $rows:literal) => {
        const fn kernels_of(
            scaled: bool,
            whole: &'static [$crate::packed::kernel::Tile],
            half: &'static [$crate::packed::kernel::Tile],
        ) -> $crate::packed::kernel::Kernels {
            $crate::packed::kernel::Kernels {
                width: $width,
                rows: $rows,
                scaled,
                whole,
                half,
                finish,
                convert,
                largest,
                pack,
                softmax,
                normalise,
                activate,
                depthwise,
                convert_narrow,
                weights,
            }
        }

        $(#[$features])?
        unsafe fn finish(
            finishing: &$crate::packed::epilogue::ProductEpilogue<'_>,
            tile: &$crate::packed::epilogue::TileSums<'_>,
        ) {
            // SAFETY: as the caller promises.
            unsafe { finishing.apply::<$vector>(tile) }
        }

        $(#[$features])?
        unsafe fn convert(
            precision: $crate::packed::Precision,
            numbers: &[f32],
            outliers: &[usize],
            lanes: &mut [u32],
        ) -> (f32, i32) {
            $crate::packed::rows::convert(precision, numbers, outliers, lanes)
        }

        $(#[$features])?
        unsafe fn largest(numbers: &[f32], largest: &mut [f32]) {
            $crate::packed::rows::largest(numbers, largest);
        }

        $(#[$features])?
        unsafe fn pack(
            precision: $crate::packed::Precision,
            weights: &[f32],
            lanes: &mut [u32],
        ) -> (f32, i32) {
            $crate::packed::matrix::pack(precision, weights, lanes)
        }

        $(#[$features])?
        unsafe fn softmax(scores: &mut [f32], scale: f32) {
            // SAFETY: as the caller promises.
            unsafe { $crate::packed::attention::softmax::<$vector>(scores, scale) }
        }

        $(#[$features])?
        unsafe fn activate(activation: $crate::Activation, numbers: &mut [f32]) {
            // SAFETY: as the caller promises.
            unsafe { $crate::packed::activation::activate_all::<$vector>(activation, numbers) }
        }

        $(#[$features])?
        unsafe fn convert_narrow(
            narrow: &$crate::packed::rows::Narrow<'_>,
            lanes: &mut [u32],
            scales: &mut [[f32; 2]],
        ) {
            // SAFETY: as the caller promises.
            unsafe { narrow.convert::<$vector>(lanes, scales) }
        }

        $(#[$features])?
        unsafe fn weights(
            of_input: &$crate::packed::matrix::OfInput<'_>,
            weights: &mut [f32],
        ) {
            of_input.weights(weights);
        }

        $(#[$features])?
        unsafe fn depthwise(strip: &$crate::packed::bottleneck::Strip<'_>) {
            // SAFETY: as the caller promises.
            unsafe { strip.compute::<$vector>() }
        }

        $(#[$features])?
        unsafe fn normalise(
            input: &[f32],
            weight: &[f32],
            bias: &[f32],
            epsilon: f32,
            output: &mut [std::mem::MaybeUninit<f32>],
        ) {
            $crate::packed::normalisation::normalise_row(
                input, weight, bias, epsilon, output,
            );
        }
    };
}
use loops;
