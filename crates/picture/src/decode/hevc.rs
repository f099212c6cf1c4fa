//! HEVC pictures, as written by phones, decoded by `heic-decoder`.
//!
//! The decoder reads the boxes itself. So this module first checks, with the headers that the decoder will use, that
//! no coded picture is larger than the file declares.

use heic_decoder::{
    DecodeOptions, DecodedImage, HeifError,
    bitreader::strip_emulation_prevention,
    decode_with,
    hevc::{
        nal::{NAL_SPS, parse_nal_header},
        params::parse_sps,
    },
    isobmff::{self, ParsedHeif},
};

use super::yuv::{Chroma, Yuv};
use crate::{Error, Format, Result, Size, container::heif::Colours};

/// Decodes the picture of this size, before cropping and rotation. Also returns its opacity, if any, and whether
/// colours are premultiplied by it.
pub(super) fn decode(
    format: Format,
    bytes: &[u8],
    size: Size,
) -> Result<(Yuv, Option<(Yuv, bool)>)> {
    let failed = |cause| of_decoder(format, cause);
    check_pixels(&isobmff::parse(bytes).map_err(failed)?, format, size)?;
    let options = DecodeOptions {
        apply_transforms: false,
    };
    let image = decode_with(bytes, &options).map_err(failed)?;
    if (image.width, image.height) != (size.width as usize, size.height as usize) {
        return Err(damaged(
            format,
            "the coded picture's size differs from its boxes",
        ));
    }
    Ok(samples(image))
}

/// Encoders pad pictures to whole blocks, and grids to whole tiles.
fn check_pixels(parsed: &ParsedHeif, format: Format, size: Size) -> Result<()> {
    const BLOCK: u64 = 64;
    let side = |side: u32| u64::from(side).next_multiple_of(BLOCK);
    let limit = match parsed.grid {
        Some(_) => 4 * size.pixels(),
        None => side(size.width) * side(size.height),
    };
    let alpha = parsed.alpha.as_ref().map(|alpha| &*alpha.image);
    for parsed in std::iter::once(parsed).chain(alpha) {
        let pixels = parsed.images.iter().map(|image| {
            let header = image.hevc_config.nalus_of_type(NAL_SPS).next()?;
            let (_, header) = parse_nal_header(header).ok()?;
            let header = parse_sps(&strip_emulation_prevention(header)).ok()?;
            let (width, height) = (
                header.pic_width_in_luma_samples,
                header.pic_height_in_luma_samples,
            );
            Some(u64::from(width) * u64::from(height))
        });
        let pixels: Option<u64> = pixels.sum();
        if pixels.is_none_or(|pixels| pixels > limit) {
            return Err(damaged(format, "a coded picture is larger than its boxes"));
        }
    }
    Ok(())
}

fn samples(image: DecodedImage) -> (Yuv, Option<(Yuv, bool)>) {
    let (width, height) = (image.width, image.height);
    let depth = image.bit_depth_luma;
    let colours = image.color_info.map(|colours| Colours {
        matrix: colours.matrix_coefficients as u8,
        is_full_range: colours.full_range,
    });
    let halved = match image.chroma_format_idc {
        0 => None,
        1 => Some((true, true)),
        2 => Some((true, false)),
        _ => Some((false, false)),
    };
    // The bit depth of chroma may differ from that of luma.
    let (of_chroma, of_luma) = (image.bit_depth_chroma, depth);
    let same_depth = move |sample: i32| {
        let sample = i64::from(sample) << of_luma >> of_chroma;
        sample as u16
    };
    let chroma = halved.map(|halved| Chroma {
        halved,
        is_blended: false,
        blue: image.cb.into_iter().map(same_depth).collect(),
        red: image.cr.into_iter().map(same_depth).collect(),
    });
    let opacity = image.alpha.map(|alpha| {
        let opacity = Yuv {
            width,
            height,
            depth: alpha.bit_depth,
            colours: Colours {
                matrix: 2,
                is_full_range: true,
            },
            luma: alpha
                .samples
                .into_iter()
                .map(|sample| sample as u16)
                .collect(),
            chroma: None,
        };
        (opacity, alpha.premultiplied)
    });
    let picture = Yuv {
        width,
        height,
        depth,
        colours: colours.unwrap_or(Colours {
            matrix: 2,
            is_full_range: false,
        }),
        luma: image.y.into_iter().map(|sample| sample as u16).collect(),
        chroma,
    };
    (picture, opacity)
}

fn of_decoder(format: Format, cause: HeifError) -> Error {
    match cause {
        HeifError::Unsupported(_) => Error::unsupported(format),
        cause => Error::Damaged {
            format,
            cause: cause.into(),
        },
    }
}

fn damaged(format: Format, cause: &'static str) -> Error {
    Error::Damaged {
        format,
        cause: cause.into(),
    }
}
