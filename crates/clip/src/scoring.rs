/// The conversion of cosines between a picture and labels to probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scoring {
    /// Probabilities sum to 1 over the labels: the softmax of the cosines times `scale`, as in CLIP ([Radford et al.
    /// 2021](https://arxiv.org/abs/2103.00020)).
    Softmax {
        /// 100 for OpenAI's models.
        scale: f32,
    },
    /// Each label has an independent probability: the sigmoid of the cosine times `scale` plus `bias`, as in SigLIP
    /// ([Zhai et al. 2023](https://arxiv.org/abs/2303.15343)).
    Sigmoid {
        /// About 100.
        scale: f32,
        /// About -10.
        bias: f32,
    },
}

impl Scoring {
    /// The factor of the cosines.
    pub fn scale(self) -> f32 {
        match self {
            Self::Softmax { scale } | Self::Sigmoid { scale, .. } => scale,
        }
    }

    /// The probabilities of labels with these cosines.
    pub fn probabilities(self, similarities: &[f32]) -> Vec<f32> {
        match self {
            Self::Softmax { scale } => softmax(similarities, scale),
            Self::Sigmoid { scale, bias } => similarities
                .iter()
                .map(|similarity| 1.0 / (1.0 + (-(scale * similarity + bias)).exp()))
                .collect(),
        }
    }
}

fn softmax(similarities: &[f32], scale: f32) -> Vec<f32> {
    let highest = similarities
        .iter()
        .copied()
        .fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = similarities
        .iter()
        .map(|similarity| (scale * (similarity - highest)).exp())
        .collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(scoring: Scoring, similarities: &[f32], expected: &[f32]) {
        let found = scoring.probabilities(similarities);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn a_softmax_is_shared_out() {
        let scoring = Scoring::Softmax { scale: 10.0 };
        let first = 1.0 / (1.0 + (-4.0_f32).exp());
        case(scoring, &[1.0, 0.6], &[first, 1.0 - first]);
        case(scoring, &[0.3], &[1.0]);
        case(Scoring::Softmax { scale: 1e9 }, &[0.5, 1.0], &[0.0, 1.0]);
    }

    #[test]
    fn a_sigmoid_is_of_each_alone() {
        let scoring = Scoring::Sigmoid {
            scale: 10.0,
            bias: -5.0,
        };
        let low = 1.0 / (1.0 + 5.0_f32.exp());
        case(scoring, &[0.5, 0.5, 0.0], &[0.5, 0.5, low]);
    }
}
