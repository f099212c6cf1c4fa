use nn::Activation;
use serde::Deserialize;

use crate::{
    Result,
    cleaning::Cleaning,
    clip::{Projection, TextConfig, TextPooling},
    config::EncoderConfig,
    open_clip::{config::TokenizerConfig, section::Section},
    siglip::CONTEXT_LIMIT,
};

impl EncoderConfig {
    /// Switches for unsupported kinds of layers.
    pub(super) const OPEN_CLIP_VARIANTS: [&str; 7] = [
        "block_type",
        "qk_norm",
        "scaled_cosine_attn",
        "scale_heads",
        "scale_attn_inner",
        "scale_attn",
        "scale_fc",
    ];
}

/// Reads `text_cfg`: the tower's sizes, and its tokenizer.
pub(super) fn read(
    mut section: Section,
    dimension: usize,
    quick_gelu: bool,
) -> Result<(TextConfig, TokenizerConfig)> {
    if let Some(name) = section.optional::<String>("hf_model_name")? {
        let expected = "a text tower of CLIP's own, not one of transformers'";
        return Err(section.refuse("hf_model_name", format!("`{name}`"), expected));
    }
    if section.flag("embed_cls")? {
        return Err(section.refuse("embed_cls", true, "no text tower of CoCa's, which has it"));
    }
    // Settings for transformers' text towers, CoCa's mask, and training.
    section.ignore(&[
        "hf_model_pretrained",
        "hf_proj_type",
        "hf_pooler_type",
        "pad_id",
    ]);
    section.off(&["output_tokens", "tokenizer_mode"])?;
    let width = section.size("width", Some(512))?;
    let heads = section.size("heads", Some(8))?;
    if !width.is_multiple_of(heads) {
        return Err(section.refuse("heads", heads, &format!("a divisor of `width`, {width}")));
    }
    let layers = section.optional("layers")?.unwrap_or(12);
    let (causal, pooling) = (!section.flag("no_causal_mask")?, pooling(&mut section)?);
    let tokenizer = tokenizer(&mut section)?;
    let mut config = TextConfig {
        encoder: encoder(&mut section, width, heads, layers, quick_gelu)?,
        vocabulary: section.size("vocab_size", Some(49408))?,
        context: context(&mut section)?,
        pooling,
        causal,
        padding: None,
        projection: projection(&mut section, width, dimension)?,
    };
    if config.is_read_whole() && !tokenizer.of_transformers {
        // open_clip's tokenizer pads with 0; those of transformers pad with their own tokens.
        config.padding = Some(0);
    }
    // The order does not matter, because only one token is pooled.
    section.ignore(&["final_ln_after_pool"]);
    section.end()?;
    Ok((config, tokenizer))
}

/// The layers of either tower.
pub(super) fn encoder(
    section: &mut Section,
    width: usize,
    heads: usize,
    layers: usize,
    quick_gelu: bool,
) -> Result<EncoderConfig> {
    section.off(&EncoderConfig::OPEN_CLIP_VARIANTS)?;
    Ok(EncoderConfig {
        width,
        inner: section.multiple("mlp_ratio", width)?,
        heads,
        layers: section.check_size("layers", layers)?,
        epsilon: epsilon(section)?,
        activation: activation(section, quick_gelu)?,
        layer_scale: section.optional::<f64>("ls_init_value")?.is_some(),
    })
}

fn epsilon(section: &mut Section) -> Result<f64> {
    let mut norm = section.below("norm_kwargs")?;
    let epsilon = norm.optional("eps")?.unwrap_or(1e-5);
    norm.end()?;
    Ok(epsilon)
}

fn activation(section: &mut Section, quick_gelu: bool) -> Result<Activation> {
    let mut settings = section.below("act_kwargs")?;
    let approximate: Option<String> = settings.optional("approximate")?;
    let activation = match (quick_gelu, approximate.as_deref()) {
        (true, None) => Activation::QuickGelu,
        (false, None | Some("none")) => Activation::Gelu,
        (false, Some("tanh")) => Activation::GeluTanh,
        (_, Some(other)) => {
            let expected = "`tanh` or `none`, and neither with `quick_gelu`";
            return Err(settings.refuse("approximate", format!("`{other}`"), expected));
        }
    };
    settings.end()?;
    Ok(activation)
}

fn pooling(section: &mut Section) -> Result<TextPooling> {
    let end = section.optional("eos_id")?.unwrap_or(2);
    match section.optional::<String>("pool_type")?.as_deref() {
        None | Some("argmax") => Ok(TextPooling::HighestId),
        Some("eos") => Ok(TextPooling::First(end)),
        Some("last") => Ok(TextPooling::Last),
        Some("first") => Ok(TextPooling::Beginning),
        Some(other) => {
            let expected = "`argmax`, `eos`, `last` or `first`";
            Err(section.refuse("pool_type", format!("`{other}`"), expected))
        }
    }
}

fn projection(section: &mut Section, width: usize, dimension: usize) -> Result<Projection> {
    let bias = section.flag("proj_bias")?;
    match section.optional::<String>("proj_type")?.as_deref() {
        None | Some("linear") if bias => Ok(Projection::Biased),
        None | Some("linear") => Ok(Projection::Plain),
        Some("none") if width == dimension => Ok(Projection::Nothing),
        Some("none") => {
            let expected = format!("`linear`, as `width` is not {dimension}");
            Err(section.refuse("proj_type", "`none`", &expected))
        }
        Some(other) => Err(section.refuse("proj_type", format!("`{other}`"), "`linear` or `none`")),
    }
}

/// Settings of the cleaning before tokenization.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TokenizerSettings {
    clean: Option<String>,
}

/// Bounded, because it determines memory.
fn context(section: &mut Section) -> Result<usize> {
    let context = section.size("context_length", Some(77))?;
    match context {
        ..=CONTEXT_LIMIT => Ok(context),
        _ => Err(section.refuse(
            "context_length",
            context,
            &format!("at most {CONTEXT_LIMIT}"),
        )),
    }
}

fn tokenizer(section: &mut Section) -> Result<TokenizerConfig> {
    let name: Option<String> = section.optional("hf_tokenizer_name")?;
    let of_transformers = name.is_some_and(|name| !name.is_empty());
    let settings: TokenizerSettings = section.optional("tokenizer_kwargs")?.unwrap_or_default();
    let cleaning = match settings.clean.as_deref() {
        Some(name) => Cleaning::named(name).ok_or_else(|| {
            let expected = "`clean` to be `lower`, `whitespace` or `canonicalize`";
            section.refuse("tokenizer_kwargs", format!("`{name}`"), expected)
        })?,
        None if of_transformers => Cleaning::Whitespace,
        None => Cleaning::Lower,
    };
    Ok(TokenizerConfig {
        of_transformers,
        cleaning,
    })
}
