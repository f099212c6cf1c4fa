use tokenizers::Result;

use super::{
    normalizer::{Normalization, Normalizer},
    piece::{Piece, PieceKind},
    unigram::{Part, Unigram},
    wire::fields,
};

/// A unigram model from a `spiece.model`.
pub(crate) struct SentencePiece {
    normalizer: Normalizer,
    unigram: Unigram,
    unknown: u32,
    /// The ids of the 256 bytes, if unknown characters are split into bytes.
    bytes: Option<Vec<u32>>,
}

/// The relevant settings of the training.
#[derive(Default)]
struct Training {
    space_behind: bool,
    byte_fallback: bool,
}

impl SentencePiece {
    /// Reads the file.
    pub(crate) fn parse(file: &[u8]) -> Result<Self> {
        let (mut pieces, mut training) = (Vec::new(), Training::default());
        let mut normalization = Normalization {
            rules: &[],
            leading_space: true,
            single_spaces: true,
            visible_spaces: true,
            space_behind: false,
        };
        for field in fields(file) {
            match field? {
                (1, piece) => pieces.push(parse_piece(piece.bytes()?)?),
                (2, settings) => training = parse_training(settings.bytes()?)?,
                (3, settings) => parse_normalization(settings.bytes()?, &mut normalization)?,
                _ => {}
            }
        }
        normalization.space_behind = training.space_behind;
        Self::assemble(pieces, &training, &normalization)
    }

    fn assemble(
        pieces: Vec<Piece>,
        training: &Training,
        normalization: &Normalization<'_>,
    ) -> Result<Self> {
        let mut unknown = kind_ids(&pieces, PieceKind::Unknown);
        let (Some(first), None) = (unknown.next(), unknown.next()) else {
            return Err("expected exactly one unknown piece".into());
        };
        drop(unknown);
        Ok(Self {
            normalizer: Normalizer::new(normalization, &pieces)?,
            bytes: training
                .byte_fallback
                .then(|| byte_ids(&pieces))
                .transpose()?,
            unigram: Unigram::new(pieces, first)?,
            unknown: first,
        })
    }

    /// Stops inserting a space before texts.
    pub(crate) fn drop_leading_space(&mut self) {
        self.normalizer.drop_leading_space();
    }

    /// The id of the piece `text`, of any kind.
    pub(crate) fn id(&self, text: &str) -> Option<u32> {
        self.unigram.id(text)
    }

    /// The ids of `text`. An unknown sequence becomes one id, or one for each of its bytes.
    pub(crate) fn encode(&self, text: &str) -> Vec<u32> {
        let text = self.normalizer.apply(text);
        let mut ids = Vec::new();
        for Part { id, range } in self.unigram.split(&text) {
            match &self.bytes {
                _ if id != self.unknown => ids.push(id),
                Some(bytes) => ids.extend(text[range].bytes().map(|byte| bytes[byte as usize])),
                // The library returns an unknown sequence as text, which may be equal to a piece.
                None => ids.push(self.id(&text[range]).unwrap_or(self.unknown)),
            }
        }
        ids
    }
}

fn kind_ids(pieces: &[Piece], kind: PieceKind) -> impl Iterator<Item = u32> {
    let of_kind = move |(id, piece): (usize, &Piece)| (piece.kind == kind).then_some(id as u32);
    pieces.iter().enumerate().filter_map(of_kind)
}

/// The ids of the pieces `<0x00>` to `<0xFF>`.
fn byte_ids(pieces: &[Piece]) -> Result<Vec<u32>> {
    let mut ids = vec![None; 256];
    for id in kind_ids(pieces, PieceKind::Byte) {
        let text = &pieces[id as usize].text;
        let byte = text
            .strip_prefix("<0x")
            .and_then(|rest| u8::from_str_radix(rest.strip_suffix('>')?, 16).ok());
        match byte {
            Some(byte) => ids[byte as usize] = Some(id),
            None => return Err(format!("the piece `{text}` is not a byte").into()),
        }
    }
    let ids: Option<Vec<u32>> = ids.into_iter().collect();
    ids.ok_or_else(|| "a byte piece is missing".into())
}

fn parse_piece(message: &[u8]) -> Result<Piece> {
    let mut piece = Piece {
        text: String::new(),
        score: 0.0,
        kind: PieceKind::Normal,
    };
    for field in fields(message) {
        match field? {
            (1, text) => piece.text = text.text()?.to_owned(),
            (2, score) => piece.score = score.float()?,
            (3, kind) => piece.kind = PieceKind::numbered(kind.number()?)?,
            _ => {}
        }
    }
    if piece.text.is_empty() {
        return Err("a piece is empty".into());
    }
    if !piece.score.is_finite() {
        return Err(format!("the score of the piece `{}` is not a number", piece.text).into());
    }
    Ok(piece)
}

fn parse_training(message: &[u8]) -> Result<Training> {
    let mut training = Training::default();
    for field in fields(message) {
        match field? {
            (3, kind) if kind.number()? != 1 => {
                let kind = kind.number()?;
                return Err(format!("the model type is {kind}, expected 1, unigram").into());
            }
            (24, flag) => training.space_behind = flag.flag()?,
            (35, flag) => training.byte_fallback = flag.flag()?,
            _ => {}
        }
    }
    Ok(training)
}

fn parse_normalization<'a>(message: &'a [u8], settings: &mut Normalization<'a>) -> Result<()> {
    for field in fields(message) {
        match field? {
            (2, rules) => settings.rules = rules.bytes()?,
            (3, flag) => settings.leading_space = flag.flag()?,
            (4, flag) => settings.single_spaces = flag.flag()?,
            (5, flag) => settings.visible_spaces = flag.flag()?,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u8, contents: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, contents.len() as u8], contents].concat()
    }

    fn piece(text: &str, kind: u8) -> Vec<u8> {
        let score = [&[2 << 3 | 5][..], &(-1.0_f32).to_le_bytes()].concat();
        message(
            1,
            &[message(1, text.as_bytes()), score, vec![3 << 3, kind]].concat(),
        )
    }

    #[track_caller]
    fn refused(file: &[u8], expected: &str) {
        let error = SentencePiece::parse(file).err().unwrap();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_small_model_works() {
        let file = [piece("<unk>", 2), piece("\u{2581}a", 1), piece("b", 1)].concat();
        let model = SentencePiece::parse(&file).unwrap();
        assert_eq!(model.id("b"), Some(2));
        assert_eq!(model.encode("ab xyb"), [1, 2, 0, 2]);
        assert_eq!(model.encode("  "), [0_u32; 0]);
    }

    #[test]
    fn what_makes_no_model_is_refused() {
        let unknown = piece("<unk>", 2);
        refused(b"", "expected exactly one unknown piece");
        refused(
            &[unknown.clone(), unknown.clone()].concat(),
            "expected exactly one unknown piece",
        );
        refused(
            &[unknown.clone(), piece("a", 1), piece("a", 1)].concat(),
            "duplicate piece `a`",
        );
        refused(
            &[unknown.clone(), piece("a", 9)].concat(),
            "a piece has type 9, expected 1 to 6",
        );
        refused(
            &[unknown.clone(), message(2, &[3 << 3, 2])].concat(),
            "the model type is 2, expected 1, unigram",
        );
        refused(
            &[unknown.clone(), message(2, &[0x98, 2, 1])].concat(),
            "a byte piece is missing",
        );
        refused(&unknown[..5], "the file ends in the middle of a field");
        refused(
            &[unknown, message(3, &message(2, &[9, 0, 0, 0, 1]))].concat(),
            "the normalisation rules are truncated",
        );
    }
}
