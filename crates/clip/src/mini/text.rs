use candle_core::Tensor;
use nn::{Activation, Attention, LayerNorm, Result, Sequences, Weights, positions, ragged};

use crate::{
    mini::{
        config::{MiniConfig, TextConfig},
        perceptron::Perceptron,
        quantised::{self, PackedEmbedding},
    },
    post_norm::PostNormLayer,
};

/// MiniLM-L6 ([the reference](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2)), a small BERT, and the
/// head that pools its tokens.
pub(crate) struct TextTower {
    words: PackedEmbedding,
    /// (context, width), including the embedding of the only token type.
    positions: Tensor,
    norm: LayerNorm,
    layers: Vec<PostNormLayer>,
    mean_layers: usize,
    perceptron: Perceptron,
    context: usize,
}

impl TextTower {
    pub(crate) fn new(config: &MiniConfig, weights: &Weights<'_>) -> Result<Self> {
        let text = &config.text_config;
        let width = text.hidden_size;
        let weights = weights.below("text");
        let embeddings = weights.below("embeddings");
        let group = config.quantization_config.word_embeddings.group_size;
        let layers = (0..text.num_hidden_layers)
            .map(|index| layer(text, &weights.below(&format!("layers.{index}"))));
        Ok(Self {
            words: PackedEmbedding::new(text.vocab_size, width, group, &embeddings.below("word"))?,
            positions: embeddings
                .tensor("position.weight", &[text.max_position_embeddings, width])?,
            norm: LayerNorm::new(width, text.layer_norm_eps, &embeddings.below("norm"))?,
            layers: layers.collect::<Result<_>>()?,
            mean_layers: text.mean_layers,
            perceptron: Perceptron::new(
                width * text.mean_layers,
                text.perceptron_size,
                config.projection_dim,
                &weights.below("perceptron"),
            )?,
            context: text.max_position_embeddings,
        })
    }

    /// Token ids of texts, without padding → (texts, projection).
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        let texts = ragged::checked(texts, self.context)?;
        let pooled = ragged::by_length(&texts, |sorted| self.pool(sorted))?;
        self.perceptron.forward(&pooled)
    }

    /// The means of every text's tokens after each of the last layers: (texts, mean layers · width).
    fn pool(&self, texts: &[&[u32]]) -> Result<Tensor> {
        let lengths = ragged::lengths(texts);
        let sequences = Sequences::open(lengths.clone());
        let mut hidden = self.embed(texts)?;
        let mut pooled = Vec::with_capacity(self.mean_layers);
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = layer.forward(&hidden, &sequences)?;
            if index + self.mean_layers >= self.layers.len() {
                pooled.push(ragged::pool(&hidden, &lengths, |tokens| tokens.mean(0))?);
            }
        }
        Ok(Tensor::cat(&pooled, 1)?)
    }

    fn embed(&self, texts: &[&[u32]]) -> Result<Tensor> {
        let positions = positions(&self.positions, texts)?;
        self.norm
            .forward(&(self.words.forward(&texts.concat())? + positions)?)
    }
}

fn layer(config: &TextConfig, weights: &Weights<'_>) -> Result<PostNormLayer> {
    let TextConfig {
        hidden_size: width,
        intermediate_size: inner,
        ..
    } = *config;
    let square = |name| quantised::leaves(width, width, &weights.below(name));
    let norm = |name| LayerNorm::new(width, config.layer_norm_eps, &weights.below(name));
    let heads = config.num_attention_heads;
    Ok(PostNormLayer {
        attention: Attention::new(
            [square("query")?, square("key")?, square("value")?],
            square("output")?,
            heads,
            weights,
        )?,
        attention_norm: norm("attention_norm")?,
        perceptron: nn::Perceptron::new(
            quantised::linear(width, inner, &weights.below("up"))?,
            Activation::Gelu,
            quantised::linear(inner, width, &weights.below("down"))?,
        ),
        perceptron_norm: norm("perceptron_norm")?,
    })
}
