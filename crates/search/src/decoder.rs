use clip::{Model, Pixels};
use picture::{Limits, Picture, Size};

use crate::budget::Budget;
use crate::spent::{Spent, Step};

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

    /// The size of the upright picture in a file's `bytes`, and its pixels as the model takes them.
    pub(crate) fn pixels(&self, bytes: &[u8]) -> picture::Result<(Size, Pixels)> {
        let side = self.model.useful_side();
        let cost = picture::decoding_cost(bytes, self.limits, side);
        self.budget.with(cost, || {
            self.spent.on(Step::Decoding, || {
                let reduced = Picture::decode_reduced(bytes, self.limits, side)?;
                Ok((reduced.size, self.model.preprocess_reduced(&reduced)))
            })
        })
    }
}
