//! A JPEG at half of its sides or less, from the lowest frequencies of its blocks of 8 x 8 samples.
//!
//! libjpeg does something like it, and takes most of its time to read the coefficients that it does not need. Here they
//! are passed over, several at a time. And where libjpeg averages samples, which keeps some of the frequencies that are
//! too high for the copy, here these are left out: a resampled copy comes closer to the whole, resampled. What is not of
//! the usual kind, or has any fault, is left to libjpeg.

use std::rc::Rc;

use super::{
    bits::Bits,
    frequencies::{BLOCK, Coefficients, Frequencies, last, natural_order},
    header::{CHANNELS, Channel, Frame, Header},
    huffman::{COEFFICIENTS, Code, RunCode},
};
use crate::container::jpeg::{END_OF_IMAGE, START_OF_SCAN, Segments};

/// The most eighths.
pub(super) const MOST: u8 = 4;

/// The pixels in RGB, of so many eighths of the sides, rounded up, if the file is of the usual kind: in one scan, not
/// progressive, in YCbCr.
pub(super) fn decode(bytes: &[u8], eighths: u8) -> Option<Vec<u8>> {
    let mut header = Header::default();
    let mut segments = Segments(bytes);
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
    /// How many samples a block of the first channel is wide and high.
    side: usize,
    blocks: [Blocks; CHANNELS],
    restart: usize,
}

/// How the blocks of a channel are read.
struct Blocks {
    first: Code,
    rest: Rc<RunCode>,
    quantisation: [f32; COEFFICIENTS],
    frequencies: Frequencies,
    /// The last coefficient, in zigzag order, that is of use.
    last: usize,
    is_chroma: bool,
    read: Read,
}

/// Reads a block into its place of a plane, counted in blocks.
type Read =
    fn(&Blocks, &mut Bits<'_>, first: &mut i32, &mut Plane, top: usize, left: usize) -> Option<()>;

/// The samples of a channel, all blocks whole.
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
        let names = frame.channels.map(|channel| channel.name);
        if names != [n0, n1, n2] || !header.is_ycbcr(frame) {
            return None;
        }
        let [luma, blue, red] = frame.channels;
        // Channels of fewer blocks have blocks of more samples.
        let (across, down) = (side * luma.across, side * luma.down);
        let code = |tables: u8| {
            let table = *header.codes[1].get(usize::from(tables & 15))?;
            Some(Rc::new(RunCode::new(Code::new(table?)?)))
        };
        let of_blue = code(t1)?;
        let of_red = if t1 & 15 == t2 & 15 {
            of_blue.clone()
        } else {
            code(t2)?
        };
        Some(Scan {
            frame,
            side,
            blocks: [
                Blocks {
                    is_chroma: false,
                    ..Blocks::new(header, luma, t0, code(t0)?, side, side)?
                },
                Blocks::new(header, blue, t1, of_blue, across, down)?,
                Blocks::new(header, red, t2, of_red, across, down)?,
            ],
            restart: header.restart,
        })
    }

    /// The planes of the channels from the coded data.
    fn decode(&self, data: &[u8]) -> Option<[Plane; CHANNELS]> {
        let [luma, ..] = self.frame.channels;
        let units_across = self.frame.width.div_ceil(8 * luma.across);
        let units_down = self.frame.height.div_ceil(8 * luma.down);
        let width = units_across * luma.across * self.side;
        let mut planes = [(); CHANNELS].map(|()| Plane {
            width,
            samples: vec![0; width * units_down * luma.down * self.side],
            // Different, or rows of equal samples would all be rounded up or down together.
            left_over: (0..width)
                .map(|column| (column * 29 % 64) as f32 / 64.0 - 0.5)
                .collect(),
        });
        let mut bits = Bits::new(data);
        let mut firsts = [0; CHANNELS];
        for unit in 0..units_across * units_down {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                bits = Bits::new(behind_restart(bits.end()?, unit / self.restart - 1)?);
                firsts = [0; CHANNELS];
            }
            let (row, column) = (unit / units_across, unit % units_across);
            let channels = self.frame.channels.iter().zip(&self.blocks);
            for (((channel, blocks), plane), first) in channels.zip(&mut planes).zip(&mut firsts) {
                for block in 0..channel.across * channel.down {
                    let top = row * channel.down + block / channel.across;
                    let left = column * channel.across + block % channel.across;
                    (blocks.read)(blocks, &mut bits, first, plane, top, left)?;
                }
            }
            if bits.is_overdrawn() {
                return None;
            }
        }
        matches!(bits.end()?, [0xFF, END_OF_IMAGE, ..]).then_some(planes)
    }

    fn to_rgb(&self, [luma, blue, red]: &[Plane; CHANNELS]) -> Vec<u8> {
        let pixels = |side: usize| (side * self.side).div_ceil(8);
        let (width, height) = (pixels(self.frame.width), pixels(self.frame.height));
        let mut rgb = vec![0; width * height * CHANNELS];
        for (row, pixels) in rgb.chunks_exact_mut(width * CHANNELS).enumerate() {
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

impl Blocks {
    fn new(
        header: &Header<'_>,
        channel: Channel,
        tables: u8,
        rest: Rc<RunCode>,
        across: usize,
        down: usize,
    ) -> Option<Blocks> {
        let first = *header.codes[0].get(usize::from(tables >> 4))?;
        let quantisation = (*header.quantisation.get(channel.quantisation)?)?;
        Some(Blocks {
            first: Code::new(first?)?,
            rest,
            quantisation: quantisation.map(f32::from),
            frequencies: Frequencies::new(across, down),
            last: last(across, down),
            is_chroma: true,
            read: match (across, down) {
                (1, 1) => Blocks::read::<1, 1, 4>,
                (1, 2) => Blocks::read::<1, 2, 4>,
                (2, 1) => Blocks::read::<2, 1, 4>,
                (2, 2) => Blocks::read::<2, 2, 4>,
                (2, 4) => Blocks::read::<2, 4, 4>,
                (3, 3) => Blocks::read::<3, 3, 4>,
                (3, 6) => Blocks::read::<3, 6, 4>,
                (4, 2) => Blocks::read::<4, 2, 4>,
                (4, 4) => Blocks::read::<4, 4, 4>,
                (4, 8) => Blocks::read::<4, 8, 4>,
                (6, 3) => Blocks::read::<6, 3, 8>,
                (6, 6) => Blocks::read::<6, 6, 8>,
                (8, 4) => Blocks::read::<8, 4, 8>,
                (8, 8) => Blocks::read::<8, 8, 8>,
                _ => return None,
            },
        })
    }

    /// `first` is the first coefficient of the block before.
    fn read<const ACROSS: usize, const DOWN: usize, const LANES: usize>(
        &self,
        bits: &mut Bits<'_>,
        first: &mut i32,
        plane: &mut Plane,
        top: usize,
        left: usize,
    ) -> Option<()> {
        let mut coefficients = [[0.0; BLOCK]; DOWN];
        let is_flat = self.read_coefficients(bits, first, &mut coefficients)?;
        let samples = match is_flat {
            true => [[coefficients[0][0] / BLOCK as f32; LANES]; DOWN],
            false => self
                .frequencies
                .samples::<ACROSS, DOWN, LANES>(&coefficients),
        };
        // Rounding makes good for that of the sample above: few samples become a pixel for a model. But where all samples of
        // the whole picture's block are rounded alike, and in chroma, which is often so, it is left as it is.
        let left_over = &mut plane.left_over[left * ACROSS..][..ACROSS];
        let is_even = is_flat || self.is_chroma;
        let rows = plane.samples[top * DOWN * plane.width..].chunks_exact_mut(plane.width);
        for (row, samples) in rows.zip(samples) {
            let row = &mut row[left * ACROSS..][..ACROSS];
            for ((to, sample), left_over) in row.iter_mut().zip(samples).zip(&mut *left_over) {
                let exact = if is_even { sample } else { sample + *left_over };
                let (rounded, left) = to_sample(exact);
                (*to, *left_over) = (rounded, if is_flat { 0.0 } else { left });
            }
        }
        Some(())
    }

    /// Reads the coefficients that are of use; whether they are all 0 but the first.
    #[inline(always)]
    fn read_coefficients<const DOWN: usize>(
        &self,
        bits: &mut Bits<'_>,
        first: &mut i32,
        coefficients: &mut Coefficients<DOWN>,
    ) -> Option<bool> {
        const NATURAL_ORDER: [usize; COEFFICIENTS] = natural_order();
        bits.refill();
        let length = self.first.symbol(bits).filter(|&length| length < 16)?;
        *first = first.wrapping_add(bits.number(u32::from(length)));
        let coefficients = coefficients.as_flattened_mut();
        coefficients[0] = *first as f32 * self.quantisation[0];
        let mut next = 1;
        while next <= self.last {
            let (count, number) = self.rest.run(bits)?;
            if count == 0 {
                return Some(next == 1);
            }
            next += count;
            let place = *NATURAL_ORDER.get(next - 1)?;
            if let Some(coefficient) = coefficients.get_mut(place) {
                *coefficient = number as f32 * self.quantisation[next - 1];
            }
        }
        self.rest.skip_from(next, bits)?;
        Some(self.last == 0)
    }
}

impl Plane {
    fn row(&self, index: usize) -> &[u8] {
        &self.samples[index * self.width..][..self.width]
    }
}

/// What comes behind the mark of the restart that is due, which count to eight.
fn behind_restart(data: &[u8], index: usize) -> Option<&[u8]> {
    const RESTART: usize = 0xD0;
    match *data {
        [0xFF, marker, ref rest @ ..] if usize::from(marker) == RESTART + index % 8 => Some(rest),
        _ => None,
    }
}

/// The sample that lies so far from the middle, and what rounding leaves out.
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
fn colours(luma: u8, blue: u8, red: u8) -> [u8; CHANNELS] {
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
    use mozjpeg::{ColorSpace, Compress};
    use proptest::prelude::*;

    use super::*;
    use crate::{Limits, decode::jpeg::decompress};

    const WIDTH: usize = 83;
    const HEIGHT: usize = 70;

    /// A JPEG of noise over a slope, in which a sample of chroma is for so many pixels in a row and in a column.
    fn file((across, down): (u8, u8), quality: f32) -> Vec<u8> {
        let mut state = 1_u32;
        let mut pixels = vec![0; WIDTH * HEIGHT * CHANNELS];
        for (place, sample) in pixels.iter_mut().enumerate() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = (place / 200 + (state >> 26) as usize) as u8;
        }
        let mut encoder = Compress::new(ColorSpace::JCS_RGB);
        encoder.set_size(WIDTH, HEIGHT);
        encoder.set_fastest_defaults();
        encoder.set_quality(quality);
        encoder.set_chroma_sampling_pixel_sizes((across, down), (across, down));
        let mut encoder = encoder.start_compress(Vec::new()).unwrap();
        encoder.write_scanlines(&pixels).unwrap();
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

    /// At three eighths libjpeg leaves frequencies out, too. Where it repeats samples of chroma, it differs.
    #[test]
    fn as_libjpeg_where_that_does_not_average() {
        for quality in [50.0, 75.0, 99.0] {
            for chroma in [(1, 1), (2, 2)] {
                let off = distance(&file(chroma, quality), 3);
                assert!(off <= 2, "{chroma:?}, quality {quality}: {off}");
            }
            assert!(distance(&file((1, 1), quality), 1) <= 2);
        }
    }

    #[test]
    fn restarts_change_nothing() {
        let whole = include_bytes!("../../../tests/fixtures/formats/420.jpg");
        let restarting = include_bytes!("../../../tests/fixtures/formats/restart.jpg");
        for eighths in 1..=MOST {
            assert_eq!(
                decode(restarting, eighths),
                Some(decode(whole, eighths).unwrap())
            );
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
        ] {
            assert_eq!(decode(bytes, 1), None);
        }
    }

    #[test]
    fn what_is_cut_off_is_left_to_libjpeg() {
        let bytes = file((2, 2), 75.0);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end], 2), None, "{end}");
        }
    }

    proptest! {
        /// Whatever has changed on the way.
        #[test]
        fn damage_does_not_panic(place in 0.0..1.0, byte: u8, eighths in 1..=MOST) {
            let mut bytes = file((2, 1), 75.0);
            let place = (place * bytes.len() as f64) as usize;
            bytes[place] = byte;
            decode(&bytes, eighths);
        }
    }
}
