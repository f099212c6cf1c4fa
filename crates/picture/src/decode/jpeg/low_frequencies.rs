//! A JPEG at half of its sides or less, from the lowest frequencies of its blocks of 8 x 8 samples.
//!
//! libjpeg can do this, too, but takes most of its time to read coefficients that it does not need; here they are skipped,
//! several at a time ([`AcHuffman`]). And at half and at a quarter libjpeg averages samples, which keeps a part of the
//! frequencies that are too high for the copy. Here they are left out, so that a resampled copy comes closer to the whole,
//! resampled.
//!
//! This decoder reads only what is usual: one scan, sequential and Huffman-coded, of eight bits, in YCbCr, with chroma as fine
//! as luma or half as fine. It takes no file that libjpeg refuses. Any fault, even one that libjpeg passes over, leaves the
//! file to libjpeg.

use std::rc::Rc;

use super::{
    bit_reader::BitReader,
    frequencies::{BLOCK, Coefficients, Frequencies, last, natural_order},
    header::{COEFFICIENTS, COMPONENTS, Component, Frame, Header},
    huffman::{AcHuffman, Huffman},
};
use crate::container::jpeg::{END_OF_IMAGE, START_OF_IMAGE, START_OF_SCAN, Segments};

/// The most eighths.
pub(super) const MOST: u8 = 4;

/// The greatest symbol of a DC coefficient: the bits of a difference.
const GREATEST_DC: u8 = 15;

/// The pixels in RGB of `eighths` of the sides, rounded up; `None` where libjpeg has to read the file.
///
/// All of it is inlined, so that [`dispatch`](super::dispatch) compiles it for the instructions of several processors.
#[inline(always)]
pub(super) fn decode(bytes: &[u8], eighths: u8) -> Option<Vec<u8>> {
    let mut header = Header::default();
    let mut segments = Segments(bytes.strip_prefix(&[0xFF, START_OF_IMAGE])?);
    while let Some((marker, content)) = segments.next() {
        if marker == START_OF_SCAN {
            let scan = Scan::new(&header, content, usize::from(eighths))?;
            return Some(scan.to_rgb(&scan.decode(segments.0)?));
        }
        header.read(marker, content)?;
    }
    None
}

/// The one scan of the file.
struct Scan<'a> {
    frame: &'a Frame,
    /// The samples of a luma block's side.
    side: usize,
    decoders: [BlockDecoder; COMPONENTS],
    restart_interval: usize,
}

/// Decodes the blocks of a component.
struct BlockDecoder {
    dc: Huffman,
    ac: Rc<AcHuffman>,
    quantisation: [f32; COEFFICIENTS],
    frequencies: Frequencies,
    /// The last coefficient, in zigzag order, that is of use.
    last: usize,
    is_chroma: bool,
    /// The samples of a block, from left to right and from top to bottom.
    size: (usize, usize),
}

/// The samples of a component, all blocks whole.
struct Plane {
    width: usize,
    samples: Vec<u8>,
    /// For each column, what rounding its last sample left out.
    left_over: Vec<f32>,
}

impl<'a> Scan<'a> {
    fn new(header: &'a Header<'_>, content: &[u8], side: usize) -> Option<Scan<'a>> {
        let &[3, n0, t0, n1, t1, n2, t2, 0, 63, 0] = content else {
            return None;
        };
        let frame = header.frame.as_ref()?;
        let names = frame.components.map(|component| component.name);
        if names != [n0, n1, n2] || !header.is_ycbcr(frame) {
            return None;
        }
        let [luma, blue, red] = frame.components;
        // Of each component, as many samples: where an MCU has fewer blocks of chroma, these have more.
        let (across, down) = (side * luma.across, side * luma.down);
        let ac = |tables: u8| {
            let segment = *header.tables[1].get(usize::from(tables & 15))?;
            Some(Rc::new(AcHuffman::new(segment?)?))
        };
        let of_blue = ac(t1)?;
        let of_red = match t1 & 15 == t2 & 15 {
            true => of_blue.clone(),
            false => ac(t2)?,
        };
        Some(Scan {
            frame,
            side,
            decoders: [
                BlockDecoder {
                    is_chroma: false,
                    ..BlockDecoder::new(header, luma, t0, ac(t0)?, side, side)?
                },
                BlockDecoder::new(header, blue, t1, of_blue, across, down)?,
                BlockDecoder::new(header, red, t2, of_red, across, down)?,
            ],
            restart_interval: header.restart_interval,
        })
    }

    /// The planes of the components from the entropy-coded data, which the end of the image has to follow.
    #[inline(always)]
    fn decode(&self, data: &[u8]) -> Option<[Plane; COMPONENTS]> {
        let [luma, ..] = self.frame.components;
        let mcus_across = self.frame.width.div_ceil(BLOCK * luma.across);
        let mcus_down = self.frame.height.div_ceil(BLOCK * luma.down);
        let width = mcus_across * luma.across * self.side;
        let height = mcus_down * luma.down * self.side;
        let mut planes = [(); COMPONENTS].map(|()| Plane::new(width, height));
        let mut bits = BitReader::new(data);
        let mut predictors = [0; COMPONENTS];
        for mcu in 0..mcus_across * mcus_down {
            if self.restart_interval > 0 && mcu > 0 && mcu % self.restart_interval == 0 {
                let restarts = mcu / self.restart_interval - 1;
                bits = BitReader::new(behind_restart(bits.end()?, restarts)?);
                predictors = [0; COMPONENTS];
            }
            let place = (mcu / mcus_across, mcu % mcus_across);
            self.decode_mcu(place, &mut bits, &mut predictors, &mut planes)?;
        }
        matches!(bits.end()?, [0xFF, END_OF_IMAGE, ..]).then_some(planes)
    }

    #[inline(always)]
    fn decode_mcu(
        &self,
        (row, column): (usize, usize),
        bits: &mut BitReader<'_>,
        predictors: &mut [i32; COMPONENTS],
        planes: &mut [Plane; COMPONENTS],
    ) -> Option<()> {
        let components = self.frame.components.iter().zip(&self.decoders);
        let states = predictors.iter_mut().zip(planes);
        for ((component, decoder), (predictor, plane)) in components.zip(states) {
            for block in 0..component.across * component.down {
                let top = row * component.down + block / component.across;
                let left = column * component.across + block % component.across;
                decoder.decode(bits, predictor, plane, (top, left))?;
            }
        }
        (!bits.is_overdrawn()).then_some(())
    }

    #[inline(always)]
    fn to_rgb(&self, [luma, blue, red]: &[Plane; COMPONENTS]) -> Vec<u8> {
        let pixels = |side: usize| (side * self.side).div_ceil(BLOCK);
        let (width, height) = (pixels(self.frame.width), pixels(self.frame.height));
        let mut rgb = vec![0; width * height * COMPONENTS];
        for (row, pixels) in rgb.chunks_exact_mut(width * COMPONENTS).enumerate() {
            let (luma, blue, red) = (luma.row(row), blue.row(row), red.row(row));
            let samples = luma.iter().zip(blue).zip(red);
            let (pixels, _) = pixels.as_chunks_mut();
            for (pixel, ((&luma, &blue), &red)) in pixels.iter_mut().zip(samples) {
                *pixel = colours(luma, blue, red);
            }
        }
        rgb
    }
}

impl BlockDecoder {
    /// For blocks of `across` by `down` samples.
    fn new(
        header: &Header<'_>,
        component: Component,
        tables: u8,
        ac: Rc<AcHuffman>,
        across: usize,
        down: usize,
    ) -> Option<BlockDecoder> {
        let dc = *header.tables[0].get(usize::from(tables >> 4))?;
        let quantisation = (*header.quantisation.get(component.quantisation)?)?;
        Some(BlockDecoder {
            dc: Huffman::new(dc?, GREATEST_DC)?,
            ac,
            quantisation: quantisation.map(f32::from),
            frequencies: Frequencies::new(across, down),
            last: last(across, down),
            is_chroma: true,
            size: (across, down),
        })
    }

    /// Decodes a block into its place of a plane, counted in blocks. `predictor` is the DC coefficient of the block before.
    #[inline(always)]
    fn decode(
        &self,
        bits: &mut BitReader<'_>,
        predictor: &mut i32,
        plane: &mut Plane,
        place: (usize, usize),
    ) -> Option<()> {
        match self.size {
            (1, 1) => self.decode_sized::<1, 1, 4>(bits, predictor, plane, place),
            (1, 2) => self.decode_sized::<1, 2, 4>(bits, predictor, plane, place),
            (2, 1) => self.decode_sized::<2, 1, 4>(bits, predictor, plane, place),
            (2, 2) => self.decode_sized::<2, 2, 4>(bits, predictor, plane, place),
            (2, 4) => self.decode_sized::<2, 4, 4>(bits, predictor, plane, place),
            (3, 3) => self.decode_sized::<3, 3, 4>(bits, predictor, plane, place),
            (3, 6) => self.decode_sized::<3, 6, 4>(bits, predictor, plane, place),
            (4, 2) => self.decode_sized::<4, 2, 4>(bits, predictor, plane, place),
            (4, 4) => self.decode_sized::<4, 4, 4>(bits, predictor, plane, place),
            (4, 8) => self.decode_sized::<4, 8, 4>(bits, predictor, plane, place),
            (6, 3) => self.decode_sized::<6, 3, 8>(bits, predictor, plane, place),
            (6, 6) => self.decode_sized::<6, 6, 8>(bits, predictor, plane, place),
            (8, 4) => self.decode_sized::<8, 4, 8>(bits, predictor, plane, place),
            (8, 8) => self.decode_sized::<8, 8, 8>(bits, predictor, plane, place),
            _ => None,
        }
    }

    #[inline(always)]
    fn decode_sized<const ACROSS: usize, const DOWN: usize, const LANES: usize>(
        &self,
        bits: &mut BitReader<'_>,
        predictor: &mut i32,
        plane: &mut Plane,
        (top, left): (usize, usize),
    ) -> Option<()> {
        let mut coefficients = [[0.0; BLOCK]; DOWN];
        let is_flat = self.read(bits, predictor, &mut coefficients)?;
        let samples = match is_flat {
            true => [[coefficients[0][0] / BLOCK as f32; LANES]; DOWN],
            false => self
                .frequencies
                .samples::<ACROSS, DOWN, LANES>(&coefficients),
        };
        // A pixel for a model is made of few samples of a copy. So each sample of luma is rounded with what rounding the one
        // above it left out, and the errors of neighbours cancel out. Not where the whole picture's block is flat: its
        // samples are all rounded alike. Nor in chroma, where that is so more often than not.
        let is_carried = !is_flat && !self.is_chroma;
        let left_over = &mut plane.left_over[left * ACROSS..][..ACROSS];
        let mut carried = [0.0; LANES];
        if is_carried {
            carried[..ACROSS].copy_from_slice(left_over);
        }
        let rows = plane.samples[top * DOWN * plane.width..].chunks_exact_mut(plane.width);
        for (row, samples) in rows.zip(samples) {
            let (rounded, left_over) = round(samples, carried);
            row[left * ACROSS..][..ACROSS].copy_from_slice(&rounded[..ACROSS]);
            if is_carried {
                carried = left_over;
            }
        }
        left_over.copy_from_slice(&carried[..ACROSS]);
        Some(())
    }

    /// Reads and dequantises the coefficients that are of use (F.2.2); whether there are none behind the first.
    #[inline(always)]
    fn read<const DOWN: usize>(
        &self,
        bits: &mut BitReader<'_>,
        predictor: &mut i32,
        coefficients: &mut Coefficients<DOWN>,
    ) -> Option<bool> {
        const NATURAL_ORDER: [usize; COEFFICIENTS] = natural_order();
        bits.refill();
        let size = self.dc.symbol(bits)?;
        *predictor = predictor.wrapping_add(bits.number(u32::from(size)));
        let coefficients = coefficients.as_flattened_mut();
        coefficients[0] = *predictor as f32 * self.quantisation[0];
        let mut is_flat = true;
        let next = self.ac.read(self.last, bits, |place, number| {
            is_flat = false;
            if let Some(coefficient) = coefficients.get_mut(*NATURAL_ORDER.get(place)?) {
                *coefficient = number as f32 * self.quantisation[place];
            }
            Some(())
        })?;
        self.ac.skip_from(next, bits)?;
        Some(is_flat)
    }
}

impl Plane {
    fn new(width: usize, height: usize) -> Plane {
        Plane {
            width,
            samples: vec![0; width * height],
            // All different, or rows of equal samples would be rounded up or down together.
            left_over: (0..width)
                .map(|column| (column * 29 % 64) as f32 / 64.0 - 0.5)
                .collect(),
        }
    }

    fn row(&self, index: usize) -> &[u8] {
        &self.samples[index * self.width..][..self.width]
    }
}

/// What comes behind the restart marker that is due, of those that count to eight.
fn behind_restart(data: &[u8], index: usize) -> Option<&[u8]> {
    const RESTART: usize = 0xD0;
    match *data {
        [0xFF, marker, ref rest @ ..] if usize::from(marker) == RESTART + index % 8 => Some(rest),
        _ => None,
    }
}

/// The samples with what is `carried` over to them, and what rounding leaves out.
#[inline(always)]
fn round<const LANES: usize>(
    samples: [f32; LANES],
    carried: [f32; LANES],
) -> ([u8; LANES], [f32; LANES]) {
    let (mut rounded, mut left_over) = ([0; LANES], [0.0; LANES]);
    let outputs = rounded.iter_mut().zip(&mut left_over);
    for ((sample, carried), (rounded, left_over)) in samples.iter().zip(carried).zip(outputs) {
        (*rounded, *left_over) = to_sample(sample + carried);
    }
    (rounded, left_over)
}

/// The sample at this distance from the middle, and what rounding leaves out.
#[inline(always)]
fn to_sample(distance: f32) -> (u8, f32) {
    // Numbers so large have no fractions. Halves are rounded up, as by libjpeg.
    const LARGE: f32 = (3 << 22) as f32;
    const LITTLE: f32 = 1.0 / 1024.0;
    let rounded = (distance + LITTLE + LARGE) - LARGE;
    let sample = rounded.clamp(-128.0, 127.0) + (LARGE + 128.0);
    (sample.to_bits() as u8, distance - rounded)
}

/// By libjpeg's arithmetic.
#[inline(always)]
fn colours(luma: u8, blue: u8, red: u8) -> [u8; COMPONENTS] {
    const HALF: i32 = 1 << 15;
    let (luma, blue, red) = (i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128);
    [
        luma + ((91_881 * red + HALF) >> 16),
        luma + ((-22_554 * blue - 46_802 * red + HALF) >> 16),
        luma + ((116_130 * blue + HALF) >> 16),
    ]
    .map(|colour| colour.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use mozjpeg::{ColorSpace, Compress};
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        Limits, Picture,
        decode::jpeg::{decompress, or_fatal_message},
    };

    const WIDTH: usize = 83;
    const HEIGHT: usize = 70;

    /// The sizes of chroma's samples, in pixels, that are usual.
    const USUAL: [(u8, u8); 4] = [(1, 1), (2, 1), (1, 2), (2, 2)];

    /// A JPEG of noise over a slope, in colours or grey ones, in which a sample of chroma is for so many pixels in a row and
    /// in a column.
    fn file((across, down): (u8, u8), quality: f32, is_grey: bool) -> Vec<u8> {
        let mut state = 1_u32;
        let mut pixels = vec![[0; COMPONENTS]; WIDTH * HEIGHT];
        for (place, pixel) in pixels.iter_mut().enumerate() {
            for sample in &mut *pixel {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *sample = (30 + place / 60 + (state >> 26) as usize) as u8;
            }
            if is_grey {
                *pixel = [pixel[0]; COMPONENTS];
            }
        }
        let mut encoder = Compress::new(ColorSpace::JCS_RGB);
        encoder.set_size(WIDTH, HEIGHT);
        encoder.set_fastest_defaults();
        encoder.set_quality(quality);
        encoder.set_chroma_sampling_pixel_sizes((across, down), (across, down));
        let mut encoder = encoder.start_compress(Vec::new()).unwrap();
        encoder.write_scanlines(pixels.as_flattened()).unwrap();
        encoder.finish().unwrap()
    }

    /// How far off libjpeg's pixels are, at most.
    fn distance(bytes: &[u8], eighths: u8) -> u8 {
        let shortest = HEIGHT * usize::from(eighths) / 8;
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
        let width = (WIDTH * count).div_ceil(BLOCK);
        assert_eq!(
            got.len(),
            width * (HEIGHT * count).div_ceil(BLOCK) * COMPONENTS
        );
        let at = |x: usize, y: usize, channel: usize| {
            f64::from(whole.pixels[(y * WIDTH + x) * COMPONENTS + channel])
        };
        let (mut most, mut sum, mut pixels) = (0.0_f64, 0.0, 0.0);
        for (block, channel) in (0..WIDTH / BLOCK * (HEIGHT / BLOCK))
            .flat_map(|block| (0..COMPONENTS).map(move |channel| (block, channel)))
        {
            let (left, top) = (block % (WIDTH / BLOCK), block / (WIDTH / BLOCK));
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
