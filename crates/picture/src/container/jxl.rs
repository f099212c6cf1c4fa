//! JPEG XL (ISO/IEC 18181): a bare codestream, or boxes that contain one.
//!
//! The codestream begins with `FF 0A` and the size, in bits from the lowest of each byte. In boxes it is one `jxlc`,
//! or several `jxlp`, each of which begins with its index. `Exif` has a four-byte offset before the block; `xml ` is
//! XMP. Compressed metadata (`brob`) is ignored.

use super::heif::next_box;
use crate::Size;

/// The signature of a file in boxes.
pub(crate) const SIGNATURE: [u8; 12] = *b"\0\0\0\x0CJXL \r\n\x87\n";

/// The signature of a bare codestream.
pub(crate) const START: [u8; 2] = [0xFF, 0x0A];

/// The width and height in the header, before orientation. `None` if the header is truncated or missing.
pub(crate) fn size(bytes: &[u8]) -> Option<Size> {
    let codestream = match bytes.strip_prefix(&SIGNATURE) {
        Some(_) => content(bytes, b"jxlc").or_else(|| content(bytes, b"jxlp")?.get(4..))?,
        None => bytes,
    };
    Bits::new(codestream.strip_prefix(&START)?).size()
}

/// The EXIF block, as a TIFF file.
pub(crate) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let (place, block) = content(bytes, b"Exif")?.split_first_chunk()?;
    block.get(u32::from_be_bytes(*place) as usize..)
}

/// The XMP packet.
pub(crate) fn xmp(bytes: &[u8]) -> Option<&[u8]> {
    content(bytes, b"xml ")
}

/// The content of the first box of this type, as far as the file has it.
fn content<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    let mut rest = Some(bytes).filter(|bytes| bytes.starts_with(&SIGNATURE));
    loop {
        let (found, after) = next_box(rest?)?;
        if found.kind == *kind {
            return Some(found.content);
        }
        rest = after;
    }
}

/// The first bits of a codestream, and their number.
struct Bits {
    bits: u128,
    left: u32,
}

impl Bits {
    fn new(codestream: &[u8]) -> Bits {
        // More than the size needs.
        let bytes = &codestream[..codestream.len().min(16)];
        let bits = bytes
            .iter()
            .rev()
            .fold(0, |bits, &byte| bits << 8 | u128::from(byte));
        Bits {
            bits,
            left: bytes.len() as u32 * 8,
        }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        self.left = self.left.checked_sub(count)?;
        let taken = self.bits as u32 & ((1_u64 << count) - 1) as u32;
        self.bits >>= count;
        Some(taken)
    }

    fn size(&mut self) -> Option<Size> {
        let is_small = self.take(1)? == 1;
        let height = self.side(is_small)?;
        let width = match self.take(3)? {
            0 => self.side(is_small)?,
            ratio => {
                let (over, under) = RATIOS[ratio as usize - 1];
                u32::try_from(u64::from(height) * over / under).ok()?
            }
        };
        Some(Size { width, height })
    }

    fn side(&mut self, is_small: bool) -> Option<u32> {
        if is_small {
            return Some((self.take(5)? + 1) * 8);
        }
        let count = [9, 13, 18, 30][self.take(2)? as usize];
        Some(self.take(count)? + 1)
    }
}

/// Aspect ratios by their code in the header: width, height.
const RATIOS: [(u64, u64); 7] = [(1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1)];
