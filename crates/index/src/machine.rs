//! Memory-mapped files and SIMD instructions that not every processor has.
#![expect(unsafe_code, reason = "file maps and SIMD, behind safe functions")]

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Codes are stored, and queries padded, in multiples of this many elements.
pub(crate) const BLOCK: usize = 128;
/// The size of a block's codes in bytes, at four bits each.
pub(crate) const BLOCK_BYTES: usize = BLOCK / 2;

/// The inner products of a query with consecutive rows.
///
/// A query is a multiple of [`BLOCK`] integers; a row has as many of 0 to 15. Byte `n` of a block of a row
/// holds the block's integer `n` in its low half and integer `n + 64` in its high half. There are as many
/// sums as rows. All implementations give the same result, as integers are exact.
pub(crate) type Dots = fn(query: &[i8], rows: &[u8], sums: &mut [i32]);

/// Maps a file that no one writes to or truncates.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: segment files are complete before they get their name and never change afterwards. They're
    // replaced by files with other names, and a deleted file keeps its mapped pages.
    unsafe { Mmap::map(file) }
}

/// Prefetches `bytes`: the processor can't predict jumps.
#[inline]
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: the address is that of a slice, and a prefetch has no observable effect.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// The fastest [`Dots`] on this processor.
pub(crate) fn dots() -> Dots {
    available().next().map_or(portable, |(_, dots)| dots)
}

/// The implementations that this processor supports, fastest first.
fn available() -> impl Iterator<Item = (&'static str, Dots)> {
    let portable: (&str, Dots) = ("portable", portable);
    #[cfg(target_arch = "x86_64")]
    let special = x86::available();
    #[cfg(not(target_arch = "x86_64"))]
    let special = std::iter::empty();
    special.chain([portable])
}

/// Written so that compilers vectorise it with the instructions of every processor.
fn portable(query: &[i8], rows: &[u8], sums: &mut [i32]) {
    let query = query.as_chunks::<BLOCK>().0;
    for (row, sum) in rows.chunks_exact(query.len() * BLOCK_BYTES).zip(sums) {
        *sum = 0;
        for (query, codes) in query.iter().zip(row.as_chunks::<BLOCK_BYTES>().0) {
            let (low, high) = query.split_at(BLOCK_BYTES);
            for ((&code, &low), &high) in codes.iter().zip(low).zip(high) {
                *sum += i32::from(code & 15) * i32::from(low);
                *sum += i32::from(code >> 4) * i32::from(high);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, BLOCK_BYTES, Dots};

    pub(super) fn available() -> impl Iterator<Item = (&'static str, Dots)> {
        let avx512 = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vnni");
        let avx2 = is_x86_feature_detected!("avx2");
        let avx512 = avx512.then_some(("avx512vnni", with_avx512 as Dots));
        avx512
            .into_iter()
            .chain(avx2.then_some(("avx2", with_avx2 as Dots)))
    }

    fn with_avx512(query: &[i8], rows: &[u8], sums: &mut [i32]) {
        // SAFETY: `available` returns this function only if the processor has the instructions.
        unsafe { avx512(query, rows, sums) }
    }

    fn with_avx2(query: &[i8], rows: &[u8], sums: &mut [i32]) {
        // SAFETY: `available` returns this function only if the processor has the instructions.
        unsafe { avx2(query, rows, sums) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn avx512(query: &[i8], rows: &[u8], sums: &mut [i32]) {
        let query = query.as_chunks::<BLOCK>().0;
        let nibble = _mm512_set1_epi8(15);
        for (row, sum) in rows.chunks_exact(query.len() * BLOCK_BYTES).zip(sums) {
            let mut halves = [_mm512_setzero_si512(); 2];
            for (query, codes) in query.iter().zip(row.as_chunks::<BLOCK_BYTES>().0) {
                // SAFETY: a block's codes are 64 bytes, its query twice as many.
                let (codes, low, high) = unsafe {
                    (
                        _mm512_loadu_si512(codes.as_ptr().cast()),
                        _mm512_loadu_si512(query.as_ptr().cast()),
                        _mm512_loadu_si512(query.as_ptr().add(64).cast()),
                    )
                };
                let shifted = _mm512_srli_epi16::<4>(codes);
                let (even, odd) = (
                    _mm512_and_si512(codes, nibble),
                    _mm512_and_si512(shifted, nibble),
                );
                halves[0] = _mm512_dpbusd_epi32(halves[0], even, low);
                halves[1] = _mm512_dpbusd_epi32(halves[1], odd, high);
            }
            *sum = _mm512_reduce_add_epi32(_mm512_add_epi32(halves[0], halves[1]));
        }
    }

    #[target_feature(enable = "avx2")]
    fn avx2(query: &[i8], rows: &[u8], sums: &mut [i32]) {
        let query = query.as_chunks::<BLOCK>().0;
        let (nibble, one) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
        for (row, sum) in rows.chunks_exact(query.len() * BLOCK_BYTES).zip(sums) {
            let mut all = _mm256_setzero_si256();
            for (query, codes) in query.iter().zip(row.as_chunks::<BLOCK_BYTES>().0) {
                // Four sums of two products of at most 15 · 128 fit into 16 bits.
                let mut block = _mm256_setzero_si256();
                for half in [0, 32] {
                    // SAFETY: both halves of 32 bytes lie within the block's 64, and those of the query
                    // within its 128.
                    let (codes, low, high) = unsafe {
                        (
                            _mm256_loadu_si256(codes.as_ptr().add(half).cast()),
                            _mm256_loadu_si256(query.as_ptr().add(half).cast()),
                            _mm256_loadu_si256(query.as_ptr().add(half + 64).cast()),
                        )
                    };
                    let even = _mm256_and_si256(codes, nibble);
                    let odd = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), nibble);
                    block = _mm256_add_epi16(block, _mm256_maddubs_epi16(even, low));
                    block = _mm256_add_epi16(block, _mm256_maddubs_epi16(odd, high));
                }
                all = _mm256_add_epi32(all, _mm256_madd_epi16(block, one));
            }
            *sum = sum_of(all);
        }
    }

    #[target_feature(enable = "avx2")]
    fn sum_of(eight: __m256i) -> i32 {
        let sum = _mm_add_epi32(
            _mm256_castsi256_si128(eight),
            _mm256_extracti128_si256::<1>(eight),
        );
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b00_00_11_10>(sum));
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b00_00_00_01>(sum));
        _mm_cvtsi128_si32(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(query: &[i8], rows: &[u8], expected: &[i32]) {
        for (name, dots) in available() {
            let mut sums = vec![-1; expected.len()];
            dots(query, rows, &mut sums);
            assert_eq!(sums, expected, "{name}");
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_numbers() {
        for dimension in [128, 256, 512, 20_096] {
            for seed in 0..20 {
                let step = |position: usize| (position * 7919 + seed * 104_729) % 1_000_003;
                let query: Vec<_> = (0..dimension)
                    .map(|position| (step(position) % 256) as u8 as i8)
                    .collect();
                let rows: Vec<_> = (0..5 * dimension / 2)
                    .map(|position| (step(position + 13) % 256) as u8)
                    .collect();
                let expected: Vec<_> = rows
                    .chunks(dimension / 2)
                    .map(|row| plain(&query, row))
                    .collect();
                case(&query, &rows, &expected);
            }
            let (count, most) = (dimension as i32, vec![0xff; dimension / 2]);
            case(&vec![-128; dimension], &most, &[-128 * 15 * count]);
            case(&vec![127; dimension], &most, &[127 * 15 * count]);
        }
    }

    /// The definition of [`Dots`], without optimisations.
    fn plain(query: &[i8], row: &[u8]) -> i32 {
        (0..query.len())
            .map(|position| {
                let (block, place) = (position / BLOCK, position % BLOCK);
                let byte = row[block * BLOCK_BYTES + place % 64];
                let code = if place < 64 { byte % 16 } else { byte / 16 };
                i32::from(query[position]) * i32::from(code)
            })
            .sum()
    }
}
