use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
};

/// The largest buffer kept for reuse: 4 MiB of numbers.
const MOST: usize = 1 << 20;

/// Numbers in a cache line.
const LINE: usize = 16;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Numbers aligned to a cache line, so that no register load crosses two lines.
pub(crate) struct Aligned {
    numbers: Vec<f32>,
    start: usize,
    length: usize,
}

impl Aligned {
    /// Reuses `numbers`, or allocates if they are too few. The contents are unspecified.
    fn over(mut numbers: Vec<f32>, length: usize) -> Self {
        if numbers.len() < length + LINE {
            numbers = vec![0.0; length + LINE];
        }
        // `align_offset` may return `usize::MAX` when it cannot align.
        let start = numbers.as_ptr().align_offset(size_of::<[f32; LINE]>());
        Self {
            numbers,
            start: start.min(LINE),
            length,
        }
    }

    /// A copy of `numbers`.
    pub(crate) fn copy(numbers: &[f32]) -> Self {
        let mut copy = Self::over(Vec::new(), numbers.len());
        copy.copy_from_slice(numbers);
        copy
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[self.start..][..self.length]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..][..self.length]
    }
}

/// Working memory with unspecified contents. Each thread keeps its buffers for reuse: new memory costs a page fault
/// every 4 KiB.
pub(super) struct Scratch(Aligned);

impl Scratch {
    /// A buffer of `length` numbers.
    pub(super) fn of(length: usize) -> Self {
        let numbers = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
        Self(Aligned::over(numbers, length))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.0.numbers);
        if numbers.len() <= MOST {
            BUFFERS.with_borrow_mut(|buffers| buffers.push(numbers));
        }
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}
