use tokenizers::Result;

use super::piece::{Piece, PieceKind};

/// Represents a space in pieces.
const SPACE: &str = "\u{2581}";

/// The settings of normalisation.
pub(super) struct Normalization<'a> {
    pub(super) rules: &'a [u8],
    pub(super) leading_space: bool,
    pub(super) single_spaces: bool,
    pub(super) visible_spaces: bool,
    pub(super) space_behind: bool,
}

/// Replaces characters by rules and normalises spaces, equal to
/// [`normalizer.cc`](https://github.com/google/sentencepiece/blob/master/src/normalizer.cc).
pub(super) struct Normalizer {
    rules: Rules,
    /// Pieces that must not change, longest first.
    kept: Vec<String>,
    leading_space: bool,
    single_spaces: bool,
    space: &'static str,
    space_behind: bool,
}

impl Normalizer {
    pub(super) fn new(settings: &Normalization<'_>, pieces: &[Piece]) -> Result<Self> {
        let kept = pieces
            .iter()
            .filter(|piece| piece.kind == PieceKind::UserDefined);
        let mut kept: Vec<String> = kept.map(|piece| piece.text.clone()).collect();
        kept.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Ok(Self {
            rules: Rules::parse(settings.rules)?,
            kept,
            leading_space: settings.leading_space,
            single_spaces: settings.single_spaces,
            space: if settings.visible_spaces { SPACE } else { " " },
            space_behind: settings.space_behind,
        })
    }

    pub(super) fn drop_leading_space(&mut self) {
        self.leading_space = false;
    }

    /// Normalises `text`.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut rest = text;
        if self.single_spaces {
            while let Some((" ", after)) = self.next(rest) {
                rest = after;
            }
        }
        let mut output = String::with_capacity(text.len() + 8);
        if rest.is_empty() {
            return output;
        }
        if self.leading_space && !self.space_behind {
            output.push_str(self.space);
        }
        let mut behind_space = self.single_spaces;
        while let Some((mut replaced, after)) = self.next(rest) {
            if behind_space {
                replaced = replaced.trim_start_matches(' ');
            }
            if !replaced.is_empty() {
                self.push(&mut output, replaced);
                behind_space = self.single_spaces && replaced.ends_with(' ');
            }
            rest = after;
        }
        if self.single_spaces {
            output.truncate(output.trim_end_matches(self.space).len());
        }
        if self.leading_space && self.space_behind {
            output.push_str(self.space);
        }
        output
    }

    fn push(&self, output: &mut String, text: &str) {
        for (number, part) in text.split(' ').enumerate() {
            if number > 0 {
                output.push_str(self.space);
            }
            output.push_str(part);
        }
    }

    /// The normalised start of `text`, and the rest of it.
    fn next<'a>(&'a self, text: &'a str) -> Option<(&'a str, &'a str)> {
        if let Some(kept) = self.kept.iter().find(|kept| text.starts_with(*kept)) {
            return Some(text.split_at(kept.len()));
        }
        if let Some((length, replaced)) = self.rules.longest(text) {
            return Some((replaced, &text[length..]));
        }
        let first = text.chars().next()?;
        Some(text.split_at(first.len_utf8()))
    }
}

/// Replacement rules: a [darts-clone](https://github.com/s-yata/darts-clone) double array whose values are offsets
/// into a block of zero-terminated texts.
#[derive(Default)]
struct Rules {
    units: Vec<Unit>,
    texts: String,
}

/// A node of the double array.
#[derive(Clone, Copy)]
struct Unit(u32);

impl Unit {
    fn has_leaf(self) -> bool {
        self.0 >> 8 & 1 == 1
    }

    fn value(self) -> usize {
        (self.0 & 0x7fff_ffff) as usize
    }

    /// The byte of the edge to this node; above 255 for a value.
    fn label(self) -> u32 {
        self.0 & 0x8000_00ff
    }

    fn offset(self) -> usize {
        ((self.0 >> 10) << ((self.0 & 1 << 9) >> 6)) as usize
    }
}

impl Rules {
    fn parse(blob: &[u8]) -> Result<Self> {
        if blob.is_empty() {
            return Ok(Self::default());
        }
        let cut_off = || "the normalisation rules are truncated";
        let (length, rest) = blob.split_first_chunk::<4>().ok_or_else(cut_off)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (units, texts) = rest.split_at_checked(length).ok_or_else(cut_off)?;
        let units = units.as_chunks::<4>().0;
        Ok(Self {
            units: units
                .iter()
                .map(|&unit| Unit(u32::from_le_bytes(unit)))
                .collect(),
            texts: String::from_utf8(texts.to_vec())?,
        })
    }

    /// The longest prefix of `text` with a rule: its length and its replacement.
    fn longest(&self, text: &str) -> Option<(usize, &str)> {
        let mut place = self.units.first()?.offset();
        let mut found = None;
        for (number, byte) in text.bytes().enumerate() {
            place ^= usize::from(byte);
            // A damaged file may lead out of the array.
            let unit = *self.units.get(place)?;
            if unit.label() != u32::from(byte) {
                break;
            }
            place ^= unit.offset();
            if unit.has_leaf() {
                found = Some((number + 1, self.units.get(place)?.value()));
            }
        }
        let (length, start) = found.filter(|(length, _)| text.is_char_boundary(*length))?;
        let replaced = self.texts.get(start..)?;
        Some((length, replaced.split('\0').next()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalizer(single_spaces: bool, space_behind: bool) -> Normalizer {
        let settings = Normalization {
            rules: &[],
            leading_space: true,
            single_spaces,
            visible_spaces: true,
            space_behind,
        };
        let kept = Piece {
            text: "<x y>".to_owned(),
            score: 0.0,
            kind: PieceKind::UserDefined,
        };
        Normalizer::new(&settings, &[kept]).unwrap()
    }

    #[test]
    fn spaces_are_brought_in_order() {
        let single = normalizer(true, false);
        assert_eq!(single.apply("  a  b "), "▁a▁b");
        assert_eq!(single.apply("   "), "");
        assert_eq!(single.apply("a▁▁"), "▁a");
        let all = normalizer(false, false);
        assert_eq!(all.apply(" a  b "), "▁▁a▁▁b▁");
        assert_eq!(all.apply(""), "");
        assert_eq!(normalizer(true, true).apply(" a b "), "a▁b▁");
    }

    #[test]
    fn damaged_rules_end_and_tear_no_character() {
        let mut changed = 0;
        for seed in 0_u32..200 {
            let mut state = seed.wrapping_mul(2_654_435_761) | 1;
            let mut random = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state >> 3
            };
            // The first 256 lead from their byte to any node; the others are offsets of texts, valid or not.
            let mut unit = |number: u32| match number {
                0 => (random() % 2 * (random() % 512)) << 10,
                1..256 => number | (random() % 2) << 8 | (random() % 512) << 10,
                _ => random() % 8,
            };
            let rules = Rules {
                units: (0..512).map(|number| Unit(unit(number))).collect(),
                texts: "a\0é".to_owned(),
            };
            let damaged = Normalizer {
                rules,
                ..normalizer(true, false)
            };
            for text in ["abc", "é", "\0\0", "漢字"] {
                // Slicing a text panics inside a character.
                let mut rest = text;
                while let Some((_, after)) = damaged.next(rest) {
                    assert!(after.len() < rest.len());
                    rest = after;
                }
                changed += usize::from(damaged.apply(text) != normalizer(true, false).apply(text));
            }
        }
        assert!(changed > 0, "some of the rules have to apply");
    }
}
