use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use tokenizers::{
    AddedToken, PaddingParams, PostProcessor, SplitDelimiterBehavior, TruncationParams,
    models::bpe::{BPE, Merges, Vocab},
    normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers, replace::ReplacePattern},
    pre_tokenizers::{
        byte_level::ByteLevel,
        sequence::Sequence as PreTokenizers,
        split::{Split, SplitPattern},
    },
    processors::roberta::RobertaProcessing,
};

use crate::{
    Checkpoint, Error, Result,
    checkpoint::{CONFIG, MERGES, SPECIAL_TOKENS, TOKENIZER, TOKENIZER_CONFIG, VOCABULARY},
    siglip::SiglipTokenizer,
};

/// Words in CLIP's vocabulary are cut out of a text by this.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Texts to token ids, with those for the beginning and the end.
pub(crate) struct Tokenizer {
    inner: Inner,
    /// What is done to a text first.
    clean: Option<fn(&str) -> String>,
}

enum Inner {
    /// The crate `tokenizers`' own.
    Library(Box<tokenizers::Tokenizer>),
    Siglip(Box<SiglipTokenizer>),
}

impl Tokenizer {
    /// The tokenizer of a CLIP model, from `tokenizer.json`, or from `vocab.json` and `merges.txt`.
    ///
    /// As transformers does since its version 5, only vocabulary, merges and added tokens are taken from
    /// `tokenizer.json`, unless `tokenizer_config.json` names another class than `CLIPTokenizer`. Texts are cut to
    /// `context` tokens, or to the `model_max_length` of `tokenizer_config.json` when that is less; the token for the
    /// end is kept.
    pub(crate) fn clip(checkpoint: &Checkpoint, context: usize) -> Result<Self> {
        let config: TokenizerConfig = checkpoint.json(TOKENIZER_CONFIG)?.unwrap_or_default();
        let inner = match checkpoint.json::<TokenizerJson>(TOKENIZER)? {
            Some(_) if !config.is_clip() => return Self::saved(checkpoint, config.limit(context)),
            Some(json) => clip_tokenizer(checkpoint, &config, json)?,
            None => clip_tokenizer(checkpoint, &config, TokenizerJson::of_parts(checkpoint)?)?,
        };
        Self::new(inner, checkpoint, config.limit(context))
    }

    /// The tokenizer that `tokenizer.json` describes, whatever it is. Texts are cut to `context` tokens.
    pub(crate) fn saved(checkpoint: &Checkpoint, context: usize) -> Result<Self> {
        Self::new(as_saved(checkpoint)?, checkpoint, context)
    }

    /// That of a SigLIP model with a `spiece.model`.
    pub(crate) fn siglip(tokenizer: SiglipTokenizer) -> Self {
        Self {
            inner: Inner::Siglip(Box::new(tokenizer)),
            clean: None,
        }
    }

    /// The same for texts that `clean` has gone over.
    pub(crate) fn cleaning(self, clean: fn(&str) -> String) -> Self {
        Self {
            clean: Some(clean),
            ..self
        }
    }

    /// `inner`, with texts cut to `limit` tokens and padded.
    pub(crate) fn padded(
        inner: tokenizers::Tokenizer,
        checkpoint: &Checkpoint,
        limit: usize,
        padding: PaddingParams,
    ) -> Result<Self> {
        Self::with_padding(inner, checkpoint, limit, Some(padding))
    }

    /// `inner`, whose texts are cut to `limit` tokens.
    pub(crate) fn new(
        inner: tokenizers::Tokenizer,
        checkpoint: &Checkpoint,
        limit: usize,
    ) -> Result<Self> {
        Self::with_padding(inner, checkpoint, limit, None)
    }

    fn with_padding(
        mut inner: tokenizers::Tokenizer,
        checkpoint: &Checkpoint,
        limit: usize,
        padding: Option<PaddingParams>,
    ) -> Result<Self> {
        inner.with_padding(padding);
        truncate(&mut inner, checkpoint, limit)?;
        Ok(Self {
            inner: Inner::Library(Box::new(inner)),
            clean: None,
        })
    }

    /// Whether the files that this needs are there.
    pub(crate) fn check(checkpoint: &Checkpoint) -> Result<()> {
        if checkpoint.file(TOKENIZER).is_some()
            || (has(checkpoint, VOCABULARY) && has(checkpoint, MERGES))
        {
            return Ok(());
        }
        let missing = match (has(checkpoint, VOCABULARY), has(checkpoint, MERGES)) {
            (true, _) => MERGES,
            (_, true) => VOCABULARY,
            _ => TOKENIZER,
        };
        Err(checkpoint.missing(missing))
    }

    /// The ids of `text`, without padding unless the model was trained with it.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let clean = self.clean.map(|clean| clean(text));
        let text = clean.as_deref().unwrap_or(text);
        let inner = match &self.inner {
            Inner::Siglip(tokenizer) => return Ok(tokenizer.encode(text)),
            Inner::Library(inner) => inner,
        };
        let encoding = inner.encode_fast(text, true);
        let encoding = encoding.map_err(|source| Error::Tokenize {
            bytes: text.len(),
            source,
        })?;
        Ok(encoding.get_ids().to_vec())
    }
}

pub(crate) fn as_saved(checkpoint: &Checkpoint) -> Result<tokenizers::Tokenizer> {
    let bytes = checkpoint.require(TOKENIZER)?;
    tokenizers::Tokenizer::from_bytes(bytes).map_err(unusable(checkpoint, TOKENIZER))
}

fn has(checkpoint: &Checkpoint, name: &str) -> bool {
    checkpoint.file(name).is_some()
}

pub(crate) fn unusable(
    checkpoint: &Checkpoint,
    name: &str,
) -> impl FnOnce(tokenizers::Error) -> Error {
    let file = checkpoint.place(name);
    move |source| Error::Tokenizer { file, source }
}

fn truncate(
    inner: &mut tokenizers::Tokenizer,
    checkpoint: &Checkpoint,
    limit: usize,
) -> Result<()> {
    // The library would subtract below 0.
    let added = inner
        .get_post_processor()
        .map_or(0, |processor| processor.added_tokens(false));
    if limit <= added {
        let expected = format!("more than the {added} tokens that every text has");
        return Err(Error::setting(
            &checkpoint.place(CONFIG),
            "max_position_embeddings",
            limit,
            &expected,
        ));
    }
    let truncation = TruncationParams {
        max_length: limit,
        ..TruncationParams::default()
    };
    let done = inner.with_truncation(Some(truncation));
    done.map(|_| ()).map_err(unusable(checkpoint, TOKENIZER))
}

/// The steps of transformers'
/// [`CLIPTokenizer`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/clip/tokenization_clip.py).
fn clip_tokenizer(
    checkpoint: &Checkpoint,
    config: &TokenizerConfig,
    json: TokenizerJson,
) -> Result<tokenizers::Tokenizer> {
    let unusable = || unusable(checkpoint, json.file);
    let special = SpecialTokens::clip(checkpoint, config, &json.added_tokens)?;
    let mark = |token: &AddedToken| match json.model.vocab.get(&token.content) {
        Some(id) => Ok((token.content.clone(), *id)),
        None => Err(unusable()(
            format!("there is no token `{}`", token.content).into(),
        )),
    };
    let marks = RobertaProcessing::new(mark(&special.end)?, mark(&special.beginning)?);
    let merges = json.model.merges.into_iter().map(MergeJson::pieces);
    let merges = merges
        .collect::<tokenizers::Result<_>>()
        .map_err(unusable())?;
    build(
        json.model.vocab.into_iter().collect(),
        merges,
        marks,
        &special,
    )
    .map_err(unusable())
}

fn build(
    vocabulary: Vocab,
    merges: Merges,
    marks: RobertaProcessing,
    special: &SpecialTokens,
) -> tokenizers::Result<tokenizers::Tokenizer> {
    let model = BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .continuing_subword_prefix(String::new())
        .end_of_word_suffix("</w>".to_owned())
        .unk_token(special.unknown.content.clone())
        .build()?;
    let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ")?;
    let words = Split::new(
        SplitPattern::Regex(WORDS.to_owned()),
        SplitDelimiterBehavior::Removed,
        true,
    )?;
    let bytes = ByteLevel::new(false, true, true);
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer
        .with_normalizer(Some(Normalizers::new(vec![
            NFC.into(),
            spaces.into(),
            Lowercase.into(),
        ])))?
        .with_pre_tokenizer(Some(PreTokenizers::new(vec![words.into(), bytes.into()])))
        .with_post_processor(Some(marks.trim_offsets(false).add_prefix_space(false)))
        .add_tokens(special.all())?;
    Ok(tokenizer)
}

/// `tokenizer.json`, as far as it matters.
#[derive(Deserialize)]
pub(crate) struct TokenizerJson {
    /// The file to blame.
    #[serde(skip, default = "tokenizer_file")]
    file: &'static str,
    #[serde(default)]
    pub(crate) added_tokens: Vec<TokenJson>,
    pub(crate) model: ModelJson,
}

fn tokenizer_file() -> &'static str {
    TOKENIZER
}

#[derive(Deserialize)]
pub(crate) struct ModelJson {
    #[serde(default)]
    pub(crate) vocab: HashMap<String, u32>,
    #[serde(default)]
    pub(crate) merges: Vec<MergeJson>,
}

/// Two pieces, with a space between in older files.
pub(crate) enum MergeJson {
    Line(String),
    Pair(String, String),
}

// Written by hand, as `untagged` would keep a copy of each of the 580,000 merges that some models have.
impl<'de> Deserialize<'de> for MergeJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = MergeJson;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text of two pieces, or an array of them")
            }

            fn visit_str<E>(self, line: &str) -> Result<MergeJson, E> {
                Ok(MergeJson::Line(line.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, pair: A) -> Result<MergeJson, A::Error> {
                let pair = SeqAccessDeserializer::new(pair);
                let (first, second) = Deserialize::deserialize(pair)?;
                Ok(MergeJson::Pair(first, second))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl MergeJson {
    pub(crate) fn pieces(self) -> tokenizers::Result<(String, String)> {
        match self {
            Self::Pair(first, second) => Ok((first, second)),
            Self::Line(line) => match line.split_once(' ') {
                Some((first, second)) if !second.contains(' ') => {
                    Ok((first.to_owned(), second.to_owned()))
                }
                _ => Err(
                    format!("the merge `{line}` has not two pieces with a space between").into(),
                ),
            },
        }
    }
}

impl TokenizerJson {
    /// From `vocab.json` and `merges.txt`.
    fn of_parts(checkpoint: &Checkpoint) -> Result<Self> {
        let vocab = checkpoint.require_json(VOCABULARY)?;
        let merges = std::str::from_utf8(checkpoint.require(MERGES)?);
        let merges = merges.map_err(|error| unusable(checkpoint, MERGES)(error.into()))?;
        let merges = merges.lines().filter(|line| !line.starts_with("#version"));
        let merges = merges
            .map(|line| MergeJson::Line(line.to_owned()))
            .collect();
        Ok(Self {
            file: MERGES,
            added_tokens: Vec::new(),
            model: ModelJson { vocab, merges },
        })
    }
}

/// `tokenizer_config.json`, as far as it matters.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct TokenizerConfig {
    tokenizer_class: Option<String>,
    /// A floating-point number, because transformers writes 10^30 for "no limit".
    model_max_length: Option<f64>,
    pub(crate) added_tokens_decoder: Option<BTreeMap<u32, TokenJson>>,
    pub(crate) do_lower_case: Option<bool>,
    pub(crate) legacy: Option<bool>,
    pub(crate) padding_side: Option<String>,
    #[serde(flatten)]
    pub(crate) named: NamedTokens,
}

impl TokenizerConfig {
    /// The class that transformers is to use, by the name it has without and with `Fast`.
    pub(crate) fn class(&self) -> Option<&str> {
        let class = self.tokenizer_class.as_deref()?;
        Some(class.strip_suffix("Fast").unwrap_or(class))
    }

    fn is_clip(&self) -> bool {
        matches!(self.class(), None | Some("CLIPTokenizer"))
    }

    /// The most tokens of a text, of `context`.
    pub(crate) fn limit(&self, context: usize) -> usize {
        self.model_max_length
            .map_or(context, |limit| context.min(limit as usize))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct NamedTokens {
    pub(crate) bos_token: Option<TokenJson>,
    pub(crate) eos_token: Option<TokenJson>,
    pub(crate) unk_token: Option<TokenJson>,
    pub(crate) pad_token: Option<TokenJson>,
    cls_token: Option<TokenJson>,
    sep_token: Option<TokenJson>,
    mask_token: Option<TokenJson>,
}

/// A special token as files of different ages have it.
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

/// The tokens that are found in a text before it is cut into words.
pub(crate) struct SpecialTokens {
    added: Vec<AddedToken>,
    pub(crate) beginning: AddedToken,
    pub(crate) end: AddedToken,
    pub(crate) unknown: AddedToken,
    padding: AddedToken,
    mask: Option<AddedToken>,
}

impl SpecialTokens {
    /// Those of CLIP.
    fn clip(
        checkpoint: &Checkpoint,
        config: &TokenizerConfig,
        saved: &[TokenJson],
    ) -> Result<Self> {
        Self::read(checkpoint, config, saved, |token| Self {
            added: Vec::new(),
            beginning: token(|named| &named.bos_token, "<|startoftext|>"),
            end: token(|named| &named.eos_token, "<|endoftext|>"),
            unknown: token(|named| &named.unk_token, "<|endoftext|>"),
            padding: token(|named| &named.pad_token, "<|endoftext|>"),
            mask: None,
        })
    }

    /// Those of BERT.
    pub(crate) fn bert(
        checkpoint: &Checkpoint,
        config: &TokenizerConfig,
        saved: &[TokenJson],
    ) -> Result<Self> {
        Self::read(checkpoint, config, saved, |token| Self {
            added: Vec::new(),
            beginning: token(|named| &named.cls_token, "[CLS]"),
            end: token(|named| &named.sep_token, "[SEP]"),
            unknown: token(|named| &named.unk_token, "[UNK]"),
            padding: token(|named| &named.pad_token, "[PAD]"),
            mask: Some(token(|named| &named.mask_token, "[MASK]")),
        })
    }

    /// From `tokenizer_config.json`. When that is of the old kind, without `added_tokens_decoder`, those of
    /// `tokenizer.json` stand for it, and `special_tokens_map.json` counts for more.
    ///
    /// `choose` says which there are, with what finds a token in the files or takes its default.
    fn read(
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Reads the tokenizer in `tests/fixtures/strings/{form}` and compares its ids with transformers', which are in
    /// column `column` of `strings.jsonl`, or in column 1 when both forms have the same.
    #[track_caller]
    fn case(form: &str, column: usize) {
        let strings = Path::new("tests/fixtures/strings");
        let checkpoint = Checkpoint::open(&strings.join(form)).unwrap();
        let tokenizer = Tokenizer::clip(&checkpoint, 77).unwrap();
        let rows = std::fs::read_to_string(strings.join("strings.jsonl")).unwrap();
        let mut count = 0;
        for row in rows.split_terminator('\n') {
            let row: Vec<serde_json::Value> = serde_json::from_str(row).unwrap();
            let text = row[0].as_str().unwrap();
            let expected: Vec<u32> =
                serde_json::from_value(row.get(column).unwrap_or(&row[1]).clone()).unwrap();
            assert_eq!(
                tokenizer.encode(text).unwrap(),
                expected,
                "{form}, {text:?}"
            );
            count += 1;
        }
        assert!(count >= 2000, "{count} strings");
    }

    #[test]
    fn ids_from_vocabulary_and_merges_equal_transformers() {
        case("parts", 1);
    }

    #[test]
    fn ids_from_one_file_equal_transformers() {
        case("whole", 2);
    }

    #[test]
    fn a_limit_that_leaves_no_room_is_refused() {
        let checkpoint = Checkpoint::open(Path::new("tests/fixtures/strings/parts")).unwrap();
        let error = Tokenizer::clip(&checkpoint, 2).err().unwrap();
        assert!(
            error
                .to_string()
                .ends_with("is 2, expected more than the 2 tokens that every text has"),
            "{error}"
        );
    }
}
