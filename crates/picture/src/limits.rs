use crate::{Error, Result, Size};

/// Limits on pictures, checked before reading and before decoding.
///
/// A decoded picture takes three bytes a pixel. Decoding temporarily takes 4 to 10 bytes a pixel for most files, and
/// about 20 for AVIF and for a TIFF of four 32-bit floats. HEIC takes up to 36 and JPEG XL up to 48, so these may have
/// only a quarter of the pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest file, in bytes.
    pub bytes: u64,
    /// The most pixels: width times height in the file's header.
    pub pixels: u64,
}

impl Default for Limits {
    /// 128 MiB and 200 million pixels, such as a panorama of 20,000 x 10,000.
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

    /// The most memory, in bytes, that a decoder may allocate: 16 bytes for each allowed pixel, and the largest file's
    /// size for tables and metadata.
    pub(crate) fn allocation(&self) -> u64 {
        self.pixels.saturating_mul(16).saturating_add(self.bytes)
    }
}
