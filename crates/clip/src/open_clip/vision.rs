use serde::Deserialize;

use crate::{
    Result,
    clip::{Projection, VisionConfig, VisionPooling},
    config::{EncoderConfig, IMAGE_LIMIT},
    open_clip::{config::Vision, names, section::Section, text, trunk},
    resnet::ResNetConfig,
};

/// Reads `vision_cfg`.
pub(super) fn read(mut section: Section, dimension: usize, quick_gelu: bool) -> Result<Vision> {
    // Settings for training.
    section.ignore(&[
        "patch_dropout",
        "timm_model_pretrained",
        "timm_drop",
        "timm_drop_path",
    ]);
    section.off(&["output_tokens"])?;
    let image = image(&mut section)?;
    let vision = match section.optional::<String>("timm_model_name")? {
        Some(name) => trunk::read(&mut section, &name, image, dimension)?,
        None => match section.optional("layers")? {
            Some(Layers::Stages(layers)) => Vision::ResNet(resnet(&mut section, layers, image)?),
            Some(Layers::Blocks(layers)) => transformer(&mut section, layers, image, quick_gelu)?,
            None => transformer(&mut section, 12, image, quick_gelu)?,
        },
    };
    section.end()?;
    Ok(vision)
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a number of layers, or a list of the four stages of a residual network"
)]
enum Layers {
    Blocks(usize),
    Stages([usize; 4]),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number, or a list of height and width")]
enum Image {
    Square(usize),
    Sides([usize; 2]),
}

fn image(section: &mut Section) -> Result<usize> {
    let check = |section: &Section, size| match section.check_size("image_size", size)? {
        // Bounded, because it determines memory.
        size @ ..=IMAGE_LIMIT => Ok(size),
        size => Err(section.refuse("image_size", size, &format!("at most {IMAGE_LIMIT}"))),
    };
    match section.optional("image_size")? {
        None => Ok(224),
        Some(Image::Square(size)) => check(section, size),
        Some(Image::Sides([height, width])) if height == width => check(section, width),
        Some(Image::Sides([height, width])) => {
            Err(section.refuse("image_size", format!("[{height}, {width}]"), "a square"))
        }
    }
}

fn transformer(
    section: &mut Section,
    layers: usize,
    image: usize,
    quick_gelu: bool,
) -> Result<Vision> {
    section.off(&["attentional_pool"])?;
    section.ignore(&["attn_pooler_queries", "attn_pooler_heads"]);
    unused_of_timm(section);
    let width = section.size("width", Some(768))?;
    let head = section.size("head_width", Some(64))?;
    let heads = width / head;
    if heads == 0 || !width.is_multiple_of(heads) {
        return Err(section.refuse("head_width", head, "a width that divides `width`"));
    }
    // The embedding is saved with the weights, regardless of its kind.
    if let Some(kind) = section.optional::<String>("pos_embed_type")?
        && !["learnable", "sin_cos_2d"].contains(&kind.as_str())
    {
        let expected = "`learnable` or `sin_cos_2d`";
        return Err(section.refuse("pos_embed_type", format!("`{kind}`"), expected));
    }
    let encoder = text::encoder(section, width, heads, layers, quick_gelu)?;
    let patch = section.size("patch_size", Some(16))?;
    if patch > image {
        return Err(section.refuse("patch_size", patch, "at most `image_size`"));
    }
    let sizes = VisionConfig {
        encoder,
        channels: 3,
        image,
        patch,
        first_norm: !section.flag("no_ln_pre")?,
        pooling: pooling(section)?,
        projection: Projection::Plain,
    };
    Ok(Vision::Transformer {
        sizes,
        naming: names::vision,
    })
}

fn pooling(section: &mut Section) -> Result<VisionPooling> {
    let after = section.flag("final_ln_after_pool")?;
    match section.optional::<String>("pool_type")?.as_deref() {
        None | Some("tok") => Ok(VisionPooling::Class),
        Some("avg") if after => Ok(VisionPooling::NormOfAverage),
        Some("avg") => Ok(VisionPooling::AverageOfNormed),
        Some(other) => Err(section.refuse("pool_type", format!("`{other}`"), "`tok` or `avg`")),
    }
}

fn resnet(section: &mut Section, layers: [usize; 4], image: usize) -> Result<ResNetConfig> {
    // open_clip ignores these too.
    section.ignore(&[
        "patch_size",
        "mlp_ratio",
        "ls_init_value",
        "pool_type",
        "no_ln_pre",
        "pos_embed_type",
        "final_ln_after_pool",
        "attentional_pool",
        "attn_pooler_queries",
        "attn_pooler_heads",
        "act_kwargs",
        "norm_kwargs",
    ]);
    section.ignore(&EncoderConfig::OPEN_CLIP_VARIANTS);
    unused_of_timm(section);
    for layers in layers {
        section.check_size("layers", layers)?;
    }
    let width = section.size("width", Some(768))?;
    let head = section.size("head_width", Some(64))?;
    let config = ResNetConfig {
        width,
        layers,
        heads: width * 32 / head,
        image,
    };
    if !width.is_multiple_of(2) {
        return Err(section.refuse("width", width, "an even number"));
    }
    if config.heads == 0 || !config.features().is_multiple_of(config.heads) {
        let expected = format!("a width that divides {}", config.features());
        return Err(section.refuse("head_width", head, &expected));
    }
    if config.side() != image / ResNetConfig::REDUCTION || config.side() == 0 {
        let expected = format!("a multiple of {}", ResNetConfig::REDUCTION);
        return Err(section.refuse("image_size", image, &expected));
    }
    Ok(config)
}

fn unused_of_timm(section: &mut Section) {
    section.ignore(&["timm_pool", "timm_proj", "timm_proj_bias"]);
}
