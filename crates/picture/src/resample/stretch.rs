/// A stretch along one side of a picture, in pixels and parts of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    /// The pixels of the whole side.
    pub(super) side: u32,
    /// Where the stretch begins on it.
    pub(super) start: f64,
    pub(super) length: f64,
}

impl Stretch {
    pub(crate) fn new(side: u32, start: f64, length: f64) -> Stretch {
        Stretch {
            side,
            start,
            length,
        }
    }

    pub(crate) fn whole(side: u32) -> Stretch {
        Stretch::new(side, 0.0, f64::from(side))
    }
}
