use std::path::Path;

use picture::{Limits, Picture};

/// The picture of that file, small enough to stand beside others; `None` where it can't be read
/// any more.
pub(super) fn thumbnail(path: &Path, width: u32, height: u32) -> Option<Picture> {
    let picture = Picture::open(path, &Limits::default()).ok()?;
    Some(picture.thumbnail(width, height))
}
