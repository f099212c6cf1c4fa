use std::path::Path;

use crate::question::What;
use picture::{Filter, Limits, Picture, Size, Window};

/// The picture of that file, small enough to stand beside others; `None` where it can't be read
/// any more.
pub(super) fn thumbnail(path: &Path, width: u32, height: u32) -> Option<Picture> {
    let picture = Picture::open(path, &Limits::default()).ok()?;
    Some(picture.thumbnail(width, height))
}

/// The picture that a part of a question is, small as well.
pub(super) fn of_question(what: &What, width: u32, height: u32) -> Option<Picture> {
    match what {
        What::Words(_) => None,
        What::Received(received) => {
            let picture = Picture::decode(&received.bytes, &Limits::default()).ok()?;
            Some(picture.thumbnail(width, height))
        }
        What::Picture(path) | What::Like { place: path, .. } => thumbnail(path, width, height),
    }
}

/// A thumbnail for a square of that edge, made larger where it is smaller than that.
pub(super) fn square(thumbnail: Option<Picture>, edge: u32) -> Option<Picture> {
    let picture = thumbnail?;
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
