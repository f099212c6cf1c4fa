use std::fmt;

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};

use crate::{
    Error, Filter, Result, Size, Window,
    resample::{self, Side},
};

/// An upright picture: eight bits each of red, green and blue, row by row from the top, without padding. It has at
/// least one pixel.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    size: Size,
    pixels: Vec<u8>,
}

impl Picture {
    /// Creates a picture from its pixels: red, green, blue, row by row from the top.
    ///
    /// # Errors
    ///
    /// [`Error::NoPixels`] if a side is 0, [`Error::WrongLength`] unless there are three bytes a pixel.
    pub fn from_rgb(width: u32, height: u32, pixels: Vec<u8>) -> Result<Picture> {
        if width == 0 || height == 0 {
            return Err(Error::NoPixels { width, height });
        }
        let expected = u128::from(width) * u128::from(height) * 3;
        let got = pixels.len() as u64;
        if u128::from(got) != expected {
            let expected = u64::try_from(expected).unwrap_or(u64::MAX);
            return Err(Error::WrongLength {
                width,
                height,
                expected,
                got,
            });
        }
        Ok(Picture {
            size: Size { width, height },
            pixels,
        })
    }

    /// Its width in pixels.
    pub fn width(&self) -> u32 {
        self.size.width
    }

    /// Its height in pixels.
    pub fn height(&self) -> u32 {
        self.size.height
    }

    /// Its width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The pixels, `width * height * 3` bytes: red, green, blue, row by row from the top.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Resizes this picture to `full` and returns the part in `window`.
    ///
    /// Equals Pillow's `resize(full, filter).crop(window)` bit for bit; outside `full`, the window is black. Only the
    /// window is computed, from the source pixels under it, so the middle of a 10,000-pixel strip costs no more than
    /// that of any other picture.
    ///
    /// # Panics
    ///
    /// When a side of `full` or of `window` is 0.
    pub fn resample(&self, full: Size, window: Window, filter: Filter) -> Picture {
        let columns = Side::whole(self.width());
        let rows = Side::whole(self.height());
        self.resample_part(columns, rows, full, window, filter)
    }

    /// Like [`resample`](Picture::resample), for a picture with these sides, of which this may be a reduced copy.
    pub(crate) fn resample_part(
        &self,
        columns: Side,
        rows: Side,
        full: Size,
        window: Window,
        filter: Filter,
    ) -> Picture {
        let size = window.size();
        assert!(
            full.width > 0 && full.height > 0,
            "a size of {full:?} has no pixels"
        );
        assert!(
            size.width > 0 && size.height > 0,
            "a window of {size:?} has no pixels"
        );
        let inside = window.clipped(full);
        let pixels = resample::resample(&self.pixels, columns, rows, full, inside, filter);
        if inside == window {
            return Picture { size, pixels };
        }
        Picture {
            size,
            pixels: on_black(&pixels, inside.size(), size),
        }
    }

    /// Shrinks this picture to fit into `max_width` by `max_height`, keeping its proportions.
    ///
    /// Never enlarges, and returns at least 1x1.
    pub fn thumbnail(&self, max_width: u32, max_height: u32) -> Picture {
        let Size { width, height } = self.size;
        let scale = (f64::from(max_width) / f64::from(width))
            .min(f64::from(max_height) / f64::from(height));
        if scale >= 1.0 {
            return self.clone();
        }
        let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
        let full = Size {
            width: side(width),
            height: side(height),
        };
        let window = Window {
            left: 0,
            top: 0,
            width: full.width,
            height: full.height,
        };
        // For shrinking, half the work of `Bicubic` with hardly a visible difference.
        self.resample(full, window, Filter::Hamming)
    }

    /// The dominant colour of this picture: red, green and blue.
    ///
    /// The mean of the most frequent shade in a raster of at most 64 x 64 pixels, which is cheap.
    pub fn dominant_colour(&self) -> [u8; 3] {
        const RASTER: usize = 64;
        /// Shades a channel.
        const SHADES: usize = 6;
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let (columns, rows) = (width.min(RASTER), height.min(RASTER));
        // For each shade, its number of pixels and the sums of their channels.
        let mut shades = [[0u32; 4]; SHADES * SHADES * SHADES];
        for at in 0..columns * rows {
            let (column, row) = (at % columns * width / columns, at / columns * height / rows);
            let start = 3 * (row * width + column);
            let (mut shade, mut colour) = (0, [1, 0, 0, 0]);
            for channel in 0..3 {
                let level = self.pixels[start + channel];
                shade = shade * SHADES + usize::from(level) * SHADES / 256;
                colour[channel + 1] = u32::from(level);
            }
            for (sum, number) in shades[shade].iter_mut().zip(colour) {
                *sum += number;
            }
        }
        let most = shades.into_iter().max_by_key(|[count, ..]| *count);
        let [count, sums @ ..] = most.unwrap_or([1, 0, 0, 0]);
        sums.map(|sum| (sum / count) as u8)
    }

    /// Encodes this picture as JPEG, at a `quality` from 1 to 100.
    ///
    /// A picture with a side of more than 65,500 pixels, the limit of libjpeg, is first shrunk to fit.
    pub fn to_jpeg(&self, quality: u8) -> Vec<u8> {
        const LONGEST: u32 = 65_500;
        if self.width().max(self.height()) > LONGEST {
            return self.thumbnail(LONGEST, LONGEST).to_jpeg(quality);
        }
        let mut bytes = Vec::new();
        self.write(JpegEncoder::new_with_quality(
            &mut bytes,
            quality.clamp(1, 100),
        ));
        bytes
    }

    /// Encodes this picture as PNG.
    pub fn to_png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(PngEncoder::new(&mut bytes));
        bytes
    }

    fn write(&self, encoder: impl ImageEncoder) {
        encoder
            .write_image(
                &self.pixels,
                self.width(),
                self.height(),
                ExtendedColorType::Rgb8,
            )
            .expect("writing to memory does not fail, and PNG allows these sides");
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Picture({}x{})", self.width(), self.height())
    }
}

/// A black picture of `size` with `pixels` of size `inside` in its upper left corner.
fn on_black(pixels: &[u8], inside: Size, size: Size) -> Vec<u8> {
    let mut canvas = vec![0; size.width as usize * size.height as usize * 3];
    if inside.width == 0 || inside.height == 0 {
        return canvas;
    }
    let row = inside.width as usize * 3;
    for (target, source) in canvas
        .chunks_exact_mut(size.width as usize * 3)
        .zip(pixels.chunks_exact(row))
    {
        target[..row].copy_from_slice(source);
    }
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    /// A picture in which every pixel differs from its neighbours.
    fn drawing(width: u32, height: u32) -> Picture {
        let samples = width * height * 3;
        let pixels = (0..samples).map(|index| (index * 37 % 251) as u8).collect();
        Picture::from_rgb(width, height, pixels).unwrap()
    }

    #[test]
    fn pixels_have_to_fit_the_size() {
        assert_eq!(
            Picture::from_rgb(0, 5, vec![]).unwrap_err().reason(),
            "no pixels"
        );
        let error = Picture::from_rgb(2, 2, vec![0; 11]).unwrap_err();
        assert_eq!(error.to_string(), "11 bytes of pixels for 2x2, expected 12");
        let huge = Picture::from_rgb(u32::MAX, u32::MAX, vec![0; 3]);
        assert_eq!(huge.unwrap_err().reason(), "wrong length");
    }

    #[test]
    fn resampling_to_the_same_size_changes_nothing() {
        let picture = drawing(13, 7);
        let window = Window {
            left: 0,
            top: 0,
            width: 13,
            height: 7,
        };
        for filter in [
            Filter::Nearest,
            Filter::Box,
            Filter::Bilinear,
            Filter::Hamming,
            Filter::Bicubic,
            Filter::Lanczos3,
        ] {
            assert_eq!(
                picture.resample(picture.size(), window, filter),
                picture,
                "{filter:?}"
            );
        }
    }

    #[test]
    fn outside_is_black() {
        let picture = drawing(4, 4);
        let window = Window {
            left: 3,
            top: 9,
            width: 2,
            height: 2,
        };
        let black = picture.resample(picture.size(), window, Filter::Bicubic);
        assert_eq!(black.pixels(), [0; 12]);
        let far = Window {
            left: u32::MAX,
            top: 0,
            width: 2,
            height: 1,
        };
        assert_eq!(
            picture.resample(picture.size(), far, Filter::Box).pixels(),
            [0; 6]
        );
    }

    #[track_caller]
    fn thumbnail_case(size: (u32, u32), room: (u32, u32), expected: (u32, u32)) {
        let thumbnail = drawing(size.0, size.1).thumbnail(room.0, room.1);
        assert_eq!((thumbnail.width(), thumbnail.height()), expected);
    }

    #[test]
    fn thumbnails_fit_inside() {
        thumbnail_case((640, 480), (320, 320), (320, 240));
        thumbnail_case((480, 640), (320, 320), (240, 320));
        thumbnail_case((100, 50), (320, 320), (100, 50));
        thumbnail_case((1000, 1), (10, 10), (10, 1));
        thumbnail_case((1, 1000), (10, 10), (1, 10));
        thumbnail_case((30, 20), (0, 0), (1, 1));
    }

    #[test]
    fn a_picture_too_long_for_jpeg_is_made_smaller() {
        let long = Picture::from_rgb(70_000, 1, vec![200; 210_000]).unwrap();
        let read = Picture::decode(&long.to_jpeg(80), &Limits::default()).unwrap();
        assert_eq!((read.width(), read.height()), (65_500, 1));
    }

    #[test]
    fn jpeg_comes_back_nearly_the_same() {
        let grey = Picture::from_rgb(20, 10, vec![120; 600]).unwrap();
        for quality in [0, 1, 85, 100, 255] {
            let read = Picture::decode(&grey.to_jpeg(quality), &Limits::default()).unwrap();
            assert_eq!(read.size(), grey.size());
            assert!(
                read.pixels().iter().all(|sample| sample.abs_diff(120) <= 8),
                "{quality}"
            );
        }
    }

    #[test]
    fn the_dominant_colour_is_that_of_most() {
        let striped = |red_rows: u32| {
            let colour = |row: u32| {
                if row < red_rows {
                    [250 - (row % 3) as u8, 2, 4]
                } else {
                    [10, 200, 30]
                }
            };
            let pixels = (0..30 * 90).flat_map(|at| colour(at / 30)).collect();
            Picture::from_rgb(30, 90, pixels).unwrap()
        };
        let [red, ..] = striped(60).dominant_colour();
        assert!((248..=250).contains(&red), "{red}");
        assert_eq!(striped(20).dominant_colour(), [10, 200, 30]);
        let pixel = Picture::from_rgb(1, 1, vec![255, 0, 128]).unwrap();
        assert_eq!(pixel.dominant_colour(), [255, 0, 128]);
    }

    proptest::proptest! {
        /// A window equals the same part of the whole result, although less is computed.
        #[test]
        fn a_window_equals_the_same_part_of_the_whole(
            size in (1_u32..40, 1_u32..40),
            full in (1_u32..60, 1_u32..60),
            corner in (0.0..1.0, 0.0..1.0),
            far_corner in (0.0..1.0, 0.0..1.0),
        ) {
            let place = |fraction: f64, side: u32| (fraction * f64::from(side)) as u32;
            let (left, top) = (place(corner.0, full.0), place(corner.1, full.1));
            let width = place(far_corner.0, full.0 - left).max(1);
            let height = place(far_corner.1, full.1 - top).max(1);
            let full = Size { width: full.0, height: full.1 };
            let all = Window { left: 0, top: 0, width: full.width, height: full.height };
            let window = Window { left, top, width, height };

            let picture = drawing(size.0, size.1);
            let whole = picture.resample(full, all, Filter::Bicubic);
            let part = picture.resample(full, window, Filter::Bicubic);
            for row in 0..height {
                let start = ((top + row) * full.width + left) as usize * 3;
                let expected = &whole.pixels()[start..start + width as usize * 3];
                let got = &part.pixels()[(row * width) as usize * 3..][..width as usize * 3];
                proptest::prop_assert_eq!(got, expected);
            }
        }
    }
}
