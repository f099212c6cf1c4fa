use std::fmt;

use picture::Size;

/// What happens to a downloaded picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeping {
    /// It is stored as the server sent it.
    #[default]
    Original,
    /// It is resized and stored.
    Resized(Resizing),
    /// It is only tested.
    Nothing,
}

/// How pictures are resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resizing {
    /// The shorter side in pixels. Smaller pictures are stored unchanged.
    pub side: u32,
    /// The quality of the JPEG file, 1 to 100.
    pub quality: u8,
}

impl fmt::Display for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Original => f.write_str("as they came"),
            Self::Resized(Resizing { side, quality }) => {
                write!(f, "at {side} pixels, JPEG of quality {quality}")
            }
            Self::Nothing => f.write_str("not at all"),
        }
    }
}

impl Resizing {
    /// The size of the resized picture; `None` if it's small enough.
    pub(super) fn shrunk(self, size: Size) -> Option<Size> {
        let shorter = size.width.min(size.height);
        let scale = f64::from(self.side) / f64::from(shorter);
        let side = |side: u32| (f64::from(side) * scale).round() as u32;
        (shorter > self.side).then(|| Size {
            width: side(size.width),
            height: side(size.height),
        })
    }
}
