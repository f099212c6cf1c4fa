use tokenizers::Result;

/// An entry of the vocabulary.
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) score: f32,
    pub(super) kind: PieceKind,
}

/// The [type of a piece](https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceKind {
    Normal,
    Unknown,
    /// Never matches text.
    Control,
    /// Always matches text, unchanged.
    UserDefined,
    Unused,
    Byte,
}

impl PieceKind {
    /// The type with this number in the file.
    pub(super) fn numbered(number: u64) -> Result<Self> {
        Ok(match number {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            other => return Err(format!("a piece has type {other}, expected 1 to 6").into()),
        })
    }
}
