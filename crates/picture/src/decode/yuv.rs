//! Converts luma and chroma to eight-bit RGB.

use crate::container::heif::Colours;

/// A decoded frame: samples of `depth` bits, with chroma of full or half its width and height.
pub(super) struct Yuv {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) depth: u32,
    pub(super) colours: Colours,
    pub(super) luma: Vec<u16>,
    /// `None` if the picture is grey.
    pub(super) chroma: Option<Chroma>,
}

pub(super) struct Chroma {
    /// Whether chroma has half the width, and half the height.
    pub(super) halved: (bool, bool),
    /// Whether chroma is upsampled by interpolation, as in libavif, or by repetition, as in libheif. Python reads
    /// these formats with these libraries.
    pub(super) is_blended: bool,
    pub(super) blue: Vec<u16>,
    pub(super) red: Vec<u16>,
}

/// The conversion of one of H.273's matrices.
enum Matrix {
    /// By the weights of red and blue in luma.
    Weights(f32, f32),
    /// The samples are green, blue and red.
    Identity,
    YCgCo,
}

impl Matrix {
    fn new(code: u8) -> Option<Matrix> {
        Some(match code {
            0 => Matrix::Identity,
            1 => Matrix::Weights(0.2126, 0.0722),
            // Unspecified means BT.601, as in most readers.
            2 | 5 | 6 => Matrix::Weights(0.299, 0.114),
            4 => Matrix::Weights(0.30, 0.11),
            7 => Matrix::Weights(0.212, 0.087),
            8 => Matrix::YCgCo,
            9 => Matrix::Weights(0.2627, 0.0593),
            _ => return None,
        })
    }

    /// Converts luma, 0 to 1, and chroma, -0.5 to 0.5, to RGB.
    fn rgb(&self, luma: f32, blue: f32, red: f32) -> [f32; 3] {
        match *self {
            Matrix::Weights(of_red, of_blue) => {
                let r = luma + 2.0 * (1.0 - of_red) * red;
                let b = luma + 2.0 * (1.0 - of_blue) * blue;
                [
                    r,
                    (luma - of_red * r - of_blue * b) / (1.0 - of_red - of_blue),
                    b,
                ]
            }
            Matrix::Identity => [red, luma, blue],
            Matrix::YCgCo => [luma - blue + red, luma + blue, luma - blue - red],
        }
    }
}

/// The conversion of a sample to a fraction of its range.
struct Scale {
    zero: f32,
    range: f32,
}

impl Scale {
    fn of_luma(depth: u32, is_full: bool) -> Scale {
        if is_full {
            Scale {
                zero: 0.0,
                range: ((1u32 << depth) - 1) as f32,
            }
        } else {
            Scale {
                zero: (16 << (depth - 8)) as f32,
                range: (219 << (depth - 8)) as f32,
            }
        }
    }

    fn of_chroma(depth: u32, is_full: bool) -> Scale {
        let range = if is_full {
            (1u32 << depth) - 1
        } else {
            224 << (depth - 8)
        };
        Scale {
            zero: (1u32 << (depth - 1)) as f32,
            range: range as f32,
        }
    }

    fn fraction(&self, sample: f32) -> f32 {
        (sample - self.zero) / self.range
    }
}

impl Yuv {
    /// A grey picture of this size, to hold tiles.
    pub(super) fn blank(width: usize, height: usize, like: &Yuv) -> Yuv {
        let chroma = like.chroma.as_ref().map(|chroma| {
            let (columns, rows) = chroma.size(width, height);
            Chroma {
                halved: chroma.halved,
                is_blended: chroma.is_blended,
                blue: vec![0; columns * rows],
                red: vec![0; columns * rows],
            }
        });
        let luma = vec![0; width * height];
        Yuv {
            width,
            height,
            luma,
            chroma,
            ..*like
        }
    }

    /// Pastes `other` with its corner here, as far as it fits. `None` if its format differs.
    pub(super) fn put(&mut self, left: usize, top: usize, other: &Yuv) -> Option<()> {
        let (size, within) = ((other.width, other.height), (self.width, self.height));
        put(&mut self.luma, within, (left, top), &other.luma, size);
        let (mine, theirs) = match (&mut self.chroma, &other.chroma) {
            (None, None) => return Some(()),
            (Some(mine), Some(theirs)) if mine.halved == theirs.halved => (mine, theirs),
            _ => return None,
        };
        let within = mine.size(within.0, within.1);
        let size = theirs.size(size.0, size.1);
        let corner = mine.size(left, top);
        put(&mut mine.blue, within, corner, &theirs.blue, size);
        put(&mut mine.red, within, corner, &theirs.red, size);
        Some(())
    }

    /// Converts to eight-bit RGB. `None` if the matrix is unsupported.
    pub(super) fn to_rgb(&self) -> Option<Vec<u8>> {
        let matrix = Matrix::new(self.colours.matrix)?;
        let scale = Scale::of_luma(self.depth, self.colours.is_full_range);
        let mut of_chroma = Scale::of_chroma(self.depth, self.colours.is_full_range);
        if matches!(matrix, Matrix::Identity) {
            of_chroma = Scale::of_luma(self.depth, self.colours.is_full_range);
        }
        let mut rgb = vec![0; self.width * self.height * 3];
        let (mut blues, mut reds) = (vec![0.0; self.width], vec![0.0; self.width]);
        let rows = rgb
            .chunks_exact_mut(self.width * 3)
            .zip(self.luma.chunks_exact(self.width));
        for (row, (out, luma)) in rows.enumerate() {
            let Some(chroma) = &self.chroma else {
                for (pixel, &luma) in out.as_chunks_mut().0.iter_mut().zip(luma) {
                    *pixel = [to_byte(scale.fraction(luma.into())); 3];
                }
                continue;
            };
            chroma.row(&chroma.blue, row, (self.width, self.height), &mut blues);
            chroma.row(&chroma.red, row, (self.width, self.height), &mut reds);
            let samples = luma.iter().zip(blues.iter().zip(&reds));
            for (pixel, (&luma, (&blue, &red))) in out.as_chunks_mut().0.iter_mut().zip(samples) {
                let [blue, red] = [blue, red].map(|sample| of_chroma.fraction(sample));
                *pixel = matrix
                    .rgb(scale.fraction(luma.into()), blue, red)
                    .map(to_byte);
            }
        }
        Some(rgb)
    }

    /// The luma in eight bits, which is the opacity in an alpha picture.
    pub(super) fn to_opacity(&self) -> Vec<u8> {
        let scale = Scale::of_luma(self.depth, self.colours.is_full_range);
        let samples = self.luma.iter();
        samples
            .map(|&sample| to_byte(scale.fraction(sample.into())))
            .collect()
    }
}

impl Chroma {
    /// The size of the chroma planes for a picture of this size.
    pub(super) fn size(&self, width: usize, height: usize) -> (usize, usize) {
        let side = |side: usize, is_halved| if is_halved { side.div_ceil(2) } else { side };
        (side(width, self.halved.0), side(height, self.halved.1))
    }

    /// A row of a plane at the picture's full width. A halved sample lies in the middle of its two pixels, so
    /// neighbours are blended three to one.
    fn row(&self, plane: &[u16], row: usize, (width, height): (usize, usize), out: &mut [f32]) {
        let (columns, rows) = self.size(width, height);
        let line = |row: usize| &plane[row * columns..][..columns];
        let (near, far) = self.neighbours(row, rows, self.halved.1);
        let (near, far) = (line(near), line(far));
        let at = |column: usize| f32::from(near[column]) * 0.75 + f32::from(far[column]) * 0.25;
        for (column, out) in out.iter_mut().enumerate() {
            let (near, far) = self.neighbours(column, columns, self.halved.0);
            *out = at(near) * 0.75 + at(far) * 0.25;
        }
    }

    /// The sample at this position, and the neighbour to blend it with.
    fn neighbours(&self, place: usize, samples: usize, is_halved: bool) -> (usize, usize) {
        if !is_halved {
            return (place, place);
        }
        let near = place / 2;
        let far = match place % 2 {
            _ if !self.is_blended => near,
            0 => near.saturating_sub(1),
            _ => (near + 1).min(samples - 1),
        };
        (near, far)
    }
}

fn put(
    plane: &mut [u16],
    (width, height): (usize, usize),
    (left, top): (usize, usize),
    other: &[u16],
    (columns, rows): (usize, usize),
) {
    let length = columns.min(width.saturating_sub(left));
    for row in 0..rows.min(height.saturating_sub(top)) {
        let start = (top + row) * width + left;
        plane[start..start + length].copy_from_slice(&other[row * columns..][..length]);
    }
}

fn to_byte(fraction: f32) -> u8 {
    // Casts from float saturate.
    (fraction * 255.0).round() as u8
}
