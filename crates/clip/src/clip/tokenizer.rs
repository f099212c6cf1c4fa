use tokenizers::{
    AddedToken, SplitDelimiterBehavior,
    normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers, replace::ReplacePattern},
    pre_tokenizers::{
        byte_level::ByteLevel,
        sequence::Sequence as PreTokenizers,
        split::{Split, SplitPattern},
    },
    processors::roberta::RobertaProcessing,
};

use crate::{
    Checkpoint, Result,
    checkpoint::{MERGES, TOKENIZER, TOKENIZER_CONFIG, VOCABULARY},
    tokenizer::{
        BytePairs, SpecialTokens, Steps, TokenJson, Tokenizer, TokenizerConfig, TokenizerJson,
        unusable,
    },
};

/// Splits a text into words of CLIP's vocabulary.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
/// Splits like open_clip, whose texts may have capitals, and which has other special tokens.
const OPEN_CLIP_WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// The suffix of a word's last letter in the vocabulary.
const END_OF_WORD: &str = "</w>";

/// The library whose tokenizer over CLIP's vocabulary is used.
#[derive(Clone, Copy)]
enum Library {
    Transformers,
    OpenClip,
}

/// Opens a CLIP tokenizer from `tokenizer.json`, or from `vocab.json` and `merges.txt`.
///
/// As in transformers 5, `tokenizer.json` provides only vocabulary, merges and added tokens, unless
/// `tokenizer_config.json` names a class other than `CLIPTokenizer`. Texts are truncated, including the end token, to
/// `context` tokens or the `model_max_length` of `tokenizer_config.json` if that is less.
pub(crate) fn tokenizer(checkpoint: &Checkpoint, context: usize) -> Result<Tokenizer> {
    let config: TokenizerConfig = checkpoint.json(TOKENIZER_CONFIG)?.unwrap_or_default();
    let limit = config.limit(context);
    if !config.is_clip() && checkpoint.file(TOKENIZER).is_some() {
        return Tokenizer::saved(checkpoint, limit);
    }
    let inner = inner(checkpoint, &config, Library::Transformers)?;
    Tokenizer::new(inner, checkpoint, limit)
}

/// Opens open_clip's own
/// [`SimpleTokenizer`](https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/tokenizer.py) over the
/// vocabulary of the same files. It expects cleaned texts.
///
/// CLIP's beginning and end tokens, written out in a text, are plain characters to it. Its own, `<start_of_text>` and
/// `<end_of_text>`, are recognised.
pub(crate) fn simple_tokenizer(checkpoint: &Checkpoint, context: usize) -> Result<Tokenizer> {
    let config: TokenizerConfig = checkpoint.json(TOKENIZER_CONFIG)?.unwrap_or_default();
    let inner = inner(checkpoint, &config, Library::OpenClip)?;
    Tokenizer::new(inner, checkpoint, context)
}

/// Checks that the tokenizer's files exist.
pub(crate) fn check_tokenizer(checkpoint: &Checkpoint) -> Result<()> {
    let there = |name| checkpoint.file(name).is_some();
    match (there(TOKENIZER), there(VOCABULARY), there(MERGES)) {
        (true, _, _) | (_, true, true) => Ok(()),
        (_, true, false) => Err(checkpoint.missing(MERGES)),
        (_, false, true) => Err(checkpoint.missing(VOCABULARY)),
        (_, false, false) => Err(checkpoint.missing(TOKENIZER)),
    }
}

/// Builds transformers'
/// [`CLIPTokenizer`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/clip/tokenization_clip.py)
/// or open_clip's tokenizer.
fn inner(
    checkpoint: &Checkpoint,
    config: &TokenizerConfig,
    library: Library,
) -> Result<Steps<BytePairs>> {
    let json = match checkpoint.json::<TokenizerJson>(TOKENIZER)? {
        Some(json) => json,
        None => TokenizerJson::of_parts(checkpoint)?,
    };
    let unusable = || unusable(checkpoint, json.file);
    let special = special_tokens(checkpoint, config, &json.added_tokens)?;
    let mark = |token: &AddedToken| match json.model.vocab.get(&token.content) {
        Some(id) => Ok((token.content.clone(), *id)),
        None => Err(unusable()(
            format!("the vocabulary lacks the token `{}`", token.content).into(),
        )),
    };
    let marks = RobertaProcessing::new(mark(&special.end)?, mark(&special.beginning)?);
    let unknown = special.unknown.content.clone();
    let model = BytePairs::new(json.model.vocab, &json.model.merges, END_OF_WORD, unknown);
    let model = model.map_err(unusable())?;
    let built = match library {
        Library::Transformers => build(model, marks, &special),
        Library::OpenClip => build_simple(model, marks),
    };
    built.map_err(unusable())
}

/// The special tokens, with CLIP's defaults.
fn special_tokens(
    checkpoint: &Checkpoint,
    config: &TokenizerConfig,
    saved: &[TokenJson],
) -> Result<SpecialTokens> {
    SpecialTokens::read(checkpoint, config, saved, |token| SpecialTokens {
        added: Vec::new(),
        beginning: token(|named| &named.bos_token, "<|startoftext|>"),
        end: token(|named| &named.eos_token, "<|endoftext|>"),
        unknown: token(|named| &named.unk_token, "<|endoftext|>"),
        padding: token(|named| &named.pad_token, "<|endoftext|>"),
        mask: None,
    })
}

fn build(
    model: BytePairs,
    marks: RobertaProcessing,
    special: &SpecialTokens,
) -> tokenizers::Result<Steps<BytePairs>> {
    let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ")?;
    let words = Split::new(
        SplitPattern::Regex(WORDS.to_owned()),
        SplitDelimiterBehavior::Removed,
        true,
    )?;
    let bytes = ByteLevel::new(false, true, true);
    let mut tokenizer = Steps::new(model);
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

fn build_simple(
    model: BytePairs,
    marks: RobertaProcessing,
) -> tokenizers::Result<Steps<BytePairs>> {
    let words = SplitPattern::Regex(OPEN_CLIP_WORDS.to_owned());
    let words = Split::new(words, SplitDelimiterBehavior::Removed, true)?;
    let bytes = ByteLevel::new(false, true, false);
    let mut tokenizer = Steps::new(model);
    tokenizer
        .with_pre_tokenizer(Some(PreTokenizers::new(vec![words.into(), bytes.into()])))
        .with_post_processor(Some(marks.trim_offsets(false).add_prefix_space(false)));
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cleaning::Cleaning;

    /// Compares the tokenizer in `tests/fixtures/strings/{form}` with transformers' ids in column `column` of
    /// `strings.jsonl`, or in column 1 if both forms have the same.
    #[track_caller]
    fn case(form: &str, column: usize) {
        let strings = Path::new("tests/fixtures/strings");
        let checkpoint = Checkpoint::open(&strings.join(form)).unwrap();
        let tokenizer = tokenizer(&checkpoint, 77).unwrap();
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

    /// A few differ: texts that both repair, but not in the same way.
    #[test]
    fn ids_of_cleaned_texts_equal_open_clips() {
        let strings = Path::new("tests/fixtures/strings");
        let checkpoint = Checkpoint::open(&strings.join("parts")).unwrap();
        let tokenizer = simple_tokenizer(&checkpoint, 77).unwrap();
        let tokenizer = tokenizer.cleaning(Cleaning::Lower);
        let rows = std::fs::read_to_string(strings.join("open_clip.jsonl")).unwrap();
        let rows = rows.split_terminator('\n').map(|row| {
            let row: (String, Vec<u32>) = serde_json::from_str(row).unwrap();
            row
        });
        let differs = |(text, ids): (String, Vec<u32>)| tokenizer.encode(&text).unwrap() != ids;
        let differences: Vec<bool> = rows.map(differs).collect();
        let count = |part: &[bool]| part.iter().filter(|differs| **differs).count();
        // Difficult strings, HTML entities, and deliberately garbled text.
        let (awkward, rest) = differences.split_at(differences.len() - 1570);
        let (entities, spoilt) = rest.split_at(rest.len() - 1000);
        assert_eq!(rest.len(), 1570);
        assert_eq!((count(awkward), count(entities), count(spoilt)), (7, 0, 70));
    }

    #[test]
    fn a_limit_that_leaves_no_room_is_refused() {
        let checkpoint = Checkpoint::open(Path::new("tests/fixtures/strings/parts")).unwrap();
        let error = tokenizer(&checkpoint, 2).err().unwrap();
        assert!(
            error
                .to_string()
                .ends_with("is 2, expected more than the 2 special tokens of every text"),
            "{error}"
        );
    }
}
