use crate::{
    Result,
    config::{EncoderConfig, Projection, VisionConfig, VisionPooling},
    open_clip::{config::Vision, names, section::Section},
    ops::Activation,
};

/// The sizes of timm's vision transformers that are CLIP's, by the word in their names
/// ([the reference](https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py)).
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

/// Reads the settings of a vision tower of timm's that is called `name`.
pub(super) fn read(
    section: &mut Section,
    name: &str,
    image: usize,
    dimension: usize,
) -> Result<Vision> {
    // open_clip takes all of these from the name.
    section.ignore(&["layers", "width", "head_width", "mlp_ratio", "patch_size"]);
    let Some((sizes, patch, activation)) = parts(name) else {
        let expected = "a vision transformer of CLIP's, as `vit_base_patch16_clip_224`: ConvNeXt, EVA, hybrid and \
                        other trunks are not supported";
        return Err(section.refuse("timm_model_name", format!("`{name}`"), expected));
    };
    if patch == 0 || patch > image {
        let expected = "at least as large as a patch of the trunk";
        return Err(section.refuse("image_size", image, expected));
    }
    let (projection, linear) = projection(section, sizes.width, dimension)?;
    let sizes = VisionConfig {
        encoder: EncoderConfig {
            width: sizes.width,
            inner: (sizes.width as f64 * sizes.ratio) as usize,
            heads: sizes.heads,
            layers: sizes.layers,
            epsilon: 1e-5,
            activation,
            layer_scale: false,
        },
        channels: 3,
        image,
        patch,
        first_norm: true,
        pooling: pooling(section, linear)?,
        projection,
    };
    let naming = match linear {
        true => names::trunk,
        false => names::trunk_with_head,
    };
    Ok(Vision::Transformer { sizes, naming })
}

/// `vit_base_patch16_clip_224` or `vit_base_patch16_clip_quickgelu_224`: sizes, patch and activation.
fn parts(name: &str) -> Option<(&'static Sizes, usize, Activation)> {
    let (word, rest) = name.strip_prefix("vit_")?.split_once("_patch")?;
    let (patch, rest) = rest.split_once("_clip_")?;
    let (image, activation) = match rest.strip_prefix("quickgelu_") {
        Some(image) => (image, Activation::QuickGelu),
        None => (rest, Activation::Gelu),
    };
    image.parse::<usize>().ok()?;
    let sizes = SIZES.iter().find(|sizes| sizes.word == word)?;
    Some((sizes, patch.parse().ok()?, activation))
}

/// And whether it is a layer of open_clip's own, behind the trunk.
fn projection(section: &mut Section, width: usize, dimension: usize) -> Result<(Projection, bool)> {
    let bias = section.flag("timm_proj_bias")?;
    let kind: Option<String> = section.optional("timm_proj")?;
    match kind.as_deref() {
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

fn pooling(section: &mut Section, linear: bool) -> Result<VisionPooling> {
    let pooling: Option<String> = section.optional("timm_pool")?;
    match pooling.as_deref() {
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

    #[test]
    fn names_tell_the_sizes() {
        let (sizes, patch, activation) = parts("vit_large_patch14_clip_quickgelu_336").unwrap();
        assert_eq!((sizes.width, sizes.layers, sizes.heads), (1024, 24, 16));
        assert_eq!((patch, activation), (14, Activation::QuickGelu));
        let (sizes, patch, activation) = parts("vit_base_patch16_clip_224").unwrap();
        assert_eq!((sizes.width, patch), (768, 16));
        assert_eq!(activation, Activation::Gelu);
    }

    #[test]
    fn other_names_are_unknown() {
        for name in [
            "convnext_base",
            "eva02_base_patch16_clip_224",
            "vit_base_patch16_224",
            "vit_base_patch16_siglip_224",
            "vit_base_patch16_clip_x",
            "vit_least_patch16_clip_224",
            "vit_base_patch_clip_224",
        ] {
            assert!(parts(name).is_none(), "{name}");
        }
    }
}
