use picture::{Filter, Picture, Window};
use rand::Rng;

/// A random part of a picture: between `least` and 1 of its area, of nearly its proportions.
///
/// Mirroring isn't done: captions say left and right, and pictures hold words.
pub(crate) fn crop(picture: &Picture, least: f64, numbers: &mut impl Rng) -> Option<Picture> {
    if least >= 1.0 {
        return None;
    }
    let size = picture.size();
    let area = numbers.random_range(least..=1.0);
    // As much wider as it is lower.
    let stretch = numbers.random_range(-0.1..=0.1_f64).exp();
    let side = |side: u32, part: f64| ((f64::from(side) * part).round() as u32).clamp(1, side);
    let width = side(size.width, area.sqrt() * stretch);
    let height = side(size.height, area.sqrt() / stretch);
    let window = Window {
        left: numbers.random_range(0..=size.width - width),
        top: numbers.random_range(0..=size.height - height),
        width,
        height,
    };
    Some(picture.resample(size, window, Filter::Bilinear))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::numbers;

    #[test]
    fn a_crop_is_a_part_of_the_picture() {
        let pixels = (0..40 * 30).flat_map(|at| [at as u8, (at / 40) as u8, 7]);
        let picture = Picture::from_rgb(40, 30, pixels.collect()).unwrap();
        let mut numbers = numbers(0, 0, Some(3));
        assert!(crop(&picture, 1.0, &mut numbers).is_none());
        for _ in 0..50 {
            let part = crop(&picture, 0.5, &mut numbers).unwrap();
            let area = f64::from(part.width() * part.height()) / (40.0 * 30.0);
            assert!((0.42..=1.0).contains(&area), "{area}");
            let rows = picture.pixels().chunks(40 * 3);
            let row = &part.pixels()[..part.width() as usize * 3];
            let is_there = |whole: &[u8]| whole.windows(row.len()).any(|window| window == row);
            assert!(rows.into_iter().any(is_there));
        }
    }
}
