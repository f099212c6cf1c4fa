//! Recognises versions of the same picture.

mod alignment;
mod grid;

pub(crate) use self::grid::{CELLS, Grid, SIDE};
use crate::{Filter, Picture, Reduced, Size, Window};

/// A perceptual hash of a picture, with grey levels instead of bits, in one or two kilobytes.
///
/// It holds 32 x 32 luminances of the upright picture over white, as many opacities unless it is opaque, its
/// proportions, its mean colour, and the share of its most frequent shade. [`distance`](Signature::distance) compares
/// these. It recognises versions of a picture: JPEG at any quality, other sizes, up to about 10 % cropped from each
/// side, other brightness or contrast.
///
/// If a third or more of both pictures has one shade, as in documents, screenshots and drawings, the comparison is
/// stricter: their frames and nearly every detail must agree and, if there is hardly any detail, their colours. So it
/// does not recognise crops of photographs with a plain background.
///
/// ```
/// use picture::{Picture, Signature, Size, Window, Filter};
///
/// # let waves = |x: u32, y: u32| ((x * x / 90 + y * (x / 30)) % 200) as u8;
/// # let pixels = (0..240 * 160).flat_map(|at| [waves(at % 240, at / 240); 3]).collect();
/// let photograph = Picture::from_rgb(240, 160, pixels)?;
/// let smaller = photograph.thumbnail(120, 80);
/// let mirrored = Picture::from_rgb(240, 160, photograph.pixels().iter().rev().copied().collect())?;
///
/// let signature = Signature::of(&photograph);
/// assert!(signature.distance(&Signature::of(&smaller)) <= Signature::SAME);
/// assert!(signature.distance(&Signature::of(&mirrored)) > Signature::SAME);
/// # Ok::<(), picture::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    size: Size,
    luminance: Grid,
    /// How much detail the luminance has.
    detail: f32,
    opacity: Option<Grid>,
    /// The mean colour.
    mean: [u8; 3],
    /// The share of the most frequent shade, in 255ths.
    flatness: u8,
}

/// Changes when signatures' contents or computation change.
const VERSION: u8 = 1;

/// From this share of one shade, in 255ths, a picture counts as a document or a drawing. All of 300 rendered documents
/// had 112 or more; of 300 photographs of Flickr8k, 9 in 10 had 56 or less.
const FLAT: u8 = 90;

/// Levels by which the means of two nearly blank pictures may differ.
const MOST_SHIFT: u8 = 10;

/// How much of the detail may differ, in two flat pictures and in two others.
const MOST_UNLIKE_FLAT: f32 = 0.2;
const MOST_UNLIKE: f32 = 0.5;

impl Signature {
    /// The greatest [`distance`](Signature::distance) of two versions of one picture.
    pub const SAME: f32 = 1.0;

    /// The maximum length of a signature in bytes; that of an opaque picture is 1,024 less.
    pub const MOST_BYTES: usize = 13 + 2 * CELLS;

    /// The signature of an opaque picture. For a decoded file, see [`Reduced::signature`].
    pub fn of(picture: &Picture) -> Signature {
        Signature::new(picture, picture.size(), None)
    }

    /// Serialises the signature to at most [`MOST_BYTES`](Signature::MOST_BYTES) bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.size.width.to_le_bytes());
        bytes.extend(self.size.height.to_le_bytes());
        bytes.extend(self.mean);
        bytes.push(self.flatness);
        bytes.extend(self.luminance.levels());
        bytes.extend(self.opacity.iter().flat_map(Grid::levels));
        bytes
    }

    /// Reads a signature from its bytes. `None` if they are invalid, or come from a version of this crate with
    /// incompatible signatures.
    pub fn from_bytes(bytes: &[u8]) -> Option<Signature> {
        let (
            &[
                version,
                w0,
                w1,
                w2,
                w3,
                h0,
                h1,
                h2,
                h3,
                red,
                green,
                blue,
                flatness,
            ],
            grids,
        ) = bytes.split_first_chunk()?;
        let size = Size {
            width: u32::from_le_bytes([w0, w1, w2, w3]),
            height: u32::from_le_bytes([h0, h1, h2, h3]),
        };
        let (luminance, opacity) = grids.split_at_checked(CELLS)?;
        let is_whole = matches!(opacity.len(), 0 | CELLS) && size.pixels() > 0;
        let grid = |levels: &[u8]| -> Grid { levels.iter().copied().collect() };
        let luminance = grid(luminance);
        (version == VERSION && is_whole).then(|| Signature {
            size,
            detail: luminance.detail(),
            luminance,
            opacity: (!opacity.is_empty()).then(|| grid(opacity)),
            mean: [red, green, blue],
            flatness,
        })
    }

    fn new(picture: &Picture, size: Size, opacity: Option<Grid>) -> Signature {
        /// Large enough to keep shades, and the same for versions of other sizes.
        const LARGEST: u32 = 256;
        let small = picture.thumbnail(LARGEST, LARGEST);
        let (pixels, _) = small.pixels().as_chunks::<3>();
        let side = SIDE as u32;
        let full = Size {
            width: side,
            height: side,
        };
        let window = Window {
            left: 0,
            top: 0,
            width: side,
            height: side,
        };
        let cells = small.resample(full, window, Filter::Bilinear);
        let cells = cells.pixels().as_chunks::<3>().0.iter();
        let luminance: Grid = cells.map(luminance).collect();
        Signature {
            size,
            detail: luminance.detail(),
            luminance,
            opacity,
            mean: mean(pixels),
            flatness: flatness(pixels),
        }
    }

    /// The distance of two pictures: 0 if equal, at most [`SAME`](Signature::SAME) for versions of one picture, more
    /// for different ones. It is symmetric.
    ///
    /// It measures how much of one picture's detail is missing from the other, after adjusting brightness and, for
    /// photographs, aligning one as a crop of the other. Takes a few microseconds, or a millisecond to look for a
    /// crop.
    pub fn distance(&self, other: &Signature) -> f32 {
        let opacity = self.opacity_distance(other);
        if opacity > Signature::SAME {
            return opacity;
        }
        let luminance = if self.is_flat_as(other) {
            self.flat_distance(other)
        } else {
            self.photograph_distance(other)
        };
        luminance.max(opacity)
    }

    /// Whether both are versions of one picture without cropping. Takes only a few microseconds because it does not
    /// look for crops.
    pub fn shows_the_same(&self, other: &Signature) -> bool {
        if self.opacity_distance(other) > Signature::SAME {
            return false;
        }
        if self.is_flat_as(other) {
            self.is_alike_in_frame(other, MOST_UNLIKE_FLAT)
                && self.flat_distance(other) <= Signature::SAME
        } else {
            self.is_alike_in_frame(other, MOST_UNLIKE)
        }
    }

    /// Both must be flat: a brightened photograph may become flat when its sky turns white.
    fn is_flat_as(&self, other: &Signature) -> bool {
        self.flatness >= FLAT && other.flatness >= FLAT
    }

    /// Pictures that differ only in their opacity, such as drawings on a transparent ground, are different.
    fn opacity_distance(&self, other: &Signature) -> f32 {
        if self.opacity.is_none() && other.opacity.is_none() {
            return 0.0;
        }
        let solid = Grid::from_iter([255; CELLS]);
        let own = self.opacity.as_ref().unwrap_or(&solid);
        let other = other.opacity.as_ref().unwrap_or(&solid);
        own.unlike(other).max(other.unlike(own)) / MOST_UNLIKE_FLAT
    }

    /// Forms with different entries differ in few cells, but by much. With little detail, the colours must agree.
    fn flat_distance(&self, other: &Signature) -> f32 {
        const LITTLE: f32 = 6.0;
        let unlike = self.distance_in_frame(other) / MOST_UNLIKE_FLAT;
        if unlike > Signature::SAME {
            return unlike;
        }
        let there = self.luminance.farthest_in_tone(&other.luminance);
        let back = other.luminance.farthest_in_tone(&self.luminance);
        let is_blank = self.luminance.deviation() < LITTLE || other.luminance.deviation() < LITTLE;
        let shifts = self
            .mean
            .iter()
            .zip(&other.mean)
            .map(|(own, other)| own.abs_diff(*other));
        let shift = if is_blank {
            f32::from(shifts.max().unwrap_or(0)) / f32::from(MOST_SHIFT)
        } else {
            0.0
        };
        unlike.max(there).max(back).max(shift)
    }

    fn photograph_distance(&self, other: &Signature) -> f32 {
        let in_frame = self.distance_in_frame(other);
        let is_clear = self.opacity.is_some() || other.opacity.is_some();
        if in_frame <= MOST_UNLIKE || is_clear {
            return in_frame / MOST_UNLIKE;
        }
        let proportion = self.proportion() / other.proportion();
        let within = alignment::unlike_as_crop(&self.luminance, &other.luminance, proportion);
        let around = alignment::unlike_as_crop(&other.luminance, &self.luminance, 1.0 / proportion);
        in_frame.min(within).min(around) / MOST_UNLIKE
    }

    /// How much of either's detail is missing from the other, without cropping.
    fn distance_in_frame(&self, other: &Signature) -> f32 {
        if !self.is_framed_as(other) {
            return f32::INFINITY;
        }
        let there = self.luminance.unlike_in_tone(&other.luminance);
        let back = other.luminance.unlike_in_tone(&self.luminance);
        there.max(back)
    }

    /// Whether at most `most` of either's detail is missing from the other, without cropping.
    fn is_alike_in_frame(&self, other: &Signature, most: f32) -> bool {
        self.is_framed_as(other)
            && self
                .luminance
                .is_like_in_tone(&other.luminance, other.detail, most)
            && other
                .luminance
                .is_like_in_tone(&self.luminance, self.detail, most)
    }

    /// Whether the proportions agree up to rounding to whole pixels.
    fn is_framed_as(&self, other: &Signature) -> bool {
        const ROUNDING: f32 = 0.02;
        (self.proportion() / other.proportion()).ln().abs() <= ROUNDING
    }

    fn proportion(&self) -> f32 {
        self.size.width as f32 / self.size.height as f32
    }
}

impl Reduced {
    /// The signature of the picture with its opacity, which `picture` no longer has.
    pub fn signature(&self) -> Signature {
        Signature::new(&self.picture, self.size, self.opacity.clone())
    }
}

/// Pillow's conversion of RGB to grey: ITU-R BT.601 in integers.
fn luminance(&[red, green, blue]: &[u8; 3]) -> u8 {
    let [red, green, blue] = [red, green, blue].map(u32::from);
    ((red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16) as u8
}

fn mean(pixels: &[[u8; 3]]) -> [u8; 3] {
    let mut sums = [0_u64; 3];
    for pixel in pixels {
        for (sum, &sample) in sums.iter_mut().zip(pixel) {
            *sum += u64::from(sample);
        }
    }
    sums.map(|sum| (sum / pixels.len() as u64) as u8)
}

/// The share, in 255ths, of pixels whose luminance is within three levels of the most frequent.
fn flatness(pixels: &[[u8; 3]]) -> u8 {
    const WINDOW: usize = 7;
    let mut counts = [0_u64; 256];
    for pixel in pixels {
        counts[usize::from(luminance(pixel))] += 1;
    }
    let most = counts
        .windows(WINDOW)
        .map(|window| window.iter().sum::<u64>())
        .max();
    (most.unwrap_or(0) * 255 / pixels.len() as u64) as u8
}
