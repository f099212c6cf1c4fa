use candle_core::Tensor;
use nn::{PaddedConvolution, Result, Weights};

/// PyTorch's default, which open_clip uses.
const EPSILON: f64 = 1e-5;

/// Reads `convolution`, of [inputs, outputs, size], and folds in the batch norm `norm` that follows it ([Ioffe and
/// Szegedy 2015](https://arxiv.org/abs/1502.03167)).
///
/// After training, the norm is a factor and a summand per channel. They are folded in f64, so that each number is
/// rounded once.
pub(super) fn read(
    weights: &Weights<'_>,
    convolution: &str,
    norm: &str,
    [inputs, outputs, size]: [usize; 3],
    stride: usize,
) -> Result<PaddedConvolution> {
    let weight = weights
        .below(convolution)
        .tensor("weight", &[outputs, inputs, size, size])?;
    let (factors, summands) = factors_and_summands(outputs, &weights.below(norm))?;
    let shape = weight.shape().clone();
    let mut numbers: Vec<f32> = weight.flatten_all()?.to_vec1()?;
    for (numbers, factor) in numbers.chunks_mut(inputs * size * size).zip(&factors) {
        for number in numbers {
            *number = (f64::from(*number) * factor) as f32;
        }
    }
    PaddedConvolution::from_tensors(
        &Tensor::from_vec(numbers, shape, weights.device())?,
        Tensor::from_vec(summands, outputs, weights.device())?,
        stride,
    )
}

fn factors_and_summands(channels: usize, weights: &Weights<'_>) -> Result<(Vec<f64>, Vec<f32>)> {
    let numbers = |name| -> Result<Vec<f64>> {
        let numbers: Vec<f32> = weights.tensor(name, &[channels])?.to_vec1()?;
        Ok(numbers.into_iter().map(f64::from).collect())
    };
    let (weight, bias) = (numbers("weight")?, numbers("bias")?);
    let (mean, variance) = (numbers("running_mean")?, numbers("running_var")?);
    let factors: Vec<f64> = weight
        .iter()
        .zip(variance)
        .map(|(weight, variance)| weight / (variance + EPSILON).sqrt())
        .collect();
    let summands = bias.iter().zip(mean).zip(&factors);
    let summands = summands.map(|((bias, mean), factor)| (bias - mean * factor) as f32);
    let summands = summands.collect();
    Ok((factors, summands))
}
