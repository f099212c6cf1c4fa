use std::collections::BTreeMap;

use candle_core::{Tensor, Var};

use crate::Result;

/// Adam with decoupled weight decay ([Loshchilov and Hutter 2017](https://arxiv.org/abs/1711.05101)), as PyTorch's `AdamW`.
pub(crate) struct AdamW {
    weight_decay: f64,
    /// By the names of the variables.
    moments: BTreeMap<String, Moments>,
}

/// Running means of a variable's gradients and of their squares.
#[derive(Clone)]
pub(crate) struct Moments {
    pub(crate) first: Tensor,
    pub(crate) second: Tensor,
}

/// Those of open_clip, for vision transformers.
const FIRST: f64 = 0.9;
const SECOND: f64 = 0.98;
const EPSILON: f64 = 1e-6;

impl AdamW {
    pub(crate) fn new(weight_decay: f64) -> Self {
        Self {
            weight_decay,
            moments: BTreeMap::new(),
        }
    }

    pub(crate) fn moments(&self) -> &BTreeMap<String, Moments> {
        &self.moments
    }

    pub(crate) fn set_moments(&mut self, moments: BTreeMap<String, Moments>) {
        self.moments = moments;
    }

    /// Moves a variable against its gradient, in step `step`, counted from 1. Biases, norms and single numbers don't decay.
    pub(crate) fn move_by(
        &mut self,
        name: &str,
        variable: &Var,
        gradient: &Tensor,
        learning_rate: f64,
        step: usize,
    ) -> Result<()> {
        let moments = match self.moments.get(name) {
            Some(moments) => moments.clone(),
            None => Moments {
                first: gradient.zeros_like()?,
                second: gradient.zeros_like()?,
            },
        };
        let first = ((moments.first * FIRST)? + (gradient * (1.0 - FIRST))?)?.detach();
        let second = ((moments.second * SECOND)? + (gradient.sqr()? * (1.0 - SECOND))?)?.detach();
        let steps = i32::try_from(step).unwrap_or(i32::MAX);
        let length = ((&second / (1.0 - SECOND.powi(steps)))?.sqrt()? + EPSILON)?;
        let direction = (&first / (1.0 - FIRST.powi(steps)))?.div(&length)?;
        let decay = if variable.rank() >= 2 {
            self.weight_decay
        } else {
            0.0
        };
        let kept = (variable.as_tensor() * (1.0 - learning_rate * decay))?;
        variable.set(&(kept - (direction * learning_rate)?)?)?;
        self.moments
            .insert(name.to_owned(), Moments { first, second });
        Ok(())
    }
}
