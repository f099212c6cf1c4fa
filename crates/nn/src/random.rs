//! Random numbers for tests, the same in each run so that no test fails by chance.

use std::cell::Cell;

use candle_core::{Device, Shape, Tensor};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;

thread_local! {
    /// Each test runs in its own thread.
    static SEED: Cell<u64> = const { Cell::new(0) };
}

/// A tensor of normally distributed numbers, different at each call.
pub(crate) fn normal(mean: f32, deviation: f32, shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    let mut random = StdRng::seed_from_u64(SEED.replace(SEED.get() + 1));
    let numbers: Vec<f32> = (0..shape.elem_count())
        .map(|_| mean + deviation * random.sample::<f32, _>(StandardNormal))
        .collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}
