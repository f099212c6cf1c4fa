use candle_core::Tensor;
use rayon::prelude::*;

use crate::{Result, SameAxis, kernel};

/// A picture's numbers under a square kernel of `size`, for every output a row of them: (colours, height, width) →
/// (rows, columns, size · size · colours), with the colours of a pixel side by side.
///
/// A product with these rows is a convolution ("im2col").
///
/// # Errors
/// When `picture` has another shape than the axes `rows` and `columns` say.
pub fn unfold(picture: &Tensor, size: usize, rows: SameAxis, columns: SameAxis) -> Result<Tensor> {
    let (colours, height, width) = picture.dims3()?;
    kernel::expect_shape(picture, &[colours, rows.input, columns.input])?;
    let seen = size * size * colours;
    let shape = (rows.output, columns.output, seen);
    if !kernel::fusible(&[picture]) || columns.output * seen == 0 {
        return plain(picture, size, rows, columns);
    }
    kernel::compute([picture], shape, |[picture]| {
        let mut output = vec![0.0; rows.output * columns.output * seen];
        let lines = output.par_chunks_exact_mut(columns.output * seen);
        lines.enumerate().for_each(|(row, output)| {
            let top = row * rows.stride;
            for down in rows.inside(top, size) {
                let y = top + down - rows.before;
                for colour in 0..colours {
                    let line = &picture[(colour * height + y) * width..][..width];
                    let place = down * size * colours + colour;
                    spread(line, size, columns, &mut output[place..], (seen, colours));
                }
            }
        });
        output
    })
}

/// Copies what each output sees of one colour's line; the outputs are `seen` numbers apart, a kernel's pixels `colours`.
fn spread(
    line: &[f32],
    size: usize,
    columns: SameAxis,
    output: &mut [f32],
    (seen, colours): (usize, usize),
) {
    for (column, output) in output.chunks_mut(seen).enumerate() {
        let left = column * columns.stride;
        let inside = columns.inside(left, size);
        let first = left + inside.start - columns.before;
        let line = &line[first..first + inside.len()];
        let places = output[inside.start * colours..].iter_mut().step_by(colours);
        for (place, number) in places.zip(line) {
            *place = *number;
        }
    }
}

fn plain(picture: &Tensor, size: usize, rows: SameAxis, columns: SameAxis) -> Result<Tensor> {
    let pixels = picture.permute((1, 2, 0))?.contiguous()?;
    let padded = columns.pad(&rows.pad(&pixels, 0)?, 1)?;
    let mut seen = Vec::with_capacity(size * size);
    for down in 0..size {
        let lines = rows.seen_from(down, &padded, 0)?;
        for across in 0..size {
            seen.push(columns.seen_from(across, &lines, 1)?);
        }
    }
    Ok(Tensor::cat(&seen, 2)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn forms_agree() {
        for (size, stride, height, width) in
            [(3, 2, 8, 6), (3, 1, 5, 7), (5, 2, 9, 4), (1, 3, 4, 7)]
        {
            let shape = (3, height, width);
            let picture = Tensor::randn(0.0_f32, 1.0, shape, &Device::Cpu).unwrap();
            let axes = [height, width].map(|side| SameAxis::new(side, size, stride));
            let fused = unfold(&picture, size, axes[0], axes[1]).unwrap();
            let variable = Var::from_tensor(&picture).unwrap();
            let plain = unfold(variable.as_tensor(), size, axes[0], axes[1]).unwrap();
            assert_eq!(fused.dims(), plain.dims());
            assert!(kernel::largest_difference(&fused, &plain) == 0.0);
        }
    }
}
