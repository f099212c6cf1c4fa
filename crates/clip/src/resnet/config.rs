/// The sizes of a residual network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResNetConfig {
    /// Channels after the stem.
    pub(crate) width: usize,
    /// Blocks of each of the four stages.
    pub(crate) layers: [usize; 4],
    /// Of the attention at the end.
    pub(crate) heads: usize,
    /// Width and height of the picture.
    pub(crate) image: usize,
}

impl ResNetConfig {
    /// How many pixels become one, in each direction.
    pub(crate) const REDUCTION: usize = 32;

    /// Channels at the end.
    pub(crate) fn features(&self) -> usize {
        self.width * 32
    }

    /// Width and height of the picture at the end: the first halving rounds up, the other four down.
    pub(crate) fn side(&self) -> usize {
        self.image.div_ceil(2) / 16
    }
}
