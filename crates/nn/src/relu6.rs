use candle_core::Tensor;

use crate::{Result, kernel};

/// Every number, but 0 below 0 and 6 above 6: any shape → the same.
///
/// # Errors
/// When the arithmetic fails.
pub fn relu6(input: &Tensor) -> Result<Tensor> {
    if !kernel::fusible(&[input]) {
        return Ok(input.clamp(0.0, 6.0)?);
    }
    kernel::compute([input], input.shape(), |[numbers]| {
        numbers
            .iter()
            .map(|number| number.clamp(0.0, 6.0))
            .collect()
    })
}
