//! Picture preprocessing by `preprocessor_config.json`, or by the `image_processor` in `processor_config.json`.
//!
//! Equals transformers'
//! [`CLIPImageProcessorPil`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/clip/image_processing_pil_clip.py)
//! and
//! [`SiglipImageProcessorPil`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip/image_processing_pil_siglip.py),
//! which differ in their defaults, and
//! [`Siglip2ImageProcessorPil`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip2/image_processing_pil_siglip2.py),
//! which keeps a picture's proportions.

use std::fmt::Display;

use picture::{Filter, Picture, Reduced, Size, Window};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    Checkpoint, Error, Result,
    checkpoint::{CONFIG, Kind},
};

/// A vision tower's input: f32, one channel after another, each row by row from the top left.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Pixels {
    /// Creates pixels from 3 x `height` x `width` values.
    ///
    /// # Errors
    /// When the number of values differs.
    pub fn new(width: usize, height: usize, values: Vec<f32>) -> Result<Self> {
        if width
            .checked_mul(height)
            .and_then(|pixels| pixels.checked_mul(3))
            != Some(values.len())
        {
            return Err(Error::PixelCount {
                width,
                height,
                found: values.len(),
            });
        }
        Ok(Self {
            width,
            height,
            values,
        })
    }

    /// Pixels without a picture.
    pub(crate) fn none() -> Self {
        Self {
            width: 0,
            height: 0,
            values: Vec::new(),
        }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The 3 x height x width values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// The shape of a vision tower's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputShape {
    /// A square of this width and height, in pixels.
    Square(usize),
    /// Any number of square patches of this width and height, in pixels.
    Patches(usize),
}

impl InputShape {
    /// Rejects pixels of another size.
    pub(crate) fn check(self, width: usize, height: usize) -> Result<()> {
        match self {
            Self::Square(size) if (width, height) != (size, size) => Err(Error::PixelSize {
                found_width: width,
                found_height: height,
                expected_width: size,
                expected_height: size,
            }),
            Self::Patches(patch)
                if [width, height].contains(&0)
                    || !width.is_multiple_of(patch)
                    || !height.is_multiple_of(patch) =>
            {
                Err(Error::PixelPatches {
                    width,
                    height,
                    patch,
                })
            }
            _ => Ok(()),
        }
    }
}

/// The most patches of a picture, and the most pixels in all of them, which bounds memory.
const PATCHES_LIMIT: u32 = 1 << 14;
const PIXELS_LIMIT: u32 = 1 << 28;

/// The steps from a picture to pixels.
pub(crate) struct Preprocessor {
    pub(crate) resize: Option<Resize>,
    pub(crate) filter: Filter,
    pub(crate) crop: Option<Size>,
    pub(crate) centring: Centring,
    /// The brightness outside the picture.
    pub(crate) fill: u8,
    /// For each channel, the values of the 256 brightness levels.
    pub(crate) values: [Vec<f32>; 3],
}

#[derive(Clone, Copy)]
pub(crate) enum Resize {
    ShortestEdge(u32),
    /// To the largest size that fits into a square of this side.
    LongestEdge(u32),
    Exactly(Size),
    /// To whole patches of this width and height, at most `most` of them.
    Patches {
        patch: u32,
        most: u32,
    },
}

/// How a centre crop rounds an odd margin.
#[derive(Clone, Copy)]
pub(crate) enum Centring {
    /// As transformers does.
    Transformers,
    /// As in torchvision: to the even pixel.
    Torchvision,
}

impl Preprocessor {
    /// Reads the steps for a vision tower's input shape.
    pub(crate) fn read(checkpoint: &Checkpoint, input_shape: InputShape) -> Result<Self> {
        let (name, found) = checkpoint.picture_settings()?;
        let file = checkpoint.path_of(name);
        let class = Class::of(checkpoint, &file, &found)?;
        let mut settings = class.defaults();
        // As in transformers, `null` keeps the default.
        settings.extend(found.into_iter().filter(|(_, value)| !value.is_null()));
        let json: Json = match serde_json::from_value(settings.into()) {
            Ok(json) => json,
            Err(source) => return Err(Error::Json { file, source }),
        };
        match input_shape {
            InputShape::Square(image) => json.resolve(&Refusal { file, image }),
            InputShape::Patches(patch) => json.resolve_patches(&file, class, patch),
        }
    }

    /// Resizes, crops and normalises.
    pub(crate) fn apply(&self, picture: &Picture) -> Pixels {
        self.apply_to(picture.size(), |full, window| {
            picture.resample(full, window, self.filter)
        })
    }

    /// Resizes, crops and normalises a reduced copy.
    pub(crate) fn apply_to_reduced(&self, reduced: &Reduced) -> Pixels {
        self.apply_to(reduced.size, |full, window| {
            reduced.resample(full, window, self.filter)
        })
    }

    fn apply_to(&self, size: Size, resample: impl FnOnce(Size, Window) -> Picture) -> Pixels {
        let full = self.full_size(size);
        let crop = self.crop.unwrap_or(full);
        let (left, width, pad_left) = self.centring.centre(full.width, crop.width);
        let (top, height, pad_top) = self.centring.centre(full.height, crop.height);
        let window = Window {
            left,
            top,
            width,
            height,
        };
        let part = resample(full, window);
        self.normalise(&part, crop, pad_left as usize, pad_top as usize)
    }

    /// The shortest side, in pixels, to decode; more pixels make hardly any difference.
    pub(crate) fn useful_side(&self) -> Option<u32> {
        if self.filter == Filter::Nearest {
            // This filter takes single pixels.
            return None;
        }
        let side = match self.resize? {
            Resize::ShortestEdge(edge) | Resize::LongestEdge(edge) => edge,
            Resize::Exactly(size) => size.width.max(size.height),
            // Depends on the picture's proportions.
            Resize::Patches { .. } => return None,
        };
        Some(Reduced::enough_for(side))
    }

    fn full_size(&self, size: Size) -> Size {
        let Size { width, height } = size;
        match self.resize {
            None => Size { width, height },
            Some(Resize::Exactly(size)) => size,
            Some(Resize::Patches { patch, most }) => patches_size(width, height, patch, most),
            Some(Resize::LongestEdge(edge)) => {
                // Python rounds halves to even.
                let ratio = f64::from(width.max(height)) / f64::from(edge);
                let side = |length: u32| (f64::from(length) / ratio).round_ties_even().max(1.0);
                Size {
                    width: side(width) as u32,
                    height: side(height) as u32,
                }
            }
            Some(Resize::ShortestEdge(edge)) if width <= height => Size {
                width: edge,
                height: scaled(edge, height, width),
            },
            Some(Resize::ShortestEdge(edge)) => Size {
                width: scaled(edge, width, height),
                height: edge,
            },
        }
    }

    /// The values of `part`, which lies in a picture of size `full` with a uniform background.
    fn normalise(&self, part: &Picture, full: Size, left: usize, top: usize) -> Pixels {
        let (width, height) = (full.width as usize, full.height as usize);
        let mut values = Vec::with_capacity(3 * width * height);
        for (channel, table) in self.values.iter().enumerate() {
            let start = values.len();
            values.resize(start + width * height, table[usize::from(self.fill)]);
            let rows = part.pixels().chunks_exact(3 * part.width() as usize);
            for (row, brightnesses) in rows.enumerate() {
                let output = &mut values[start + (top + row) * width + left..];
                for (value, pixel) in output.iter_mut().zip(brightnesses.as_chunks::<3>().0) {
                    *value = table[pixel[channel] as usize];
                }
            }
        }
        Pixels {
            width,
            height,
            values,
        }
    }
}

/// transformers' classes for the file: it names one, or the model determines one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Clip,
    Siglip,
    Siglip2,
}

impl Class {
    fn of(checkpoint: &Checkpoint, file: &str, found: &Map<String, Value>) -> Result<Self> {
        let class = ["image_processor_type", "feature_extractor_type"]
            .iter()
            .find_map(|name| found.get(*name)?.as_str());
        if let Some(class) = class {
            return Self::named(class).ok_or_else(|| {
                let found = format!("`{class}`");
                let expected =
                    "the processor of CLIP, Chinese CLIP, SigLIP or SigLIP 2, such as `CLIPImageProcessor`";
                Error::setting(file, "image_processor_type", found, expected)
            });
        }
        let kind: Option<Kind> = checkpoint.json(CONFIG)?;
        Ok(match kind.and_then(|kind| kind.model_type).as_deref() {
            Some("siglip") => Self::Siglip,
            Some("siglip2") => Self::Siglip2,
            _ => Self::Clip,
        })
    }

    /// The class with this name, in any of its variants in transformers.
    fn named(name: &str) -> Option<Self> {
        let forms = [
            "ImageProcessor",
            "ImageProcessorFast",
            "ImageProcessorPil",
            "FeatureExtractor",
        ];
        match forms.iter().find_map(|form| name.strip_suffix(form))? {
            "CLIP" | "ChineseCLIP" => Some(Self::Clip),
            "Siglip" => Some(Self::Siglip),
            "Siglip2" => Some(Self::Siglip2),
            _ => None,
        }
    }

    /// Its defaults that differ from CLIP's.
    fn defaults(self) -> Map<String, Value> {
        let defaults = match self {
            Self::Clip => json!({}),
            Self::Siglip => json!({
                "size": {"height": 224, "width": 224},
                "do_center_crop": false,
                "image_mean": [0.5, 0.5, 0.5],
                "image_std": [0.5, 0.5, 0.5],
            }),
            Self::Siglip2 => json!({
                "resample": 2,
                "image_mean": [0.5, 0.5, 0.5],
                "image_std": [0.5, 0.5, 0.5],
            }),
        };
        defaults.as_object().cloned().unwrap_or_default()
    }
}

/// The size of a picture of `width` x `height` in as many whole patches as allowed.
///
/// Uses the same search as transformers, because its steps affect the result.
fn patches_size(width: u32, height: u32, patch: u32, most: u32) -> Size {
    let patches = |scale: f64, size: u32| {
        let patches = (f64::from(size) * scale / f64::from(patch)).ceil();
        patches.max(1.0)
    };
    let accuracy = 1e-5;
    let (mut lowest, mut highest) = (accuracy / 10.0, 100.0);
    while highest - lowest >= accuracy {
        let scale = (lowest + highest) / 2.0;
        if patches(scale, width) * patches(scale, height) <= f64::from(most) {
            lowest = scale;
        } else {
            highest = scale;
        }
    }
    let pixels = |size| (patches(lowest, size) as u32).saturating_mul(patch);
    Size {
        width: pixels(width),
        height: pixels(height),
    }
}

/// `edge * long / short`, rounded down with Python's arithmetic.
///
/// A picture so narrow that the result overflows is distorted.
fn scaled(edge: u32, long: u32, short: u32) -> u32 {
    (f64::from(edge) * f64::from(long) / f64::from(short.max(1))) as u32
}

impl Centring {
    /// The start of a centre crop of `full`, its length, and the padding before it.
    fn centre(self, full: u32, crop: u32) -> (u32, u32, u32) {
        match self {
            Self::Transformers if crop <= full => ((full - crop) / 2, crop, 0),
            Self::Transformers => (0, full, (crop - full).div_ceil(2)),
            Self::Torchvision if crop <= full => {
                let half = f64::from(full - crop) / 2.0;
                (half.round_ties_even() as u32, crop, 0)
            }
            Self::Torchvision => (0, full, (crop - full) / 2),
        }
    }
}

/// The file's JSON, with `CLIPImageProcessor`'s defaults.
#[derive(Deserialize)]
#[serde(default)]
struct Json {
    do_resize: bool,
    size: Dimensions,
    resample: u8,
    do_center_crop: bool,
    crop_size: Dimensions,
    do_rescale: bool,
    rescale_factor: f64,
    do_normalize: bool,
    image_mean: [f32; 3],
    image_std: [f32; 3],
    patch_size: u32,
    max_num_patches: u32,
}

impl Default for Json {
    fn default() -> Self {
        Self {
            do_resize: true,
            size: Dimensions::Edge(224),
            resample: 3,
            do_center_crop: true,
            crop_size: Dimensions::Edge(224),
            do_rescale: true,
            rescale_factor: 1.0 / 255.0,
            do_normalize: true,
            image_mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            image_std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
            patch_size: 16,
            max_num_patches: 256,
        }
    }
}

/// A size, in the forms of older and newer files.
#[derive(Clone, Copy, Deserialize)]
#[serde(
    untagged,
    expecting = "a number, or an object of `shortest_edge` or of `height` and `width`"
)]
enum Dimensions {
    Edge(u32),
    Shortest { shortest_edge: u32 },
    Exactly { height: u32, width: u32 },
}

impl Json {
    fn resolve(&self, refusal: &Refusal) -> Result<Preprocessor> {
        let resize = if self.do_resize {
            Some(self.resize(refusal)?)
        } else {
            None
        };
        let crop = if self.do_center_crop {
            Some(self.crop(refusal)?)
        } else {
            None
        };
        match (crop, resize) {
            (Some(crop), _) => refusal.check("crop_size", crop)?,
            (None, Some(Resize::Exactly(size))) => refusal.check("size", size)?,
            _ => {
                return Err(refusal.refuse(
                    "do_center_crop",
                    "false",
                    "true, or a `size` of `height` and `width`",
                ));
            }
        }
        Ok(Preprocessor {
            resize,
            filter: self.filter(&refusal.file)?,
            crop,
            centring: Centring::Transformers,
            fill: 0,
            values: [0, 1, 2].map(|c| self.table(c)),
        })
    }

    fn resolve_patches(&self, file: &str, class: Class, patch: usize) -> Result<Preprocessor> {
        let refuse = |setting, found: &dyn Display, expected: &str| {
            Err(Error::setting(file, setting, found, expected))
        };
        if class != Class::Siglip2 {
            return refuse(
                "image_processor_type",
                &"another",
                "`Siglip2ImageProcessor`",
            );
        }
        if !self.do_resize {
            return refuse("do_resize", &false, "true");
        }
        if self.patch_size as usize != patch {
            let expected = format!("{patch}, as in `config.json`");
            return refuse("patch_size", &self.patch_size, &expected);
        }
        let pixels = self.patch_size.saturating_mul(self.patch_size).max(1);
        let limit = PATCHES_LIMIT.min(PIXELS_LIMIT / pixels);
        if !(1..=limit).contains(&self.max_num_patches) {
            let expected = format!("1 to {limit}");
            return refuse("max_num_patches", &self.max_num_patches, &expected);
        }
        Ok(Preprocessor {
            resize: Some(Resize::Patches {
                patch: self.patch_size,
                most: self.max_num_patches,
            }),
            filter: self.filter(file)?,
            crop: None,
            centring: Centring::Transformers,
            fill: 0,
            values: [0, 1, 2].map(|c| self.table(c)),
        })
    }

    fn resize(&self, refusal: &Refusal) -> Result<Resize> {
        match self.size {
            Dimensions::Edge(0) | Dimensions::Shortest { shortest_edge: 0 } => {
                Err(refusal.refuse("size", "0", "a number above 0"))
            }
            Dimensions::Edge(edge)
            | Dimensions::Shortest {
                shortest_edge: edge,
            } => Ok(Resize::ShortestEdge(edge)),
            Dimensions::Exactly { height, width } if height == 0 || width == 0 => {
                Err(refusal.refuse("size", "0", "a number above 0"))
            }
            Dimensions::Exactly { height, width } => Ok(Resize::Exactly(Size { width, height })),
        }
    }

    fn crop(&self, refusal: &Refusal) -> Result<Size> {
        match self.crop_size {
            Dimensions::Edge(edge) => Ok(Size {
                width: edge,
                height: edge,
            }),
            Dimensions::Exactly { height, width } => Ok(Size { width, height }),
            Dimensions::Shortest { .. } => Err(refusal.refuse(
                "crop_size",
                "`shortest_edge`",
                "a number, or `height` and `width`",
            )),
        }
    }

    /// The numbers are Pillow's `Resampling`.
    fn filter(&self, file: &str) -> Result<Filter> {
        match self.resample {
            0 => Ok(Filter::Nearest),
            1 => Ok(Filter::Lanczos3),
            2 => Ok(Filter::Bilinear),
            3 => Ok(Filter::Bicubic),
            4 => Ok(Filter::Box),
            5 => Ok(Filter::Hamming),
            other => Err(Error::setting(file, "resample", other, "0 to 5")),
        }
    }

    fn table(&self, channel: usize) -> Vec<f32> {
        let value = |brightness: u8| {
            let rescaled = if self.do_rescale {
                (f64::from(brightness) * self.rescale_factor) as f32
            } else {
                f32::from(brightness)
            };
            if self.do_normalize {
                (rescaled - self.image_mean[channel]) / self.image_std[channel]
            } else {
                rescaled
            }
        };
        (0..=u8::MAX).map(value).collect()
    }
}

/// Context for error messages.
struct Refusal {
    file: String,
    image: usize,
}

impl Refusal {
    fn check(&self, setting: &str, size: Size) -> Result<()> {
        if (size.width as usize, size.height as usize) == (self.image, self.image) {
            return Ok(());
        }
        let expected = format!("{0} x {0}, the `image_size` of `config.json`", self.image);
        Err(self.refuse(
            setting,
            format!("{} x {}", size.width, size.height),
            &expected,
        ))
    }

    fn refuse(&self, setting: &str, found: impl Display, expected: &str) -> Error {
        Error::setting(&self.file, setting, found, expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_are_centred_as_transformers_does() {
        let centre = |full, crop| Centring::Transformers.centre(full, crop);
        assert_eq!(centre(10, 5), (2, 5, 0));
        assert_eq!(centre(5, 5), (0, 5, 0));
        assert_eq!(centre(5, 8), (0, 5, 2));
        assert_eq!(centre(6, 8), (0, 6, 1));
    }

    /// Sizes from transformers' `get_image_size_for_max_num_patches`.
    #[test]
    fn patches_are_as_many_as_there_may_be() {
        let size = |width, height| {
            let size = patches_size(width, height, 16, 256);
            (size.width, size.height)
        };
        assert_eq!(size(640, 480), (288, 224));
        assert_eq!(size(480, 640), (224, 288));
        assert_eq!(size(1, 1), (112, 112));
        assert_eq!(size(4000, 3000), (288, 224));
        assert_eq!(size(10000, 1), (4096, 16));
        assert_eq!(size(300, 900), (144, 432));
        assert_eq!(size(97, 143), (208, 304));
        assert_eq!(size(16, 16), (256, 256));
    }

    #[test]
    fn crops_are_centred_as_torchvision_does() {
        let centre = |full, crop| Centring::Torchvision.centre(full, crop);
        assert_eq!(centre(10, 5), (2, 5, 0));
        assert_eq!(centre(12, 5), (4, 5, 0));
        assert_eq!(centre(5, 8), (0, 5, 1));
    }

    #[test]
    fn extreme_shapes_stay_in_range() {
        let narrow = patches_size(u32::MAX, 1, 16, 256);
        assert!(narrow.width >= 16 && narrow.height == 16);
        assert_eq!(scaled(224, 10_000, 1), 2_240_000);
        assert_eq!(scaled(224, u32::MAX, 1), u32::MAX);
    }
}
