#![expect(unsafe_code, reason = "vector instructions")]

use rayon::prelude::*;

use super::{
    Arithmetic,
    kernel::Kernels,
    vector::{Vector, each, exp},
};
use crate::Activation;

/// Numbers that a thread processes at a time.
const AT_ONCE: usize = 16 << 10;

/// Applies `activation` to each number.
pub(crate) fn activate(activation: Activation, numbers: &[f32]) -> Vec<f32> {
    let kernels = Kernels::of(Arithmetic::default());
    let mut output = numbers.to_vec();
    let blocks = output.par_chunks_mut(AT_ONCE);
    blocks.for_each(|block| kernels.activate(activation, block));
    output
}

/// Applies `activation` in place.
///
/// # Safety
/// See [`Vector`].
#[inline(always)]
pub(super) unsafe fn activate_all<V: Vector>(activation: Activation, numbers: &mut [f32]) {
    // SAFETY: as the caller promises.
    unsafe {
        each::<V>(
            numbers,
            #[inline(always)]
            |x| activation.of(x),
        );
    }
}

impl Activation {
    /// Applies the function to each number of a register.
    ///
    /// # Safety
    /// See [`Vector`].
    #[inline(always)]
    pub(super) unsafe fn of<V: Vector>(self, x: V) -> V {
        // SAFETY: as the caller promises.
        unsafe {
            match self {
                Self::QuickGelu => x.over(V::all(1.0).plus(exp(x.times(V::all(-1.702))))),
                Self::GeluTanh => {
                    let cubic = x.times(x).times_plus(V::all(0.044_715), V::all(1.0));
                    let power = exp(x.times(V::all(-1.595_769)).times(cubic));
                    x.over(V::all(1.0).plus(power))
                }
                Self::Gelu => x.times(normal(x)),
                Self::Relu => x.at_least(V::all(0.0)),
                Self::Relu6 => x.at_least(V::all(0.0)).at_most(V::all(6.0)),
            }
        }
    }
}

/// The normal distribution function Φ, within 2e-7, by formula 7.1.26 of [Abramowitz and
/// Stegun](https://personal.math.ubc.ca/~cbm/aands/page_299.htm) for the error function.
#[inline(always)]
unsafe fn normal<V: Vector>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        let zero = V::all(0.0);
        let magnitude = x.at_least(zero.minus(x));
        let y = magnitude.times(V::all(std::f32::consts::FRAC_1_SQRT_2));
        let t = V::all(1.0).over(y.times_plus(V::all(0.327_591_1), V::all(1.0)));
        let mut polynomial = V::all(1.061_405_4);
        for coefficient in [-1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
            polynomial = polynomial.times_plus(t, V::all(coefficient));
        }
        let half = polynomial.times(t).times(V::all(0.5));
        let half_tail = half.times(exp(zero.minus(y.times(y))));
        // x / |x| is the sign; `half`, Φ without its tail, is 1/2 at 0.
        let half = V::all(0.5).minus(half_tail);
        let sign = x.over(magnitude.at_least(V::all(f32::MIN_POSITIVE)));
        sign.times_plus(half, V::all(0.5))
    }
}
