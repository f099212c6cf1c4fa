//! `preprocess_cfg`: the picture preprocessing, equal to open_clip's
//! [`image_transform`](https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/transform.py).

use picture::{Filter, Size};
use serde::Deserialize;

use crate::{
    Checkpoint, Result,
    open_clip::section::Section,
    preprocessor::{Centring, Preprocessor, Resize},
};

const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

/// One number for all colours, or one for each.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a number, or a list of three")]
enum Colours {
    Same(f32),
    Each([f32; 3]),
}

/// Reads the preprocessing to pictures of `image` x `image` pixels.
///
/// As in open_clip, `size` has no effect, because the vision tower determines it, and other unknown settings are
/// ignored.
pub(super) fn read(checkpoint: &Checkpoint, image: usize) -> Result<Preprocessor> {
    let mut section = Section::of_file(checkpoint, "preprocess_cfg")?;
    if let Some(mode) = section.optional::<String>("mode")?
        && mode != "RGB"
    {
        return Err(section.refuse("mode", format!("`{mode}`"), "`RGB`"));
    }
    let image = image as u32;
    let size = Size {
        width: image,
        height: image,
    };
    let mean = colours(&mut section, "mean", MEAN)?;
    let deviation = colours(&mut section, "std", DEVIATION)?;
    Ok(Preprocessor {
        resize: Some(resize(&mut section, size)?),
        filter: filter(&mut section)?,
        crop: Some(size),
        centring: Centring::Torchvision,
        fill: section.optional("fill_color")?.unwrap_or(0),
        values: [0, 1, 2].map(|colour| table(mean[colour], deviation[colour])),
    })
}

fn colours(section: &mut Section, name: &str, default: [f32; 3]) -> Result<[f32; 3]> {
    Ok(match section.optional(name)? {
        None => default,
        Some(Colours::Same(number)) => [number; 3],
        Some(Colours::Each(numbers)) => numbers,
    })
}

fn resize(section: &mut Section, size: Size) -> Result<Resize> {
    match section.optional::<String>("resize_mode")?.as_deref() {
        None | Some("shortest") => Ok(Resize::ShortestEdge(size.width)),
        Some("longest") => Ok(Resize::LongestEdge(size.width)),
        Some("squash") => Ok(Resize::Exactly(size)),
        Some(other) => {
            let expected = "`shortest`, `longest` or `squash`";
            Err(section.refuse("resize_mode", format!("`{other}`"), expected))
        }
    }
}

fn filter(section: &mut Section) -> Result<Filter> {
    match section.optional::<String>("interpolation")?.as_deref() {
        // `random` is for training; otherwise it means bicubic.
        None | Some("bicubic" | "random") => Ok(Filter::Bicubic),
        Some("bilinear") => Ok(Filter::Bilinear),
        Some(other) => {
            let expected = "`bicubic`, `bilinear` or `random`";
            Err(section.refuse("interpolation", format!("`{other}`"), expected))
        }
    }
}

fn table(mean: f32, deviation: f32) -> Vec<f32> {
    let value = |brightness: u8| (f32::from(brightness) / 255.0 - mean) / deviation;
    (0..=u8::MAX).map(value).collect()
}
