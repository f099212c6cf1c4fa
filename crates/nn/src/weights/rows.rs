use std::{borrow::Cow, ops::Range, sync::Arc};

use safetensors::Dtype;

use super::numbers::decode_into;
use crate::Contents;

/// A matrix that stays in its file; only requested rows are read.
///
/// Token embeddings are up to half of a text tower, and a query needs only the rows of its tokens.
#[derive(Clone)]
pub(crate) struct Rows {
    owner: Arc<Contents>,
    /// The byte at which the matrix begins in its file.
    start: usize,
    element: Dtype,
    count: usize,
    width: usize,
}

impl Rows {
    /// The matrix of `count` rows in `data`, a part of `owner`, with an element type that [`decode_into`] supports.
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

    /// One of three matrices stacked in this one, whose number of rows is a multiple of 3.
    pub(super) fn third(self, third: usize) -> Self {
        let count = self.count / 3;
        Self {
            start: self.start + third * count * self.row_bytes(),
            count,
            ..self
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Reads the row `index`, which must exist, into `output`, as long as the row.
    pub(crate) fn read(&self, index: usize, output: &mut [f32]) {
        decode_into(self.bytes(index..index + 1), self.element, output);
    }

    /// The numbers of the rows `range`, which must exist; borrowed from the file if they are aligned f32.
    pub(crate) fn numbers(&self, range: Range<usize>) -> Cow<'_, [f32]> {
        let count = range.len() * self.width;
        let bytes = self.bytes(range);
        if self.element == Dtype::F32
            && cfg!(target_endian = "little")
            && let Ok(numbers) = bytemuck::try_cast_slice(bytes)
        {
            return Cow::Borrowed(numbers);
        }
        let mut numbers = vec![0.0; count];
        decode_into(bytes, self.element, &mut numbers);
        Cow::Owned(numbers)
    }

    /// Tells the system that all of it is about to be read.
    pub(crate) fn will_be_needed(&self) {
        self.owner.will_need(self.bytes(0..self.count));
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        let bytes = self.row_bytes();
        &self.owner[self.start + range.start * bytes..][..range.len() * bytes]
    }

    fn row_bytes(&self) -> usize {
        self.width * self.element.bitsize() / 8
    }
}
