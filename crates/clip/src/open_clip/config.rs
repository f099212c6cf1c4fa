use crate::{
    Checkpoint, Result,
    clip::{TextConfig, VisionConfig},
    open_clip::{
        section::Section,
        text,
        vision::{self, Naming},
    },
    resnet::ResNetConfig,
};

/// What `open_clip_config.json` says of the model, with the defaults of open_clip's
/// [`CLIPVisionCfg` and `CLIPTextCfg`](https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/model.py).
#[derive(Debug)]
pub(super) struct OpenClipConfig {
    /// Length of the vectors that both towers end in.
    pub(super) dimension: usize,
    pub(super) vision: Vision,
    pub(super) text: TextConfig,
    pub(super) tokenizer: TokenizerConfig,
    /// Whether every label has a probability of its own.
    pub(super) sigmoid: bool,
}

/// The kinds of vision tower.
#[derive(Debug)]
pub(super) enum Vision {
    Transformer {
        sizes: VisionConfig,
        naming: Naming,
    },
    ResNet(ResNetConfig),
    /// SigLIP's transformer, in timm.
    Siglip(VisionConfig),
}

/// What tokenizer makes token ids.
#[derive(Debug)]
pub(super) struct TokenizerConfig {
    /// Whether it is one of transformers'; otherwise it is CLIP's.
    pub(super) of_transformers: bool,
    /// Whether it brings every text to one length.
    pub(super) pads: bool,
    /// Whether texts lose their punctuation and become lower case first.
    pub(super) canonical: bool,
}

impl OpenClipConfig {
    pub(super) fn read(checkpoint: &Checkpoint) -> Result<Self> {
        let mut model = Section::of_file(checkpoint, "model_cfg")?;
        if let Some(settings) = model.optional::<serde_json::Value>("multimodal_cfg")? {
            return Err(model.refuse("multimodal_cfg", settings, "no CoCa model, which has it"));
        }
        let dimension = model.size("embed_dim", None)?;
        let quick_gelu = model.flag("quick_gelu")?;
        let sigmoid = model.optional::<f64>("init_logit_bias")?.is_some();
        // How training begins, and what the weights' names say by themselves.
        model.ignore(&["custom_text", "init_logit_scale", "nonscalar_logit_scale"]);
        let vision = vision::read(model.below("vision_cfg")?, dimension, quick_gelu)?;
        let (text, tokenizer) = text::read(model.below("text_cfg")?, dimension, quick_gelu)?;
        model.end()?;
        Ok(Self {
            dimension,
            vision,
            text,
            tokenizer,
            sigmoid,
        })
    }
}
