use serde::Deserialize;
use tokenizers::AddedToken;

/// A special token, in the forms of older and newer files.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum TokenJson {
    Text(String),
    Object {
        content: String,
        #[serde(default)]
        lstrip: bool,
        #[serde(default)]
        rstrip: bool,
        #[serde(default)]
        single_word: bool,
        #[serde(default)]
        normalized: bool,
        #[serde(default)]
        special: bool,
    },
}

impl TokenJson {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Object { content, .. } => content,
        }
    }

    pub(crate) fn is_special(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Object { special, .. } => *special,
        }
    }
}

impl From<TokenJson> for AddedToken {
    fn from(json: TokenJson) -> Self {
        match json {
            TokenJson::Text(text) => Self::from(text, true),
            TokenJson::Object {
                content,
                lstrip,
                rstrip,
                single_word,
                normalized,
                ..
            } => {
                let token = Self::from(content, true).lstrip(lstrip).rstrip(rstrip);
                token.single_word(single_word).normalized(normalized)
            }
        }
    }
}
