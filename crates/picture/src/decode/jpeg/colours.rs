use super::header::COMPONENTS;

/// A row of pixels in RGB from a row of each component, by libjpeg's arithmetic.
#[inline(always)]
pub(super) fn to_rgb(luma: &[u8], blue: &[u8], red: &[u8], pixels: &mut [u8]) {
    let samples = luma.iter().zip(blue).zip(red);
    let (pixels, _) = pixels.as_chunks_mut();
    for (pixel, ((&luma, &blue), &red)) in pixels.iter_mut().zip(samples) {
        *pixel = colours(luma, blue, red);
    }
}

#[inline(always)]
fn colours(luma: u8, blue: u8, red: u8) -> [u8; COMPONENTS] {
    const HALF: i32 = 1 << 15;
    let (luma, blue, red) = (i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128);
    [
        luma + ((91_881 * red + HALF) >> 16),
        luma + ((-22_554 * blue - 46_802 * red + HALF) >> 16),
        luma + ((116_130 * blue + HALF) >> 16),
    ]
    .map(|colour| colour.clamp(0, 255) as u8)
}
