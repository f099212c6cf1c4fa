use ::image::metadata::Orientation;

use super::orientation;
use crate::{Picture, Reduced, Result, Size, scale::Scale, signature::Grid};

/// A decoded picture in RGB, before orientation.
pub(crate) struct Decoded {
    /// The size of the whole picture.
    pub(crate) size: Size,
    /// How the pixels derive from those of the whole.
    pub(crate) scale: Scale,
    pub(crate) orientation: Orientation,
    pub(crate) pixels: Vec<u8>,
    /// The opacity of the whole picture before orientation; `None` if opaque.
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

/// The size in bytes of a temporary copy of a pixel with `channels` channels. Only one copy exists at a time: in eight
/// bits, in RGB, or upright.
pub(super) fn copy(channels: u64) -> u64 {
    channels.max(3)
}
