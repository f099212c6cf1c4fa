/// A width and a height, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Size {
    /// Width times height.
    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// A rectangle in a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Columns to the left of the window.
    pub left: u32,
    /// Rows above the window.
    pub top: u32,
    /// Columns of the window.
    pub width: u32,
    /// Rows of the window.
    pub height: u32,
}

impl Window {
    /// The size of the window itself.
    pub fn size(&self) -> Size {
        Size {
            width: self.width,
            height: self.height,
        }
    }

    /// The part of this window inside a picture of `size`; it may be empty.
    pub(crate) fn clipped(&self, size: Size) -> Window {
        Window {
            left: self.left,
            top: self.top,
            width: self.width.min(size.width.saturating_sub(self.left)),
            height: self.height.min(size.height.saturating_sub(self.top)),
        }
    }
}
