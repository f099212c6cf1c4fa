//! YCbCr with subsampled chroma, outside JPEG.
//!
//! The samples of a block of pixels are stored together (TIFF 6.0, section 21): those of luma row by row, then one of
//! blue and one of red. So a row of blocks is unpacked like a row of grey samples.

use ::tiff::{TiffResult, tags::Tag};

use super::{Reader, unsupported};
use crate::{Result, Size};

/// The size, in pixels, of the block that shares a chroma sample.
#[derive(Clone, Copy)]
pub(super) struct Subsampling {
    across: u32,
    down: u32,
}

impl Subsampling {
    /// `None` if each pixel has its own.
    pub(super) fn of(reader: &mut Reader<'_>) -> TiffResult<Option<Subsampling>> {
        let sides: Option<Vec<u16>> = reader.find_tag_unsigned_vec(Tag::ChromaSubsampling)?;
        let (across, down) = match sides.as_deref() {
            None => (2, 2),
            Some(&[across, down]) => (across, down),
            Some(_) => (0, 0),
        };
        let subsampling = Subsampling {
            across: across.into(),
            down: down.into(),
        };
        Ok(Some(subsampling).filter(|_| (across, down) != (1, 1)))
    }

    /// Rejects sizes that TIFF does not allow, and chunks that end within a block.
    pub(super) fn check(self, chunk_height: u32, height: u32) -> Result<()> {
        let is_side = |side| matches!(side, 1 | 2 | 4);
        let fits = is_side(self.across)
            && is_side(self.down)
            && (chunk_height >= height || chunk_height.is_multiple_of(self.down));
        if fits {
            Ok(())
        } else {
            let Subsampling { across, down } = self;
            Err(unsupported(format!(
                "TIFF with {across}x{down} chroma subsampling"
            )))
        }
    }

    /// The number of samples in a row of blocks.
    pub(super) fn columns(self, width: u32) -> u32 {
        width
            .div_ceil(self.across)
            .saturating_mul(self.across * self.down + 2)
    }

    /// The number of rows of blocks.
    pub(super) fn rows(self, height: u32) -> u32 {
        height.div_ceil(self.down)
    }

    /// Upsamples rows of blocks to three samples a pixel. `None` if there are too few.
    pub(super) fn evened(self, blocks: &[u8], size: Size) -> Option<Vec<u8>> {
        let (across, down) = (self.across as usize, self.down as usize);
        let (width, height) = (size.width as usize, size.height as usize);
        let (block, row) = (across * down + 2, self.columns(size.width) as usize);
        let mut pixels = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            let blocks = blocks.get(y / down * row..)?.get(..row)?;
            for x in 0..width {
                let block = &blocks[x / across * block..][..block];
                let luma = block[y % down * across + x % across];
                pixels.extend([luma, block[across * down], block[across * down + 1]]);
            }
        }
        Some(pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_luma_row_by_row_and_then_chroma() {
        let halved = Subsampling { across: 2, down: 2 };
        let size = Size {
            width: 3,
            height: 1,
        };
        assert_eq!((halved.columns(3), halved.rows(1)), (12, 1));
        let blocks = [1, 2, 3, 4, 50, 60, 5, 6, 7, 8, 70, 80];
        let pixels = halved.evened(&blocks, size).unwrap();
        assert_eq!(pixels, [1, 50, 60, 2, 50, 60, 5, 70, 80]);
        assert_eq!(halved.evened(&blocks[..11], size), None);
    }
}
