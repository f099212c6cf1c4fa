use ::image::metadata::Orientation;

use super::orientation;
use crate::{Picture, Reduced, Result, Size, scale::Scale, signature::Grid};

/// A picture as it lies in its file: RGB, not yet upright.
pub(crate) struct Decoded {
    /// The size of the whole picture.
    pub(crate) size: Size,
    /// How the pixels come from those of the whole.
    pub(crate) scale: Scale,
    pub(crate) orientation: Orientation,
    pub(crate) pixels: Vec<u8>,
    /// Of the whole picture, as it lies in the file; none where all of it is solid.
    pub(crate) opacity: Option<Grid>,
}

impl Decoded {
    pub(super) fn upright(self) -> Result<Reduced> {
        let reduced = Size {
            width: self.scale.of(self.size.width),
            height: self.scale.of(self.size.height),
        };
        let (reduced, pixels) = orientation::upright(reduced, self.pixels, self.orientation);
        Ok(Reduced {
            picture: Picture::from_rgb(reduced.width, reduced.height, pixels)?,
            size: orientation::upright_size(self.size, self.orientation),
            scale: self.scale,
            mirrored: orientation::mirrored(self.orientation),
            opacity: self
                .opacity
                .map(|grid| orientation::upright_grid(&grid, self.orientation)),
        })
    }
}

/// The bytes of a copy of a pixel of so many channels, of which one at a time is made: in eight
/// bits, in RGB, or upright.
pub(super) fn copy(channels: u64) -> u64 {
    channels.max(3)
}
