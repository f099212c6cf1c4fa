use serde::Deserialize;
use tokenizers::{
    AddedToken, PaddingDirection, PaddingParams, PaddingStrategy, PostProcessorWrapper,
    SplitDelimiterBehavior,
    models::bpe::BPE,
    normalizers::{Lowercase, Replace, Sequence as Normalizers},
    pre_tokenizers::split::{Split, SplitPattern},
};

use crate::{
    Checkpoint, Error, Result,
    checkpoint::{CONFIG, SENTENCEPIECE, SPECIAL_TOKENS, TOKENIZER, TOKENIZER_CONFIG},
    sentencepiece::SentencePiece,
    tokenizer::{
        Encode, ModelJson, NamedTokens, TokenJson, Tokenizer, TokenizerConfig, as_saved, unusable,
    },
};

/// Represents a space in the vocabularies.
const SPACE: char = '\u{2581}';

/// Checks that the tokenizer's files exist.
pub(crate) fn check_tokenizer(checkpoint: &Checkpoint) -> Result<()> {
    match [SENTENCEPIECE, TOKENIZER].map(|name| checkpoint.file(name)) {
        [None, None] => Err(checkpoint.missing("tokenizer.json` or `spiece.model")),
        _ => Ok(()),
    }
}

/// Opens a SigLIP tokenizer, which truncates or pads every text to `context` tokens, or to the `model_max_length` of
/// `tokenizer_config.json` if that is less.
///
/// As in transformers, `tokenizer_class` in `tokenizer_config.json` selects the files: `SiglipTokenizer` reads
/// `spiece.model` or, if absent, `tokenizer.json`; other classes read `tokenizer.json`.
pub(crate) fn open_tokenizer(checkpoint: &Checkpoint, context: usize) -> Result<Tokenizer> {
    let config: TokenizerConfig = checkpoint.json(TOKENIZER_CONFIG)?.unwrap_or_default();
    let limit = config.limit(context);
    match config.class() {
        None | Some("SiglipTokenizer") if checkpoint.file(SENTENCEPIECE).is_some() => {
            let tokenizer = SiglipTokenizer::read(checkpoint, &config, limit)?;
            Ok(Tokenizer::own(tokenizer))
        }
        _ => saved(checkpoint, &config, limit),
    }
}

/// Opens a `tokenizer.json`.
fn saved(checkpoint: &Checkpoint, config: &TokenizerConfig, limit: usize) -> Result<Tokenizer> {
    let lowercase = match config.class() {
        Some("GemmaTokenizer") => Some(false),
        Some("Siglip2Tokenizer") => Some(true),
        _ => None,
    };
    let inner = match lowercase {
        Some(lowercase) => gemma(checkpoint.require_json(TOKENIZER)?, lowercase)
            .map_err(unusable(checkpoint, TOKENIZER))?,
        None => as_saved(checkpoint)?,
    };
    let padding = padding(checkpoint, config, &inner, lowercase.is_some(), limit)?;
    Tokenizer::padded(inner, checkpoint, limit, padding)
}

/// The parts of `tokenizer.json` that Gemma's tokenizers use.
#[derive(Deserialize)]
struct GemmaJson {
    #[serde(default)]
    added_tokens: Vec<TokenJson>,
    model: ModelJson,
    post_processor: Option<PostProcessorWrapper>,
    padding: Option<PaddingParams>,
}

/// Builds a tokenizer like transformers 5, which takes only the vocabulary from `tokenizer.json`, not the processing
/// steps.
///
/// SigLIP 2 was trained on lower-case texts. The class
/// [`Siglip2Tokenizer`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip2/tokenization_siglip2.py)
/// lower-cases; the class
/// [`GemmaTokenizer`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/gemma/tokenization_gemma.py)
/// does not.
fn gemma(json: GemmaJson, lowercase: bool) -> tokenizers::Result<tokenizers::Tokenizer> {
    let merges = json.model.merges.iter().map(|merge| {
        let (first, second) = merge.pieces()?;
        Ok((first.to_owned(), second.to_owned()))
    });
    let merges = merges.collect::<tokenizers::Result<_>>()?;
    let model = BPE::builder()
        .vocab_and_merges(json.model.vocab, merges)
        .unk_token("<unk>".to_owned())
        .fuse_unk(true)
        .byte_fallback(true)
        .build()?;
    let spaces = Replace::new(" ", SPACE.to_string())?;
    let split = SplitPattern::String(" ".to_owned());
    let split = Split::new(split, SplitDelimiterBehavior::MergedWithPrevious, false)?;
    let normalizers = if lowercase {
        vec![Lowercase.into(), spaces.into()]
    } else {
        vec![spaces.into()]
    };
    let added = json.added_tokens.into_iter().map(|token| {
        let special = token.is_special();
        let token: AddedToken = token.into();
        token.special(special)
    });
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer
        .with_normalizer(Some(Normalizers::new(normalizers)))?
        .with_pre_tokenizer(Some(split))
        .with_post_processor(json.post_processor)
        .with_padding(json.padding)
        .add_tokens(added.collect::<Vec<_>>())?;
    Ok(tokenizer)
}

/// The padding in `tokenizer_config.json` overrides that in `tokenizer.json`.
fn padding(
    checkpoint: &Checkpoint,
    config: &TokenizerConfig,
    inner: &tokenizers::Tokenizer,
    is_gemma: bool,
    limit: usize,
) -> Result<PaddingParams> {
    let saved = inner.get_padding();
    let named = config.named.pad_token.as_ref().map(TokenJson::text);
    let token = named.or_else(|| saved.map(|saved| saved.pad_token.as_str()));
    let token = token.unwrap_or("<pad>");
    let id = inner
        .token_to_id(token)
        .ok_or_else(|| no_token(checkpoint, "pad_token", token))?;
    let direction = match (config.padding_side.as_deref(), saved) {
        (Some("left"), _) => PaddingDirection::Left,
        (Some(_), _) => PaddingDirection::Right,
        (None, Some(saved)) => saved.direction,
        (None, None) if is_gemma => PaddingDirection::Left,
        (None, None) => PaddingDirection::Right,
    };
    Ok(PaddingParams {
        strategy: PaddingStrategy::Fixed(limit),
        direction,
        pad_id: id,
        pad_token: token.to_owned(),
        ..PaddingParams::default()
    })
}

fn no_token(checkpoint: &Checkpoint, setting: &str, token: &str) -> Error {
    let file = checkpoint.path_of(TOKENIZER_CONFIG);
    Error::setting(
        &file,
        setting,
        format!("`{token}`"),
        "a token of the vocabulary",
    )
}

/// A `spiece.model` and the steps of transformers'
/// [`SiglipTokenizer`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip/tokenization_siglip.py)
/// around it: lower-casing, removing ASCII punctuation, and collapsing spaces.
struct SiglipTokenizer {
    model: SentencePiece,
    /// Matched in the text before the model.
    added: Vec<Added>,
    lowercase: bool,
    /// A prefix for every part of a text, so that the model does not add a space at the part's start.
    guard: String,
    /// The number of the prefix's tokens.
    guard_tokens: usize,
    end: u32,
    padding: u32,
    padding_left: bool,
    limit: usize,
}

/// A token that is matched before a text is split into pieces.
struct Added {
    text: String,
    id: u32,
    special: bool,
    /// Whether it includes the space before it.
    takes_left: bool,
    takes_right: bool,
}

enum Part<'a> {
    Text(&'a str),
    Token(&'a Added),
}

impl Encode for SiglipTokenizer {
    /// The ids of `text`, truncated or padded to the model's length.
    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = self.pieces(text);
        ids.truncate(self.limit - 1);
        if ids.last() != Some(&self.end) {
            ids.push(self.end);
        }
        let missing = self.limit - ids.len();
        let place = if self.padding_left { 0 } else { ids.len() };
        ids.splice(place..place, std::iter::repeat_n(self.padding, missing));
        Ok(ids)
    }
}

impl SiglipTokenizer {
    fn read(checkpoint: &Checkpoint, config: &TokenizerConfig, limit: usize) -> Result<Self> {
        let file = checkpoint.require(SENTENCEPIECE)?;
        let model = SentencePiece::parse(file);
        let mut model = model.map_err(unusable(checkpoint, SENTENCEPIECE))?;
        if config.legacy == Some(false) {
            model.drop_leading_space();
        }
        if limit < 2 {
            let expected = "more than the 1 special token of every text";
            let path = checkpoint.path_of(CONFIG);
            return Err(Error::setting(
                &path,
                "max_position_embeddings",
                limit,
                expected,
            ));
        }
        let mut added = saved_tokens(config);
        let map: Option<NamedTokens> = match &config.added_tokens_decoder {
            Some(_) => None,
            None => checkpoint.json(SPECIAL_TOKENS)?,
        };
        let map = map.unwrap_or_default();
        let mut named =
            |setting, map: Option<TokenJson>, found: &Option<TokenJson>, default: &str| {
                let json = map.or_else(|| found.clone());
                let json = json.unwrap_or_else(|| TokenJson::Text(default.to_owned()));
                add_named(&mut added, &json, &model)
                    .ok_or_else(|| no_token(checkpoint, setting, json.text()))
            };
        let end = named("eos_token", map.eos_token, &config.named.eos_token, "</s>")?;
        let padding = named("pad_token", map.pad_token, &config.named.pad_token, "</s>")?;
        let unknown = named("unk_token", map.unk_token, &config.named.unk_token, "<unk>")?;
        let guard = added[unknown].text.clone();
        Ok(Self {
            guard_tokens: model.encode(&guard).len(),
            guard,
            lowercase: config.do_lower_case != Some(false),
            end: added[end].id,
            padding: added[padding].id,
            padding_left: config.padding_side.as_deref() == Some("left"),
            model,
            added,
            limit,
        })
    }

    /// The ids of `text` without the end token.
    fn pieces(&self, text: &str) -> Vec<u32> {
        let text = format!("{SPACE}{}", text.replace(SPACE, " "));
        let parts = self.parts(&text);
        let mut ids = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            match part {
                Part::Token(token) => {
                    if token.special && ids.len() == 1 && self.is_space(ids[0]) {
                        ids.clear();
                    }
                    ids.push(token.id);
                }
                Part::Text(text) => {
                    let left = number.checked_sub(1).and_then(|left| parts[left].token());
                    let right = parts.get(number + 1).and_then(Part::token);
                    ids.extend(self.text_pieces(between(text, left, right)));
                }
            }
        }
        ids
    }

    /// Splits `text` at the added tokens; the longest match wins.
    fn parts<'a>(&'a self, text: &'a str) -> Vec<Part<'a>> {
        let (mut parts, mut start) = (Vec::new(), 0);
        for (place, _) in text.char_indices() {
            if place < start {
                continue;
            }
            let here = self
                .added
                .iter()
                .filter(|token| text[place..].starts_with(&token.text));
            let Some(token) = here.max_by_key(|token| token.text.len()) else {
                continue;
            };
            if start < place {
                parts.push(Part::Text(&text[start..place]));
            }
            parts.push(Part::Token(token));
            start = place + token.text.len();
        }
        if start < text.len() {
            parts.push(Part::Text(&text[start..]));
        }
        parts
    }

    /// The ids of a text without added tokens.
    fn text_pieces(&self, text: &str) -> Vec<u32> {
        let text = format!("{}{}", self.guard, self.canonical(text));
        let mut ids = self.model.encode(&text);
        if ids.len() >= self.guard_tokens {
            ids.drain(..self.guard_tokens);
        }
        ids
    }

    /// Normalises text as in SigLIP's training.
    fn canonical(&self, text: &str) -> String {
        let lower = self.lowercase.then(|| text.to_lowercase());
        let text = lower.as_deref().unwrap_or(text);
        let mut canonical = String::with_capacity(text.len());
        for character in text.chars().filter(|kept| !kept.is_ascii_punctuation()) {
            if !is_python_space(character) {
                canonical.push(character);
            } else if !canonical.is_empty() && !canonical.ends_with(' ') {
                canonical.push(' ');
            }
        }
        canonical.truncate(canonical.trim_end_matches(' ').len());
        canonical
    }

    fn is_space(&self, id: u32) -> bool {
        let mut buffer = [0; 4];
        self.model.id(SPACE.encode_utf8(&mut buffer)) == Some(id)
    }
}

impl<'a> Part<'a> {
    fn token(&self) -> Option<&'a Added> {
        match self {
            Self::Token(token) => Some(token),
            Self::Text(_) => None,
        }
    }
}

/// `text` without the spaces that belong to the neighbouring tokens.
fn between<'a>(mut text: &'a str, left: Option<&Added>, right: Option<&Added>) -> &'a str {
    if left.is_some_and(|token| token.takes_right) {
        text = text.trim_start_matches(is_python_space);
    }
    if right.is_some_and(|token| token.takes_left) {
        text = text.trim_end_matches(is_python_space);
    }
    text
}

/// The tokens of `added_tokens_decoder`.
fn saved_tokens(config: &TokenizerConfig) -> Vec<Added> {
    let tokens = config.added_tokens_decoder.iter().flatten();
    let tokens = tokens.filter(|(_, json)| !json.text().is_empty());
    tokens
        .map(|(&id, json)| {
            let token: AddedToken = json.clone().into();
            Added {
                text: token.content,
                id,
                special: json.is_special(),
                takes_left: token.lstrip,
                takes_right: token.rstrip,
            }
        })
        .collect()
}

/// The index of a named token in `added`, to which it is added if absent; `None` if the model lacks it.
fn add_named(added: &mut Vec<Added>, json: &TokenJson, model: &SentencePiece) -> Option<usize> {
    let known = added.iter().position(|token| token.text == json.text());
    if let Some(place) = known {
        added[place].special = true;
        return known;
    }
    let token: AddedToken = json.clone().into();
    let is_bare = matches!(json, TokenJson::Text(_));
    added.push(Added {
        id: model.id(json.text())?,
        text: token.content,
        special: true,
        takes_left: token.lstrip || is_bare,
        takes_right: token.rstrip || is_bare,
    });
    Some(added.len() - 1)
}

/// Python's `str.isspace`, which includes ASCII's four separators.
pub(crate) fn is_python_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use safetensors::SafeTensors;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;

    const FIXTURES: &str = "tests/fixtures";

    /// All strings with known ids.
    fn strings() -> Vec<String> {
        let rows = |name: &str| {
            let rows = fs::read_to_string(Path::new(FIXTURES).join(name)).unwrap();
            let rows = rows.split_terminator('\n').map(serde_json::from_str);
            rows.collect::<Result<Vec<Value>, _>>().unwrap()
        };
        let text = |row: &Value| row[0].as_str().unwrap().to_owned();
        let mut strings: Vec<String> = rows("strings/strings.jsonl").iter().map(text).collect();
        let times = |row: &Value| row[1].as_u64().unwrap() as usize;
        strings.extend(
            rows("siglip/more.jsonl")
                .iter()
                .map(|row| text(row).repeat(times(row))),
        );
        strings
    }

    /// transformers' ids of all strings, without padding.
    fn expected_ids(file: &Path) -> Vec<Vec<u32>> {
        let bytes = fs::read(file).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let ids = tensors.tensor("ids").unwrap().data().as_chunks().0;
        let mut ids = ids.iter().map(|&id| u32::from(u16::from_le_bytes(id)));
        let lengths = tensors.tensor("lengths").unwrap().data();
        let rows = lengths
            .iter()
            .map(|&length| ids.by_ref().take(length.into()).collect());
        rows.collect()
    }

    #[track_caller]
    fn case(directory: &str, padding: u32) {
        let directory = Path::new(FIXTURES).join(directory);
        compare(&directory, &directory.join("ids.safetensors"), padding, 1);
    }

    /// Compares every `step`th string.
    #[track_caller]
    fn compare(directory: &Path, ids: &Path, padding: u32, step: usize) {
        let tokenizer = open_tokenizer(&Checkpoint::open(directory).unwrap(), 64).unwrap();
        let (strings, expected) = (strings(), expected_ids(ids));
        assert!(strings.len() > 2000 && strings.len().div_ceil(step) == expected.len());
        for (text, mut expected) in strings.into_iter().step_by(step).zip(expected) {
            expected.resize(64, padding);
            let start: String = text.chars().take(80).collect();
            assert_eq!(tokenizer.encode(&text).unwrap(), expected, "{start:?}");
        }
    }

    #[test]
    fn ids_from_a_sentencepiece_model_equal_transformers() {
        case("siglip", 1);
    }

    #[test]
    fn ids_with_bytes_for_what_is_unknown_equal_transformers() {
        case("siglip-bytes", 1);
    }

    #[test]
    fn ids_from_siglips_vocabulary_in_one_file_equal_transformers() {
        case("siglip-json", 1);
    }

    #[test]
    fn ids_from_gemmas_vocabulary_equal_transformers() {
        case("siglip2", 0);
    }

    /// A copy of `directory` with other `settings` in its `tokenizer_config.json`; `null` removes a setting.
    fn copy(directory: &str, settings: &Value) -> TempDir {
        let copy = TempDir::new().unwrap();
        let directory = Path::new(FIXTURES).join(directory);
        for name in [TOKENIZER, SENTENCEPIECE] {
            let _ = fs::copy(directory.join(name), copy.path().join(name));
        }
        let config = fs::read(directory.join(TOKENIZER_CONFIG)).unwrap();
        let mut config: Value = serde_json::from_slice(&config).unwrap();
        let config = config.as_object_mut().unwrap();
        for (name, value) in settings.as_object().unwrap() {
            config.remove(name);
            if !value.is_null() {
                config.insert(name.clone(), value.clone());
            }
        }
        let config = serde_json::to_vec(config).unwrap();
        fs::write(copy.path().join(TOKENIZER_CONFIG), config).unwrap();
        copy
    }

    #[test]
    fn ids_of_siglip_2s_own_class_equal_transformers() {
        let copy = copy("siglip2", &json!({"tokenizer_class": "Siglip2Tokenizer"}));
        let ids = Path::new(FIXTURES).join("siglip2/lower-case-ids.safetensors");
        compare(copy.path(), &ids, 0, 4);
    }

    fn encode(copy: &TempDir, context: usize, text: &str) -> Result<Vec<u32>> {
        open_tokenizer(&Checkpoint::open(copy.path())?, context)?.encode(text)
    }

    #[test]
    fn padding_goes_where_the_settings_say() {
        let (left, right) = (json!({"padding_side": "left"}), json!({}));
        for (directory, padding) in [("siglip", 1), ("siglip2", 0)] {
            let right = encode(&copy(directory, &right), 9, "a cat").unwrap();
            let left = encode(&copy(directory, &left), 9, "a cat").unwrap();
            let length = right.iter().position(|&id| id == 1).unwrap() + 1;
            assert_eq!(right[length..], vec![padding; 9 - length]);
            assert_eq!(left[..9 - length], vec![padding; 9 - length]);
            assert_eq!(left[9 - length..], right[..length]);
        }
        let short = copy("siglip", &json!({"model_max_length": 7}));
        assert_eq!(encode(&short, 9, "a cat").unwrap().len(), 7);
    }

    #[test]
    fn special_tokens_need_no_list() {
        let bare = copy(
            "siglip",
            &json!({"added_tokens_decoder": null, "eos_token": null}),
        );
        let full = copy("siglip", &json!({}));
        for text in ["a </s> b <unk>c", "</s>"] {
            let expected = encode(&full, 20, text).unwrap();
            assert_eq!(encode(&bare, 20, text).unwrap(), expected);
        }
        let case = copy("siglip", &json!({"do_lower_case": false}));
        let lower = encode(&full, 20, "DOG").unwrap();
        assert_ne!(encode(&case, 20, "DOG").unwrap(), lower);
        assert_eq!(encode(&case, 20, "dog").unwrap(), lower);
    }

    #[track_caller]
    fn refused(copy: &TempDir, context: usize, expected: &str) {
        let error = encode(copy, context, "a").unwrap_err().to_string();
        let directory = copy.path().display().to_string();
        assert_eq!(error.replace(&directory, "DIR"), expected);
    }

    #[test]
    fn what_makes_no_tokenizer_is_refused() {
        for (directory, setting) in [
            ("siglip", "eos_token"),
            ("siglip", "pad_token"),
            ("siglip2", "pad_token"),
        ] {
            let expected = format!(
                "`{setting}` in `DIR/tokenizer_config.json` is `<no>`, expected a token of the vocabulary"
            );
            refused(&copy(directory, &json!({setting: "<no>"})), 64, &expected);
        }
        for directory in ["siglip", "siglip2"] {
            let copy = copy(directory, &json!({}));
            let error = encode(&copy, 1, "a").unwrap_err().to_string();
            assert!(
                error.contains("is 1, expected more than the 1 special token"),
                "{error}"
            );
        }
        let damaged = copy("siglip", &json!({}));
        fs::write(damaged.path().join(SENTENCEPIECE), b"\x0a\x05abc").unwrap();
        refused(
            &damaged,
            64,
            "`DIR/spiece.model` does not describe a usable tokenizer",
        );
    }
}
