use std::path::Path;
use std::sync::LazyLock;

use clipseek::{PictureInput, TermKind};
use picture::{Filter, Limits, Picture, Size, Window, decoding_cost, read_within};
use search::Budget;

/// The memory for decoding pictures in parallel.
static MEMORY: LazyLock<Budget> = LazyLock::new(|| Budget::of(1 << 30));

/// The thumbnail of a picture file; `None` if the file can no longer be read.
pub(super) fn thumbnail(path: &Path, width: u32, height: u32) -> Option<Picture> {
    small(&read_within(path, &Limits::default()).ok()?, width, height)
}

fn small(bytes: &[u8], width: u32, height: u32) -> Option<Picture> {
    let limits = Limits::default();
    let cost = decoding_cost(bytes, &limits, u32::MAX);
    MEMORY.with(cost, || {
        let picture = Picture::decode(bytes, &limits).ok()?;
        Some(picture.thumbnail(width, height))
    })
}

/// The thumbnail of a picture in a query.
pub(super) fn of_term(term: &TermKind, width: u32, height: u32) -> Option<Picture> {
    if let TermKind::Picture(PictureInput::Bytes { bytes, .. }) = term {
        return small(bytes, width, height);
    }
    thumbnail(term.path()?, width, height)
}

/// The picture of a file, scaled to fit into a frame.
pub(super) fn fitted(path: &Path, width: u32, height: u32) -> Option<Picture> {
    Some(enlarged(thumbnail(path, width, height)?, width, height))
}

/// Enlarges a picture that is smaller than its frame.
pub(super) fn enlarged(picture: Picture, width: u32, height: u32) -> Picture {
    let scale = (f64::from(width) / f64::from(picture.width()))
        .min(f64::from(height) / f64::from(picture.height()));
    if scale <= 1.0 {
        return picture;
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
    picture.resample(full, all, Filter::Bicubic)
}
