use crate::{Error, Result, Size};

/// How much a picture may cost, checked before it is read and before it is decoded.
///
/// A decoded picture takes three bytes a pixel. Decoding it takes a few times as much for a moment:
/// 4 to 10 bytes a pixel for most files, about 20 for AVIF and for a TIFF of four 32-bit floats, and
/// up to 36 for HEIC and 48 for JPEG XL, which may have a quarter as many pixels therefore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest file, in bytes.
    pub bytes: u64,
    /// The most pixels: width times height, as the file's header has them.
    pub pixels: u64,
}

impl Default for Limits {
    /// 128 MiB and 200 million pixels: a panorama of 20,000 x 10,000.
    fn default() -> Self {
        Self {
            bytes: 128 << 20,
            pixels: 200_000_000,
        }
    }
}

impl Limits {
    pub(crate) fn check_bytes(&self, bytes: u64) -> Result<()> {
        if bytes > self.bytes {
            return Err(Error::TooManyBytes {
                bytes,
                limit: self.bytes,
            });
        }
        Ok(())
    }

    pub(crate) fn check_size(&self, size: Size) -> Result<()> {
        let Size { width, height } = size;
        if width == 0 || height == 0 {
            return Err(Error::NoPixels { width, height });
        }
        if size.pixels() > self.pixels {
            return Err(Error::TooManyPixels {
                width,
                height,
                limit: self.pixels,
            });
        }
        Ok(())
    }

    /// What a decoder may allocate: 16 bytes for each pixel allowed, and as much again for tables
    /// and metadata as the largest file could hold.
    pub(crate) fn allocation(&self) -> u64 {
        self.pixels.saturating_mul(16).saturating_add(self.bytes)
    }
}
