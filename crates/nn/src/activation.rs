use candle_core::Tensor;

use crate::{Result, kernel, packed};

/// The activation function between the two products of a perceptron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x · sigmoid(1.702 x), used by OpenAI's CLIP models.
    QuickGelu,
    /// x · Φ(x), where Φ is the normal distribution function ([Hendrycks and Gimpel
    /// 2016](https://arxiv.org/abs/1606.08415)).
    Gelu,
    /// GELU approximated with a hyperbolic tangent.
    GeluTanh,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
}

impl Activation {
    /// Names in configuration files, as in transformers' `ACT2FN`.
    const NAMES: [(&'static str, Self); 4] = [
        ("quick_gelu", Self::QuickGelu),
        ("gelu", Self::Gelu),
        ("gelu_new", Self::GeluTanh),
        ("gelu_pytorch_tanh", Self::GeluTanh),
    ];

    /// Returns the function that configurations call `name`, or `None` for an unknown name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, activation)| *activation)
    }

    /// Lists all names, for error messages.
    pub fn names() -> String {
        let names = Self::NAMES.map(|(name, _)| format!("`{name}`"));
        format!("one of {}", names.join(", "))
    }

    /// Applies the function to every number; the shape stays the same.
    ///
    /// # Errors
    /// When the arithmetic fails.
    pub fn forward(self, input: &Tensor) -> Result<Tensor> {
        if kernel::fusible(&[input]) {
            return self.fused(input);
        }
        Ok(match self {
            Self::QuickGelu => (input / ((input * -1.702)?.exp()? + 1.0)?)?,
            Self::Gelu => input.gelu_erf()?,
            Self::GeluTanh => input.gelu()?,
            Self::Relu => input.relu()?,
            Self::Relu6 => input.clamp(0.0, 6.0)?,
        })
    }

    fn fused(self, input: &Tensor) -> Result<Tensor> {
        kernel::compute([input], input.shape(), |[numbers]| {
            packed::activate(self, numbers)
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    /// Compares the fused form with the differentiable one, which a variable as input selects.
    #[track_caller]
    fn case(activation: Activation) {
        let numbers: Vec<f32> = (-2000..2000).map(|step| step as f32 * 0.01).collect();
        let input = Tensor::from_vec(numbers, 4000, &Device::Cpu).unwrap();
        let fused = activation
            .forward(&input)
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        let plain = activation
            .forward(Var::from_tensor(&input).unwrap().as_tensor())
            .unwrap();
        for (fused, plain) in fused.iter().zip(plain.to_vec1::<f32>().unwrap()) {
            assert!((fused - plain).abs() <= 2e-6, "{fused} is not {plain}");
        }
    }

    #[test]
    fn forms_agree() {
        case(Activation::QuickGelu);
        case(Activation::Gelu);
        case(Activation::GeluTanh);
        case(Activation::Relu);
        case(Activation::Relu6);
    }

    #[test]
    fn unknown_names_are_refused() {
        assert_eq!(Activation::named("relu"), None);
        assert_eq!(
            Activation::names(),
            "one of `quick_gelu`, `gelu`, `gelu_new`, `gelu_pytorch_tanh`"
        );
    }
}
