use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::score::Scorer;

/// The metric of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// The cosine of the angle: 1 for the same direction, −1 for the opposite. Larger is better.
    Cosine,
    /// The inner product. Larger is better.
    Dotproduct,
    /// The squared Euclidean distance, as in Pinecone. Smaller is better.
    Euclidean,
}

impl Metric {
    /// All metrics.
    pub const ALL: [Self; 3] = [Self::Cosine, Self::Dotproduct, Self::Euclidean];

    /// The metric's name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Dotproduct => "dotproduct",
            Self::Euclidean => "euclidean",
        }
    }

    /// The score of `vector` for `query`, exactly as in searches.
    ///
    /// Summed in `f64` and rounded once, so it's the same on every machine. The cosine of an all-zero vector
    /// is undefined; its score is 0.
    pub fn score(self, query: &[f32], vector: &[f32]) -> f32 {
        Scorer::new(self, query).score(vector)
    }

    /// Whether larger scores are better.
    pub fn larger_is_better(self) -> bool {
        self != Self::Euclidean
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|metric| metric.name() == name);
        known.ok_or_else(|| Error::UnknownMetric {
            got: name.to_owned(),
        })
    }
}
