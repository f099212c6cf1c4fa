use tokenizers::AddedToken;

use super::{
    config::{NamedTokens, TokenizerConfig},
    token::TokenJson,
};
use crate::{Checkpoint, Result, checkpoint::SPECIAL_TOKENS};

/// Tokens that are matched before a text is split into words.
pub(crate) struct SpecialTokens {
    /// The tokens listed in the files.
    pub(crate) added: Vec<AddedToken>,
    pub(crate) beginning: AddedToken,
    pub(crate) end: AddedToken,
    pub(crate) unknown: AddedToken,
    pub(crate) padding: AddedToken,
    pub(crate) mask: Option<AddedToken>,
}

impl SpecialTokens {
    /// Reads `tokenizer_config.json`. If it is of the old form without `added_tokens_decoder`, the tokens come from
    /// `tokenizer.json`, and `special_tokens_map.json` takes precedence.
    ///
    /// `choose` selects the special tokens with a function that looks up a token in the files or returns its default.
    pub(crate) fn read(
        checkpoint: &Checkpoint,
        config: &TokenizerConfig,
        saved: &[TokenJson],
        choose: impl FnOnce(&dyn Fn(fn(&NamedTokens) -> &Option<TokenJson>, &str) -> AddedToken) -> Self,
    ) -> Result<Self> {
        let (added, map): (Vec<AddedToken>, Option<NamedTokens>) =
            match &config.added_tokens_decoder {
                Some(tokens) => (tokens.values().cloned().map(Into::into).collect(), None),
                None => (
                    saved.iter().cloned().map(Into::into).collect(),
                    checkpoint.json(SPECIAL_TOKENS)?,
                ),
            };
        let map = map.unwrap_or_default();
        let token = |field: fn(&NamedTokens) -> &Option<TokenJson>, default: &str| {
            let json = field(&map).as_ref().or(field(&config.named).as_ref());
            let json = json.cloned();
            json.unwrap_or_else(|| TokenJson::Text(default.to_owned()))
                .into()
        };
        Ok(Self {
            added,
            ..choose(&token)
        })
    }

    /// All tokens. Of duplicates, the first wins.
    pub(crate) fn all(&self) -> Vec<AddedToken> {
        let mut all: Vec<AddedToken> = Vec::new();
        let named = [&self.beginning, &self.end, &self.unknown, &self.padding];
        for token in self.added.iter().chain(named).chain(&self.mask) {
            if all.iter().all(|known| known.content != token.content) {
                all.push(token.clone());
            }
        }
        all
    }
}
