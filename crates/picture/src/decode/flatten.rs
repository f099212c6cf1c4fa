//! Converts samples of every kind to eight-bit RGB.
//!
//! Deep samples are scaled, not truncated. Alpha is composited over white, as on a page; dropping it would reveal
//! colours that are meant to be hidden.

use crate::{Size, signature::Grid};

/// The meaning of the eight-bit samples of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Grey,
    GreyAlpha,
    /// Grey premultiplied by alpha.
    GreyPremultiplied,
    Rgb,
    RgbAlpha,
    /// RGB premultiplied by alpha.
    RgbPremultiplied,
    /// Amounts of ink; 0 means no ink.
    Cmyk,
    YCbCr,
}

/// Converts interleaved samples to RGB.
pub(super) fn to_rgb(samples: Vec<u8>, layout: Layout) -> Vec<u8> {
    match layout {
        Layout::Rgb => samples,
        Layout::Grey => map(&samples, |&[grey]| [grey; 3]),
        Layout::GreyAlpha => map(&samples, |&[grey, alpha]| [over_white(grey, alpha); 3]),
        Layout::RgbAlpha => map(&samples, |&[red, green, blue, alpha]| {
            [red, green, blue].map(|colour| over_white(colour, alpha))
        }),
        Layout::GreyPremultiplied => map(&samples, |&[grey, alpha]| {
            [grey.saturating_add(255 - alpha); 3]
        }),
        Layout::RgbPremultiplied => map(&samples, |&[red, green, blue, alpha]| {
            [red, green, blue].map(|colour| colour.saturating_add(255 - alpha))
        }),
        Layout::Cmyk => map(&samples, |&[cyan, magenta, yellow, black]| {
            [cyan, magenta, yellow].map(|ink| multiply(255 - ink, 255 - black))
        }),
        Layout::YCbCr => map(&samples, ycbcr_to_rgb),
    }
}

/// The opacity of samples in this layout; `None` if all are opaque.
pub(super) fn opacity(samples: &[u8], layout: Layout, size: Size) -> Option<Grid> {
    let (channels, alpha) = match layout {
        Layout::GreyAlpha | Layout::GreyPremultiplied => (2, 1),
        Layout::RgbAlpha | Layout::RgbPremultiplied => (4, 3),
        _ => return None,
    };
    let is_clear = samples
        .iter()
        .skip(alpha)
        .step_by(channels)
        .any(|&alpha| alpha < 255);
    is_clear.then(|| Grid::of(size, |pixel| samples[pixel * channels + alpha]))
}

fn map<const N: usize>(samples: &[u8], pixel: impl Fn(&[u8; N]) -> [u8; 3]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks::<N>();
    let mut rgb = vec![0; pixels.len() * 3];
    for (out, sample) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
        *out = pixel(sample);
    }
    rgb
}

/// Composites `colour` with `alpha` over white.
pub(super) fn over_white(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u32::from(colour), u32::from(alpha));
    ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

/// Multiplies two fractions of 255.
fn multiply(left: u8, right: u8) -> u8 {
    ((u32::from(left) * u32::from(right) + 127) / 255) as u8
}

/// Rounds 16 bits to 8: 65,535 is 255 times 257.
pub(super) fn scale_16(sample: u16) -> u8 {
    ((u32::from(sample) + 128) / 257) as u8
}

/// Clamps a float to 0 to 1 and scales it to 8 bits. NaN becomes black.
pub(super) fn scale_float(sample: f32) -> u8 {
    (sample * 255.0).round() as u8
}

/// Converts by ITU-R BT.601 at full range, as in JPEG.
fn ycbcr_to_rgb(&[luma, blue, red]: &[u8; 3]) -> [u8; 3] {
    let luma = f32::from(luma);
    let (blue, red) = (f32::from(blue) - 128.0, f32::from(red) - 128.0);
    // Casts from float saturate.
    [
        (luma + 1.402 * red).round() as u8,
        (luma - 0.344_136 * blue - 0.714_136 * red).round() as u8,
        (luma + 1.772 * blue).round() as u8,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_samples_are_scaled_and_rounded() {
        assert_eq!(
            [0, 128, 129, 32_768, 65_407, 65_535].map(scale_16),
            [0, 0, 1, 128, 255, 255]
        );
        assert_eq!(
            [-1.0, 0.0, 0.5, 1.0, 9.0, f32::NAN].map(scale_float),
            [0, 0, 128, 255, 255, 0]
        );
    }

    #[test]
    fn alpha_goes_over_white() {
        assert_eq!(
            to_rgb(vec![10, 20, 30, 0], Layout::RgbAlpha),
            [255, 255, 255]
        );
        assert_eq!(
            to_rgb(vec![10, 20, 30, 255], Layout::RgbAlpha),
            [10, 20, 30]
        );
        assert_eq!(to_rgb(vec![0, 51], Layout::GreyAlpha), [204, 204, 204]);
        assert_eq!(
            to_rgb(vec![51, 0, 0, 51], Layout::RgbPremultiplied),
            [255, 204, 204]
        );
    }

    #[test]
    fn ink_darkens() {
        assert_eq!(to_rgb(vec![0, 0, 0, 0], Layout::Cmyk), [255, 255, 255]);
        assert_eq!(to_rgb(vec![0, 255, 255, 0], Layout::Cmyk), [255, 0, 0]);
        assert_eq!(to_rgb(vec![0, 0, 0, 255], Layout::Cmyk), [0, 0, 0]);
    }
}
