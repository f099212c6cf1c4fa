use serde::Deserialize;

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
    pub(super) class: String,
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
}
