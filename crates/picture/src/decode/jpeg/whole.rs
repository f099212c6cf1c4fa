//! A JPEG at its full size, equal to libjpeg's pixels bit by bit.
//!
//! In C without assembly, libjpeg takes twice as long: its loops work on one sample at a time, and these on as many as the
//! processor can.

use super::{
    block,
    chroma::Finer,
    colours,
    header::{BLOCK, COEFFICIENTS, COMPONENTS, Component, Frame, Header},
    scan::{Group, LANES, Reader, Scan},
};

/// The pixels in RGB; `None` where libjpeg has to read the file.
///
/// All of it is inlined, so that [`dispatch`](super::dispatch) compiles it for the instructions of several processors.
#[inline(always)]
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, content, data) = Header::of(bytes)?;
    let scan = Scan::new(&header, content, [COEFFICIENTS - 1; COMPONENTS])?;
    let frame = scan.frame;
    let mut planes = frame
        .components
        .map(|component| Plane::new(frame, component));
    let mut reader = Reader::new(&scan, data);
    let (across, down) = frame.mcus();
    for row in 0..down {
        for column in (0..across).step_by(LANES) {
            reader.read(row, column)?;
            for (plane, groups) in planes.iter_mut().zip(&reader.groups) {
                plane.put(groups, (row, column));
            }
        }
    }
    reader.end()?;
    Some(to_rgb(frame, &planes))
}

#[inline(always)]
fn to_rgb(frame: &Frame, [luma, blue, red]: &[Plane; COMPONENTS]) -> Vec<u8> {
    let mut finer = Finer::new(frame);
    let mut chroma = [(); 2].map(|()| vec![0; luma.width]);
    let mut rgb = vec![0; frame.width * frame.height * COMPONENTS];
    for (row, pixels) in rgb.chunks_exact_mut(frame.width * COMPONENTS).enumerate() {
        for (plane, samples) in [blue, red].into_iter().zip(&mut chroma) {
            let [nearest, next] = finer.rows(row).map(|row| plane.row(row));
            finer.fill(row, nearest, next, samples);
        }
        colours::to_rgb(luma.row(row), &chroma[0], &chroma[1], pixels);
    }
    rgb
}

/// The samples of a component, all blocks whole.
struct Plane {
    component: Component,
    width: usize,
    samples: Vec<u8>,
}

impl Plane {
    fn new(frame: &Frame, component: Component) -> Plane {
        let (across, down) = frame.mcus();
        let width = across * component.across * BLOCK;
        Plane {
            component,
            width,
            samples: vec![0; width * down * component.down * BLOCK],
        }
    }

    /// Puts the samples of groups of blocks in their places, from the MCU in this row and column on.
    #[inline(always)]
    fn put(&mut self, groups: &[Group], (row, column): (usize, usize)) {
        let Component { across, down, .. } = self.component;
        for (index, group) in groups.iter().enumerate() {
            let top = (row * down + index / across) * BLOCK;
            let left = (column * across + index % across * LANES) * BLOCK;
            let rows = self.samples[top * self.width..].chunks_exact_mut(self.width);
            for (row, samples) in rows.zip(block::samples(group)) {
                let row = row.get_mut(left..).unwrap_or_default();
                match row.first_chunk_mut() {
                    Some(row) => *row = samples,
                    // At the end of a row, a group may reach beyond.
                    None => row.copy_from_slice(&samples[..row.len()]),
                }
            }
        }
    }

    #[inline(always)]
    fn row(&self, index: usize) -> &[u8] {
        &self.samples[index * self.width..][..self.width]
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        Limits,
        decode::jpeg::{
            decompress,
            example::{Example, USUAL},
            or_fatal_message,
        },
    };

    /// libjpeg's pixels, where it reads the file.
    fn by_libjpeg(bytes: &[u8]) -> Option<Vec<u8>> {
        let decompress = || decompress(bytes, &Limits::default(), u32::MAX);
        or_fatal_message(decompress).map(|whole| whole.pixels).ok()
    }

    #[test]
    fn equal_to_libjpeg_wherever_it_reads_a_fixture() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let folders = ["formats", "cases", "metadata"].map(|folder| fixtures.join(folder));
        let mut count = 0;
        for file in folders
            .iter()
            .flat_map(|folder| fs::read_dir(folder).unwrap())
        {
            let path = file.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            if let Some(pixels) = decode(&bytes) {
                count += 1;
                assert!(by_libjpeg(&bytes) == Some(pixels), "{}", path.display());
            }
        }
        assert!(count > 10, "{count} fixtures");
    }

    /// All widths and heights of up to two MCUs and a batch.
    #[test]
    fn equal_to_libjpeg_at_every_size() {
        for (length, breadth) in (1..=40)
            .map(|length| (length, 41 - length))
            .chain([(140, 3)])
        {
            for (chroma, (width, height)) in USUAL.into_iter().flat_map(|chroma| {
                [(length, breadth), (breadth, length)].map(|size| (chroma, size))
            }) {
                let example = Example {
                    width,
                    height,
                    chroma,
                    ..Example::default()
                };
                let bytes = example.encode();
                let pixels = decode(&bytes);
                assert!(pixels.is_some(), "{chroma:?}, {width}x{height}");
                assert!(by_libjpeg(&bytes) == pixels, "{chroma:?}, {width}x{height}");
            }
        }
    }

    /// With steps of quantisation that are too large for its coefficients.
    #[test]
    fn what_is_far_beyond_the_range_is_left_to_libjpeg() {
        let example = Example {
            quality: 100.0,
            noise: 8,
            ..Example::default()
        };
        let mut bytes = example.encode();
        let mut segments = bytes.windows(2);
        let table = segments.position(|pair| pair == [0xFF, 0xDB]).unwrap();
        for (step, is_left) in [(1, false), (8, false), (255, true)] {
            bytes[table + 5..][..COEFFICIENTS].fill(step);
            let pixels = decode(&bytes);
            assert_eq!(pixels.is_none(), is_left, "{step}");
            assert!(is_left || by_libjpeg(&bytes) == pixels, "{step}");
        }
    }

    proptest! {
        #[test]
        fn equal_to_libjpeg_in_every_kind(
            (width, height) in (1_usize..80, 1_usize..40),
            chroma in prop::sample::select(&USUAL),
            // Below, steps of quantisation have 16 bits.
            quality in 25..=100_u8,
            noise in 0..=8_u32,
            is_grey: bool,
            is_optimised: bool,
        ) {
            let quality = f32::from(quality);
            let example = Example { width, height, chroma, quality, is_grey, noise, is_optimised };
            let bytes = example.encode();
            let pixels = decode(&bytes);
            prop_assert!(pixels.is_some());
            prop_assert_eq!(by_libjpeg(&bytes), pixels);
        }

        /// Whatever has changed on the way: no panic, and what is taken gives libjpeg's pixels.
        #[test]
        fn damage_is_left_to_libjpeg_or_seen_alike(
            chroma in prop::sample::select(&USUAL),
            is_restarting: bool,
            damage in vec((0.0..1.0, any::<u8>(), 0..3), 1..4),
        ) {
            let mut bytes = match is_restarting {
                true => include_bytes!("../../../tests/fixtures/formats/restart.jpg").to_vec(),
                false => Example { chroma, ..Example::default() }.encode(),
            };
            for (place, byte, kind) in damage {
                let place = (place * bytes.len() as f64) as usize;
                match kind {
                    0 => bytes[place] = byte,
                    1 => bytes.insert(place, byte),
                    _ => drop(bytes.remove(place)),
                }
            }
            if let Some(pixels) = decode(&bytes) {
                prop_assert_eq!(by_libjpeg(&bytes), Some(pixels));
            }
        }
    }
}
