use serde::Deserialize;

/// The file that lists the modules of a sentence-transformers checkpoint.
pub(crate) const MODULES: &str = "modules.json";

/// A sentence-transformers module, as listed in
/// [`modules.json`](https://github.com/huggingface/sentence-transformers/blob/main/sentence_transformers/base/model.py).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Module {
    /// The folder of its files; empty if they are beside `modules.json`.
    pub(crate) path: String,
    /// Its Python class.
    #[serde(rename = "type")]
    pub(super) class: String,
}

impl Module {
    /// Whether its folder is the directory itself or inside it. The path comes from a file, so it must not leave the
    /// directory.
    pub(crate) fn is_inside(&self) -> bool {
        !self.path.contains(['/', '\\', '\0']) && self.path != "." && self.path != ".."
    }

    /// The path of its file `name`.
    pub(crate) fn file(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        }
    }

    /// The class without its Python module, which differs between versions; `None` for third-party classes.
    pub(crate) fn kind(&self) -> Option<&str> {
        let class = self.class.strip_prefix("sentence_transformers.")?;
        class.rsplit('.').next()
    }
}
