//! The test picture that `tools/fixtures/picture/make.py` passes to Pillow.

use picture::Picture;

/// Ramps under a fine, sharp texture: every value, and every slope.
pub(crate) fn pattern(width: u32, height: u32) -> Picture {
    let rows = (0..height).flat_map(|y| {
        (0..width).flat_map(move |x| {
            (0..3).map(move |channel| ((x * 7 + y * 13 + channel * 59) ^ ((x * y) >> 3)) as u8)
        })
    });
    Picture::from_rgb(width, height, rows.collect()).unwrap()
}
