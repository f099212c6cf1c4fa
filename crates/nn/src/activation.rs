use candle_core::Tensor;

use crate::{Result, kernel, packed};

/// The function between the two products of a perceptron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x · sigmoid(1.702 x), which OpenAI's models were trained with.
    QuickGelu,
    /// x · Φ(x), with the normal distribution's Φ.
    Gelu,
    /// Its approximation by a hyperbolic tangent.
    GeluTanh,
    /// 0 in place of what is below 0.
    Relu,
    /// The same, and 6 in place of what is above 6.
    Relu6,
}

impl Activation {
    /// The names in configurations, as transformers' `ACT2FN` has them.
    const NAMES: [(&'static str, Self); 4] = [
        ("quick_gelu", Self::QuickGelu),
        ("gelu", Self::Gelu),
        ("gelu_new", Self::GeluTanh),
        ("gelu_pytorch_tanh", Self::GeluTanh),
    ];

    /// The function that configurations call `name`; `None` for an unknown name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, activation)| *activation)
    }

    /// All names, for errors.
    pub fn names() -> String {
        let names = Self::NAMES.map(|(name, _)| format!("`{name}`"));
        format!("one of {}", names.join(", "))
    }

    /// Applies the function to every number: any shape → the same.
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

    /// The fused form against the differentiable one, which a variable as input calls for.
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
