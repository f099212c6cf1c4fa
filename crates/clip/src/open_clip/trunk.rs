use nn::Activation;

use crate::{
    Result,
    clip::{Projection, VisionConfig, VisionPooling},
    config::EncoderConfig,
    open_clip::{config::Vision, names, section::Section},
};

/// The sizes of timm's CLIP vision transformers, by the word in their names ([the
/// reference](https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py)).
const SIZES: &[Sizes] = &[
    Sizes::new("xsmall", 256, 10, 4, 4.0),
    Sizes::new("medium", 512, 12, 8, 4.0),
    Sizes::new("betwixt", 640, 12, 10, 4.0),
    Sizes::new("base", 768, 12, 12, 4.0),
    Sizes::new("large", 1024, 24, 16, 4.0),
    Sizes::new("huge", 1280, 32, 16, 4.0),
    Sizes::new("giant", 1408, 40, 16, 48.0 / 11.0),
    Sizes::new("gigantic", 1664, 48, 16, 64.0 / 13.0),
    #[cfg(test)]
    Sizes::new("pico", 24, 2, 3, 4.0),
];

/// The sizes of timm's SigLIP vision transformers.
const SIGLIP_SIZES: &[Sizes] = &[
    Sizes::new("base", 768, 12, 12, 4.0),
    Sizes::new("large", 1024, 24, 16, 4.0),
    Sizes::new("so400m", 1152, 27, 16, 3.7362),
    Sizes::new("giantopt", 1536, 40, 16, 4.0),
    #[cfg(test)]
    Sizes::new("pico", 24, 2, 3, 4.0),
];

/// Prefixes of the names of models with the tanh approximation of GELU.
const SIGLIP_TANH: [&str; 4] = [
    "vit_base_patch32_siglip_",
    "vit_large_patch16_siglip_512",
    "vit_so400m_patch16_siglip_",
    "vit_giantopt_patch16_siglip_",
];

struct Sizes {
    word: &'static str,
    width: usize,
    layers: usize,
    heads: usize,
    ratio: f64,
}

impl Sizes {
    const fn new(
        word: &'static str,
        width: usize,
        layers: usize,
        heads: usize,
        ratio: f64,
    ) -> Self {
        Self {
            word,
            width,
            layers,
            heads,
            ratio,
        }
    }
}

/// Reads the settings of timm's vision tower `name`.
pub(super) fn read(
    section: &mut Section,
    name: &str,
    image: usize,
    dimension: usize,
) -> Result<Vision> {
    // open_clip derives all of these from the name.
    section.ignore(&["layers", "width", "head_width", "mlp_ratio", "patch_size"]);
    if let Some(trunk) = Trunk::named(name, "_clip_", SIZES) {
        return clip(section, &trunk.sizes(section, image, 1e-5)?, dimension);
    }
    if let Some(trunk) = Trunk::named(name, "_siglip_", SIGLIP_SIZES) {
        // timm's default epsilon, with which SigLIP was trained.
        let sizes = trunk.sizes(section, image, 1e-6)?;
        return siglip(section, sizes, dimension);
    }
    let expected = "a vision transformer of CLIP's or SigLIP's, as `vit_base_patch16_clip_224` and \
                    `vit_base_patch16_siglip_224`: ConvNeXt, EVA, hybrid and other trunks are not supported";
    Err(section.refuse("timm_model_name", format!("`{name}`"), expected))
}

fn clip(section: &mut Section, sizes: &VisionConfig, dimension: usize) -> Result<Vision> {
    let (projection, linear) = projection(section, sizes.encoder.width, dimension)?;
    let sizes = VisionConfig {
        pooling: pooling(section, linear)?,
        projection,
        ..sizes.clone()
    };
    let naming = if linear {
        names::trunk
    } else {
        names::trunk_with_head
    };
    Ok(Vision::Transformer { sizes, naming })
}

fn siglip(section: &mut Section, sizes: VisionConfig, dimension: usize) -> Result<Vision> {
    section.off(&["timm_proj_bias"])?;
    for (name, wanted, own) in [("timm_pool", "map", true), ("timm_proj", "none", false)] {
        let is_null = section.is_null(name);
        let found = match section.optional::<String>(name)? {
            Some(found) if found == wanted => continue,
            None if is_null && own => continue,
            Some(found) => format!("`{found}`"),
            None if is_null => "null".to_owned(),
            None => "missing".to_owned(),
        };
        return Err(section.refuse(name, found, &format!("`{wanted}`")));
    }
    if sizes.encoder.width != dimension {
        let expected = format!("`linear`, as the trunk's width is not {dimension}");
        return Err(section.refuse("timm_proj", "`none`", &expected));
    }
    Ok(Vision::Siglip(sizes))
}

/// The parts of a name in timm.
struct Trunk {
    sizes: &'static Sizes,
    patch: usize,
    activation: Activation,
}

impl Trunk {
    /// Parses `vit_base_patch16_clip_224`, `vit_base_patch16_clip_quickgelu_224` or `vit_base_patch16_siglip_224`;
    /// `family` is the word in the middle.
    fn named(name: &str, family: &str, sizes: &'static [Sizes]) -> Option<Self> {
        let (word, rest) = name.strip_prefix("vit_")?.split_once("_patch")?;
        let (patch, rest) = rest.split_once(family)?;
        let (image, activation) = match rest.strip_prefix("quickgelu_") {
            Some(image) if family == "_clip_" => (image, Activation::QuickGelu),
            _ if SIGLIP_TANH
                .iter()
                .any(|name_begin| name.starts_with(name_begin)) =>
            {
                (rest, Activation::GeluTanh)
            }
            _ => (rest, Activation::Gelu),
        };
        image.parse::<usize>().ok()?;
        Some(Self {
            sizes: sizes.iter().find(|sizes| sizes.word == word)?,
            patch: patch.parse().ok().filter(|patch| *patch > 0)?,
            activation,
        })
    }

    fn sizes(&self, section: &Section, image: usize, epsilon: f64) -> Result<VisionConfig> {
        if self.patch > image {
            let expected = format!("at least {}, the size of a patch", self.patch);
            return Err(section.refuse("image_size", image, &expected));
        }
        let Sizes {
            width,
            layers,
            heads,
            ratio,
            ..
        } = *self.sizes;
        Ok(VisionConfig {
            encoder: EncoderConfig {
                width,
                inner: (width as f64 * ratio) as usize,
                heads,
                layers,
                epsilon,
                activation: self.activation,
                layer_scale: false,
            },
            channels: 3,
            image,
            patch: self.patch,
            first_norm: true,
            pooling: VisionPooling::Class,
            projection: Projection::Nothing,
        })
    }
}

/// The projection, and whether it is open_clip's own layer after the trunk. `null` means the trunk's own.
fn projection(section: &mut Section, width: usize, dimension: usize) -> Result<(Projection, bool)> {
    let bias = section.flag("timm_proj_bias")?;
    let is_null = section.is_null("timm_proj");
    let kind: Option<String> = section.optional("timm_proj")?;
    match kind.as_deref() {
        None if is_null => Ok((Projection::Biased, false)),
        None | Some("linear") if bias => Ok((Projection::Biased, true)),
        None | Some("linear") => Ok((Projection::Plain, true)),
        Some("") => Ok((Projection::Biased, false)),
        Some("none") if width == dimension => Ok((Projection::Nothing, false)),
        Some("none") => {
            let expected = format!("`linear`, as the trunk's width is not {dimension}");
            Err(section.refuse("timm_proj", "`none`", &expected))
        }
        Some(other) => {
            let expected = "`linear`, `none` or nothing";
            Err(section.refuse("timm_proj", format!("`{other}`"), expected))
        }
    }
}

/// `null` means the trunk's own pooling, which uses the class token.
fn pooling(section: &mut Section, linear: bool) -> Result<VisionPooling> {
    let is_null = section.is_null("timm_pool");
    let pooling: Option<String> = section.optional("timm_pool")?;
    match pooling.as_deref() {
        None if is_null => Ok(VisionPooling::Class),
        Some("token") => Ok(VisionPooling::Class),
        Some("") if linear => Ok(VisionPooling::Class),
        None | Some("avg") if linear => Ok(VisionPooling::AverageOfNormed),
        other => {
            let found = format!("`{}`", other.unwrap_or("avg"));
            Err(section.refuse(
                "timm_pool",
                found,
                "`token`, or `avg` with `timm_proj` `linear`",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(name: &str, expected: (usize, usize, Activation)) {
        let trunk = Trunk::named(name, "_clip_", SIZES)
            .or_else(|| Trunk::named(name, "_siglip_", SIGLIP_SIZES))
            .unwrap();
        assert_eq!(
            (trunk.sizes.width, trunk.patch, trunk.activation),
            expected,
            "{name}"
        );
    }

    #[test]
    fn names_tell_the_sizes() {
        case("vit_base_patch16_clip_224", (768, 16, Activation::Gelu));
        case(
            "vit_large_patch14_clip_quickgelu_336",
            (1024, 14, Activation::QuickGelu),
        );
        case("vit_base_patch16_siglip_512", (768, 16, Activation::Gelu));
        case(
            "vit_large_patch16_siglip_512",
            (1024, 16, Activation::GeluTanh),
        );
        case(
            "vit_so400m_patch14_siglip_384",
            (1152, 14, Activation::Gelu),
        );
        case(
            "vit_so400m_patch16_siglip_384",
            (1152, 16, Activation::GeluTanh),
        );
    }

    #[test]
    fn other_names_are_unknown() {
        for name in [
            "convnext_base",
            "eva02_base_patch16_clip_224",
            "vit_base_patch16_224",
            "vit_base_patch16_siglip_gap_224",
            "vit_base_patch16_siglip_quickgelu_224",
            "vit_base_patch16_clip_x",
            "vit_so400m_patch16_clip_224",
            "vit_base_patch0_clip_224",
            "vit_base_patch_clip_224",
        ] {
            let clip = Trunk::named(name, "_clip_", SIZES);
            assert!(clip.is_none(), "{name}");
            let siglip = Trunk::named(name, "_siglip_", SIGLIP_SIZES);
            assert!(siglip.is_none(), "{name}");
        }
    }
}
