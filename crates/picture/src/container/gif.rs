//! The blocks of a GIF file.

/// The signature and the logical screen: width, height, flags, background colour and aspect ratio.
const HEADER: usize = 13;

/// The offset of the logical screen's width and height.
pub(crate) const SCREEN: usize = 6;

/// A block and its offset in the file.
pub(crate) enum Block {
    /// The graphic control extension of the next frame: its delay and transparent colour.
    Control { start: usize, end: usize },
    Frame {
        start: usize,
        right: u16,
        bottom: u16,
    },
    /// Bytes that are not a block. Old decoders skip them.
    Garbage,
}

/// The offset of the first block, after the global colour table.
pub(crate) fn start(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(HEADER - 3)?;
    let start = HEADER + colours(flags);
    (start <= bytes.len()).then_some(start)
}

/// The relevant blocks, up to the trailer or the first truncated block.
pub(crate) fn blocks(bytes: &[u8]) -> impl Iterator<Item = Block> {
    let mut place = start(bytes).unwrap_or(bytes.len());
    std::iter::from_fn(move || {
        loop {
            let start = place;
            match *bytes.get(start)? {
                b';' => return None,
                b'!' => {
                    const GRAPHIC_CONTROL: u8 = 0xF9;
                    place = behind_parts(bytes, start + 2)?;
                    if bytes[start + 1] == GRAPHIC_CONTROL {
                        let end = place;
                        return Some(Block::Control { start, end });
                    }
                }
                b',' => {
                    let (descriptor, _) = bytes.get(start + 1..)?.split_first_chunk::<9>()?;
                    let number =
                        |at: usize| u16::from_le_bytes([descriptor[at], descriptor[at + 1]]);
                    let data = start + 10 + colours(descriptor[8]) + 1;
                    place = behind_parts(bytes, data).unwrap_or(bytes.len());
                    return Some(Block::Frame {
                        start,
                        right: number(0).saturating_add(number(4)),
                        bottom: number(2).saturating_add(number(6)),
                    });
                }
                _ => {
                    place += 1;
                    return Some(Block::Garbage);
                }
            }
        }
    })
}

/// The size in bytes of a colour table, which exists if the highest bit is set.
fn colours(flags: u8) -> usize {
    match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    }
}

/// The offset after data sub-blocks. Each starts with its length; the last has length 0.
fn behind_parts(bytes: &[u8], start: usize) -> Option<usize> {
    let mut place = start;
    loop {
        let length = usize::from(*bytes.get(place)?);
        place += 1 + length;
        if length == 0 {
            return Some(place);
        }
    }
}
