use std::ops::Range;

use tokenizers::Result;

use super::piece::{Piece, PieceKind};

/// The difference in score between the least likely piece and an unknown character.
const UNKNOWN_PENALTY: f32 = 10.0;

/// Finds the most likely segmentation of a text ([Kudo 2018](https://arxiv.org/abs/1804.10959)). Arithmetic and ties
/// equal [`EncodeOptimized`](https://github.com/google/sentencepiece/blob/master/src/unigram_model.cc).
pub(super) struct Unigram {
    pieces: Vec<Piece>,
    /// The ids of all pieces, sorted by their bytes.
    sorted: Vec<u32>,
    /// The ids of pieces that can match text, sorted by their bytes.
    found: Vec<u32>,
    unknown: u32,
    unknown_score: f32,
    highest_score: f32,
}

/// A piece's id and its range in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) id: u32,
    pub(super) range: Range<usize>,
}

/// The best path to a position in the text.
#[derive(Clone, Copy)]
struct Path {
    score: f32,
    /// The last piece on it, and where it begins.
    id: u32,
    start: Option<usize>,
}

impl Unigram {
    pub(super) fn new(pieces: Vec<Piece>, unknown: u32) -> Result<Self> {
        let mut sorted: Vec<u32> = (0..pieces.len() as u32).collect();
        let text = |id: u32| pieces[id as usize].text.as_bytes();
        sorted.sort_unstable_by_key(|&id| text(id));
        if let Some(pair) = sorted
            .windows(2)
            .find(|pair| text(pair[0]) == text(pair[1]))
        {
            let text = &pieces[pair[0] as usize].text;
            return Err(format!("duplicate piece `{text}`").into());
        }
        let findable = |id: &u32| {
            let kind = pieces[*id as usize].kind;
            matches!(kind, PieceKind::Normal | PieceKind::UserDefined)
        };
        let found = sorted.iter().copied().filter(findable).collect();
        let normal = pieces
            .iter()
            .filter(|piece| piece.kind == PieceKind::Normal);
        let scores = normal.map(|piece| piece.score);
        Ok(Self {
            unknown,
            unknown_score: scores.clone().fold(f32::MAX, f32::min) - UNKNOWN_PENALTY,
            // The library starts with C's FLT_MIN, the least positive normal number.
            highest_score: scores.fold(f32::MIN_POSITIVE, f32::max),
            pieces,
            sorted,
            found,
        })
    }

    pub(super) fn id(&self, text: &str) -> Option<u32> {
        let text = text.as_bytes();
        let place = self
            .sorted
            .binary_search_by_key(&text, |&id| self.bytes(id))
            .ok()?;
        Some(self.sorted[place])
    }

    /// Segments `text` into pieces and sequences of unknown characters.
    pub(super) fn split(&self, text: &str) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for part in self.characters_and_pieces(text) {
            match parts.last_mut() {
                Some(last) if last.id == self.unknown && part.id == self.unknown => {
                    last.range.end = part.range.end;
                }
                _ => parts.push(part),
            }
        }
        parts
    }

    /// Segments `text` into pieces and single unknown characters.
    fn characters_and_pieces(&self, text: &str) -> Vec<Part> {
        let paths = self.best_paths(text);
        let (mut parts, mut end) = (Vec::new(), text.len());
        while let Some(start) = paths[end].start {
            parts.push(Part {
                id: paths[end].id,
                range: start..end,
            });
            end = start;
        }
        parts.reverse();
        parts
    }

    /// For every position in `text`, the best path to it.
    fn best_paths(&self, text: &str) -> Vec<Path> {
        let none = Path {
            score: 0.0,
            id: 0,
            start: None,
        };
        let mut paths = vec![none; text.len() + 1];
        for (start, character) in text.char_indices() {
            let so_far = paths[start].score;
            let character = character.len_utf8();
            let mut known = false;
            self.for_each_piece(&text.as_bytes()[start..], |id, length| {
                let score = self.score(id, length) + so_far;
                paths[start + length].improve(score, id, start);
                known |= length == character;
            });
            if !known {
                let score = self.unknown_score + so_far;
                paths[start + character].improve(score, self.unknown, start);
            }
        }
        paths
    }

    fn score(&self, id: u32, length: usize) -> f32 {
        let piece = &self.pieces[id as usize];
        match piece.kind {
            PieceKind::UserDefined => length as f32 * self.highest_score - 0.1,
            _ => piece.score,
        }
    }

    /// Calls `found` with every piece that is a prefix of `text`, and its length, shortest first.
    fn for_each_piece(&self, text: &[u8], mut found: impl FnMut(u32, usize)) {
        let mut candidates = self.found.as_slice();
        for (depth, byte) in text.iter().enumerate() {
            let byte_of = |id: u32| self.bytes(id).get(depth);
            let first = candidates.partition_point(|&id| byte_of(id) < Some(byte));
            candidates = &candidates[first..];
            let end = candidates.partition_point(|&id| byte_of(id) == Some(byte));
            candidates = &candidates[..end];
            match candidates.first() {
                None => return,
                Some(&id) if self.bytes(id).len() == depth + 1 => found(id, depth + 1),
                Some(_) => {}
            }
        }
    }

    fn bytes(&self, id: u32) -> &[u8] {
        self.pieces[id as usize].text.as_bytes()
    }
}

impl Path {
    /// Replaces the path if `score` is better.
    fn improve(&mut self, score: f32, id: u32, start: usize) {
        if self.start.is_none() || score > self.score {
            *self = Self {
                score,
                id,
                start: Some(start),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(pieces: &[(&str, f32)]) -> Unigram {
        let unknown = Piece {
            text: "<unk>".to_owned(),
            score: 0.0,
            kind: PieceKind::Unknown,
        };
        let normal = pieces.iter().map(|&(text, score)| Piece {
            text: text.to_owned(),
            score,
            kind: PieceKind::Normal,
        });
        Unigram::new(std::iter::once(unknown).chain(normal).collect(), 0).unwrap()
    }

    #[track_caller]
    fn case(model: &Unigram, text: &str, expected: &[(u32, Range<usize>)]) {
        let parts: Vec<_> = model
            .split(text)
            .into_iter()
            .map(|part| (part.id, part.range))
            .collect();
        assert_eq!(parts, expected);
    }

    #[test]
    fn the_likeliest_pieces_win() {
        let model = model(&[("a", -1.0), ("b", -1.0), ("ab", -1.5), ("abc", -9.0)]);
        case(&model, "ab", &[(3, 0..2)]);
        case(&model, "ba", &[(2, 0..1), (1, 1..2)]);
        // A piece with a low score is more likely than an unknown character.
        case(&model, "abc", &[(4, 0..3)]);
        case(&model, "", &[]);
    }

    #[test]
    fn unknown_characters_are_put_together() {
        let model = model(&[("a", -1.0)]);
        case(&model, "漢字a字", &[(0, 0..6), (1, 6..7), (0, 7..10)]);
    }
}
