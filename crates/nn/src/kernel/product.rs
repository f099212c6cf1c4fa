#![expect(unsafe_code, reason = "the matrix product of `gemm` takes pointers")]

use gemm::Parallelism;

/// A matrix in a slice: the number in row r and column c is `numbers[r * row_step + c * column_step]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) numbers: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_step: usize,
    pub(crate) column_step: usize,
}

impl<'a> Matrix<'a> {
    /// Contiguous rows.
    pub(crate) fn packed(numbers: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::spaced(numbers, rows, columns, columns)
    }

    /// Rows that begin `row_step` numbers apart.
    pub(crate) fn spaced(numbers: &'a [f32], rows: usize, columns: usize, row_step: usize) -> Self {
        Self {
            numbers,
            rows,
            columns,
            row_step,
            column_step: 1,
        }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            numbers: self.numbers,
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
        }
    }

    /// Whether every number of the matrix lies in the slice.
    fn fits(&self) -> bool {
        let last = |count: usize, step: usize| (count - 1).checked_mul(step);
        self.rows == 0
            || self.columns == 0
            || last(self.rows, self.row_step)
                .zip(last(self.columns, self.column_step))
                .and_then(|(rows, columns)| rows.checked_add(columns))
                .is_some_and(|last| last < self.numbers.len())
    }
}

/// How many threads share an operation.
#[derive(Clone, Copy)]
pub enum Threads {
    /// The calling thread only.
    One,
    /// All threads of rayon's pool.
    All,
}

/// `output` = `output` + `factor` · `left` · `right`; `output` has contiguous rows.
///
/// # Panics
/// When the shapes do not match, or a slice is too short for its matrix. Both are bugs in an operation.
pub(crate) fn add_product(
    output: &mut [f32],
    factor: f32,
    left: Matrix<'_>,
    right: Matrix<'_>,
    threads: Threads,
) {
    let (rows, columns, inner) = (left.rows, right.columns, left.columns);
    assert_eq!(right.rows, inner, "the matrices go together");
    assert_eq!(
        Some(output.len()),
        rows.checked_mul(columns),
        "the output has its size"
    );
    assert!(
        left.fits() && right.fits(),
        "the matrices lie in their slices"
    );
    let parallelism = match threads {
        Threads::One => Parallelism::None,
        Threads::All => Parallelism::Rayon(rayon::current_num_threads()),
    };
    // SAFETY: by the assertions above, all numbers that sizes and steps address lie in their slices, and the shapes
    // match. `output` is borrowed mutably, so nothing overlaps it. Steps within slices fit in `isize`.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            output.as_mut_ptr(),
            1,
            columns as isize,
            true,
            left.numbers.as_ptr(),
            left.column_step as isize,
            left.row_step as isize,
            right.numbers.as_ptr(),
            right.column_step as isize,
            right.row_step as isize,
            1.0,
            factor,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_transposition_are_heeded() {
        // [[1, 2], [3, 4]] with a gap, times the transpose of [[5, 6], [7, 8]].
        let left = Matrix::spaced(&[1.0, 2.0, 9.0, 3.0, 4.0], 2, 2, 3);
        let right = Matrix::packed(&[5.0, 6.0, 7.0, 8.0], 2, 2).transposed();
        let mut output = [1.0, 0.0, 0.0, 0.0];
        add_product(&mut output, 2.0, left, right, Threads::One);
        assert_eq!(output, [35.0, 46.0, 78.0, 106.0]);
    }

    #[test]
    #[should_panic(expected = "the matrices lie in their slices")]
    fn short_slices_are_refused() {
        let left = Matrix::spaced(&[1.0, 2.0, 9.0, 3.0], 2, 2, 3);
        let right = Matrix::packed(&[5.0, 6.0, 7.0, 8.0], 2, 2);
        add_product(&mut [0.0; 4], 1.0, left, right, Threads::All);
    }
}
