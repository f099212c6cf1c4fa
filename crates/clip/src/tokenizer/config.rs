use std::collections::BTreeMap;

use serde::Deserialize;

use super::token::TokenJson;

/// The used parts of `tokenizer_config.json`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct TokenizerConfig {
    tokenizer_class: Option<String>,
    /// A float, because transformers writes 10^30 for "no limit".
    model_max_length: Option<f64>,
    pub(crate) added_tokens_decoder: Option<BTreeMap<u32, TokenJson>>,
    pub(crate) do_lower_case: Option<bool>,
    pub(crate) legacy: Option<bool>,
    pub(crate) padding_side: Option<String>,
    #[serde(flatten)]
    pub(crate) named: NamedTokens,
}

impl TokenizerConfig {
    /// transformers' class, with or without the suffix `Fast`.
    pub(crate) fn class(&self) -> Option<&str> {
        let class = self.tokenizer_class.as_deref()?;
        Some(class.strip_suffix("Fast").unwrap_or(class))
    }

    /// Whether the class is CLIP's, which is the default.
    pub(crate) fn is_clip(&self) -> bool {
        matches!(self.class(), None | Some("CLIPTokenizer"))
    }

    /// The most tokens of a text, at most `context`.
    pub(crate) fn limit(&self, context: usize) -> usize {
        self.model_max_length
            .map_or(context, |limit| context.min(limit as usize))
    }
}

/// Named tokens in a settings file.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct NamedTokens {
    pub(crate) bos_token: Option<TokenJson>,
    pub(crate) eos_token: Option<TokenJson>,
    pub(crate) unk_token: Option<TokenJson>,
    pub(crate) pad_token: Option<TokenJson>,
    pub(crate) cls_token: Option<TokenJson>,
    pub(crate) sep_token: Option<TokenJson>,
    pub(crate) mask_token: Option<TokenJson>,
}
