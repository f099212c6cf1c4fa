//! Repairs GIF files that the decoder rejects or crops.

use std::borrow::Cow;

use crate::container::gif::{Block, SCREEN, blocks, start};

/// Returns the file, or a copy whose screen covers its first frame and that has only that frame's graphic control
/// extension before it.
pub(super) fn repaired(bytes: &[u8]) -> Cow<'_, [u8]> {
    copy(bytes).map_or(Cow::Borrowed(bytes), Cow::Owned)
}

/// Whether a second frame follows.
pub(super) fn has_frames(bytes: &[u8]) -> bool {
    let frames = blocks(bytes).filter(|block| matches!(block, Block::Frame { .. }));
    frames.take(2).count() == 2
}

/// The repaired copy; `None` if the file needs none.
fn copy(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut control, mut has_garbage) = (0..0, false);
    let (frame, right, bottom) = blocks(bytes).find_map(|block| {
        match block {
            Block::Control { start, end } => control = start..end,
            Block::Garbage => has_garbage = true,
            Block::Frame {
                start,
                right,
                bottom,
            } => return Some((start, right, bottom)),
        }
        None
    })?;
    let side = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let (width, height) = (side(SCREEN), side(SCREEN + 2));
    if right <= width && bottom <= height && !has_garbage {
        return None;
    }
    let mut copy = bytes[..start(bytes)?].to_vec();
    copy[SCREEN..SCREEN + 2].copy_from_slice(&width.max(right).to_le_bytes());
    copy[SCREEN + 2..SCREEN + 4].copy_from_slice(&height.max(bottom).to_le_bytes());
    copy.extend_from_slice(&bytes[control]);
    copy.extend_from_slice(&bytes[frame..]);
    Some(copy)
}
