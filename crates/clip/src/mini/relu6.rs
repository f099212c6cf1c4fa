use candle_core::Tensor;

use crate::{Result, ops::kernel};

/// 0 below 0, 6 above 6.
pub(super) fn relu6(input: &Tensor) -> Result<Tensor> {
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
