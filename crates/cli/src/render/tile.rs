use std::path::Path;

use picture::{Filter, Limits, Picture, Size, Window};

/// The picture of that file, small enough to stand beside others; `None` where it can't be read
/// any more.
pub(super) fn thumbnail(path: &Path, width: u32, height: u32) -> Option<Picture> {
    let picture = Picture::open(path, &Limits::default()).ok()?;
    Some(picture.thumbnail(width, height))
}

/// The same, made larger where it is smaller than a square of that edge.
pub(super) fn square(path: &Path, edge: u32) -> Option<Picture> {
    let picture = thumbnail(path, edge, edge)?;
    let longest = picture.width().max(picture.height());
    if longest == edge {
        return Some(picture);
    }
    let scaled = |length: u32| (length * edge / longest).max(1);
    let full = Size {
        width: scaled(picture.width()),
        height: scaled(picture.height()),
    };
    let all = Window {
        left: 0,
        top: 0,
        width: full.width,
        height: full.height,
    };
    Some(picture.resample(full, all, Filter::Bicubic))
}
