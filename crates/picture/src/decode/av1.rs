//! AV1 pictures, decoded by `rav1d`, the Rust port of dav1d.

use re_rav1d::{
    Decoder, Error as Failure, Picture, PixelLayout, PlanarImageComponent, Settings,
    pixel::{MatrixCoefficients, YUVRange},
};

use super::yuv::{Chroma, Yuv};
use crate::{Error, Format, Result, container::heif::Colours};

/// More iterations than any picture needs.
const MOST_ITERATIONS: usize = 1000;

/// Decodes the first frame of `data`, which must have this size.
pub(super) fn decode(format: Format, data: &[u8], (width, height): (u32, u32)) -> Result<Yuv> {
    let failed = |cause: &'static str| Error::Damaged {
        format,
        cause: cause.into(),
    };
    if data.is_empty() {
        return Err(Error::Truncated { format });
    }
    let limit = width.checked_mul(height).filter(|&pixels| pixels > 0);
    let picture = first_frame(
        data,
        limit.ok_or_else(|| failed("a coded picture has no size"))?,
    );
    let picture = picture.map_err(|cause| match cause {
        Failure::UnsupportedBitstream => Error::unsupported(format),
        cause => Error::Damaged {
            format,
            cause: cause.into(),
        },
    })?;
    if (picture.width(), picture.height()) != (width, height) {
        return Err(failed("the coded picture's size differs from its boxes"));
    }
    samples(&picture).ok_or_else(|| failed("a coded picture lacks samples"))
}

fn first_frame(data: &[u8], limit: u32) -> Result<Picture, Failure> {
    let mut settings = Settings::new();
    // Stay on this thread: callers decode pictures in parallel.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(limit);
    let mut decoder = Decoder::with_settings(&settings)?;
    let mut sent = decoder.send_data(data.to_vec(), None, None, None);
    // Each iteration consumes a part of the data; one that consumes nothing would loop forever.
    for _ in 0..MOST_ITERATIONS {
        match sent {
            Ok(()) => return decoder.get_picture(),
            Err(Failure::Again) => match decoder.get_picture() {
                Err(Failure::Again) => sent = decoder.send_pending_data(),
                picture => return picture,
            },
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::InvalidArgument)
}

fn samples(picture: &Picture) -> Option<Yuv> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let halved = match picture.pixel_layout() {
        PixelLayout::I400 => None,
        PixelLayout::I420 => Some((true, true)),
        PixelLayout::I422 => Some((true, false)),
        PixelLayout::I444 => Some((false, false)),
    };
    let chroma = halved.map(|halved| {
        let mut chroma = Chroma {
            halved,
            is_blended: true,
            blue: Vec::new(),
            red: Vec::new(),
        };
        let size = chroma.size(width, height);
        chroma.blue = plane(picture, PlanarImageComponent::U, size)?;
        chroma.red = plane(picture, PlanarImageComponent::V, size)?;
        Some(chroma)
    });
    let chroma = match chroma {
        Some(chroma) => Some(chroma?),
        None => None,
    };
    Some(Yuv {
        width,
        height,
        depth: picture.bits_per_component()?.0 as u32,
        colours: Colours {
            matrix: matrix(picture.matrix_coefficients()),
            is_full_range: picture.color_range() == YUVRange::Full,
        },
        luma: plane(picture, PlanarImageComponent::Y, (width, height))?,
        chroma,
    })
}

/// A plane's samples without row padding, or `None` if it is smaller than declared.
fn plane(
    picture: &Picture,
    component: PlanarImageComponent,
    (width, height): (usize, usize),
) -> Option<Vec<u16>> {
    let stride = picture.stride(component) as usize;
    let plane = picture.plane(component);
    let mut samples = Vec::with_capacity(width * height);
    for row in 0..height {
        let row = plane.get(row * stride..)?;
        if picture.bits_per_component()?.0 == 8 {
            samples.extend(row.get(..width)?.iter().copied().map(u16::from));
        } else {
            let row = row.get(..width * 2)?.as_chunks().0;
            samples.extend(row.iter().copied().map(u16::from_ne_bytes));
        }
    }
    Some(samples)
}

/// The matrix's code in H.273.
fn matrix(coefficients: MatrixCoefficients) -> u8 {
    match coefficients {
        MatrixCoefficients::Identity => 0,
        MatrixCoefficients::BT709 => 1,
        MatrixCoefficients::BT470M => 4,
        MatrixCoefficients::BT470BG => 5,
        MatrixCoefficients::ST170M => 6,
        MatrixCoefficients::ST240M => 7,
        MatrixCoefficients::YCgCo => 8,
        MatrixCoefficients::BT2020NonConstantLuminance => 9,
        MatrixCoefficients::BT2020ConstantLuminance => 10,
        MatrixCoefficients::ST2085 => 11,
        MatrixCoefficients::ChromaticityDerivedNonConstantLuminance => 12,
        MatrixCoefficients::ChromaticityDerivedConstantLuminance => 13,
        MatrixCoefficients::ICtCp => 14,
        _ => 2,
    }
}
