use serde::Deserialize;

use crate::{Checkpoint, Error, Result, sentence::refuse_prompts};

/// The file that lists the modules of a checkpoint of sentence-transformers.
pub(crate) const MODULES: &str = "modules.json";

/// A part of a checkpoint of sentence-transformers, as
/// [`modules.json`](https://github.com/huggingface/sentence-transformers/blob/main/sentence_transformers/base/model.py) has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Module {
    /// The folder of its files; empty where they lie beside `modules.json`.
    pub(crate) path: String,
    /// Its Python class.
    #[serde(rename = "type")]
    class: String,
}

impl Module {
    /// Whether its folder is the directory itself or one in it. The path comes from a file: nothing outside is read.
    pub(crate) fn is_inside(&self) -> bool {
        !self.path.contains(['/', '\\', '\0']) && self.path != "." && self.path != ".."
    }

    /// The name of the file that its folder has as `name`.
    pub(crate) fn file(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        }
    }

    /// The class without where it lies, which changes from version to version; `None` for classes of others.
    pub(crate) fn kind(&self) -> Option<&str> {
        let class = self.class.strip_prefix("sentence_transformers.")?;
        class.rsplit('.').next()
    }

    /// The error for a class that cannot be here.
    pub(crate) fn refuse(&self, checkpoint: &Checkpoint, expected: &str) -> Error {
        let found = format!("`{}`", self.class);
        Error::setting(&checkpoint.place(MODULES), "type", found, expected)
    }
}

/// Refuses modules, and a prompt, that would change the vectors of a model that is complete without them.
pub(crate) fn expect_none_that_matter(checkpoint: &Checkpoint) -> Result<()> {
    refuse_prompts(checkpoint)?;
    let others = checkpoint.modules().iter().skip(1);
    match others
        .into_iter()
        .find(|module| module.kind() != Some("Normalize"))
    {
        None => Ok(()),
        Some(module) => Err(module.refuse(checkpoint, "`Normalize` behind a CLIP model")),
    }
}
