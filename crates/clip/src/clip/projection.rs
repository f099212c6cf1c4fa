use nn::{Linear, Result, Weights};

/// The projection of a tower's output to the embedding space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Projection {
    /// No projection.
    Nothing,
    Plain,
    Biased,
}

impl Projection {
    /// Reads `weights.weight` (dimension, width) and, with a bias, `weights.bias`.
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
