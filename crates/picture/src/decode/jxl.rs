//! JPEG XL, decoded by `jxl-oxide` in a child process.
//!
//! The decoder respects a memory limit and should never panic, but parts of it are unsafe, and a small file can keep
//! it busy for long.

use ::image::metadata::Orientation;
use jxl_oxide::{
    AllocTracker, EnumColourEncoding, ExtraChannelType, InitializeResult, JxlImage, JxlThreadPool,
    PixelFormat, Render, RenderingIntent,
};

use super::{
    decoded::Decoded,
    flatten::{Layout, opacity, to_rgb},
};
use crate::{Error, Format, Limits, Result, Size, container::jxl, decoder_process, scale::Scale};

const FORMAT: Format = Format::Jxl;

/// Bytes a pixel: four channels of four bytes, and the same again for filters and blending.
const COST: u64 = 48;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded> {
    let size = size(bytes)?;
    check_size(size, limits)?;
    decoder_process::decode(FORMAT, bytes, limits, of_size(size))
}

/// The memory, in bytes, that decoding takes.
pub(super) fn cost(bytes: &[u8]) -> Result<u64> {
    size(bytes).map(of_size)
}

fn of_size(size: Size) -> u64 {
    size.pixels().saturating_mul(COST)
}

fn size(bytes: &[u8]) -> Result<Size> {
    jxl::size(bytes).ok_or(Error::Truncated { format: FORMAT })
}

/// Limits files to a quarter of the pixels, because the decoder takes more memory a pixel.
fn check_size(size: Size, limits: &Limits) -> Result<()> {
    let limits = Limits {
        pixels: limits.pixels / 4,
        ..limits.clone()
    };
    limits.check_size(size)
}

/// Decodes in this process, without protection.
pub(super) fn decode_here(bytes: &[u8], limits: &Limits) -> Result<Decoded> {
    let cost = cost(bytes)?;
    let memory = cost.saturating_add(limits.bytes);
    let image = first_frame(bytes, usize::try_from(memory).unwrap_or(usize::MAX))?;
    let size = Size {
        width: image.width(),
        height: image.height(),
    };
    check_size(size, limits)?;
    let layout = layout(&image)?;
    let render = image.render_frame(0).map_err(damaged)?;
    let samples = samples(&render, size, layout)?;
    Ok(Decoded {
        opacity: opacity(&samples, layout, size),
        pixels: to_rgb(samples, layout),
        size,
        scale: Scale::WHOLE,
        // The decoder returns upright samples.
        orientation: Orientation::NoTransforms,
    })
}

/// Loads only as much of the file as its first picture needs.
fn first_frame(bytes: &[u8], memory: usize) -> Result<JxlImage> {
    const FIRST: usize = 1 << 14;
    let mut header = JxlImage::builder()
        // Stay on this thread: callers decode pictures in parallel.
        .pool(JxlThreadPool::none())
        .alloc_tracker(AllocTracker::with_limit(memory))
        .build_uninit();
    let (mut rest, mut step) = (bytes, FIRST);
    let mut image = loop {
        if rest.is_empty() {
            return Err(Error::Truncated { format: FORMAT });
        }
        let part = &rest[..rest.len().min(step)];
        let consumed = header.feed_bytes(part).map_err(damaged)?;
        check_progress(consumed, part, rest)?;
        rest = &rest[consumed..];
        // The decoder parses the whole header at each attempt.
        step = step.saturating_mul(2);
        match header.try_init().map_err(damaged)? {
            InitializeResult::NeedMoreData(more) => header = more,
            InitializeResult::Initialized(image) => break image,
        }
    };
    choose_colours(&mut image);
    while image.num_loaded_keyframes() == 0 {
        if rest.is_empty() || image.is_loading_done() {
            return Err(Error::Truncated { format: FORMAT });
        }
        let part = &rest[..rest.len().min(step)];
        let consumed = image.feed_bytes(part).map_err(damaged)?;
        check_progress(consumed, part, rest)?;
        rest = &rest[consumed..];
    }
    Ok(image)
}

/// Rejects a file of which the decoder consumes nothing, which would loop forever.
fn check_progress(consumed: usize, part: &[u8], rest: &[u8]) -> Result<()> {
    if consumed == 0 && part.len() == rest.len() {
        Err(Error::Truncated { format: FORMAT })
    } else {
        Ok(())
    }
}

/// Chooses sRGB for XYB-coded pictures, which have no colour space of their own, and for colour spaces described by
/// numbers. ICC profiles are ignored, as in other formats.
fn choose_colours(image: &mut JxlImage) {
    let metadata = &image.image_header().metadata;
    let is_grey = metadata.grayscale();
    if metadata.xyb_encoded || !metadata.colour_encoding.want_icc() {
        let intent = RenderingIntent::Relative;
        image.request_color_encoding(if is_grey {
            EnumColourEncoding::gray_srgb(intent)
        } else {
            EnumColourEncoding::srgb(intent)
        });
    }
}

fn layout(image: &JxlImage) -> Result<Layout> {
    let channels = &image.image_header().metadata.ec_info;
    let is_premultiplied = channels.iter().find_map(|channel| match channel.ty {
        ExtraChannelType::Alpha { alpha_associated } => Some(alpha_associated),
        _ => None,
    });
    Ok(match (image.pixel_format(), is_premultiplied) {
        (PixelFormat::Gray, _) => Layout::Grey,
        (PixelFormat::Graya, Some(true)) => Layout::GreyPremultiplied,
        (PixelFormat::Graya, _) => Layout::GreyAlpha,
        (PixelFormat::Rgb, _) => Layout::Rgb,
        (PixelFormat::Rgba, Some(true)) => Layout::RgbPremultiplied,
        (PixelFormat::Rgba, _) => Layout::RgbAlpha,
        (PixelFormat::Cmyk | PixelFormat::Cmyka, _) => {
            return Err(Error::Unsupported {
                format: FORMAT,
                kind: "JPEG XL in CMYK; convert it to JPEG or PNG".into(),
            });
        }
    })
}

/// Eight-bit samples, scaled from deeper ones and floats.
fn samples(render: &Render, size: Size, layout: Layout) -> Result<Vec<u8>> {
    let mut stream = render.stream();
    let channels = match layout {
        Layout::Grey => 1,
        Layout::GreyAlpha | Layout::GreyPremultiplied => 2,
        Layout::RgbAlpha | Layout::RgbPremultiplied => 4,
        _ => 3,
    };
    let said = (stream.width(), stream.height(), stream.channels());
    if said != (size.width, size.height, channels) {
        return Err(damaged(
            "the coded picture's size differs from its header".into(),
        ));
    }
    let mut samples = vec![0; size.pixels() as usize * channels as usize];
    stream.write_to_buffer(&mut samples);
    Ok(samples)
}

fn damaged(cause: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Damaged {
        format: FORMAT,
        cause,
    }
}
