//! Photometric interpretation: which samples are colours and opacity.

use ::tiff::{
    TiffResult,
    tags::{PhotometricInterpretation, Tag},
};

use super::{Reader, Samples, number, unsupported};
use crate::{
    Result, Size,
    decode::flatten::{Layout, opacity, to_rgb},
    signature::Grid,
};

/// Pixels and their opacity.
type Flat = (Vec<u8>, Option<Grid>);

/// The colours of the first channels, and which other channel is opacity.
pub(super) struct Interpretation {
    colours: Colours,
    opacity: Option<Opacity>,
}

enum Colours {
    Grey,
    /// Grey with 0 for white.
    InvertedGrey,
    Rgb,
    Cmyk,
    YCbCr,
    /// Indices into these colours.
    Palette(Vec<[u8; 3]>),
    /// Any other interpretation, by its number.
    Unknown(u16),
}

struct Opacity {
    channel: usize,
    /// Whether colours are premultiplied by it.
    is_premultiplied: bool,
}

impl Interpretation {
    pub(super) fn of(reader: &mut Reader<'_>, channels: u16) -> TiffResult<Interpretation> {
        let colours = Colours::of(reader)?;
        let extra: Option<Vec<u16>> = reader.find_tag_unsigned_vec(Tag::ExtraSamples)?;
        let opacity = colours.opacity(usize::from(channels), extra.as_deref());
        Ok(Interpretation { colours, opacity })
    }

    pub(super) fn is_ycbcr(&self) -> bool {
        matches!(self.colours, Colours::YCbCr)
    }

    pub(super) fn to_rgb(&self, mut samples: Samples, size: Size) -> Result<Flat> {
        let count = self.colours.count();
        if samples.channels < count {
            let channels = samples.channels;
            return Err(unsupported(format!(
                "TIFF with {channels} of {count} colour channels"
            )));
        }
        match &self.colours {
            Colours::Unknown(number) => {
                return Err(unsupported(format!(
                    "TIFF with photometric interpretation {number}"
                )));
            }
            Colours::Palette(palette) => {
                // An index beyond the palette is black, as in Pillow.
                let colour =
                    |index: u8| palette.get(usize::from(index)).copied().unwrap_or_default();
                let indexes = samples.bytes.iter().step_by(samples.channels);
                let colours = indexes.flat_map(|&index| colour(index));
                return Ok((colours.collect(), None));
            }
            Colours::InvertedGrey => samples.scale(true),
            _ => samples.scale(false),
        }
        let layout = self.layout();
        let picked = samples.picked(count, self.opacity.as_ref().map(|opacity| opacity.channel));
        let opacity = opacity(&picked, layout, size);
        Ok((to_rgb(picked, layout), opacity))
    }

    fn layout(&self) -> Layout {
        let is_premultiplied = self
            .opacity
            .as_ref()
            .map(|opacity| opacity.is_premultiplied);
        match (&self.colours, is_premultiplied) {
            (Colours::Rgb, None) => Layout::Rgb,
            (Colours::Rgb, Some(false)) => Layout::RgbAlpha,
            (Colours::Rgb, Some(true)) => Layout::RgbPremultiplied,
            (Colours::Cmyk, _) => Layout::Cmyk,
            (Colours::YCbCr, _) => Layout::YCbCr,
            (_, None) => Layout::Grey,
            (_, Some(false)) => Layout::GreyAlpha,
            (_, Some(true)) => Layout::GreyPremultiplied,
        }
    }
}

impl Colours {
    fn of(reader: &mut Reader<'_>) -> TiffResult<Colours> {
        let tag = number(reader, Tag::PhotometricInterpretation, 0)?;
        Ok(match PhotometricInterpretation::from_u16(tag) {
            Some(PhotometricInterpretation::WhiteIsZero) => Colours::InvertedGrey,
            Some(PhotometricInterpretation::BlackIsZero) => Colours::Grey,
            Some(PhotometricInterpretation::RGB) => Colours::Rgb,
            Some(PhotometricInterpretation::CMYK) => Colours::Cmyk,
            Some(PhotometricInterpretation::RGBPalette) => {
                Colours::Palette(palette(&reader.get_tag_u16_vec(Tag::ColorMap)?))
            }
            Some(PhotometricInterpretation::YCbCr) => Colours::YCbCr,
            _ => Colours::Unknown(tag),
        })
    }

    fn count(&self) -> usize {
        match self {
            Colours::Grey | Colours::InvertedGrey | Colours::Palette(_) => 1,
            Colours::Rgb | Colours::YCbCr => 3,
            Colours::Cmyk => 4,
            Colours::Unknown(_) => 0,
        }
    }

    /// The first extra channel that is declared as opacity or, without a declaration, the only one.
    fn opacity(&self, channels: usize, extra: Option<&[u16]>) -> Option<Opacity> {
        const PREMULTIPLIED: u16 = 1;
        const PLAIN: u16 = 2;
        if !matches!(self, Colours::Grey | Colours::InvertedGrey | Colours::Rgb) {
            return None;
        }
        let count = self.count();
        let Some(extra) = extra else {
            return (channels == count + 1).then_some(Opacity {
                channel: count,
                is_premultiplied: false,
            });
        };
        // The declarations are for the last channels.
        let first = channels.checked_sub(extra.len())?.max(count);
        let place = extra
            .iter()
            .position(|&kind| matches!(kind, PREMULTIPLIED | PLAIN))?;
        Some(Opacity {
            channel: first + place,
            is_premultiplied: extra[place] == PREMULTIPLIED,
        })
        .filter(|opacity| opacity.channel < channels)
    }
}

/// Reads the colours of a map: all reds, then all greens, then all blues. The upper byte is right whether a writer
/// scaled to 16 bits by 257 or by 256.
fn palette(map: &[u16]) -> Vec<[u8; 3]> {
    let (reds, rest) = map.split_at(map.len() / 3);
    let (greens, blues) = rest.split_at(rest.len() / 2);
    let channels = reds.iter().zip(greens).zip(blues);
    channels
        .map(|((&red, &green), &blue)| [red, green, blue].map(|colour| (colour >> 8) as u8))
        .collect()
}

impl Samples {
    /// Scales the largest number to 255, and inverts colours but not opacity if `is_inverted`.
    fn scale(&mut self, is_inverted: bool) {
        // 255 is divisible by the largest value of each depth.
        let factor = 255 / self.largest;
        if factor > 1 {
            self.bytes.iter_mut().for_each(|sample| *sample *= factor);
        }
        if is_inverted {
            for pixel in self.bytes.chunks_exact_mut(self.channels) {
                pixel[0] = 255 - pixel[0];
            }
        }
    }

    /// The first `count` channels, and possibly another.
    fn picked(self, count: usize, another: Option<usize>) -> Vec<u8> {
        let is_all = self.channels == count + usize::from(another.is_some());
        if is_all && another.is_none_or(|another| another == count) {
            return self.bytes;
        }
        let pixels = self.bytes.chunks_exact(self.channels);
        let picked = pixels.flat_map(|pixel| {
            let another = another.map(|another| pixel[another]);
            pixel[..count].iter().copied().chain(another)
        });
        picked.collect()
    }
}
