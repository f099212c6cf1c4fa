//! The innermost loops: a tile of a product, by instruction set and precision.
//!
//! All have one shape. Numbers lie in *lanes* of 32 bits: one f32, two bf16 or four bytes, whose products with the lane
//! of the other side are summed into the lane of the result. A *panel* holds the weights of [`Kernels::width`] outputs:
//! for each lane of the inner dimension, those of all its outputs one after another. A tile is up to
//! [`Kernels::rows`] rows of input by one panel; its sums stay in registers from first to last.

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
    finish::{Ending, Finishing, TileOf},
    matrix::{OfInput, Panel},
    rows::Narrow,
};
use crate::Activation;

/// The sums of one tile, as the lanes of registers: rows x [`Kernels::width`], of f32, or of i32 in int8; added to those
/// that are there where there are to be `more`.
///
/// # Safety
/// `rows` begins as many rows as the function is for, `stride` lanes apart; each, and `panel`, has `lanes` lanes, a panel
/// as many times its width. `sums` has room for rows x width lanes, which are filled where there are to be `more`. The
/// processor has the function's instructions. With an `ending`, which is of as many rows, the sums become outputs in their
/// registers, and `sums` stays as it is.
pub(super) type Tile = unsafe fn(
    rows: *const u32,
    stride: usize,
    panel: *const u32,
    lanes: usize,
    sums: *mut u32,
    more: bool,
    ending: Option<&Ending<'_>>,
);

/// The loops of one instruction set and precision.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    /// Outputs in a panel: two registers of 32-bit lanes. The last panel of a matrix may be half as wide.
    pub(super) width: usize,
    /// The most rows of a tile.
    pub(super) rows: usize,
    /// Whether the sums are of bytes, which are to be scaled.
    scaled: bool,
    /// By rows less one, of whole panels.
    whole: &'static [Tile],
    /// The same of half panels.
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

/// What follows the sums, compiled for one instruction set, which the processor has to have.
type Apply = unsafe fn(&Finishing<'_>, &TileOf<'_>);
/// As [`convert`](super::rows::convert), likewise.
type Convert = unsafe fn(Precision, &[f32], &[usize], &mut [u32]) -> (f32, i32);
/// As [`largest`](super::rows::largest), likewise.
type Largest = unsafe fn(&[f32], &mut [f32]);
/// As [`pack`](super::matrix::pack), likewise.
type Pack = unsafe fn(Precision, &[f32], &mut [u32]) -> (f32, i32);
/// As [`softmax`](super::attention::softmax), likewise.
type Softmax = unsafe fn(&mut [f32], f32);
/// As [`activate_all`](super::activation::activate_all), likewise.
type Activate = unsafe fn(Activation, &mut [f32]);
/// As [`normalise_row`](super::normalisation::normalise_row), likewise.
type Normalise = unsafe fn(&[f32], &[f32], &[f32], f32, &mut [MaybeUninit<f32>]);
/// As [`Narrow::convert`], likewise.
type ConvertNarrow = unsafe fn(&Narrow<'_>, &mut [u32], &mut [[f32; 2]]);
/// As [`OfInput::weights`], likewise.
type WeightsOfInput = unsafe fn(&OfInput<'_>, &mut [f32]);
/// As [`Strip::compute`], likewise.
type Depthwise = unsafe fn(&Strip<'_>);

impl Kernels {
    /// Those of `arithmetic`, or of other instructions where the processor lacks these, or has none of them for the precision.
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
    pub(super) fn finish(&self, finishing: &Finishing<'_>, tile: &TileOf<'_>) {
        // SAFETY: `of` gives loops of instructions that the processor has.
        unsafe { (self.finish)(finishing, tile) }
    }

    /// As [`convert`](super::rows::convert).
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

    /// As [`largest`](super::rows::largest).
    pub(super) fn largest(&self, numbers: &[f32], largest: &mut [f32]) {
        // SAFETY: as above.
        unsafe { (self.largest)(numbers, largest) }
    }

    /// As [`pack`](super::matrix::pack).
    pub(super) fn pack(
        &self,
        precision: Precision,
        weights: &[f32],
        lanes: &mut [u32],
    ) -> (f32, i32) {
        // SAFETY: as above.
        unsafe { (self.pack)(precision, weights, lanes) }
    }

    /// As [`softmax`](super::attention::softmax).
    pub(super) fn softmax(&self, scores: &mut [f32], scale: f32) {
        // SAFETY: as above.
        unsafe { (self.softmax)(scores, scale) }
    }

    /// As [`normalise_row`](super::normalisation::normalise_row).
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

    /// Replaces each number by `activation` of it.
    pub(super) fn activate(&self, activation: Activation, numbers: &mut [f32]) {
        // SAFETY: as above.
        unsafe { (self.activate)(activation, numbers) }
    }

    /// As [`Narrow::convert`].
    pub(super) fn convert_narrow(
        &self,
        narrow: &Narrow<'_>,
        lanes: &mut [u32],
        scales: &mut [[f32; 2]],
    ) {
        // SAFETY: as above.
        unsafe { (self.convert_narrow)(narrow, lanes, scales) }
    }

    /// As [`OfInput::weights`].
    pub(super) fn weights(&self, of_input: &OfInput<'_>, weights: &mut [f32]) {
        // SAFETY: as above.
        unsafe { (self.weights)(of_input, weights) }
    }

    /// As [`Strip::compute`].
    pub(super) fn depthwise(&self, strip: &Strip<'_>) {
        // SAFETY: as above.
        unsafe { (self.depthwise)(strip) }
    }

    /// The products of the `count` rows, `stride` lanes apart, with `panel`, ended in their registers.
    pub(super) fn multiply(
        &self,
        rows: &[u32],
        (count, stride): (usize, usize),
        panel: Panel<'_>,
        ending: &Ending<'_>,
    ) {
        let lanes = panel.lanes.len() / panel.width;
        assert!(rows.len() >= (count - 1) * stride + lanes);
        ending.check((count, panel.width), self.scaled);
        let multiply = self.tile(count, panel.width);
        // SAFETY: the assertions say that there are so many rows, and that the ending has what it needs for them; a panel has
        // its width in each lane. Without `more`, and with an ending, no sums are read or written.
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
        match width == self.width {
            true => self.whole[rows - 1],
            false => self.half[rows - 1],
        }
    }
}

/// The tiles of 1 to so many rows, for panels of `$vectors` registers.
macro_rules! tiles {
    ($tile:ident, $vectors:literal, [$($rows:literal)*]) => {
        &[$($tile::<$rows, $vectors> as $crate::packed::kernel::Tile),*]
    };
}
use tiles;

/// A tile `$name` compiled for the instructions `$features`, of registers of `$length` lanes. `$load(place)` gives those of a
/// panel, `$all(lane)` a row's lane in all places; the sums of the type `$sum` start as `$zero`, and `$add(sum, row, panel)` adds
/// the products of a lane. `$float(sum)` is a sum as numbers in a `$vector`; `$scaled`, whether these
/// are to be scaled.
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
            ending: Option<&$crate::packed::finish::Ending<'_>>,
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

/// The loops around the tiles, compiled for the instructions `$features`, and what puts both together: panels of `$width`
/// outputs, tiles of up to `$rows` rows.
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
            finishing: &$crate::packed::finish::Finishing<'_>,
            tile: &$crate::packed::finish::TileOf<'_>,
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
