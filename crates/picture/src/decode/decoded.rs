use ::image::metadata::Orientation;

use super::orientation;
use crate::{Picture, Reduced, Result, Size, signature::Grid};

/// A picture as it lies in its file: RGB, not yet upright.
pub(crate) struct Decoded {
    /// The size of the whole picture.
    pub(crate) size: Size,
    /// How many eighths of its width and of its height the pixels are, rounded up.
    pub(crate) eighths: u8,
    pub(crate) orientation: Orientation,
    pub(crate) pixels: Vec<u8>,
    /// Of the whole picture, as it lies in the file; none where all of it is solid.
    pub(crate) opacity: Option<Grid>,
}

impl Decoded {
    pub(super) fn upright(self) -> Result<Reduced> {
        let reduced = Size {
            width: in_eighths(self.size.width, self.eighths),
            height: in_eighths(self.size.height, self.eighths),
        };
        let (reduced, pixels) = orientation::upright(reduced, self.pixels, self.orientation);
        Ok(Reduced {
            picture: Picture::from_rgb(reduced.width, reduced.height, pixels)?,
            size: orientation::upright_size(self.size, self.orientation),
            eighths: self.eighths,
            mirrored: orientation::mirrored(self.orientation),
            opacity: self
                .opacity
                .map(|grid| orientation::upright_grid(&grid, self.orientation)),
        })
    }
}

/// So many eighths of a side, rounded up.
pub(super) fn in_eighths(side: u32, eighths: u8) -> u32 {
    let side = u64::from(side) * u64::from(eighths);
    // No more than the side.
    side.div_ceil(8) as u32
}

/// The bytes of a copy of a pixel of so many channels, of which one at a time is made: in eight
/// bits, in RGB, or upright.
pub(super) fn copy(channels: u64) -> u64 {
    channels.max(3)
}
