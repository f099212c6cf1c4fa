use candle_core::Tensor;
use pulp::Arch;

use crate::{Result, kernel};

/// Average pooling over 2 x 2 pixels: (batch, height, width, channels) → (batch, height / 2, width / 2, channels).
///
/// Drops the last row or column of an odd size.
///
/// # Errors
/// When `input` has another shape.
pub fn average_pool(input: &Tensor) -> Result<Tensor> {
    let (batch, height, width, channels) = input.dims4()?;
    let (rows, columns) = (height / 2, width / 2);
    if !kernel::fusible(&[input]) || rows * columns * channels == 0 {
        let pooled = input.permute((0, 3, 1, 2))?.contiguous()?.avg_pool2d(2)?;
        return Ok(pooled.permute((0, 2, 3, 1))?.contiguous()?);
    }
    kernel::compute([input], (batch, rows, columns, channels), |[input]| {
        let (line, length) = (width * channels, columns * channels);
        let mut output = vec![0.0; batch * rows * columns * channels];
        kernel::for_each_row(Arch::new(), &mut output, length, |row, output| {
            let (picture, down) = (row / rows, row % rows);
            let upper = &input[(picture * height + 2 * down) * line..][..2 * line];
            let (upper, lower) = upper.split_at(line);
            let pairs = upper
                .chunks_exact(2 * channels)
                .zip(lower.chunks_exact(2 * channels));
            for (output, (upper, lower)) in output.chunks_exact_mut(channels).zip(pairs) {
                let (one, two) = upper.split_at(channels);
                let (three, four) = lower.split_at(channels);
                for (channel, output) in output.iter_mut().enumerate() {
                    *output = 0.25 * (one[channel] + two[channel] + three[channel] + four[channel]);
                }
            }
        });
        output
    })
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    #[test]
    fn forms_agree() {
        for shape in [[2, 4, 6, 3], [1, 5, 7, 2], [3, 2, 3, 5]] {
            let input = crate::random::normal(0.0, 1.0, &shape);
            let fused = average_pool(&input).unwrap();
            let plain = average_pool(Var::from_tensor(&input).unwrap().as_tensor()).unwrap();
            assert_eq!(
                fused.dims(),
                [shape[0], shape[1] / 2, shape[2] / 2, shape[3]]
            );
            let off = kernel::largest_difference(&fused, &plain);
            assert!(off < 1e-6, "the forms differ by {off}");
        }
    }
}
