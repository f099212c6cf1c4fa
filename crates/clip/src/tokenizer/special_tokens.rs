use tokenizers::AddedToken;

use super::{
    config::{NamedTokens, TokenizerConfig},
    token::TokenJson,
};
use crate::{Checkpoint, Result, checkpoint::SPECIAL_TOKENS};

/// The tokens that are found in a text before it is cut into words.
pub(crate) struct SpecialTokens {
    /// Those that the files list.
    pub(crate) added: Vec<AddedToken>,
    pub(crate) beginning: AddedToken,
    pub(crate) end: AddedToken,
    pub(crate) unknown: AddedToken,
    pub(crate) padding: AddedToken,
    pub(crate) mask: Option<AddedToken>,
}

impl SpecialTokens {
    /// From `tokenizer_config.json`. When that is of the old kind, without `added_tokens_decoder`, those of
    /// `tokenizer.json` stand for it, and `special_tokens_map.json` counts for more.
    ///
    /// `choose` says which there are, with what finds a token in the files or takes its default.
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

    /// All of them. Of several with one text the first counts.
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
