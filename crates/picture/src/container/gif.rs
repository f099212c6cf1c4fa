//! The blocks of a GIF file.

/// The signature and the logical screen: its width, its height, flags, a colour and a proportion.
const HEADER: usize = 13;

/// Where the width and height of the logical screen are.
pub(crate) const SCREEN: usize = 6;

/// A block, by its place in the file.
pub(crate) enum Block {
    /// What is said about the next frame: its delay and which colour is clear.
    Control { start: usize, end: usize },
    Frame {
        start: usize,
        right: u16,
        bottom: u16,
    },
    /// Bytes that are no block. Decoders of old passed over them.
    Garbage,
}

/// Where the blocks begin, behind the colours of the file.
pub(crate) fn start(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(HEADER - 3)?;
    let start = HEADER + colours(flags);
    (start <= bytes.len()).then_some(start)
}

/// The blocks that matter, up to the end or the first that is cut off.
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

/// The bytes of a table of colours, of which there is one when the first bit says so.
fn colours(flags: u8) -> usize {
    match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    }
}

/// The place behind data in parts, each behind its length, the last of which is 0.
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
