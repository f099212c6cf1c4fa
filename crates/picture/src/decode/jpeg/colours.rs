use super::header::COMPONENTS;

/// A row of pixels in RGB from a row of each component, by libjpeg's arithmetic.
#[inline(always)]
pub(super) fn to_rgb(luma: &[u8], blue: &[u8], red: &[u8], pixels: &mut [u8]) {
    let samples = luma.iter().zip(blue).zip(red);
    let (pixels, _) = pixels.as_chunks_mut();
    for (pixel, ((&luma, &blue), &red)) in pixels.iter_mut().zip(samples) {
        let (red, green, blue) = colours(luma, blue, red);
        // One by one: compilers store the bytes of an array pixel by pixel.
        let [to_red, to_green, to_blue]: &mut [u8; COMPONENTS] = pixel;
        *to_red = red;
        *to_green = green;
        *to_blue = blue;
    }
}

/// In numbers of 16 bits where they are enough, of which processors compute twice as many at once.
#[inline(always)]
fn colours(luma: u8, blue: u8, red: u8) -> (u8, u8, u8) {
    const HALF: i32 = 1 << 15;
    let (luma, blue, red) = (i16::from(luma), i16::from(blue) - 128, i16::from(red) - 128);
    // 1.402, 0.71414, 0.34414 and 1.772 by 65,536, less the whole numbers next to them.
    let of_both = -22_554 * i32::from(blue) + 18_734 * i32::from(red) + HALF;
    (
        limited(luma + red + part(red, 26_345)),
        limited(luma - red + (of_both >> 16) as i16),
        limited(luma + 2 * blue + part(blue, -14_942)),
    )
}

#[inline(always)]
fn limited(colour: i16) -> u8 {
    colour.clamp(0, 255) as u8
}

/// The product with a number of 65,536ths, rounded; halves up.
#[inline(always)]
fn part(chroma: i16, of_65536: i16) -> i16 {
    let twice = (i32::from(2 * chroma) * i32::from(of_65536)) >> 16;
    (twice as i16 + 1) >> 1
}
