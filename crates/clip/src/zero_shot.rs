use crate::{Error, Model, Result, Scoring, Template};

/// Zero-shot classification of pictures ([Radford et al. 2021, section 3.1](https://arxiv.org/abs/2103.00020)).
pub struct ZeroShot {
    labels: Vec<(String, Vec<f32>)>,
    scoring: Scoring,
}

/// A label's score for a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelScore {
    /// The label, unchanged.
    pub label: String,
    /// The cosine between the picture and the label's sentences, from -1 to 1.
    pub similarity: f32,
    /// The label's probability, from 0 to 1, by the model's [`Scoring`].
    pub probability: f32,
}

impl ZeroShot {
    /// Embeds the sentences of each label, one for each of `templates`.
    ///
    /// With several templates, a label's embedding is the mean of its sentences' embeddings, scaled to unit length, as
    /// in [CLIP's notebook](https://github.com/openai/CLIP/blob/main/notebooks/Prompt_Engineering_for_ImageNet.ipynb).
    ///
    /// # Errors
    /// When there are no labels or no templates, a sentence cannot be embedded, or the model is text-only.
    pub fn new(model: &Model, labels: &[String], templates: &[Template]) -> Result<Self> {
        if labels.is_empty() {
            return Err(Error::NoLabels);
        }
        if templates.is_empty() {
            return Err(Error::NoTemplates);
        }
        model.check_pictures()?;
        let sentences = labels
            .iter()
            .flat_map(|label| templates.iter().map(|template| template.fill(label)));
        let sentences: Vec<String> = sentences.collect();
        let sentences: Vec<&str> = sentences.iter().map(String::as_str).collect();
        let vectors = model.embed_texts(&sentences)?;
        let vectors = vectors.chunks_exact(templates.len()).map(mean);
        Ok(Self {
            labels: labels
                .iter()
                .cloned()
                .zip(vectors.collect::<Result<Vec<_>>>()?)
                .collect(),
            scoring: model.scoring(),
        })
    }

    /// Returns all labels, best first, for the `embedding` of a picture by the same model.
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

/// The mean of vectors of equal length, scaled to unit length.
fn mean(vectors: &[Vec<f32>]) -> Result<Vec<f32>> {
    if let [vector] = vectors {
        return Ok(vector.clone());
    }
    let mut mean = vec![0.0; vectors.first().map_or(0, Vec::len)];
    for vector in vectors {
        for (sum, number) in mean.iter_mut().zip(vector) {
            *sum += number;
        }
    }
    let length = dot(&mean, &mean).sqrt();
    if length == 0.0 {
        return Err(Error::Degenerate { length });
    }
    mean.iter_mut().for_each(|number| *number /= length);
    Ok(mean)
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_have_unit_length() {
        let vectors = [vec![1.0, 0.0], vec![0.0, 1.0], vec![0.6, 0.8]];
        let mean = mean(&vectors).unwrap();
        assert!((mean[1] / mean[0] - 1.8 / 1.6).abs() < 1e-6);
        assert!((dot(&mean, &mean) - 1.0).abs() < 1e-6);
        let opposite = [vec![1.0, 0.0], vec![-1.0, 0.0]];
        assert!(super::mean(&opposite).is_err());
    }

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
