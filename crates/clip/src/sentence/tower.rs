use candle_core::{D, Tensor};
use nn::{Result, Weights};

use crate::{
    bert::{BertKind, BertTransformer},
    sentence::{
        config::{SentenceConfig, Step},
        dense::Dense,
        pooling::Pooling,
    },
};

/// A transformer, pooling, and the steps after it.
pub(crate) struct SentenceTower {
    transformer: BertTransformer,
    pooling: Vec<Pooling>,
    /// `None` scales to unit length.
    steps: Vec<Option<Dense>>,
}

impl SentenceTower {
    pub(crate) fn new(config: &SentenceConfig, weights: &Weights<'_>) -> Result<Self> {
        let step = |step: &Step| match step {
            Step::Dense(dense) => Dense::new(dense, weights).map(Some),
            Step::Normalize => Ok(None),
        };
        Ok(Self {
            transformer: BertTransformer::new(
                &config.transformer,
                &below_prefix(config.transformer.kind, weights),
            )?,
            pooling: config.pooling.clone(),
            steps: config.steps.iter().map(step).collect::<Result<_>>()?,
        })
    }

    /// Token ids of texts, without padding → (texts, dimension).
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        let mut vectors = self.transformer.forward(texts, |hidden, lengths| {
            let pooled = self.pooling.iter().map(|it| it.forward(hidden, lengths));
            Ok(Tensor::cat(&pooled.collect::<Result<Vec<_>>>()?, 1)?)
        })?;
        for step in &self.steps {
            vectors = match step {
                Some(dense) => dense.forward(&vectors)?,
                None => unit(&vectors)?,
            };
        }
        Ok(vectors)
    }
}

/// Handles models saved with a head, such as for masked language modelling: the transformer's weights have a prefix.
fn below_prefix<'a>(kind: BertKind, weights: &Weights<'a>) -> Weights<'a> {
    let prefix = match kind {
        BertKind::Bert { .. } => "bert",
        BertKind::DistilBert => "distilbert",
    };
    let prefixed = weights.below(prefix);
    if prefixed.has("embeddings.word_embeddings.weight") {
        prefixed
    } else {
        weights.clone()
    }
}

fn unit(vectors: &Tensor) -> Result<Tensor> {
    let lengths = vectors.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
    Ok(vectors.broadcast_div(&lengths.maximum(1e-12)?)?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use candle_core::Device;
    use safetensors::SafeTensors;

    use super::*;
    use crate::{Checkpoint, bert::BertConfig};

    /// Compares unscaled vectors with sentence-transformers'. The integration tests compare unit vectors, which would
    /// hide a wrong factor.
    #[test]
    fn vectors_before_scaling_equal_sentence_transformers() {
        let directory = Path::new("tests/fixtures/multilingual/distilbert");
        let checkpoint = Checkpoint::open(directory).unwrap();
        let transformer = BertConfig::distilbert(&checkpoint).unwrap();
        let config = SentenceConfig::read(&checkpoint, transformer).unwrap();
        let weights = checkpoint.weights(&Device::Cpu).unwrap();
        let tower = SentenceTower::new(&config, &weights).unwrap();

        let expected = std::fs::read(directory.join("expected.safetensors")).unwrap();
        let expected = SafeTensors::deserialize(&expected).unwrap();
        let (ids, features) = (
            expected.tensor("input_ids").unwrap(),
            expected.tensor("text_features").unwrap(),
        );
        let numbers = ids.data().as_chunks().0.iter();
        let numbers: Vec<i64> = numbers.map(|&bytes| i64::from_le_bytes(bytes)).collect();
        let rows = numbers.chunks(ids.shape()[1]);
        let texts = rows.map(|row| row.iter().filter_map(|&id| id.try_into().ok()).collect());
        let found = tower.forward(&texts.collect::<Vec<Vec<u32>>>()).unwrap();
        let numbers = features.data().as_chunks().0.iter();
        let numbers = numbers.map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let expected = Tensor::from_vec(numbers, features.shape(), &Device::Cpu).unwrap();
        let off = (found - &expected).unwrap().abs().unwrap().max_all();
        let largest = expected.abs().unwrap().max_all().unwrap();
        let (off, largest) = (off.unwrap().to_scalar(), largest.to_scalar());
        let (off, largest): (f32, f32) = (off.unwrap(), largest.unwrap());
        assert!(off <= 1e-5 * largest.max(1.0), "off by {off:e}");
    }
}
