use clip::{Model, Prepared};
use picture::Limits;

use super::budget::Budget;
use super::spent::{Spent, Step};

/// What all pictures that are being decoded may take together, in bytes.
const MEMORY: u64 = 512 << 20;

/// From a picture's file to what a model sees of it.
pub(crate) struct Decoder<'a> {
    model: &'a Model,
    limits: &'a Limits,
    budget: Budget,
    spent: &'a Spent,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(model: &'a Model, limits: &'a Limits, spent: &'a Spent) -> Decoder<'a> {
        Decoder {
            model,
            limits,
            budget: Budget::of(MEMORY),
            spent,
        }
    }

    /// The picture in a file's `bytes` as the model takes it.
    pub(crate) fn prepare(&self, bytes: &[u8]) -> picture::Result<Prepared> {
        let cost = picture::decoding_cost(bytes, self.limits, self.model.useful_side());
        self.budget.with(cost, || {
            self.spent
                .on(Step::Decoding, || self.model.prepare(bytes, self.limits))
        })
    }
}
