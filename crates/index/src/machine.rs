//! What Rust cannot check: mapping a file, and instructions that not every processor has.
#![expect(unsafe_code, reason = "file maps and SIMD, behind safe functions")]

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Codes are stored, and queries padded, in multiples of this many elements.
pub(crate) const BLOCK: usize = 64;

/// The inner product of a query's codes and a vector's, of one length, a multiple of [`BLOCK`].
///
/// The caller keeps the sum of the products' magnitudes within an `i32`. So it is the same number
/// whatever order the terms are added in, and whatever instructions do it.
pub(crate) type Dot = fn(&[i16], &[i8]) -> i32;

/// Maps a file that no one writes to or truncates.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: segment files are complete before they get their name, and are never changed after:
    // they are replaced by files of other names, and deleting a mapped file leaves its pages.
    unsafe { Mmap::map(file) }
}

/// Asks for `codes` to be brought near: the processor foresees neither jumps nor the next page.
#[inline]
pub(crate) fn prefetch(codes: &[i8]) {
    #[cfg(target_arch = "x86_64")]
    for line in codes.chunks(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of a slice, and a prefetch changes nothing one can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = codes;
}

/// The fastest [`Dot`] of this processor.
pub(crate) fn dot() -> Dot {
    available().next().map_or(portable, |(_, dot)| dot)
}

/// What this processor can do, fastest first.
fn available() -> impl Iterator<Item = (&'static str, Dot)> {
    let portable: (&str, Dot) = ("portable", portable);
    #[cfg(target_arch = "x86_64")]
    let special = x86::available();
    #[cfg(not(target_arch = "x86_64"))]
    let special = std::iter::empty();
    special.chain([portable])
}

/// Written so that compilers turn it into the vector instructions that every processor has.
fn portable(query: &[i16], codes: &[i8]) -> i32 {
    query
        .iter()
        .zip(codes)
        .map(|(&one, &other)| i32::from(one) * i32::from(other))
        .sum()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, Dot};

    pub(super) fn available() -> impl Iterator<Item = (&'static str, Dot)> {
        let avx512 = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vnni");
        let avx2 = is_x86_feature_detected!("avx2");
        let avx512 = avx512.then_some(("avx512vnni", with_avx512 as Dot));
        avx512
            .into_iter()
            .chain(avx2.then_some(("avx2", with_avx2 as Dot)))
    }

    fn with_avx512(query: &[i16], codes: &[i8]) -> i32 {
        // SAFETY: `available` gives this function only where the processor has the instructions.
        unsafe { avx512(query, codes) }
    }

    fn with_avx2(query: &[i16], codes: &[i8]) -> i32 {
        // SAFETY: `available` gives this function only where the processor has the instructions.
        unsafe { avx2(query, codes) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn avx512(query: &[i16], codes: &[i8]) -> i32 {
        let (query, codes) = (query.as_chunks::<BLOCK>().0, codes.as_chunks::<BLOCK>().0);
        let mut sums = [_mm512_setzero_si512(); 2];
        for (query, codes) in query.iter().zip(codes) {
            for (half, sum) in sums.iter_mut().enumerate() {
                // SAFETY: both halves of 32 elements lie within the block of 64.
                let (one, other) = unsafe {
                    (
                        _mm512_loadu_si512(query.as_ptr().add(32 * half).cast()),
                        _mm256_loadu_si256(codes.as_ptr().add(32 * half).cast()),
                    )
                };
                *sum = _mm512_dpwssd_epi32(*sum, one, _mm512_cvtepi8_epi16(other));
            }
        }
        _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]))
    }

    #[target_feature(enable = "avx2")]
    fn avx2(query: &[i16], codes: &[i8]) -> i32 {
        let (query, codes) = (query.as_chunks::<BLOCK>().0, codes.as_chunks::<BLOCK>().0);
        let mut sums = [_mm256_setzero_si256(); 4];
        for (query, codes) in query.iter().zip(codes) {
            for (quarter, sum) in sums.iter_mut().enumerate() {
                // SAFETY: each quarter of 16 elements lies within the block of 64.
                let (one, other) = unsafe {
                    (
                        _mm256_loadu_si256(query.as_ptr().add(16 * quarter).cast()),
                        _mm_loadu_si128(codes.as_ptr().add(16 * quarter).cast()),
                    )
                };
                let products = _mm256_madd_epi16(one, _mm256_cvtepi8_epi16(other));
                *sum = _mm256_add_epi32(*sum, products);
            }
        }
        let halves = _mm256_add_epi32(
            _mm256_add_epi32(sums[0], sums[1]),
            _mm256_add_epi32(sums[2], sums[3]),
        );
        let sum = _mm_add_epi32(
            _mm256_castsi256_si128(halves),
            _mm256_extracti128_si256::<1>(halves),
        );
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b00_00_11_10>(sum));
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b00_00_00_01>(sum));
        _mm_cvtsi128_si32(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_gives_the_same_number() {
        for length in [64, 128, 512, 20_032] {
            let limit = (i32::MAX / (127 * length)).min(32_767);
            for seed in 0..20 {
                let step = |position: i32| (position * 7919 + seed * 104_729) % 1_000_003;
                let query: Vec<_> = (0..length)
                    .map(|position| (step(position) % (2 * limit + 1) - limit) as i16)
                    .collect();
                let codes: Vec<_> = (0..length)
                    .map(|position| (step(position + 13) % 255 - 127) as i8)
                    .collect();
                for (name, dot) in available() {
                    assert_eq!(dot(&query, &codes), portable(&query, &codes), "{name}");
                }
            }
            let query = vec![limit as i16; length as usize];
            let codes = vec![-127; length as usize];
            for (name, dot) in available() {
                assert_eq!(dot(&query, &codes), -limit * 127 * length, "{name}");
            }
        }
    }
}
