#![expect(unsafe_code, reason = "vector instructions")]

//! Vector registers of f32, the building blocks of loops over a tile.

use super::rows::{bf16, rounded};

/// A register of [`LENGTH`](Self::LENGTH) f32.
///
/// # Safety
/// Call functions only on processors that have the register's instructions, from functions compiled for them.
pub(super) trait Vector: Copy {
    /// Numbers in a register.
    const LENGTH: usize;

    /// Loads the numbers at `from`.
    unsafe fn load(from: *const f32) -> Self;
    /// Loads the 32-bit integers at `from` minus `factor` times those at `other`.
    unsafe fn load_difference(from: *const u32, factor: i32, other: *const i32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn all(number: f32) -> Self;
    unsafe fn plus(self, other: Self) -> Self;
    unsafe fn minus(self, other: Self) -> Self;
    unsafe fn times(self, other: Self) -> Self;
    unsafe fn over(self, other: Self) -> Self;
    /// `self` · `other` + `sum`
    unsafe fn times_plus(self, other: Self, sum: Self) -> Self;
    unsafe fn at_least(self, other: Self) -> Self;
    unsafe fn at_most(self, other: Self) -> Self;
    /// 2 to the power of the integer in the low bits.
    unsafe fn power_of_two(self) -> Self;

    /// Loads the `count` numbers at `from`, fewer than a register, and pads them with zeros.
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        let mut all = [0.0; MOST];
        // SAFETY: as the caller promises, as below.
        unsafe {
            std::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), count);
            Self::load(all.as_ptr())
        }
    }
    /// Stores the first `count` numbers, fewer than a register.
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        unsafe { std::ptr::copy_nonoverlapping(self.numbers().as_ptr(), to, count) }
    }
    /// Stores the numbers rounded to bfloat16.
    unsafe fn store_halves(self, to: *mut u16) {
        let halves = unsafe { self.numbers() }.map(bf16);
        unsafe { std::ptr::copy_nonoverlapping(halves.as_ptr(), to, Self::LENGTH) }
    }
    /// Stores the numbers, from 0 to 255, rounded to bytes.
    unsafe fn store_bytes(self, to: *mut u8) {
        let bytes = unsafe { self.numbers() };
        let bytes = bytes.map(|number| rounded(number, 0.0, 255.0) as u8);
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, Self::LENGTH) }
    }
    /// The least number.
    unsafe fn least(self) -> f32 {
        let numbers = unsafe { self.numbers() };
        numbers[..Self::LENGTH]
            .iter()
            .copied()
            .fold(f32::INFINITY, f32::min)
    }
    /// The greatest number.
    unsafe fn greatest(self) -> f32 {
        let numbers = unsafe { self.numbers() };
        numbers[..Self::LENGTH]
            .iter()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max)
    }
    /// The numbers, padded with zeros.
    #[inline(always)]
    unsafe fn numbers(self) -> [f32; MOST] {
        let mut all = [0.0; MOST];
        assert!(Self::LENGTH <= MOST);
        unsafe { self.store(all.as_mut_ptr()) };
        all
    }
}

/// The most numbers in a register.
const MOST: usize = 16;

/// Implements [`Vector`] for a register type; `$fused` says whether it has fused multiply-add.
macro_rules! vector {
    ($vector:ty, $length:literal, $load:ident, $store:ident, $all:ident, $plus:ident, $minus:ident, $times:ident,
     $over:ident, $times_plus:ident, $most:ident, $least:ident, |$from:ident, $factor:ident, $other:ident| $difference:expr,
     |$number:ident| $power:expr $(, $own:item)*) => {
        impl Vector for $vector {
            const LENGTH: usize = $length;

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn load_difference($from: *const u32, $factor: i32, $other: *const i32) -> Self {
                unsafe { $difference }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn all(number: f32) -> Self {
                unsafe { $all(number) }
            }
            #[inline(always)]
            unsafe fn plus(self, other: Self) -> Self {
                unsafe { $plus(self, other) }
            }
            #[inline(always)]
            unsafe fn minus(self, other: Self) -> Self {
                unsafe { $minus(self, other) }
            }
            #[inline(always)]
            unsafe fn times(self, other: Self) -> Self {
                unsafe { $times(self, other) }
            }
            #[inline(always)]
            unsafe fn over(self, other: Self) -> Self {
                unsafe { $over(self, other) }
            }
            #[inline(always)]
            unsafe fn times_plus(self, other: Self, sum: Self) -> Self {
                unsafe { $times_plus(self, other, sum) }
            }
            #[inline(always)]
            unsafe fn at_least(self, other: Self) -> Self {
                unsafe { $most(self, other) }
            }
            #[inline(always)]
            unsafe fn at_most(self, other: Self) -> Self {
                unsafe { $least(self, other) }
            }
            #[inline(always)]
            unsafe fn power_of_two(self) -> Self {
                let $number = self;
                unsafe { $power }
            }
            $($own)*
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Vector;

    vector!(
        __m512,
        16,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_set1_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_div_ps,
        _mm512_fmadd_ps,
        _mm512_max_ps,
        _mm512_min_ps,
        |from, factor, other| {
            let other = _mm512_loadu_si512(other.cast());
            let product = _mm512_mullo_epi32(other, _mm512_set1_epi32(factor));
            _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(from.cast()), product))
        },
        |number| {
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(number));
            let one = _mm512_castps_si512(_mm512_set1_ps(1.0));
            _mm512_castsi512_ps(_mm512_add_epi32(exponent, one))
        },
        #[inline(always)]
        unsafe fn least(self) -> f32 {
            unsafe { _mm512_reduce_min_ps(self) }
        },
        #[inline(always)]
        unsafe fn greatest(self) -> f32 {
            unsafe { _mm512_reduce_max_ps(self) }
        },
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> Self {
            unsafe { _mm512_maskz_loadu_ps((1 << count) - 1, from) }
        },
        #[inline(always)]
        unsafe fn store_first(self, to: *mut f32, count: usize) {
            unsafe { _mm512_mask_storeu_ps(to, (1 << count) - 1, self) }
        },
        #[inline(always)]
        unsafe fn store_halves(self, to: *mut u16) {
            unsafe {
                let bits = _mm512_castps_si512(self);
                let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
                let half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
                let rounded = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits, half));
                _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(rounded));
            }
        },
        #[inline(always)]
        unsafe fn store_bytes(self, to: *mut u8) {
            unsafe {
                let bytes = _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(self));
                _mm_storeu_si128(to.cast(), bytes);
            }
        }
    );
    vector!(
        __m256,
        8,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_set1_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_div_ps,
        _mm256_fmadd_ps,
        _mm256_max_ps,
        _mm256_min_ps,
        |from, factor, other| {
            let other = _mm256_loadu_si256(other.cast());
            let product = _mm256_mullo_epi32(other, _mm256_set1_epi32(factor));
            _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_loadu_si256(from.cast()), product))
        },
        |number| {
            let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(number));
            let one = _mm256_castps_si256(_mm256_set1_ps(1.0));
            _mm256_castsi256_ps(_mm256_add_epi32(exponent, one))
        }
    );
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;

    use super::Vector;

    #[inline(always)]
    unsafe fn times_plus(one: float32x4_t, other: float32x4_t, sum: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_f32(sum, one, other) }
    }

    vector!(
        float32x4_t,
        4,
        vld1q_f32,
        vst1q_f32,
        vdupq_n_f32,
        vaddq_f32,
        vsubq_f32,
        vmulq_f32,
        vdivq_f32,
        times_plus,
        vmaxq_f32,
        vminq_f32,
        |from, factor, other| {
            let product = vmulq_n_s32(vld1q_s32(other), factor);
            vcvtq_f32_s32(vsubq_s32(vreinterpretq_s32_u32(vld1q_u32(from)), product))
        },
        |number| {
            let exponent = vshlq_n_u32::<23>(vreinterpretq_u32_f32(number));
            let one = vreinterpretq_u32_f32(vdupq_n_f32(1.0));
            vreinterpretq_f32_u32(vaddq_u32(exponent, one))
        }
    );
}

/// A register in plain code.
#[derive(Clone, Copy)]
pub(super) struct Plain(pub(super) [f32; 4]);

impl Plain {
    #[inline(always)]
    fn with(self, other: Self, function: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|place| {
            function(self.0[place], other.0[place])
        }))
    }
}

impl Vector for Plain {
    const LENGTH: usize = 4;

    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as the caller promises, as below.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }
    unsafe fn load_difference(from: *const u32, factor: i32, other: *const i32) -> Self {
        let (from, other) = unsafe {
            (
                from.cast::<[i32; 4]>().read_unaligned(),
                other.cast::<[i32; 4]>().read_unaligned(),
            )
        };
        Self(std::array::from_fn(|place| {
            (from[place] - factor * other[place]) as f32
        }))
    }
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }
    unsafe fn all(number: f32) -> Self {
        Self([number; 4])
    }
    unsafe fn plus(self, other: Self) -> Self {
        self.with(other, |one, other| one + other)
    }
    unsafe fn minus(self, other: Self) -> Self {
        self.with(other, |one, other| one - other)
    }
    unsafe fn times(self, other: Self) -> Self {
        self.with(other, |one, other| one * other)
    }
    unsafe fn over(self, other: Self) -> Self {
        self.with(other, |one, other| one / other)
    }
    unsafe fn times_plus(self, other: Self, sum: Self) -> Self {
        self.with(other, |one, other| one * other)
            .with(sum, |product, sum| product + sum)
    }
    unsafe fn at_least(self, other: Self) -> Self {
        self.with(other, f32::max)
    }
    unsafe fn at_most(self, other: Self) -> Self {
        self.with(other, f32::min)
    }
    unsafe fn power_of_two(self) -> Self {
        Self(
            self.0.map(|number| {
                f32::from_bits((number.to_bits() << 23).wrapping_add(1.0_f32.to_bits()))
            }),
        )
    }
}

/// Replaces each number by `function` of it.
///
/// # Safety
/// See [`Vector`].
#[inline(always)]
pub(super) unsafe fn each<V: Vector>(numbers: &mut [f32], function: impl Fn(V) -> V) {
    // SAFETY: as the caller promises; whole registers are only read and written where they fit.
    unsafe {
        let mut blocks = numbers.chunks_exact_mut(V::LENGTH);
        for block in &mut blocks {
            function(V::load(block.as_ptr())).store(block.as_mut_ptr());
        }
        let rest = blocks.into_remainder();
        let mut filled = [0.0; 16];
        filled[..rest.len()].copy_from_slice(rest);
        function(V::load(filled.as_ptr())).store(filled.as_mut_ptr());
        rest.copy_from_slice(&filled[..rest.len()]);
    }
}

/// e to the power of each number, within 2 units in the last place.
///
/// The method of [Cephes](https://netlib.org/cephes/)' `expf`: x = n ln 2 + r, a polynomial for e^r, and n added to
/// the exponent's bits.
#[inline(always)]
pub(super) unsafe fn exp<V: Vector>(x: V) -> V {
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // SAFETY: as the caller promises.
    unsafe {
        let x = x.at_least(V::all(-87.0)).at_most(V::all(88.0));
        let rounded = x.times_plus(V::all(std::f32::consts::LOG2_E), V::all(ROUND));
        let n = rounded.minus(V::all(ROUND));
        let r = n.times_plus(V::all(-0.693_359_4), x);
        let r = n.times_plus(V::all(2.121_944_4e-4), r);
        let mut polynomial = V::all(1.987_569_1e-4);
        for coefficient in [
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_5e-1,
            0.5,
        ] {
            polynomial = polynomial.times_plus(r, V::all(coefficient));
        }
        let power = polynomial.times(r).times_plus(r, r).plus(V::all(1.0));
        power.times(rounded.power_of_two())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn powers(numbers: &[f32]) -> Vec<f32> {
        let mut powers = numbers.to_vec();
        // SAFETY: plain code runs everywhere.
        unsafe { each::<Plain>(&mut powers, |x| exp(x)) };
        powers
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        let numbers: Vec<f32> = (-8600..8700).map(|step| step as f32 * 0.01).collect();
        for (x, found) in numbers.iter().zip(powers(&numbers)) {
            let expected = x.exp();
            let off = (found - expected).abs() / expected;
            assert!(
                off <= 2.0 * f32::EPSILON,
                "exp({x}) is {found}, expected {expected}"
            );
        }
    }

    #[test]
    fn exp_stays_finite() {
        let powers = powers(&[f32::NEG_INFINITY, f32::INFINITY]);
        assert!(powers[0] < 1e-37 && powers[1].is_finite(), "{powers:?}");
    }
}
