use candle_core::Tensor;
use nn::{Attention, LayerNorm, Perceptron, Result, Sequences, Then};

/// A transformer layer with norms after its residual sums, as in BERT ([Devlin et al.
/// 2018](https://arxiv.org/abs/1810.04805)).
pub(crate) struct PostNormLayer {
    pub(crate) attention: Attention,
    pub(crate) attention_norm: LayerNorm,
    pub(crate) perceptron: Perceptron,
    pub(crate) perceptron_norm: LayerNorm,
}

impl PostNormLayer {
    /// (tokens, width) → (tokens, width).
    pub(crate) fn forward(&self, hidden: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let attended = self
            .attention
            .forward(hidden, sequences, Then::adding(hidden))?;
        let hidden = self.attention_norm.forward(&attended)?;
        let thought = self.perceptron.forward(&hidden, Then::adding(&hidden))?;
        self.perceptron_norm.forward(&thought)
    }
}
