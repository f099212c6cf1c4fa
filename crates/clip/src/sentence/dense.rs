use candle_core::Tensor;
use nn::{Linear, Weights};
use serde::Deserialize;

use crate::{Result, config::Settings};

/// The settings of a linear layer, equal to sentence-transformers'
/// [`Dense`](https://github.com/huggingface/sentence-transformers/blob/main/sentence_transformers/base/modules/dense.py).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DenseConfig {
    /// The folder, the prefix of its weights' names.
    pub(crate) folder: String,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    bias: bool,
    /// Whether a tanh follows.
    tanh: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct DenseJson {
    in_features: Option<usize>,
    out_features: Option<usize>,
    bias: Option<bool>,
    activation_function: Option<String>,
    module_input_name: Option<String>,
    module_output_name: Option<String>,
    use_residual: Option<bool>,
}

/// The modules' name for the pooled vector.
const VECTOR: &str = "sentence_embedding";

impl DenseJson {
    /// The settings of the module in `folder`, which gets vectors of length `inputs`.
    pub(crate) fn resolve(
        self,
        settings: &Settings,
        folder: &str,
        inputs: usize,
    ) -> Result<DenseConfig> {
        if self.in_features != Some(inputs) {
            let found = self
                .in_features
                .map_or("absent".to_owned(), |found| found.to_string());
            let expected = format!("{inputs}, the previous module's output");
            return Err(settings.refuse("in_features", found, &expected));
        }
        for (name, found) in [
            ("module_input_name", &self.module_input_name),
            ("module_output_name", &self.module_output_name),
        ] {
            if let Some(found) = found.as_ref().filter(|found| *found != VECTOR) {
                return Err(settings.refuse(name, format!("`{found}`"), &format!("`{VECTOR}`")));
            }
        }
        if self.use_residual == Some(true) {
            return Err(settings.refuse("use_residual", true, "false"));
        }
        Ok(DenseConfig {
            folder: folder.to_owned(),
            inputs,
            outputs: settings.positive("out_features", self.out_features.unwrap_or(0))?,
            bias: self.bias.unwrap_or(true),
            tanh: is_tanh(self.activation_function.as_deref(), settings)?,
        })
    }
}

fn is_tanh(class: Option<&str>, settings: &Settings) -> Result<bool> {
    let class = class.unwrap_or("torch.nn.modules.activation.Tanh");
    let name = class
        .strip_prefix("torch.nn.")
        .and_then(|class| class.rsplit('.').next());
    match name {
        Some("Identity") => Ok(false),
        Some("Tanh") => Ok(true),
        _ => Err(settings.refuse(
            "activation_function",
            format!("`{class}`"),
            "one of `torch.nn.modules.linear.Identity`, `torch.nn.modules.activation.Tanh`",
        )),
    }
}

/// The linear layer and its activation.
pub(crate) struct Dense {
    linear: Linear,
    tanh: bool,
}

impl Dense {
    pub(crate) fn new(config: &DenseConfig, weights: &Weights<'_>) -> nn::Result<Self> {
        let weights = weights.below(&config.folder).below("linear");
        let linear = if config.bias {
            Linear::new(config.inputs, config.outputs, &weights)?
        } else {
            Linear::without_bias(config.inputs, config.outputs, &weights)?
        };
        Ok(Self {
            linear,
            tanh: config.tanh,
        })
    }

    /// (texts, inputs) → (texts, outputs).
    pub(crate) fn forward(&self, vectors: &Tensor) -> nn::Result<Tensor> {
        let vectors = self.linear.forward(vectors)?;
        if self.tanh {
            Ok(vectors.tanh()?)
        } else {
            Ok(vectors)
        }
    }
}
