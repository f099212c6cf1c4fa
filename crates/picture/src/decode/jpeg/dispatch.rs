#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "instructions that not every processor has")
)]

use super::{low_frequencies, whole};

/// The pixels in RGB of `eighths` of the sides, one to four or all eight; `None` where libjpeg has to read the file.
///
/// Compiled for the best instructions that this processor has. The pixels are the same.
pub(super) fn decode(bytes: &[u8], eighths: u8) -> Option<Vec<u8>> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has just been asked for both.
        return unsafe { decode_avx2(bytes, eighths) };
    }
    decode_plain(bytes, eighths)
}

#[inline(always)]
fn decode_plain(bytes: &[u8], eighths: u8) -> Option<Vec<u8>> {
    match eighths {
        8 => whole::decode(bytes),
        _ => low_frequencies::decode(bytes, eighths),
    }
}

/// BMI2 shifts by any number of bits at once, which reading codes does most of the time; AVX2 transforms twice as many
/// blocks.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2")]
fn decode_avx2(bytes: &[u8], eighths: u8) -> Option<Vec<u8>> {
    decode_plain(bytes, eighths)
}
