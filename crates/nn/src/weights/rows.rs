use std::sync::Arc;

use safetensors::Dtype;

use super::numbers::decode_into;
use crate::Contents;

/// A matrix that stays in its file, of which only those rows are read that are asked for.
///
/// The vectors of a vocabulary are up to half of a text tower; a query needs those of its few tokens.
pub(crate) struct Rows {
    owner: Arc<Contents>,
    /// Where the matrix begins in the file.
    start: usize,
    element: Dtype,
    count: usize,
    width: usize,
}

impl Rows {
    /// The matrix of `count` rows that is `data`, a part of `owner`, in one of the types that [`decode_into`] knows.
    pub(super) fn new(
        owner: &Arc<Contents>,
        data: &[u8],
        element: Dtype,
        count: usize,
        width: usize,
    ) -> Self {
        Self {
            owner: Arc::clone(owner),
            start: data.as_ptr().addr() - owner.as_ptr().addr(),
            element,
            count,
            width,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Writes the row `index`, of those that are there, into `output`, which has its width.
    pub(crate) fn read(&self, index: usize, output: &mut [f32]) {
        let bytes = self.width * self.element.bitsize() / 8;
        let row = &self.owner[self.start + index * bytes..][..bytes];
        decode_into(row, self.element, output);
    }
}
