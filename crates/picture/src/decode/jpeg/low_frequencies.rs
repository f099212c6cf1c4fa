//! A JPEG at half of its sides or less, from the lowest frequencies of its blocks of 8 x 8 samples.
//!
//! libjpeg can do this, too, but takes most of its time to read coefficients that it does not need; here they are skipped,
//! several at a time (`huffman.rs`). And at half and at a quarter libjpeg averages samples, which keeps a part of the
//! frequencies that are too high for the copy. Here they are left out, so that a resampled copy comes closer to the whole,
//! resampled.
//!
//! This decoder reads only what is usual: one scan, sequential and Huffman-coded, of eight bits, in YCbCr, with chroma as fine
//! as luma or half as fine. It takes no file that libjpeg refuses. Any fault, even one that libjpeg passes over, leaves the
//! file to libjpeg.

use super::{
    colours,
    frequencies::{Frequencies, last},
    header::{BLOCK, COMPONENTS, Component, Frame, Header},
    scan::{Group, LANES, Reader, Scan},
};

/// The pixels in RGB of one to four `eighths` of the sides, rounded up; `None` where libjpeg has to read the file.
///
/// All of it is inlined, so that [`dispatch`](super::dispatch) compiles it for the instructions of several processors.
#[inline(always)]
pub(super) fn decode(bytes: &[u8], eighths: u8) -> Option<Vec<u8>> {
    let (header, content, data) = Header::of(bytes)?;
    let frame = header.frame.as_ref()?;
    let side = usize::from(eighths);
    let mut strips = [0, 1, 2].map(|index| Strip::new(frame, index, side));
    let last = strips
        .each_ref()
        .map(|strip| last(strip.across, strip.down));
    let scan = Scan::new(&header, content, last)?;
    let (mcus_across, mcus_down) = frame.mcus();
    let pixels = |side_of_whole: usize| (side_of_whole * side).div_ceil(BLOCK);
    let width = pixels(frame.width);
    let mut rgb = vec![0; width * pixels(frame.height) * COMPONENTS];
    let mut rows = rgb.chunks_exact_mut(width * COMPONENTS);
    let mut reader = Reader::new(&scan, data);
    for row in 0..mcus_down {
        for column in (0..mcus_across).step_by(LANES) {
            reader.read(row, column)?;
            for (strip, groups) in strips.iter_mut().zip(&reader.groups) {
                strip.put(groups, column);
            }
        }
        for strip in &mut strips {
            strip.finish();
        }
        let [luma, blue, red] = &strips;
        for (index, pixels) in rows.by_ref().take(luma.rows()).enumerate() {
            colours::to_rgb(luma.row(index), blue.row(index), red.row(index), pixels);
        }
    }
    reader.end()?;
    Some(rgb)
}

/// A component in a row of MCUs.
///
/// What is computed for blocks lies in rows of numbers, one for each block from left to right.
struct Strip {
    component: Component,
    is_chroma: bool,
    /// The samples of a block, from left to right and from top to bottom.
    across: usize,
    down: usize,
    frequencies: Frequencies,
    /// How many blocks there are from left to right.
    blocks: usize,
    /// The distances from the middle, by the row of blocks, then by the sample's row and its column in the block.
    distances: Vec<f32>,
    /// 1 for a block in which what rounding leaves out is carried over, else 0; by the row of blocks.
    carries: Vec<f32>,
    /// What rounding the last samples left out, by the sample's column in the block.
    left_over: Vec<f32>,
    /// A row of samples, by the sample's column in the block.
    rounded: Vec<u8>,
    samples: Vec<u8>,
}

impl Strip {
    /// For a component by its number, where a block of luma has so many samples on its side.
    fn new(frame: &Frame, index: usize, side: usize) -> Strip {
        let component = frame.components[index];
        let [luma, ..] = frame.components;
        // Of each component, as many samples: where an MCU has fewer blocks of chroma, these have more.
        let across = side * luma.across / component.across;
        let down = side * luma.down / component.down;
        let (mcus_across, _) = frame.mcus();
        let blocks = mcus_across.next_multiple_of(LANES) * component.across;
        let width = blocks * across;
        // All different, or rows of equal samples would be rounded up or down together.
        let left_over = |place: usize| {
            let column = place % blocks * across + place / blocks;
            (column * 29 % 64) as f32 / 64.0 - 0.5
        };
        Strip {
            component,
            is_chroma: index > 0,
            across,
            down,
            frequencies: Frequencies::new(across, down),
            blocks,
            distances: vec![0.0; component.down * down * width],
            carries: vec![0.0; component.down * blocks],
            left_over: (0..width).map(left_over).collect(),
            rounded: vec![0; width],
            samples: vec![0; component.down * down * width],
        }
    }

    fn rows(&self) -> usize {
        self.component.down * self.down
    }

    #[inline(always)]
    fn row(&self, index: usize) -> &[u8] {
        let width = self.blocks * self.across;
        &self.samples[index * width..][..width]
    }

    /// Takes groups of blocks, from the MCU at `column` on.
    #[inline(always)]
    fn put(&mut self, groups: &[Group], column: usize) {
        for (index, group) in groups.iter().enumerate() {
            let row = index / self.component.across;
            let left = column * self.component.across + index % self.component.across * LANES;
            let place = row * self.blocks + left;
            for (carries, is_flat) in self.carries[place..].iter_mut().zip(group.is_flat) {
                // A pixel for a model is made of few samples of a copy. So each sample of luma is rounded with what rounding
                // the one above it left out, and the errors of neighbours cancel out. Not where the whole picture's block is
                // flat: its samples are all rounded alike. Nor in chroma, where that is so more often than not.
                *carries = if is_flat || self.is_chroma { 0.0 } else { 1.0 };
            }
            match (self.across, self.down) {
                (1, 1) => self.put_sized::<1, 1>(group, row, left),
                (1, 2) => self.put_sized::<1, 2>(group, row, left),
                (2, 1) => self.put_sized::<2, 1>(group, row, left),
                (2, 2) => self.put_sized::<2, 2>(group, row, left),
                (2, 4) => self.put_sized::<2, 4>(group, row, left),
                (3, 3) => self.put_sized::<3, 3>(group, row, left),
                (3, 6) => self.put_sized::<3, 6>(group, row, left),
                (4, 2) => self.put_sized::<4, 2>(group, row, left),
                (4, 4) => self.put_sized::<4, 4>(group, row, left),
                (4, 8) => self.put_sized::<4, 8>(group, row, left),
                (6, 3) => self.put_sized::<6, 3>(group, row, left),
                (6, 6) => self.put_sized::<6, 6>(group, row, left),
                (8, 4) => self.put_sized::<8, 4>(group, row, left),
                (8, 8) => self.put_sized::<8, 8>(group, row, left),
                (across, down) => unreachable!("blocks of {across} by {down}"),
            }
        }
    }

    /// Puts a group at a row and a column of blocks.
    #[inline(always)]
    fn put_sized<const ACROSS: usize, const DOWN: usize>(
        &mut self,
        group: &Group,
        row: usize,
        left: usize,
    ) {
        let is_any_flat = group.is_flat.contains(&true);
        let distances = self.frequencies.distances::<ACROSS, DOWN>(group);
        let rows =
            self.distances[row * DOWN * ACROSS * self.blocks..].chunks_exact_mut(self.blocks);
        for (row, distances) in rows.zip(distances.as_flattened()) {
            let row = &mut row[left..][..LANES];
            row.copy_from_slice(distances);
            if is_any_flat {
                for (lane, distance) in row
                    .iter_mut()
                    .enumerate()
                    .filter(|(lane, _)| group.is_flat[*lane])
                {
                    *distance = f32::from(group.coefficients[0][lane]) / BLOCK as f32;
                }
            }
        }
    }

    /// Makes samples of all that was put.
    #[inline(always)]
    fn finish(&mut self) {
        let Strip {
            across,
            down,
            blocks,
            ..
        } = *self;
        let width = across * blocks;
        let rows = self.samples.chunks_exact_mut(width);
        for (index, (row, distances)) in rows.zip(self.distances.chunks_exact(width)).enumerate() {
            let of_blocks = index / down * blocks..(index / down + 1) * blocks;
            let carries = &self.carries[of_blocks];
            let columns = distances.chunks_exact(blocks);
            let columns = columns.zip(self.left_over.chunks_exact_mut(blocks));
            for ((distances, left_over), rounded) in
                columns.zip(self.rounded.chunks_exact_mut(blocks))
            {
                round(distances, carries, left_over, rounded);
            }
            match across {
                1 => row.copy_from_slice(&self.rounded),
                2 => interleave::<2>(&self.rounded, row),
                3 => interleave::<3>(&self.rounded, row),
                4 => interleave::<4>(&self.rounded, row),
                6 => interleave::<6>(&self.rounded, row),
                _ => interleave::<8>(&self.rounded, row),
            }
        }
    }
}

/// Makes samples of distances from the middle.
#[inline(always)]
fn round(distances: &[f32], carries: &[f32], left_over: &mut [f32], rounded: &mut [u8]) {
    // Numbers so large have no fractions. Halves are rounded up, as by libjpeg.
    const LARGE: f32 = (3 << 22) as f32;
    const LITTLE: f32 = 1.0 / 1024.0;
    let inputs = distances.iter().zip(carries);
    let outputs = left_over.iter_mut().zip(rounded);
    for ((&distance, &carries), (left_over, rounded)) in inputs.zip(outputs) {
        let distance = distance + *left_over * carries;
        let nearest = (distance + LITTLE + LARGE) - LARGE;
        *left_over = (distance - nearest) * carries;
        let sample = nearest.clamp(-128.0, 127.0) + (LARGE + 128.0);
        *rounded = sample.to_bits() as u8;
    }
}

/// Puts rows one after the other into one, sample by sample.
#[inline(always)]
fn interleave<const COUNT: usize>(rows: &[u8], row: &mut [u8]) {
    let (blocks, _) = row.as_chunks_mut::<COUNT>();
    let count = blocks.len();
    for (index, block) in blocks.iter_mut().enumerate() {
        for (column, sample) in block.iter_mut().enumerate() {
            *sample = rows[column * count + index];
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        Limits, Picture,
        container::jpeg::{START_OF_IMAGE, START_OF_SCAN},
        decode::jpeg::{
            decompress,
            example::{Example, USUAL},
            or_fatal_message,
        },
    };

    /// The most eighths.
    const MOST: u8 = 4;

    fn file(chroma: (u8, u8), quality: f32, is_grey: bool) -> Vec<u8> {
        let example = Example {
            chroma,
            quality,
            is_grey,
            ..Example::default()
        };
        example.encode()
    }

    /// How far off libjpeg's pixels are, at most.
    fn distance(bytes: &[u8], eighths: u8) -> u8 {
        let shortest = Example::default().height * usize::from(eighths) / 8;
        let expected = decompress(bytes, &Limits::default(), shortest as u32).unwrap();
        assert_eq!(expected.scale.eighths, eighths);
        let got = decode(bytes, eighths).unwrap();
        assert_eq!(got.len(), expected.pixels.len());
        let pairs = got.iter().zip(&expected.pixels);
        pairs
            .map(|(got, expected)| got.abs_diff(*expected))
            .max()
            .unwrap()
    }

    /// At three eighths libjpeg leaves frequencies out, too, but rounds every sample to the nearest. Where it repeats samples of
    /// chroma, it differs.
    #[test]
    fn as_libjpeg_where_that_does_not_average() {
        for quality in [50.0, 75.0, 99.0] {
            for chroma in [(1, 1), (2, 2)] {
                let off = distance(&file(chroma, quality, false), 3);
                assert!(off <= 3, "{chroma:?}, quality {quality}: {off}");
            }
            assert!(distance(&file((1, 1), quality, false), 1) <= 2);
        }
    }

    /// `count` samples with the lowest frequencies of eight.
    fn lowest(samples: [f64; BLOCK], count: usize) -> Vec<f64> {
        let wave = |frequency: usize, place: usize, count: usize| {
            (PI * (frequency * (2 * place + 1)) as f64 / (2 * count) as f64).cos()
        };
        let height = |frequency: usize| {
            let places = samples.iter().enumerate();
            let sum: f64 = places
                .map(|(place, sample)| sample * wave(frequency, place, BLOCK))
                .sum();
            sum * if frequency == 0 { 1.0 } else { 2.0 } / BLOCK as f64
        };
        let of_frequency = |place, frequency| height(frequency) * wave(frequency, place, count);
        let sample = |place| {
            (0..count)
                .map(|frequency| of_frequency(place, frequency))
                .sum()
        };
        (0..count).map(sample).collect()
    }

    /// How far the copy is off the lowest frequencies of libjpeg's whole picture: at most, and on average.
    fn distance_from_whole(bytes: &[u8], eighths: u8) -> (f64, f64) {
        let whole = decompress(bytes, &Limits::default(), u32::MAX).unwrap();
        let got = decode(bytes, eighths).unwrap();
        let count = usize::from(eighths);
        let Example {
            width: whole_width,
            height: whole_height,
            ..
        } = Example::default();
        let width = (whole_width * count).div_ceil(BLOCK);
        assert_eq!(
            got.len(),
            width * (whole_height * count).div_ceil(BLOCK) * COMPONENTS
        );
        let at = |x: usize, y: usize, channel: usize| {
            f64::from(whole.pixels[(y * whole_width + x) * COMPONENTS + channel])
        };
        let (mut most, mut sum, mut pixels) = (0.0_f64, 0.0, 0.0);
        let (across, down) = (whole_width / BLOCK, whole_height / BLOCK);
        for (block, channel) in (0..across * down)
            .flat_map(|block| (0..COMPONENTS).map(move |channel| (block, channel)))
        {
            let (left, top) = (block % across, block / across);
            let rows: [Vec<f64>; BLOCK] = std::array::from_fn(|y| {
                let x = |x| at(left * BLOCK + x, top * BLOCK + y, channel);
                lowest(std::array::from_fn(x), count)
            });
            let column = |x: usize| lowest(std::array::from_fn(|y| rows[y][x]), count);
            for (x, column) in (0..count).map(column).enumerate() {
                for (y, expected) in column.into_iter().enumerate() {
                    let place = (top * count + y) * width + left * count + x;
                    let off = (f64::from(got[place * COMPONENTS + channel]) - expected).abs();
                    (most, sum, pixels) = (most.max(off), sum + off, pixels + 1.0);
                }
            }
        }
        (most, sum / pixels)
    }

    /// Each sample is off by 1 at most, which conversion to RGB makes more. libjpeg smoothes chroma that is less fine, so that
    /// only grey pictures are to be compared then.
    #[test]
    fn the_lowest_frequencies_of_the_whole() {
        for eighths in 1..=MOST {
            for (chroma, is_grey) in [((1, 1), false)]
                .into_iter()
                .chain(USUAL.map(|it| (it, true)))
            {
                for quality in [60.0, 92.0] {
                    let bytes = file(chroma, quality, is_grey);
                    let (most, mean) = distance_from_whole(&bytes, eighths);
                    let allowed = if is_grey { 1.5 } else { 3.0 };
                    assert!(
                        most <= allowed && mean < 0.6,
                        "{eighths}/8, {chroma:?}, grey {is_grey}, quality {quality}: {most}, {mean}"
                    );
                }
            }
        }
    }

    const RESTARTING: &[u8] = include_bytes!("../../../tests/fixtures/formats/restart.jpg");

    #[test]
    fn restarts_change_nothing() {
        let whole = include_bytes!("../../../tests/fixtures/formats/420.jpg");
        for eighths in 1..=MOST {
            let expected = decode(whole, eighths).unwrap();
            assert_eq!(decode(RESTARTING, eighths), Some(expected));
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_libjpeg() {
        for bytes in [
            &include_bytes!("../../../tests/fixtures/formats/progressive.jpg")[..],
            include_bytes!("../../../tests/fixtures/formats/411.jpg"),
            include_bytes!("../../../tests/fixtures/formats/grey.jpg"),
            include_bytes!("../../../tests/fixtures/formats/rgb.jpg"),
            include_bytes!("../../../tests/fixtures/formats/cmyk.jpg"),
            include_bytes!("../../../tests/fixtures/formats/ycck.jpg"),
            include_bytes!("../../../tests/fixtures/cases/arithmetic.jpg"),
            include_bytes!("../../../tests/fixtures/cases/jpg_no_eoi.jpg"),
        ] {
            assert_eq!(decode(bytes, 1), None);
            assert!(Picture::decode_reduced(bytes, &Limits::default(), 1).is_ok());
        }
    }

    #[test]
    fn what_is_cut_off_is_left_to_libjpeg() {
        let bytes = file((2, 2), 75.0, false);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end], 2), None, "{end}");
        }
    }

    /// Where the first segment with `marker` begins.
    fn place(bytes: &[u8], marker: u8) -> usize {
        let mut pairs = bytes.windows(2);
        pairs.position(|pair| *pair == [0xFF, marker]).unwrap()
    }

    /// A table of codes of which so many have the lengths from 1 on.
    fn table(class: u8, counts: &[u8], symbol: u8) -> Vec<u8> {
        let count: usize = counts.iter().map(|&count| usize::from(count)).sum();
        let mut content = vec![class << 4];
        content.extend(counts);
        content.resize(17, 0);
        content.resize(17 + count, symbol);
        let length = (content.len() as u16 + 2).to_be_bytes();
        [&[0xFF, 0xC4], &length[..], &content].concat()
    }

    /// Such files are refused, whether they are read whole or reduced.
    #[test]
    fn what_libjpeg_refuses_is_left_to_it() {
        let good = file((2, 1), 75.0, false);
        assert!(decode(&good, 1).is_some());
        let with = |at: usize, inserted: &[u8]| [&good[..at], inserted, &good[at..]].concat();
        let scan = place(&good, START_OF_SCAN);
        let frame = place(&good, 0xC0);
        let patched = |at: usize, byte: u8| [&good[..at], &[byte], &good[at + 1..]].concat();
        let mut too_wide = good.clone();
        too_wide[frame + 7..][..2].copy_from_slice(&65_501_u16.to_be_bytes());
        let mut most = vec![0; 14];
        most.extend([255, 2]);
        for (name, bytes) in [
            ("a second start", with(2, &[0xFF, START_OF_IMAGE])),
            ("a second frame", with(scan, &good[frame..][..19])),
            ("a code of ones", with(scan, &table(0, &[2], 1))),
            (
                "a difference of 16 bits",
                with(scan, &table(0, &[0, 1], 16)),
            ),
            ("257 codes", with(scan, &table(1, &most, 1))),
            ("a third class of tables", with(scan, &table(2, &[1], 1))),
            ("steps of a fifth table", patched(frame + 12, 4)),
            ("too wide", too_wide),
            ("twelve bits", patched(frame + 4, 12)),
            ("lossless", patched(frame + 1, 0xC3)),
        ] {
            let limits = Limits::default();
            assert_eq!(decode(&bytes, 1), None, "{name}");
            assert!(Picture::decode(&bytes, &limits).is_err(), "{name}");
            assert!(
                Picture::decode_reduced(&bytes, &limits, 1).is_err(),
                "{name}"
            );
        }
    }

    proptest! {
        /// Whatever has changed on the way: no panic, and nothing is taken that the whole way refuses.
        #[test]
        fn damage_has_one_outcome(
            chroma in prop::sample::select(&USUAL),
            is_restarting: bool,
            damage in vec((0.0..1.0, any::<u8>(), 0..3), 1..4),
            eighths in 1..=MOST,
        ) {
            let mut bytes = match is_restarting {
                true => RESTARTING.to_vec(),
                false => file(chroma, 75.0, false),
            };
            for (place, byte, kind) in damage {
                let place = (place * bytes.len() as f64) as usize;
                match kind {
                    0 => bytes[place] = byte,
                    1 => bytes.insert(place, byte),
                    _ => drop(bytes.remove(place)),
                }
            }
            let limits = Limits::default();
            let shortest = u32::from(eighths) * 8;
            let whole = Picture::decode(&bytes, &limits);
            let reduced = Picture::decode_reduced(&bytes, &limits, shortest);
            prop_assert_eq!(whole.is_ok(), reduced.is_ok());
            if decode(&bytes, eighths).is_some() {
                let by_libjpeg = || decompress(&bytes[..], &limits, shortest);
                prop_assert!(or_fatal_message(by_libjpeg).is_ok());
            }
        }
    }
}
