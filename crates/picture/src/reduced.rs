use crate::{Filter, Picture, Size, Window, resample::Side, scale::Scale, signature::Grid};

/// A picture decoded at a reduced size: see [`Picture::decode_reduced`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduced {
    /// The picture, upright, or a copy with fewer pixels.
    pub picture: Picture,
    /// The size of the whole picture, upright.
    pub size: Size,
    /// How the copy's pixels derive from those of the whole.
    pub(crate) scale: Scale,
    /// Whether columns, and rows, were mirrored after the reduction.
    pub(crate) mirrored: (bool, bool),
    /// The opacity of the whole; `None` if opaque.
    pub(crate) opacity: Option<Grid>,
}

impl Reduced {
    /// The `shortest` of [`Picture::decode_reduced`] that suffices for a model with an input of `side` pixels.
    ///
    /// Embeddings of reduced copies differ slightly from those of whole pictures. With 3.4 times the side, the lowest
    /// cosines of 40 pictures each of 12 and 3 megapixels were 0.99999 with a vision transformer and 0.9983 with the
    /// bundled model. The latter reacts as much to a change of one level in a tenth of its input pixels.
    pub fn enough_for(side: u32) -> u32 {
        side.saturating_mul(17) / 5
    }

    /// Approximates [`Picture::resample`] of the whole picture.
    ///
    /// More exact than resampling `picture`: an eighth of 1001 pixels is 125 and a fraction, for which the copy has
    /// 126 pixels. This method counts the last one only for that fraction, so nothing is distorted.
    ///
    /// # Panics
    ///
    /// When a side of `full` or of `window` is 0.
    pub fn resample(&self, full: Size, window: Window, filter: Filter) -> Picture {
        let columns = Side::reduced(self.size.width, self.scale, self.mirrored.0);
        let rows = Side::reduced(self.size.height, self.scale, self.mirrored.1);
        self.picture
            .resample_part(columns, rows, full, window, filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    /// Waves of many lengths, so that no JPEG block is flat.
    fn waves(width: u32, height: u32) -> Picture {
        let wave = |place: u32, length: f64| (f64::from(place) / length).sin();
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                for channel in 0..3 {
                    let length = 20.0 + 15.0 * f64::from(channel);
                    let height = wave(x, length) + wave(y, length * 1.4) + wave(x + y, 7.0) / 4.0;
                    pixels.push((127.0 + 50.0 * height) as u8);
                }
            }
        }
        Picture::from_rgb(width, height, pixels).unwrap()
    }

    #[track_caller]
    fn case(whole: (u32, u32), shortest: u32, expected: (u32, u32)) {
        let bytes = waves(whole.0, whole.1).to_jpeg(90);
        let reduced = Picture::decode_reduced(&bytes, &Limits::default(), shortest).unwrap();
        let size = |size: Size| (size.width, size.height);
        assert_eq!(size(reduced.size), whole);
        assert_eq!(size(reduced.picture.size()), expected);
    }

    #[test]
    fn as_small_as_the_scales_allow() {
        case((320, 240), 240, (320, 240));
        case((320, 240), 121, (320, 240));
        case((320, 240), 120, (160, 120));
        case((320, 240), 90, (120, 90));
        case((320, 240), 31, (80, 60));
        case((320, 240), 30, (40, 30));
        case((240, 320), 0, (30, 40));
        case((321, 241), 31, (41, 31));
        case((3, 2), 1, (1, 1));
        case((3, 2), 1000, (3, 2));
    }

    #[test]
    fn only_jpeg_is_reduced() {
        let picture = waves(64, 40);
        let reduced = Picture::decode_reduced(&picture.to_png(), &Limits::default(), 1).unwrap();
        assert_eq!(reduced.picture, picture);
        assert_eq!(reduced.size, picture.size());
    }

    #[test]
    fn the_limit_is_for_the_whole() {
        let limits = Limits {
            pixels: 1000,
            ..Limits::default()
        };
        let reduced = Picture::decode_reduced(&waves(64, 40).to_jpeg(90), &limits, 1);
        assert_eq!(reduced.unwrap_err().reason(), "too many pixels");
    }

    /// A file with this `orientation` in its EXIF.
    fn with_orientation(picture: &Picture, orientation: u8) -> Vec<u8> {
        let mut bytes = picture.to_jpeg(95);
        let mut segment = b"\xFF\xE1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01".to_vec();
        segment.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
        bytes.splice(2..2, segment);
        bytes
    }

    /// Sides that are not multiples of eight, in every orientation: if the copy's last, partial pixel ended up on the
    /// wrong side, the edges would differ.
    #[test]
    fn resampled_as_the_whole_would_be() {
        let picture = waves(301, 203);
        for orientation in 1..=8 {
            let bytes = with_orientation(&picture, orientation);
            let reduced = Picture::decode_reduced(&bytes, &Limits::default(), 70).unwrap();
            let whole = Picture::decode(&bytes, &Limits::default()).unwrap();
            assert_eq!(reduced.size, whole.size());
            assert_eq!(reduced.picture.width().min(reduced.picture.height()), 77);
            let full = Size {
                width: whole.width() / 10,
                height: whole.height() / 10,
            };
            let window = Window {
                left: 0,
                top: 0,
                width: full.width,
                height: full.height,
            };
            let expected = whole.resample(full, window, Filter::Bicubic);
            let got = reduced.resample(full, window, Filter::Bicubic);
            let pairs = got.pixels().iter().zip(expected.pixels());
            let sum: u64 = pairs
                .map(|(got, expected)| u64::from(got.abs_diff(*expected)))
                .sum();
            let mean = sum as f64 / expected.pixels().len() as f64;
            assert!(mean < 1.0, "orientation {orientation}: {mean}");
        }
    }
}
