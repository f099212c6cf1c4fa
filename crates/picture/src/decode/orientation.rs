//! Rotates and mirrors a picture upright.

use ::image::metadata::Orientation;

use crate::{
    Format, Size,
    container::directory::Directories,
    metadata::{Blocks, Xmp},
    signature::{Grid, SIDE},
};

/// The side, in pixels, of the tiles that are rotated one at a time: a tile stays in the cache, whole columns of a
/// large picture would not.
const TILE: usize = 64;

const ORIENTATION: u16 = 274;

/// The orientation in a file's metadata: EXIF's, else XMP's. Broken metadata means no rotation: it is no reason to
/// reject a picture.
pub(super) fn of(format: Format, bytes: &[u8]) -> Orientation {
    find(format, bytes).unwrap_or(Orientation::NoTransforms)
}

/// The orientation in a file's metadata, if any.
pub(super) fn find(format: Format, bytes: &[u8]) -> Option<Orientation> {
    let blocks = Blocks::of(format, bytes);
    let mut exif = blocks.exif.iter();
    let of_exif = exif.find_map(|block| in_block(block));
    let mut xmp = blocks.xmp.iter();
    of_exif.or_else(|| {
        let orientation = xmp.find_map(|packet| Xmp::of(packet).orientation());
        Orientation::from_exif(orientation?)
    })
}

/// The orientation in an EXIF block: the tag's first number, of any integer type.
pub(super) fn in_block(block: &[u8]) -> Option<Orientation> {
    let directory = Directories::new(block)?.first()?;
    let orientation = u8::try_from(directory.number(ORIENTATION)?).ok()?;
    Orientation::from_exif(orientation)
}

/// Applies `orientation` to a picture and returns its new size and pixels.
pub(super) fn upright(size: Size, pixels: Vec<u8>, orientation: Orientation) -> (Size, Vec<u8>) {
    let Some(traversal) = Traversal::new(size, orientation) else {
        return (size, pixels);
    };
    let turned = traversal.apply(pixels.as_chunks().0);
    (traversal.size, turned.into_flattened())
}

/// Applies `orientation` to a grid over a picture.
pub(super) fn upright_grid(grid: &Grid, orientation: Orientation) -> Grid {
    let side = SIDE as u32;
    let size = Size {
        width: side,
        height: side,
    };
    let pixels = grid.levels().iter().flat_map(|&level| [level; 3]).collect();
    let (_, turned) = upright(size, pixels, orientation);
    turned.into_iter().step_by(3).collect()
}

/// The size of a picture of `size` after `orientation`.
pub(super) fn upright_size(size: Size, orientation: Orientation) -> Size {
    Traversal::new(size, orientation).map_or(size, |traversal| traversal.size)
}

/// Whether the upright picture's columns, and its rows, run against those of the stored picture.
pub(super) fn mirrored(orientation: Orientation) -> (bool, bool) {
    match orientation {
        Orientation::NoTransforms | Orientation::Rotate90FlipH => (false, false),
        Orientation::FlipHorizontal | Orientation::Rotate90 => (true, false),
        Orientation::FlipVertical | Orientation::Rotate270 => (false, true),
        Orientation::Rotate180 | Orientation::Rotate270FlipH => (true, true),
    }
}

/// How to read the upright picture's pixels: the one at column x and row y is at `origin + x * column_step + y *
/// row_step`.
struct Traversal {
    size: Size,
    origin: usize,
    column_step: isize,
    row_step: isize,
}

impl Traversal {
    fn new(size: Size, orientation: Orientation) -> Option<Traversal> {
        let (width, height) = (size.width as usize, size.height as usize);
        let (right, down) = (1, width as isize);
        let (last_column, last_row) = (width - 1, (height - 1) * width);
        let lying = Size {
            width: size.height,
            height: size.width,
        };
        let (size, origin, column_step, row_step) = match orientation {
            Orientation::NoTransforms => return None,
            Orientation::FlipHorizontal => (size, last_column, -right, down),
            Orientation::Rotate180 => (size, last_row + last_column, -right, -down),
            Orientation::FlipVertical => (size, last_row, right, -down),
            Orientation::Rotate90FlipH => (lying, 0, down, right),
            Orientation::Rotate90 => (lying, last_row, -down, right),
            Orientation::Rotate270FlipH => (lying, last_row + last_column, -down, -right),
            Orientation::Rotate270 => (lying, last_column, down, -right),
        };
        Some(Traversal {
            size,
            origin,
            column_step,
            row_step,
        })
    }

    fn apply(&self, source: &[[u8; 3]]) -> Vec<[u8; 3]> {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let mut turned = vec![[0; 3]; source.len()];
        for top in (0..height).step_by(TILE) {
            for left in (0..width).step_by(TILE) {
                for row in top..height.min(top + TILE) {
                    let columns = left..width.min(left + TILE);
                    let start = self.origin as isize + row as isize * self.row_step;
                    for (column, pixel) in columns.clone().zip(&mut turned[row * width..][columns])
                    {
                        *pixel = source[(start + column as isize * self.column_step) as usize];
                    }
                }
            }
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formats' tests check orientations on files; this test checks that every shape works.
    #[test]
    fn every_shape_turns_both_ways() {
        for (width, height) in [(1, 1), (1, 7), (7, 1), (2, 3), (65, 130)] {
            let size = Size { width, height };
            let pixels: Vec<u8> = (0..width * height * 3).map(|index| index as u8).collect();
            for orientation in (1..=8).filter_map(Orientation::from_exif) {
                let back = match orientation {
                    Orientation::Rotate90 => Orientation::Rotate270,
                    Orientation::Rotate270 => Orientation::Rotate90,
                    same => same,
                };
                let (turned_size, turned) = upright(size, pixels.clone(), orientation);
                let (size_again, pixels_again) = upright(turned_size, turned, back);
                assert_eq!(
                    (size_again, pixels_again),
                    (size, pixels.clone()),
                    "{orientation:?}"
                );
            }
        }
    }
}
