//! JPEG files for tests.

use mozjpeg::{ColorSpace, Compress};

use super::header::COMPONENTS;

/// The sizes of chroma's samples, in pixels, that are usual.
pub(super) const USUAL: [(u8, u8); 4] = [(1, 1), (2, 1), (1, 2), (2, 2)];

/// A picture of noise over a slope, and how it is encoded.
pub(super) struct Example {
    pub(super) width: usize,
    pub(super) height: usize,
    /// For how many pixels in a row and in a column a sample of chroma is.
    pub(super) chroma: (u8, u8),
    pub(super) quality: f32,
    pub(super) is_grey: bool,
    /// How many levels the noise has, as a power of two.
    pub(super) noise: u32,
    /// Whether the Huffman tables are made for the picture.
    pub(super) is_optimised: bool,
}

impl Default for Example {
    fn default() -> Example {
        Example {
            width: 83,
            height: 70,
            chroma: (1, 1),
            quality: 75.0,
            is_grey: false,
            noise: 6,
            is_optimised: false,
        }
    }
}

impl Example {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut state = 1_u32;
        let mut pixels = vec![[0; COMPONENTS]; self.width * self.height];
        for (place, pixel) in pixels.iter_mut().enumerate() {
            for sample in &mut *pixel {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (u64::from(state) >> (32 - self.noise)) as usize;
                *sample = (30 + place / 60 + noise) as u8;
            }
            if self.is_grey {
                *pixel = [pixel[0]; COMPONENTS];
            }
        }
        let mut encoder = Compress::new(ColorSpace::JCS_RGB);
        encoder.set_size(self.width, self.height);
        encoder.set_fastest_defaults();
        encoder.set_optimize_coding(self.is_optimised);
        encoder.set_quality(self.quality);
        encoder.set_chroma_sampling_pixel_sizes(self.chroma, self.chroma);
        let mut encoder = encoder.start_compress(Vec::new()).unwrap();
        encoder.write_scanlines(pixels.as_flattened()).unwrap();
        encoder.finish().unwrap()
    }
}
