use nn::{Linear, Result, Weights};

/// What brings a tower's vector into the space of both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Projection {
    /// The vector stays as it is.
    Nothing,
    Plain,
    Biased,
}

impl Projection {
    /// From vectors of length `width` to those of length `dimension`, as `weights.weight` and `weights.bias`.
    pub(crate) fn read(
        self,
        width: usize,
        dimension: usize,
        weights: &Weights<'_>,
    ) -> Result<Option<Linear>> {
        match self {
            Self::Nothing => Ok(None),
            Self::Plain => Linear::without_bias(width, dimension, weights).map(Some),
            Self::Biased => Linear::new(width, dimension, weights).map(Some),
        }
    }
}
