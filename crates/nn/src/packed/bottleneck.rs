#![expect(unsafe_code, reason = "vector instructions")]

use std::ops::Range;

use rayon::prelude::*;

use super::{
    Matrix, Precision,
    epilogue::Outputs,
    matrix::Panel,
    product::{share, tiles},
    rows::{BEHIND, Narrow},
    scratch::{Aligned, Scratch},
    vector::Vector,
};
use crate::{Activation, SameAxis, kernel::Threads, plane_convolution::Planes};

/// Neighbouring outputs computed at once, so that each weight is loaded once for all. Sizes of feature maps, 224
/// halved repeatedly, are multiples of 7.
const COLUMNS: usize = 7;

/// Numbers in the lines under a panel's kernels, which must fit in the first-level cache.
const LINES: usize = 11 << 10;

/// Lanes between the convolution and the last product for several small pictures: a part of the second-level cache.
const HIDDEN: usize = 96 << 10;

/// The largest result of ReLU6.
const SIX: f32 = 6.0;

/// Scale and zero point of the bytes between convolution and last product, as in [`Scaled`](super::epilogue::Scaled).
static BYTES: [[f32; 2]; 16] = [[SIX / 255.0, 0.0]; 16];

/// An inverted bottleneck: a product to more channels and ReLU6, a depthwise convolution and ReLU6, and a product to
/// fewer channels.
///
/// It computes a few rows of outputs at a time. For these, it widens the channels of one panel after another, line by
/// line. The convolution reads the lines and writes the input of the last product. So nothing between the products
/// leaves a core's second-level cache.
pub(crate) struct Bottleneck<'a> {
    pub(crate) widen: &'a Matrix,
    /// Bias and weights in the order of [`learned`].
    pub(crate) learned: &'a [f32],
    pub(crate) size: usize,
    /// The axes of the convolution.
    pub(crate) rows: SameAxis,
    pub(crate) columns: SameAxis,
    pub(crate) project: &'a Matrix,
}

/// The input of the first product.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// (pictures, height, width, channels)
    Pixels(&'a [f32]),
    /// Colour planes; the first product sees the pixels under a kernel.
    Planes(&'a [f32], Planes),
}

/// The convolution's bias and weights, panel by panel: the bias of its channels, then their weights at each position
/// of the kernel, padded with zeros. `weight` is (positions, channels).
pub(crate) fn learned(weight: &[f32], bias: &[f32], widen: &Matrix) -> Aligned {
    let mut learned = Vec::new();
    for panel in 0..widen.panels() {
        let panel = widen.panel(panel);
        let rows = bias.chunks_exact(bias.len());
        for row in rows.chain(weight.chunks_exact(bias.len())) {
            let row = &row[panel.first..bias.len().min(panel.first + panel.width)];
            learned.extend_from_slice(row);
            learned.resize(learned.len() + panel.width - row.len(), 0.0);
        }
    }
    Aligned::copy(&learned)
}

/// Some rows of outputs of some pictures. Lines before `fresh` are already widened.
#[derive(Clone)]
struct Pass {
    pictures: Range<usize>,
    rows: Range<usize>,
    fresh: usize,
}

/// The lanes of the pixels to widen.
struct Lanes<'a> {
    lanes: &'a [u32],
    /// Lanes from one pixel to the next.
    stride: usize,
    scales: &'a [[f32; 2]],
    /// Pixels from one picture to the next.
    picture: usize,
}

impl Bottleneck<'_> {
    /// Returns the outputs of `pictures` pictures: (pictures, rows, columns, outputs). `addend` has the same shape.
    pub(crate) fn forward(
        &self,
        source: Source<'_>,
        addend: Option<&[f32]>,
        pictures: usize,
        threads: Threads,
    ) -> Vec<f32> {
        let picture = self.rows.output * self.columns.output * self.project.outputs();
        let count = pictures * picture;
        if count == 0 {
            return Vec::new();
        }
        let mut output = Vec::with_capacity(count);
        let outputs = &mut output.spare_capacity_mut()[..count];
        let outputs = Outputs::of(outputs, self.project.outputs());
        let run = Run {
            of: self,
            source,
            addend,
            outputs,
        };
        let rows = self.rows.output;
        // Each part widens all lines that it sees, so lines at a boundary are widened twice.
        let parts = (rows / self.size).clamp(1, rayon::current_num_threads());
        match threads {
            Threads::One => run.rows(0..pictures, 0..rows, threads),
            Threads::All if rows <= self.step() => run.rows(0..pictures, 0..rows, threads),
            Threads::All => (0..parts).into_par_iter().with_max_len(1).for_each(|part| {
                run.rows(0..pictures, share(rows, parts, part), Threads::One);
            }),
        }
        // SAFETY: the rows are those of all pictures, and each pass writes all outputs of its rows.
        unsafe {
            output.set_len(count);
        }
        output
    }

    /// Pixels in a line under the kernels: padding, picture, and the surplus that whole groups of outputs see.
    fn pixels(&self) -> usize {
        let outputs = self.columns.output.next_multiple_of(COLUMNS);
        let seen = (outputs - 1) * self.columns.stride + self.size;
        seen.max(self.columns.before + self.columns.input)
    }

    /// Numbers in a line of the widest panel.
    fn line(&self) -> usize {
        self.pixels() * self.widen.panel(0).width
    }

    /// Rows of outputs computed at once.
    fn step(&self) -> usize {
        let lines = LINES / self.line();
        1 + lines.saturating_sub(self.size) / self.rows.stride
    }

    /// Lines under this many rows of outputs.
    fn lines(&self, rows: usize) -> usize {
        (rows - 1) * self.rows.stride + self.size
    }

    /// Lanes from one row of the last product to the next.
    fn hidden_stride(&self) -> usize {
        let last = self.widen.panel(self.widen.panels() - 1);
        let channels = last.first + last.width;
        (channels / self.project.precision().in_lane()).next_multiple_of(16) + 16
    }

    /// The picture's lines under the kernels of `rows`.
    fn seen(&self, rows: &Range<usize>) -> Range<usize> {
        let first = rows.start * self.rows.stride;
        let inside = self.rows.inside(first, self.lines(rows.len()));
        let start = first + inside.start - self.rows.before;
        start..start + inside.len()
    }
}

/// One computation of a bottleneck.
struct Run<'a> {
    of: &'a Bottleneck<'a>,
    source: Source<'a>,
    addend: Option<&'a [f32]>,
    outputs: Outputs,
}

impl Run<'_> {
    /// Computes the outputs of `rows` of `pictures`. No other thread may write them.
    fn rows(&self, pictures: Range<usize>, rows: Range<usize>, threads: Threads) {
        let step = self.of.step();
        if rows.len() <= step {
            let lanes = rows.len() * self.of.columns.output * self.of.hidden_stride();
            // Parts of different pictures are not contiguous in the output.
            let together = if rows.len() == self.of.rows.output {
                (HIDDEN / lanes).max(1)
            } else {
                1
            };
            for start in pictures.clone().step_by(together) {
                let pictures = start..pictures.end.min(start + together);
                let (rows, fresh) = (rows.clone(), 0);
                let pass = Pass {
                    pictures,
                    rows,
                    fresh,
                };
                self.pass(&pass, &mut [], threads);
            }
            return;
        }
        let panels = self.of.widen.panels();
        let mut lines = Scratch::of(panels * self.of.lines(step) * self.of.line());
        for picture in pictures {
            let mut fresh = 0;
            for start in rows.clone().step_by(step) {
                let rows = start..rows.end.min(start + step);
                let end = self.of.seen(&rows).end;
                let pictures = picture..picture + 1;
                let pass = Pass {
                    pictures,
                    rows,
                    fresh,
                };
                self.pass(&pass, &mut lines, threads);
                fresh = end;
            }
        }
    }

    /// Computes one pass. `lines` keep the widened lines of all panels for the next pass; if empty, no lines are kept.
    fn pass(&self, pass: &Pass, lines: &mut [f32], threads: Threads) {
        let of = self.of;
        let count = pass.pictures.len() * pass.rows.len() * of.columns.output;
        let stride = of.hidden_stride();
        let mut hidden = Scratch::of(count * stride);
        self.with_lanes(pass, |lanes| {
            let hidden = Outputs::over(&mut hidden, stride);
            let length = of.lines(pass.rows.len()) * of.line();
            let panels = 0..of.widen.panels();
            match threads {
                _ if !lines.is_empty() => {
                    let lines = lines.chunks_exact_mut(lines.len() / panels.len());
                    for (panel, lines) in panels.zip(lines) {
                        self.panel(pass, panel, lanes, lines, hidden);
                    }
                }
                Threads::One => {
                    let mut lines = Scratch::of(length);
                    for panel in panels {
                        self.panel(pass, panel, lanes, &mut lines, hidden);
                    }
                }
                Threads::All => panels.into_par_iter().with_max_len(1).for_each(|panel| {
                    self.panel(pass, panel, lanes, &mut Scratch::of(length), hidden);
                }),
            }
        });
        self.project(pass, bytemuck::cast_slice(&hidden), count, threads);
    }

    /// Widens and convolves one panel.
    fn panel(
        &self,
        pass: &Pass,
        index: usize,
        lanes: &Lanes<'_>,
        lines: &mut [f32],
        hidden: Outputs,
    ) {
        let of = self.of;
        let panel = of.widen.panel(index);
        let learned = 1 + of.size * of.size;
        let first = learned * of.widen.panel(0).width * index;
        let count = pass.rows.len() * of.columns.output;
        for picture in 0..pass.pictures.len() {
            self.widen(pass, panel, lanes, picture, lines);
            let hidden = hidden.from(picture * count * hidden.stride());
            of.widen.kernels().depthwise(&Strip {
                learned: &of.learned[first..][..learned * panel.width],
                width: panel.width,
                size: of.size,
                lines,
                pixels: of.pixels(),
                axes: [of.rows, of.columns],
                rows: pass.rows.clone(),
                precision: of.project.precision(),
                hidden: hidden.from(panel.first / of.project.precision().in_lane()),
            });
        }
    }

    /// Writes the fresh lines of a panel and their padding.
    fn widen(
        &self,
        pass: &Pass,
        panel: Panel<'_>,
        lanes: &Lanes<'_>,
        picture: usize,
        lines: &mut [f32],
    ) {
        let of = self.of;
        let (kernels, axis) = (of.widen.kernels(), of.columns);
        let line = of.pixels() * panel.width;
        let ring = lines.len() / line;
        let seen = of.seen(&pass.rows);
        let fresh = seen.start.max(pass.fresh)..seen.end;
        for (index, y) in fresh.enumerate() {
            let line = &mut lines[(y + of.rows.before) % ring * line..][..line];
            let first = axis.before * panel.width;
            line[..first].fill(0.0);
            line[first + axis.input * panel.width..].fill(0.0);
            let pixel = picture * lanes.picture + index * axis.input;
            let to = Outputs::over(&mut line[first..], panel.width);
            for tile in tiles(0..axis.input, kernels.rows) {
                let to = to.from(tile.start * panel.width);
                let scales = lanes.scales.get(pixel + tile.start..).unwrap_or_default();
                let mut ending = of.widen.ending(panel, scales, (true, None), to);
                ending.wanted = panel.width;
                let rows = &lanes.lanes[(pixel + tile.start) * lanes.stride..];
                kernels.multiply(rows, (tile.len(), lanes.stride), panel, &ending);
            }
        }
    }

    /// Computes the last product of a pass from the convolution's results.
    fn project(&self, pass: &Pass, hidden: &[u32], count: usize, threads: Threads) {
        let of = self.of;
        let (matrix, stride) = (of.project, of.hidden_stride());
        let pixel = (pass.pictures.start * of.rows.output + pass.rows.start) * of.columns.output;
        let part = |panel: usize, rows: Range<usize>| {
            let panel = matrix.panel(panel);
            for tile in tiles(rows, matrix.kernels().rows) {
                let place = (pixel + tile.start) * matrix.outputs() + panel.first;
                let addend = self.addend.map(|addend| &addend[place..]);
                let ending =
                    matrix.ending(panel, &BYTES, (false, addend), self.outputs.from(place));
                let rows = &hidden[tile.start * stride..];
                let kernels = matrix.kernels();
                kernels.multiply(rows, (tile.len(), stride), panel, &ending);
            }
        };
        match threads {
            Threads::One => (0..matrix.panels()).for_each(|panel| part(panel, 0..count)),
            Threads::All => (0..2 * matrix.panels())
                .into_par_iter()
                .with_max_len(1)
                .for_each(|index| part(index / 2, share(count, 2, index % 2))),
        }
    }

    /// Calls `work` with the lanes of the fresh lines.
    fn with_lanes(&self, pass: &Pass, work: impl FnOnce(&Lanes<'_>)) {
        let of = self.of;
        let seen = of.seen(&pass.rows);
        let fresh = seen.start.max(pass.fresh)..seen.end;
        let (width, inputs) = (of.columns.input, of.widen.inputs());
        let precision = of.widen.precision();
        let picture = fresh.len() * width;
        let whole = of.rows.input * width * inputs;
        if let (Source::Pixels(numbers), Precision::F32) = (self.source, precision) {
            let start = pass.pictures.start * whole + fresh.start * width * inputs;
            return work(&Lanes {
                lanes: bytemuck::cast_slice(&numbers[start..]),
                stride: inputs,
                scales: &[],
                picture: of.rows.input * width,
            });
        }
        let count = pass.pictures.len() * picture;
        let (unfolded, line) = match self.source {
            Source::Pixels(_) => (0, 0),
            Source::Planes(_, planes) => (count * inputs, planes.lines()),
        };
        let (mut unfolded, mut line) = (Scratch::of(unfolded), Scratch::of(line));
        if let Source::Planes(numbers, planes) = self.source {
            let pictures = unfolded.chunks_exact_mut((picture * inputs).max(1));
            for (index, output) in pass.pictures.clone().zip(pictures) {
                let numbers = &numbers[index * planes.numbers()..];
                planes.unfold(numbers, fresh.clone(), &mut line, output);
            }
        }
        if precision == Precision::F32 {
            return work(&Lanes {
                lanes: bytemuck::cast_slice(&unfolded),
                stride: inputs,
                scales: &[],
                picture,
            });
        }
        let stride = of.widen.inner_lanes();
        let (mut lanes, mut scales) = (
            Scratch::of(count * stride + BEHIND),
            vec![[1.0, 0.0]; count],
        );
        let lanes: &mut [u32] = bytemuck::cast_slice_mut(&mut lanes);
        for (index, part) in pass.pictures.clone().enumerate() {
            let numbers = match self.source {
                Source::Pixels(numbers) => &numbers[part * whole + fresh.start * width * inputs..],
                Source::Planes(..) => &unfolded[index * picture * inputs..],
            };
            let narrow = Narrow {
                precision,
                numbers: &numbers[..picture * inputs],
                width: inputs,
                stride,
            };
            let first = index * picture;
            let lanes = &mut lanes[first * stride..];
            of.widen
                .kernels()
                .convert_narrow(&narrow, lanes, &mut scales[first..]);
        }
        work(&Lanes {
            lanes,
            stride,
            scales: &scales,
            picture,
        });
    }
}

/// The channels of one panel in some rows of outputs of one picture.
pub(super) struct Strip<'a> {
    /// The panel's part of [`learned`].
    learned: &'a [f32],
    /// The number of channels.
    width: usize,
    /// The kernel's size in both directions.
    size: usize,
    /// Lines of [pixels](Bottleneck::pixels), with a pixel's channels side by side, as a ring buffer: line n of the
    /// padded picture is at n modulo their number.
    lines: &'a [f32],
    pixels: usize,
    /// Rows and columns.
    axes: [SameAxis; 2],
    rows: Range<usize>,
    /// The format of the written lanes, which begin with the panel's first.
    precision: Precision,
    hidden: Outputs,
}

impl Strip<'_> {
    /// Writes the lanes of all outputs.
    ///
    /// # Safety
    /// See [`Vector`]. No other thread may access these lanes.
    #[inline(always)]
    pub(super) unsafe fn compute<V: Vector>(&self) {
        let registers = self.width / V::LENGTH;
        assert!(self.width == registers * V::LENGTH);
        // SAFETY: as the caller promises.
        unsafe {
            match registers {
                2 => self.with_kernel::<V, 2>(),
                1 => self.with_kernel::<V, 1>(),
                _ => unreachable!("a panel is one or two registers wide"),
            }
        }
    }

    /// Compiled for the usual kernel sizes, and once for any size.
    #[inline(always)]
    unsafe fn with_kernel<V: Vector, const N: usize>(&self) {
        let stride = self.axes[1].stride;
        // SAFETY: as the caller promises.
        unsafe {
            match (self.size, stride) {
                (3, 1) => self.rows::<V, N>(3, 1),
                (3, 2) => self.rows::<V, N>(3, 2),
                (5, 1) => self.rows::<V, N>(5, 1),
                (5, 2) => self.rows::<V, N>(5, 2),
                (size, stride) => self.rows::<V, N>(size, stride),
            }
        }
    }

    #[inline(always)]
    unsafe fn rows<V: Vector, const N: usize>(&self, size: usize, stride: usize) {
        let [rows, columns] = self.axes;
        for (index, row) in self.rows.clone().enumerate() {
            let top = row * rows.stride;
            let down = rows.inside(top, size);
            for start in (0..columns.output).step_by(COLUMNS) {
                let count = COLUMNS.min(columns.output - start);
                let place = index * columns.output + start;
                let pixel = start * stride;
                // SAFETY: as the caller promises.
                unsafe {
                    let sums = self.sums::<V, N>(top, down.clone(), pixel, (size, stride));
                    self.write(&sums, count, place);
                }
            }
        }
    }

    /// Sums for a group of outputs whose kernel begins at line `top` of the padded picture and at `pixel` of a line.
    /// Only the kernel's lines `down` lie in the picture.
    #[inline(always)]
    unsafe fn sums<V: Vector, const N: usize>(
        &self,
        top: usize,
        down: Range<usize>,
        pixel: usize,
        (size, stride): (usize, usize),
    ) -> [[V; N]; COLUMNS] {
        let width = N * V::LENGTH;
        let line = self.pixels * width;
        let ring = self.lines.len() / line;
        assert!(down.end <= size && self.learned.len() >= (1 + size * size) * width);
        assert!(ring > 0 && self.pixels >= pixel + (COLUMNS - 1) * stride + size);
        // SAFETY: by the assertions, bias, weights and pixels are in bounds; the rest as the caller promises.
        unsafe {
            let bias = self.learned.as_ptr();
            let mut sums = [[V::all(0.0); N]; COLUMNS];
            for sums in &mut sums {
                for (register, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(bias.add(register * V::LENGTH));
                }
            }
            let mut place = (top + down.start) % ring;
            for down in down {
                let mut weight = bias.add((1 + down * size) * width);
                let mut seen = self.lines.as_ptr().add(place * line + pixel * width);
                place = if place + 1 == ring { 0 } else { place + 1 };
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

    /// Applies ReLU6 to the first `count` sums and writes them as the lanes of the outputs from `place` on.
    #[inline(always)]
    unsafe fn write<V: Vector, const N: usize>(
        &self,
        sums: &[[V; N]; COLUMNS],
        count: usize,
        place: usize,
    ) {
        let lanes = N * V::LENGTH / self.precision.in_lane();
        let stride = self.hidden.stride();
        let length = (count - 1) * stride + lanes;
        let to = self.hidden.part_of(place * stride, length);
        // Fixed indices keep the sums in registers.
        for (pixel, sums) in sums.iter().enumerate() {
            if pixel == count {
                break;
            }
            let to = to.wrapping_add(pixel * stride);
            // SAFETY: `part_of` checks the bounds; the rest as the caller promises.
            unsafe {
                for (register, sum) in sums.iter().enumerate() {
                    let (number, place) = (Activation::Relu6.of(*sum), register * V::LENGTH);
                    match self.precision {
                        Precision::F32 => number.store(to.add(place)),
                        Precision::Bf16 => number.store_halves(to.cast::<u16>().add(place)),
                        Precision::Int8 => number
                            .times(V::all(255.0 / SIX))
                            .store_bytes(to.cast::<u8>().add(place)),
                    }
                }
            }
        }
    }
}
