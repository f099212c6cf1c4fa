use clip::{Model, Prepared};
use picture::Limits;

use super::budget::Budget;
use super::step_times::{Step, StepTimes};

/// The memory limit of all pictures being decoded at once, in bytes.
const MEMORY: u64 = 512 << 20;

/// Decodes a picture's file to a model's input.
pub(crate) struct Decoder<'a> {
    model: &'a Model,
    limits: &'a Limits,
    budget: Budget,
    times: &'a StepTimes,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(model: &'a Model, limits: &'a Limits, times: &'a StepTimes) -> Decoder<'a> {
        Decoder {
            model,
            limits,
            budget: Budget::of(MEMORY),
            times,
        }
    }

    /// The picture in a file's `bytes`, as the model's input.
    pub(crate) fn prepare(&self, bytes: &[u8]) -> picture::Result<Prepared> {
        let cost = picture::decoding_cost(bytes, self.limits, self.model.useful_side());
        self.budget.with(cost, || {
            self.times
                .on(Step::Decoding, || self.model.prepare(bytes, self.limits))
        })
    }
}
