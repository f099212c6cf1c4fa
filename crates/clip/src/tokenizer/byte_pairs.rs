use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    path::{Path, PathBuf},
};

use ahash::AHashMap;
use rayon::prelude::*;
use tokenizers::{
    Model, Token,
    models::bpe::{BpeTrainer, Vocab},
};

use super::MergeJson;

/// Byte pair encoding ([Sennrich et al. 2016](https://arxiv.org/abs/1508.07909)) of words whose last letter is marked.
///
/// Equals [`BPE`](tokenizers::models::bpe::BPE) of the crate `tokenizers`, which has more settings. That keeps every
/// token twice and copies all merges, which takes CLIP's 49,000 as long as the rest of a query.
pub(crate) struct BytePairs {
    ids: Vocab,
    /// By the ids of two neighbours; the lowest rank is merged first.
    merges: AHashMap<(u32, u32), Merge>,
    /// The suffix of a word's last letter in the vocabulary.
    end: &'static str,
    /// The token for letters that the vocabulary lacks.
    unknown: String,
}

#[derive(Clone, Copy)]
struct Merge {
    rank: u32,
    /// The resulting token.
    id: u32,
}

/// A token of a partly merged word, in a linked list.
#[derive(Clone, Copy)]
struct Piece {
    id: u32,
    /// Its offset in the word; it is empty once merged into its predecessor.
    start: usize,
    length: usize,
    before: Option<usize>,
    after: Option<usize>,
}

impl BytePairs {
    /// Creates it from token ids, and merges in the order of their rank.
    ///
    /// # Errors
    /// When a merge is malformed, or names a token without an id.
    pub(crate) fn new(
        ids: Vocab,
        merges: &[MergeJson],
        end: &'static str,
        unknown: String,
    ) -> tokenizers::Result<Self> {
        let ranked = merges.par_iter().zip(0..merges.len() as u32);
        let ranked = ranked.map_init(String::new, |both, (merge, rank)| {
            let (first, second) = merge.pieces()?;
            both.clear();
            both.extend([first, second]);
            let pair = (id_of(&ids, first)?, id_of(&ids, second)?);
            let id = id_of(&ids, both)?;
            Ok((pair, Merge { rank, id }))
        });
        let ranked = ranked.collect::<tokenizers::Result<Vec<_>>>()?;
        Ok(Self {
            merges: ranked.into_iter().collect(),
            ids,
            end,
            unknown,
        })
    }

    /// The letters of `word`, as tokens.
    fn letters(&self, word: &str) -> tokenizers::Result<Vec<Piece>> {
        let mut letters = Vec::with_capacity(word.len());
        let mut marked = String::new();
        for (start, letter) in word.char_indices() {
            let length = letter.len_utf8();
            marked.clear();
            marked.push(letter);
            if start + length == word.len() {
                marked.push_str(self.end);
            }
            let id = match self.ids.get(&marked) {
                Some(&id) => id,
                None => id_of(&self.ids, &self.unknown)?,
            };
            let place = letters.len();
            letters.push(Piece {
                id,
                start,
                length,
                before: place.checked_sub(1),
                after: Some(place + 1),
            });
        }
        if let Some(last) = letters.last_mut() {
            last.after = None;
        }
        Ok(letters)
    }

    /// Merges neighbours: the lowest rank first, then the leftmost.
    fn merge(&self, pieces: &mut [Piece]) {
        let merge_at = |pieces: &[Piece], place: usize| {
            let after = pieces[place].after?;
            let merge = self.merges.get(&(pieces[place].id, pieces[after].id))?;
            Some((Reverse((merge.rank, place)), merge.id))
        };
        let places = 0..pieces.len();
        let mut waiting: BinaryHeap<_> =
            places.filter_map(|place| merge_at(pieces, place)).collect();
        while let Some((Reverse((_, place)), id)) = waiting.pop() {
            // Another merge may have changed these pieces since.
            let there = merge_at(pieces, place).is_some_and(|(_, there)| there == id);
            let Some(after) = pieces[place].after.filter(|_| there) else {
                continue;
            };
            join(pieces, place, after, id);
            let changed = [pieces[place].before, Some(place)];
            waiting.extend(
                changed
                    .into_iter()
                    .flatten()
                    .filter_map(|place| merge_at(pieces, place)),
            );
        }
    }
}

/// Merges the piece at `after` into the one at `place`, which becomes the token `id`.
fn join(pieces: &mut [Piece], place: usize, after: usize, id: u32) {
    let second = pieces[after];
    pieces[after].length = 0;
    pieces[after].after = None;
    pieces[place].id = id;
    pieces[place].length += second.length;
    pieces[place].after = second.after;
    if let Some(next) = second.after {
        pieces[next].before = Some(place);
    }
}

fn id_of(ids: &Vocab, token: &str) -> tokenizers::Result<u32> {
    let id = ids.get(token).copied();
    id.ok_or_else(|| format!("Token `{token}` out of vocabulary").into())
}

impl Model for BytePairs {
    type Trainer = BpeTrainer;

    fn tokenize(&self, word: &str) -> tokenizers::Result<Vec<Token>> {
        let mut pieces = self.letters(word)?;
        self.merge(&mut pieces);
        let left = pieces.iter().filter(|piece| piece.length > 0);
        let tokens = left.map(|piece| {
            let end = piece.start + piece.length;
            Token::new(
                piece.id,
                word[piece.start..end].to_owned(),
                (piece.start, end),
            )
        });
        Ok(tokens.collect())
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        let mut ids = self.ids.iter();
        ids.find(|(_, known)| **known == id)
            .map(|(token, _)| token.clone())
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        self.ids.clone().into_iter().collect()
    }

    fn get_vocab_size(&self) -> usize {
        self.ids.len()
    }

    fn save(&self, _: &Path, _: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        Err("it is read from the checkpoint and never saved".into())
    }

    fn get_trainer(&self) -> BpeTrainer {
        BpeTrainer::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::models::bpe::BPE;

    use super::*;

    const END: &str = "</w>";

    /// This encoding and `tokenizers`', with overlapping merges over an alphabet of three letters.
    fn both(choices: &[(usize, usize)]) -> (BytePairs, BPE) {
        let mut tokens: Vec<String> = ["a", "b", "c", "a</w>", "b</w>", "c</w>", "?"]
            .map(String::from)
            .into();
        let mut merges = Vec::new();
        for (first, second) in choices {
            let (first, second) = (
                &tokens[first % tokens.len()],
                &tokens[second % tokens.len()],
            );
            let both = format!("{first}{second}");
            if first.ends_with(END) || first == "?" || second == "?" || tokens.contains(&both) {
                continue;
            }
            merges.push((first.clone(), second.clone()));
            tokens.push(both);
        }
        let ids: Vocab = tokens.into_iter().zip(0..).collect();
        let json = merges
            .iter()
            .map(|(first, second)| MergeJson::Pair(first.clone(), second.clone()));
        let own = BytePairs::new(ids.clone(), &json.collect::<Vec<_>>(), END, "?".to_owned());
        let theirs = BPE::builder()
            .vocab_and_merges(ids, merges)
            .continuing_subword_prefix(String::new())
            .end_of_word_suffix(END.to_owned())
            .unk_token("?".to_owned())
            .build();
        (own.unwrap(), theirs.unwrap())
    }

    proptest! {
        #[test]
        fn tokens_equal_those_of_the_crate(
            choices in prop::collection::vec((0..60_usize, 0..60_usize), 0..60),
            words in prop::collection::vec("[abcäd]{0,12}", 1..20),
        ) {
            let (own, theirs) = both(&choices);
            for word in &words {
                let ids = |tokens: Vec<Token>| -> Vec<(u32, (usize, usize))> {
                    tokens.into_iter().map(|token| (token.id, token.offsets)).collect()
                };
                prop_assert_eq!(ids(own.tokenize(word).unwrap()), ids(theirs.tokenize(word).unwrap()));
            }
        }
    }

    #[test]
    fn long_words_take_no_longer_than_their_length_asks() {
        let (own, _) = both(&[(0, 0), (7, 7), (8, 8), (9, 3)]);
        let tokens = own.tokenize(&"a".repeat(1 << 20)).unwrap();
        assert_eq!(tokens.last().unwrap().offsets.1, 1 << 20);
        assert!(tokens.len() <= (1 << 17) + 4, "{} tokens", tokens.len());
    }
}
