use serde::Deserialize;
use tokenizers::{
    NormalizerWrapper,
    models::{bpe::Vocab, wordpiece::WordPiece},
    normalizers::{BertNormalizer, Lowercase, Sequence},
    pre_tokenizers::bert::BertPreTokenizer,
    processors::bert::BertProcessing,
};

use crate::{
    Checkpoint, Error, Result,
    checkpoint::{TOKENIZER, TOKENIZER_CONFIG, WORD_PIECES},
    tokenizer::{
        SpecialTokens, TokenJson, Tokenizer, TokenizerConfig, TokenizerJson, as_saved, unusable,
    },
};

/// The settings in `tokenizer_config.json` that only BERT's tokenizer has.
#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    do_lower_case: bool,
    tokenize_chinese_chars: bool,
    strip_accents: Option<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            do_lower_case: true,
            tokenize_chinese_chars: true,
            strip_accents: None,
        }
    }
}

/// Tokenizers that are rebuilt from their vocabulary, as in transformers 5.
const CLASSES: [&str; 2] = ["BertTokenizer", "DistilBertTokenizer"];

/// Changes that sentence-transformers makes to a tokenizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenizerWishes {
    /// The most tokens of a text, overriding `tokenizer_config.json`.
    pub(crate) limit: Option<usize>,
    /// Whether to lower-case texts first.
    pub(crate) lowercase: bool,
}

/// Opens a BERT or DistilBERT tokenizer from `tokenizer.json` or `vocab.txt`. Texts are truncated to at most `context`
/// tokens, including the end token.
///
/// As in transformers 5's
/// [`BertTokenizer`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/bert/tokenization_bert.py),
/// `tokenizer.json` provides only vocabulary and added tokens, and `tokenizer_config.json` the settings. If the latter
/// names another class, all of `tokenizer.json` applies.
pub(crate) fn tokenizer(
    checkpoint: &Checkpoint,
    context: usize,
    wishes: TokenizerWishes,
) -> Result<Tokenizer> {
    let config: TokenizerConfig = checkpoint.json(TOKENIZER_CONFIG)?.unwrap_or_default();
    let limit = wishes
        .limit
        .unwrap_or_else(|| config.limit(context))
        .min(context);
    let mut inner = inner(checkpoint, &config)?;
    if wishes.lowercase {
        lowercase(&mut inner).map_err(unusable(checkpoint, TOKENIZER))?;
    }
    Tokenizer::new(inner.into_inner(), checkpoint, limit)
}

/// Checks that the tokenizer's files exist.
pub(crate) fn check_tokenizer(checkpoint: &Checkpoint) -> Result<()> {
    let there = |name| checkpoint.file(name).is_some();
    if there(TOKENIZER) || there(WORD_PIECES) {
        Ok(())
    } else {
        Err(checkpoint.missing(TOKENIZER))
    }
}

fn inner(checkpoint: &Checkpoint, config: &TokenizerConfig) -> Result<tokenizers::Tokenizer> {
    match config.class().filter(|class| !CLASSES.contains(class)) {
        None => of_vocabulary(checkpoint, config),
        Some(_) if checkpoint.file(TOKENIZER).is_some() => as_saved(checkpoint),
        Some(class) => Err(Error::setting(
            &checkpoint.path_of(TOKENIZER_CONFIG),
            "tokenizer_class",
            format!("`{class}`"),
            &format!("one of {}, or a `tokenizer.json`", quoted(&CLASSES)),
        )),
    }
}

/// Inserts lower-casing as the first step unless it exists, as sentence-transformers does for `do_lower_case`.
fn lowercase(tokenizer: &mut tokenizers::Tokenizer) -> tokenizers::Result<()> {
    let mut steps = match tokenizer.get_normalizer().cloned() {
        None => Vec::new(),
        Some(NormalizerWrapper::Sequence(steps)) => steps.as_ref().to_vec(),
        Some(step) => vec![step],
    };
    let lowers = |step: &NormalizerWrapper| matches!(step, NormalizerWrapper::Lowercase(_));
    if !steps.iter().any(lowers) {
        steps.insert(0, Lowercase.into());
        tokenizer.with_normalizer(Some(Sequence::new(steps)))?;
    }
    Ok(())
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn of_vocabulary(
    checkpoint: &Checkpoint,
    config: &TokenizerConfig,
) -> Result<tokenizers::Tokenizer> {
    let settings: Settings = checkpoint.json(TOKENIZER_CONFIG)?.unwrap_or_default();
    let (file, vocabulary, added) = match checkpoint.json::<TokenizerJson>(TOKENIZER)? {
        Some(json) => (TOKENIZER, json.model.vocab, json.added_tokens),
        None => (WORD_PIECES, lines(checkpoint)?, Vec::new()),
    };
    let special = special_tokens(checkpoint, config, &added)?;
    let mark = |token: &str| match vocabulary.get(token) {
        Some(&id) => Ok((token.to_owned(), id)),
        None => {
            let cause = format!("the vocabulary lacks the token `{token}`");
            Err(unusable(checkpoint, file)(cause.into()))
        }
    };
    let marks = BertProcessing::new(
        mark(&special.end.content)?,
        mark(&special.beginning.content)?,
    );
    let unknown = mark(&special.unknown.content)?.0;
    build(vocabulary, unknown, &settings, marks, &special).map_err(unusable(checkpoint, file))
}

/// The special tokens, with BERT's defaults.
fn special_tokens(
    checkpoint: &Checkpoint,
    config: &TokenizerConfig,
    saved: &[TokenJson],
) -> Result<SpecialTokens> {
    SpecialTokens::read(checkpoint, config, saved, |token| SpecialTokens {
        added: Vec::new(),
        beginning: token(|named| &named.cls_token, "[CLS]"),
        end: token(|named| &named.sep_token, "[SEP]"),
        unknown: token(|named| &named.unk_token, "[UNK]"),
        padding: token(|named| &named.pad_token, "[PAD]"),
        mask: Some(token(|named| &named.mask_token, "[MASK]")),
    })
}

fn build(
    vocabulary: Vocab,
    unknown: String,
    settings: &Settings,
    marks: BertProcessing,
    special: &SpecialTokens,
) -> tokenizers::Result<tokenizers::Tokenizer> {
    let pieces = WordPiece::builder()
        .vocab(vocabulary)
        .unk_token(unknown)
        .build()?;
    let mut tokenizer = tokenizers::Tokenizer::new(pieces);
    tokenizer
        .with_normalizer(Some(BertNormalizer::new(
            true,
            settings.tokenize_chinese_chars,
            settings.strip_accents,
            settings.do_lower_case,
        )))?
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(marks))
        .add_tokens(special.all())?;
    Ok(tokenizer)
}

/// Reads `vocab.txt`: one token a line; its id is the line's index from 0.
fn lines(checkpoint: &Checkpoint) -> Result<Vocab> {
    let text = std::str::from_utf8(checkpoint.require(WORD_PIECES)?);
    let text = text.map_err(|error| unusable(checkpoint, WORD_PIECES)(error.into()))?;
    let lines = text.lines().map(|line| line.trim_end().to_owned());
    Ok(lines.zip(0..).collect())
}
