use candle_core::{D, Tensor};

use crate::{
    Result,
    bert::{BertKind, BertTransformer},
    sentence::{
        config::{SentenceConfig, Step},
        dense::Dense,
        pooling::Pooling,
    },
    weights::Weights,
};

/// The transformer, pooling, and what is done to the pooled vectors.
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

    /// Texts as token ids, every one at its own length → (texts, dimension).
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

/// A model that was saved with a head, as for training on masked words, has the transformer's name before its weights'.
fn below_prefix<'a>(kind: BertKind, weights: &Weights<'a>) -> Weights<'a> {
    let prefix = match kind {
        BertKind::Bert { .. } => "bert",
        BertKind::DistilBert => "distilbert",
    };
    let prefixed = weights.below(prefix);
    match prefixed.has("embeddings.word_embeddings.weight") {
        true => prefixed,
        false => weights.clone(),
    }
}

fn unit(vectors: &Tensor) -> Result<Tensor> {
    let lengths = vectors.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
    Ok(vectors.broadcast_div(&lengths.maximum(1e-12)?)?)
}
