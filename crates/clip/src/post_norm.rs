use candle_core::Tensor;
use nn::{Activation, Attention, LayerNorm, Linear, Result, Sequences};

/// A transformer layer with its norms behind the sums, as BERT's ([Devlin et al. 2018](https://arxiv.org/abs/1810.04805)).
pub(crate) struct PostNormLayer {
    pub(crate) attention: Attention,
    pub(crate) attention_norm: LayerNorm,
    /// From the layer's width to the perceptron's.
    pub(crate) up: Linear,
    pub(crate) activation: Activation,
    /// Back to the layer's.
    pub(crate) down: Linear,
    pub(crate) perceptron_norm: LayerNorm,
}

impl PostNormLayer {
    /// (tokens, width) → (tokens, width).
    pub(crate) fn forward(&self, hidden: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let attended = self.attention.forward(hidden, sequences)?;
        let hidden = self.attention_norm.forward(&(hidden + attended)?)?;
        let inner = self.activation.forward(&self.up.forward(&hidden)?)?;
        let thought = self.down.forward(&inner)?;
        self.perceptron_norm.forward(&(&hidden + thought)?)
    }
}
