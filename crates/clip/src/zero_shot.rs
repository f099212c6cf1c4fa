use crate::{Error, Model, Result, Scoring, Template};

/// Labels to tell pictures apart by, without training
/// ([Radford et al. 2021, section 3.1](https://arxiv.org/abs/2103.00020)).
pub struct ZeroShot {
    labels: Vec<(String, Vec<f32>)>,
    scoring: Scoring,
}

/// How well a label fits.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelScore {
    /// The label, as it was given.
    pub label: String,
    /// The cosine between the picture and the label's sentence, -1 to 1.
    pub similarity: f32,
    /// How likely the label is, 0 to 1, by the model's [`Scoring`].
    pub probability: f32,
}

impl ZeroShot {
    /// Embeds the sentence that `template` makes of each label.
    ///
    /// # Errors
    /// When there are no labels, a sentence cannot be embedded, or the model is for texts alone.
    pub fn new(model: &Model, labels: &[String], template: &Template) -> Result<Self> {
        if labels.is_empty() {
            return Err(Error::NoLabels);
        }
        model.check_pictures()?;
        let sentences: Vec<String> = labels.iter().map(|label| template.fill(label)).collect();
        let sentences: Vec<&str> = sentences.iter().map(String::as_str).collect();
        let vectors = model.embed_texts(&sentences)?;
        Ok(Self {
            labels: labels.iter().cloned().zip(vectors).collect(),
            scoring: model.scoring(),
        })
    }

    /// All labels, the best first. `embedding` is a picture's, from the same model.
    pub fn classify(&self, embedding: &[f32]) -> Vec<LabelScore> {
        let similarities: Vec<f32> = self
            .labels
            .iter()
            .map(|(_, vector)| dot(embedding, vector))
            .collect();
        let probabilities = self.scoring.probabilities(&similarities);
        let scores = self.labels.iter().zip(similarities).zip(probabilities);
        let mut scores: Vec<LabelScore> = scores
            .map(|(((label, _), similarity), probability)| LabelScore {
                label: label.clone(),
                similarity,
                probability,
            })
            .collect();
        scores.sort_by(|one, other| other.similarity.total_cmp(&one.similarity));
        scores
    }
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_sorted_and_shared_out() {
        let labels = vec![
            ("cat".to_owned(), vec![0.6, 0.8]),
            ("dog".to_owned(), vec![1.0, 0.0]),
        ];
        let scores = ZeroShot {
            labels,
            scoring: Scoring::Softmax { scale: 10.0 },
        }
        .classify(&[1.0, 0.0]);
        assert_eq!(scores[0].label, "dog");
        assert_eq!(scores[0].similarity, 1.0);
        assert_eq!(scores[1].similarity, 0.6);
        let expected = 1.0 / (1.0 + (-4.0_f32).exp());
        assert!((scores[0].probability - expected).abs() < 1e-6);
        assert!((scores[0].probability + scores[1].probability - 1.0).abs() < 1e-6);
    }
}
