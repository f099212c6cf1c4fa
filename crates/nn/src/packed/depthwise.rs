#![expect(unsafe_code, reason = "vector instructions")]

use std::{mem::MaybeUninit, ops::Range};

use rayon::prelude::*;

use super::{Arithmetic, Instructions, Precision, kernel::Kernels, vector::Vector};
use crate::{Activation, SameAxis};

/// Outputs side by side that are computed at once, so that a weight is loaded once for all of them. Grids of 224 pixels,
/// halved again and again, are multiples of 7.
const COLUMNS: usize = 7;

/// The most outputs in a row whose pixels are gathered at once: with a few rows of them, they stay in the first cache.
const GATHERED: usize = 2 * COLUMNS;

/// The least outputs worth handing to another thread.
const GRAIN: usize = 32 << 10;

/// The most numbers in the registers of a pixel.
const MOST_WIDE: usize = 32;

/// A kernel for each channel, and the pictures under it.
#[derive(Clone, Copy)]
pub(crate) struct Depthwise<'a> {
    /// (size · size, channels)
    pub(crate) weight: &'a [f32],
    /// As many as there are channels, above 0.
    pub(crate) bias: &'a [f32],
    pub(crate) size: usize,
    pub(crate) rows: SameAxis,
    pub(crate) columns: SameAxis,
}

/// Some rows of outputs of one picture.
pub(super) struct Band<'a> {
    depthwise: Depthwise<'a>,
    picture: &'a [f32],
    rows: Range<usize>,
}

impl Depthwise<'_> {
    /// Pictures (height, width, channels) → (rows, columns, channels) of each, with ReLU6.
    pub(crate) fn convolve(&self, pictures: &[f32], instructions: Instructions) -> Vec<f32> {
        let kernels = Kernels::of(Arithmetic {
            precision: Precision::F32,
            instructions,
        });
        let channels = self.bias.len();
        assert_eq!(self.weight.len(), self.size * self.size * channels);
        let seen = self.rows.input * self.columns.input * channels;
        if seen == 0 {
            return Vec::new();
        }
        let line = self.columns.output * channels;
        let count = pictures.len() / seen * self.rows.output * line;
        let rows_at_once = GRAIN.div_ceil(line);
        let mut output = Vec::with_capacity(count);
        output.spare_capacity_mut()[..count]
            .par_chunks_exact_mut(self.rows.output * line)
            .zip(pictures.par_chunks_exact(seen))
            .for_each(|(output, picture)| {
                let bands = output.par_chunks_mut(rows_at_once * line).enumerate();
                bands.for_each(|(index, output)| {
                    let first = index * rows_at_once;
                    let band = Band {
                        depthwise: *self,
                        picture,
                        rows: first..first + output.len() / line,
                    };
                    kernels.depthwise(&band, output);
                });
            });
        // SAFETY: the bands are all outputs, and each writes all numbers of its own.
        unsafe {
            output.set_len(count);
        }
        output
    }
}

/// Some channels of a band: up to as many as fit in the registers of a pixel.
struct Channels {
    first: usize,
    count: usize,
    /// Bias and weights of these channels, one after another, each filled up with zeros.
    learned: Vec<f32>,
}

/// The pixels under some outputs, in the channels that are computed, with the zeros around the picture.
struct Gathered {
    /// (lines, pixels, numbers in the registers of a pixel)
    numbers: Vec<f32>,
    /// In a line.
    pixels: usize,
}

impl Band<'_> {
    /// # Safety
    /// As of [`Vector`].
    #[inline(always)]
    pub(super) unsafe fn compute<V: Vector>(&self, output: &mut [MaybeUninit<f32>]) {
        let Depthwise { rows, columns, .. } = self.depthwise;
        let channels = self.depthwise.bias.len();
        assert_eq!(output.len(), self.rows.len() * columns.output * channels);
        assert!(self.picture.len() >= rows.input * columns.input * channels);
        let mut gathered = Gathered {
            numbers: Vec::new(),
            pixels: 0,
        };
        let mut first = 0;
        while first < channels {
            // SAFETY: as the caller promises.
            first += unsafe {
                match channels - first > V::LENGTH {
                    true => self.channels::<V, 2>(first, &mut gathered, output),
                    false => self.channels::<V, 1>(first, &mut gathered, output),
                }
            };
        }
    }

    /// The channels from `first` on that fit in `N` registers; how many.
    #[inline(always)]
    unsafe fn channels<V: Vector, const N: usize>(
        &self,
        first: usize,
        gathered: &mut Gathered,
        output: &mut [MaybeUninit<f32>],
    ) -> usize {
        let columns = self.depthwise.columns.output;
        let channels = self.learned(first, N * V::LENGTH);
        for start in (0..columns).step_by(GATHERED) {
            let some = start..columns.min(start + GATHERED);
            // SAFETY: as the caller promises.
            unsafe {
                self.gather::<V, N>(&channels, some.clone(), gathered);
                match self.depthwise.columns.stride {
                    1 => self.outputs::<V, N>(&channels, some, 1, gathered, output),
                    stride => self.outputs::<V, N>(&channels, some, stride, gathered, output),
                }
            }
        }
        channels.count
    }

    fn learned(&self, first: usize, width: usize) -> Channels {
        let Depthwise { weight, bias, .. } = self.depthwise;
        let count = width.min(bias.len() - first);
        let rows = bias.chunks_exact(bias.len());
        let rows = rows.chain(weight.chunks_exact(bias.len()));
        let mut learned = Vec::with_capacity((1 + weight.len() / bias.len()) * width);
        for row in rows {
            learned.extend_from_slice(&row[first..first + count]);
            learned.resize(learned.len().next_multiple_of(width), 0.0);
        }
        Channels {
            first,
            count,
            learned,
        }
    }

    /// The pixels under the outputs of `columns` in all rows. Lines outside of the picture stay as they are.
    #[inline(always)]
    unsafe fn gather<V: Vector, const N: usize>(
        &self,
        channels: &Channels,
        columns: Range<usize>,
        gathered: &mut Gathered,
    ) {
        let width = N * V::LENGTH;
        let Depthwise {
            size,
            rows,
            columns: axis,
            bias,
            ..
        } = self.depthwise;
        let lines = (self.rows.len() - 1) * rows.stride + size;
        // As many as whole groups of outputs see.
        let outputs = columns.len().next_multiple_of(COLUMNS);
        let pixels = (outputs - 1) * axis.stride + size;
        gathered.pixels = pixels;
        gathered.numbers.resize(lines * pixels * width, 0.0);
        let (top, left) = (self.rows.start * rows.stride, columns.start * axis.stride);
        let inside = axis.inside(left, pixels);
        let each = gathered.numbers.chunks_exact_mut(pixels * width);
        for (line, numbers) in each.enumerate() {
            let y = (top + line).checked_sub(rows.before);
            let Some(y) = y.filter(|&y| y < rows.input) else {
                continue;
            };
            let first = y * axis.input + left + inside.start - axis.before;
            numbers[..inside.start * width].fill(0.0);
            numbers[inside.end * width..].fill(0.0);
            let numbers = &mut numbers[inside.start * width..inside.end * width];
            let from = self.picture[first * bias.len()..].chunks_exact(bias.len());
            for (to, from) in numbers.chunks_exact_mut(width).zip(from) {
                let from = &from[channels.first..channels.first + channels.count];
                if from.len() < width {
                    to[..from.len()].copy_from_slice(from);
                    to[from.len()..].fill(0.0);
                    continue;
                }
                for register in 0..N {
                    let place = register * V::LENGTH;
                    // SAFETY: both have `width` numbers; and as the caller promises.
                    unsafe {
                        V::load(from.as_ptr().add(place)).store(to.as_mut_ptr().add(place));
                    }
                }
            }
        }
    }

    /// The outputs of `columns` in all rows, from the pixels under them.
    #[inline(always)]
    unsafe fn outputs<V: Vector, const N: usize>(
        &self,
        channels: &Channels,
        columns: Range<usize>,
        stride: usize,
        gathered: &Gathered,
        output: &mut [MaybeUninit<f32>],
    ) {
        let axis = self.depthwise.columns;
        let all = self.depthwise.bias.len();
        for row in self.rows.clone() {
            for start in columns.clone().step_by(COLUMNS) {
                let line = (row - self.rows.start) * self.depthwise.rows.stride;
                let place = (line, (start - columns.start) * stride);
                let down = self
                    .depthwise
                    .rows
                    .inside(row * self.depthwise.rows.stride, self.depthwise.size);
                let first = ((row - self.rows.start) * axis.output + start) * all;
                let pixels = output[first..].chunks_exact_mut(all);
                // SAFETY: as the caller promises.
                unsafe {
                    let sums = self.sums::<V, N>(channels, down, stride, gathered, place);
                    for (sums, pixel) in sums.iter().zip(pixels.take(columns.end - start)) {
                        let pixel = &mut pixel[channels.first..channels.first + channels.count];
                        write(sums, pixel);
                    }
                }
            }
        }
    }

    /// A group of outputs, whose kernel begins at the gathered line and pixel `place`; of its lines only those of `down` are in
    /// the picture.
    #[inline(always)]
    unsafe fn sums<V: Vector, const N: usize>(
        &self,
        channels: &Channels,
        down: Range<usize>,
        stride: usize,
        gathered: &Gathered,
        (line, pixel): (usize, usize),
    ) -> [[V; N]; COLUMNS] {
        let (size, width) = (self.depthwise.size, N * V::LENGTH);
        assert!(down.end <= size && channels.learned.len() >= (1 + size * size) * width);
        let last = (line + size - 1) * gathered.pixels + pixel + (COLUMNS - 1) * stride + size;
        assert!(gathered.numbers.len() >= last * width);
        // SAFETY: the assertions say that bias, weights and pixels are there; and as the caller promises.
        unsafe {
            let bias = channels.learned.as_ptr();
            let mut sums = [[V::all(0.0); N]; COLUMNS];
            for sums in &mut sums {
                for (register, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(bias.add(register * V::LENGTH));
                }
            }
            for down in down {
                let mut weight = bias.add((1 + down * size) * width);
                let seen = (line + down) * gathered.pixels + pixel;
                let mut seen = gathered.numbers.as_ptr().add(seen * width);
                for _ in 0..size {
                    let mut weights = [V::all(0.0); N];
                    for (register, weights) in weights.iter_mut().enumerate() {
                        *weights = V::load(weight.add(register * V::LENGTH));
                    }
                    for (column, sums) in sums.iter_mut().enumerate() {
                        let seen = seen.add(column * stride * width);
                        for (register, sum) in sums.iter_mut().enumerate() {
                            let seen = V::load(seen.add(register * V::LENGTH));
                            *sum = seen.times_plus(weights[register], *sum);
                        }
                    }
                    weight = weight.add(width);
                    seen = seen.add(width);
                }
            }
            sums
        }
    }
}

/// ReLU6 of as many sums as `pixel` has places.
#[inline(always)]
unsafe fn write<V: Vector, const N: usize>(sums: &[V; N], pixel: &mut [MaybeUninit<f32>]) {
    let mut numbers = [0.0; MOST_WIDE];
    assert!(N * V::LENGTH <= MOST_WIDE);
    let whole = pixel.len() == N * V::LENGTH;
    let to = match whole {
        true => pixel.as_mut_ptr().cast(),
        false => numbers.as_mut_ptr(),
    };
    for (register, sum) in sums.iter().enumerate() {
        // SAFETY: both have room for all registers; and as the caller promises.
        unsafe {
            Activation::Relu6
                .of(*sum)
                .store(to.add(register * V::LENGTH));
        }
    }
    if !whole {
        for (place, number) in pixel.iter_mut().zip(numbers) {
            place.write(number);
        }
    }
}
