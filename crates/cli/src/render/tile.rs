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
    fitted(path, edge, edge)
}

/// The picture of that file, as large as fits into a frame.
pub(super) fn fitted(path: &Path, width: u32, height: u32) -> Option<Picture> {
    let picture = thumbnail(path, width, height)?;
    let scale = (f64::from(width) / f64::from(picture.width()))
        .min(f64::from(height) / f64::from(picture.height()));
    if scale <= 1.0 {
        return Some(picture);
    }
    let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    let full = Size {
        width: side(picture.width()),
        height: side(picture.height()),
    };
    let all = Window {
        left: 0,
        top: 0,
        width: full.width,
        height: full.height,
    };
    Some(picture.resample(full, all, Filter::Bicubic))
}
