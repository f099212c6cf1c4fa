use crate::{
    Checkpoint, Result,
    open_clip::{config::OpenClipConfig, section::Section, text, vision},
};

/// Reads `model_cfg`, with the defaults of open_clip's [`CLIPVisionCfg` and
/// `CLIPTextCfg`](https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/model.py).
pub(super) fn read(checkpoint: &Checkpoint) -> Result<OpenClipConfig> {
    let mut model = Section::of_file(checkpoint, "model_cfg")?;
    if let Some(settings) = model.optional::<serde_json::Value>("multimodal_cfg")? {
        return Err(model.refuse("multimodal_cfg", settings, "no CoCa model"));
    }
    let dimension = model.size("embed_dim", None)?;
    let quick_gelu = model.flag("quick_gelu")?;
    let sigmoid = model.optional::<f64>("init_logit_bias")?.is_some();
    // Initialisation for training, and facts that the weights' names already tell.
    model.ignore(&["custom_text", "init_logit_scale", "nonscalar_logit_scale"]);
    let vision = vision::read(model.below("vision_cfg")?, dimension, quick_gelu)?;
    let (text, tokenizer) = text::read(model.below("text_cfg")?, dimension, quick_gelu)?;
    model.end()?;
    Ok(OpenClipConfig {
        dimension,
        vision,
        text,
        tokenizer,
        sigmoid,
    })
}
