use candle_core::Tensor;
use nn::{
    Attention, Embedding, LayerNorm, Linear, Perceptron, Result, Sequences, Weights, positions,
    ragged,
};

use crate::{
    bert::{BertConfig, BertKind},
    config::EncoderConfig,
    post_norm::PostNormLayer,
};

/// The transformer: a vector for each token.
pub(crate) struct BertTransformer {
    words: Embedding,
    /// (context, width); for BERT, the first token type's embedding is added.
    positions: Tensor,
    norm: LayerNorm,
    layers: Vec<PostNormLayer>,
    context: usize,
}

/// The names of a layer's weights.
struct Names {
    layers: &'static str,
    query: &'static str,
    key: &'static str,
    value: &'static str,
    output: &'static str,
    attention_norm: &'static str,
    up: &'static str,
    down: &'static str,
    perceptron_norm: &'static str,
}

const BERT: Names = Names {
    layers: "encoder.layer",
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    perceptron_norm: "output.LayerNorm",
};

const DISTILBERT: Names = Names {
    layers: "transformer.layer",
    query: "attention.q_lin",
    key: "attention.k_lin",
    value: "attention.v_lin",
    output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    perceptron_norm: "output_layer_norm",
};

impl BertTransformer {
    pub(crate) fn new(config: &BertConfig, weights: &Weights<'_>) -> Result<Self> {
        let EncoderConfig {
            width,
            layers,
            epsilon,
            ..
        } = config.encoder;
        let embeddings = weights.below("embeddings");
        let names = match config.kind {
            BertKind::Bert { .. } => &BERT,
            BertKind::DistilBert => &DISTILBERT,
        };
        let layer = |index| {
            let weights = weights.below(&format!("{}.{index}", names.layers));
            names.layer(&config.encoder, &weights)
        };
        Ok(Self {
            words: Embedding::new(
                config.vocabulary,
                width,
                &embeddings.below("word_embeddings"),
            )?,
            positions: position_table(config, &embeddings)?,
            norm: LayerNorm::new(width, epsilon, &embeddings.below("LayerNorm"))?,
            layers: (0..layers).map(layer).collect::<Result<_>>()?,
            context: config.context,
        })
    }

    /// Token ids of texts, without padding → (texts, …). `pool` gets all tokens, (tokens, width), and the texts'
    /// lengths.
    pub(crate) fn forward(
        &self,
        texts: &[Vec<u32>],
        pool: impl FnOnce(&Tensor, &[usize]) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let texts = ragged::checked(texts, self.context)?;
        ragged::by_length(&texts, |sorted| {
            let lengths = ragged::lengths(sorted);
            let sequences = Sequences::open(lengths.clone());
            let mut hidden = self.embed(sorted)?;
            for layer in &self.layers {
                hidden = layer.forward(&hidden, &sequences)?;
            }
            pool(&hidden, &lengths)
        })
    }

    fn embed(&self, texts: &[&[u32]]) -> Result<Tensor> {
        let positions = positions(&self.positions, texts)?;
        let words = self.words.forward(&texts.concat())?;
        self.norm.forward(&(words + positions)?)
    }
}

fn position_table(config: &BertConfig, embeddings: &Weights<'_>) -> Result<Tensor> {
    let width = config.encoder.width;
    let positions = embeddings.tensor("position_embeddings.weight", &[config.context, width])?;
    let BertKind::Bert { token_types } = config.kind else {
        return Ok(positions);
    };
    let types = embeddings.tensor("token_type_embeddings.weight", &[token_types, width])?;
    Ok(positions.broadcast_add(&types.narrow(0, 0, 1)?)?)
}

impl Names {
    fn layer(&self, config: &EncoderConfig, weights: &Weights<'_>) -> Result<PostNormLayer> {
        let &EncoderConfig { width, inner, .. } = config;
        let square = |name| Linear::leaves(width, width, &weights.below(name));
        let norm = |name| LayerNorm::new(width, config.epsilon, &weights.below(name));
        Ok(PostNormLayer {
            attention: Attention::new(
                [square(self.query)?, square(self.key)?, square(self.value)?],
                square(self.output)?,
                config.heads,
                weights,
            )?,
            attention_norm: norm(self.attention_norm)?,
            perceptron: Perceptron::new(
                Linear::new(width, inner, &weights.below(self.up))?,
                config.activation,
                Linear::new(inner, width, &weights.below(self.down))?,
            ),
            perceptron_norm: norm(self.perceptron_norm)?,
        })
    }
}
