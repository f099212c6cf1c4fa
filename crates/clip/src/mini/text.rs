use candle_core::Tensor;

use crate::{
    Error, Result,
    mini::{
        config::{MiniConfig, TextConfig},
        perceptron::Perceptron,
        quantised::{self, PackedEmbedding},
    },
    ops::{Activation, Attention, LayerNorm, Linear, Sequences, positions},
    weights::Weights,
};

/// MiniLM-L6 ([the reference](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2)), a small BERT, and the
/// head that makes a vector of its tokens.
pub(crate) struct TextTower {
    words: PackedEmbedding,
    /// (context, width), the embedding of the only token type added.
    positions: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
    mean_layers: usize,
    perceptron: Perceptron,
    context: usize,
}

/// A transformer layer with its norms behind the sums, as BERT's ([Devlin et al. 2018](https://arxiv.org/abs/1810.04805)).
struct Layer {
    attention: Attention,
    attention_norm: LayerNorm,
    up: Linear,
    down: Linear,
    perceptron_norm: LayerNorm,
}

impl TextTower {
    pub(crate) fn new(config: &MiniConfig, weights: &Weights<'_>) -> Result<Self> {
        let text = &config.text_config;
        let width = text.hidden_size;
        let weights = weights.below("text");
        let embeddings = weights.below("embeddings");
        let group = config.quantization_config.word_embeddings.group_size;
        let layers = (0..text.num_hidden_layers)
            .map(|layer| Layer::new(text, &weights.below(&format!("layers.{layer}"))));
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

    /// Texts as token ids, every one at its own length → (texts, projection).
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        // Texts of one length are computed together when they follow one another.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&index| texts[index].len());
        let sorted: Vec<&[u32]> = order.iter().map(|&index| texts[index].as_slice()).collect();
        let pooled = self.pool(&sorted)?;
        let mut places = vec![0; texts.len()];
        for (place, &index) in order.iter().enumerate() {
            places[index] = place as u32;
        }
        self.perceptron
            .forward(&pooled.index_select(&Tensor::new(places, pooled.device())?, 0)?)
    }

    /// The means of every text's tokens behind each of the last layers: (texts, mean layers · width).
    fn pool(&self, texts: &[&[u32]]) -> Result<Tensor> {
        let lengths: Vec<usize> = texts.iter().map(|tokens| tokens.len()).collect();
        let sequences = Sequences::open(lengths.clone());
        let mut hidden = self.embed(texts)?;
        let mut pooled = Vec::with_capacity(self.mean_layers);
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = layer.forward(&hidden, &sequences)?;
            if index + self.mean_layers >= self.layers.len() {
                pooled.push(means(&hidden, &lengths)?);
            }
        }
        Ok(Tensor::cat(&pooled, 1)?)
    }

    fn embed(&self, texts: &[&[u32]]) -> Result<Tensor> {
        for tokens in texts {
            if tokens.is_empty() || tokens.len() > self.context {
                return Err(Error::TokenCount {
                    found: tokens.len(),
                    limit: self.context,
                });
            }
        }
        let positions = positions(&self.positions, texts)?;
        self.norm
            .forward(&(self.words.forward(&texts.concat())? + positions)?)
    }
}

impl Layer {
    fn new(config: &TextConfig, weights: &Weights<'_>) -> Result<Self> {
        let TextConfig {
            hidden_size: width,
            intermediate_size: inner,
            ..
        } = *config;
        let square = |name| quantised::saved(width, width, &weights.below(name));
        let norm = |name| LayerNorm::new(width, config.layer_norm_eps, &weights.below(name));
        let heads = config.num_attention_heads;
        Ok(Self {
            attention: Attention::new(
                square("query")?,
                square("key")?,
                square("value")?,
                square("output")?,
                heads,
            )?,
            attention_norm: norm("attention_norm")?,
            up: quantised::linear(width, inner, &weights.below("up"))?,
            down: quantised::linear(inner, width, &weights.below("down"))?,
            perceptron_norm: norm("perceptron_norm")?,
        })
    }

    fn forward(&self, hidden: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let hidden = self
            .attention_norm
            .forward(&(hidden + self.attention.forward(hidden, sequences)?)?)?;
        let inner = Activation::Gelu.forward(&self.up.forward(&hidden)?)?;
        self.perceptron_norm
            .forward(&(&hidden + self.down.forward(&inner)?)?)
    }
}

/// The mean of each sequence's rows: (tokens, width) → (sequences, width).
fn means(hidden: &Tensor, lengths: &[usize]) -> Result<Tensor> {
    let mut start = 0;
    let means = lengths.iter().map(|&length| {
        let tokens = hidden.narrow(0, start, length)?;
        start += length;
        Ok(tokens.mean(0)?)
    });
    Ok(Tensor::stack(&means.collect::<Result<Vec<_>>>()?, 0)?)
}
