/// The sizes of a residual network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResNetConfig {
    /// Channels after the stem.
    pub(crate) width: usize,
    /// Blocks in each of the four stages.
    pub(crate) layers: [usize; 4],
    /// Heads of the attention pooling.
    pub(crate) heads: usize,
    /// The picture's width and height in pixels.
    pub(crate) image: usize,
}

impl ResNetConfig {
    /// The factor of downsampling in each direction.
    pub(crate) const REDUCTION: usize = 32;

    /// Channels of the last stage.
    pub(crate) fn features(&self) -> usize {
        self.width * 32
    }

    /// Width and height of the last feature map. The first downsampling rounds up, the other four down.
    pub(crate) fn side(&self) -> usize {
        self.image.div_ceil(2) / 16
    }
}
