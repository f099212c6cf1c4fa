//! sentence-transformers modules of models that do not need them.

use serde::Deserialize;
use serde_json::Value;

use crate::{Checkpoint, Error, Result, checkpoint::PROMPTS};

#[derive(Default, Deserialize)]
#[serde(default)]
struct PromptsJson {
    default_prompt_name: Option<String>,
}

/// Rejects modules, and a prompt, that would change the embeddings of a model that is complete without them.
pub(crate) fn reject_relevant_modules(checkpoint: &Checkpoint) -> Result<()> {
    reject_prompts(checkpoint)?;
    let others = checkpoint.modules().iter().skip(1);
    match others
        .into_iter()
        .find(|module| module.kind() != Some("Normalize"))
    {
        None => Ok(()),
        Some(module) => {
            Err(checkpoint.unsupported_module(module, "`Normalize` behind a CLIP model"))
        }
    }
}

/// Rejects a prompt that would precede every text.
pub(crate) fn reject_prompts(checkpoint: &Checkpoint) -> Result<()> {
    let json: PromptsJson = checkpoint.json(PROMPTS)?.unwrap_or_default();
    match json.default_prompt_name {
        None => Ok(()),
        Some(name) => Err(Error::setting(
            &checkpoint.path_of(PROMPTS),
            "default_prompt_name",
            Value::String(name),
            "none",
        )),
    }
}
