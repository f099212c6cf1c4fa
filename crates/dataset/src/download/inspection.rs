use picture::{ContentHash, Format, Limits, Picture, Size};

use super::keeping::Keeping;

/// The result of decoding a picture.
#[derive(Debug)]
pub(super) struct Inspected {
    /// The size of the upright picture.
    pub(super) size: Size,
    pub(super) sha256: ContentHash,
    /// The bytes to store, and their file extension.
    pub(super) kept: Option<(Vec<u8>, &'static str)>,
}

/// Decodes a picture, as far as needed to know that it's valid.
pub(super) fn inspect(
    bytes: Vec<u8>,
    limits: &Limits,
    keeping: Keeping,
) -> picture::Result<Inspected> {
    let sha256 = ContentHash::of(&bytes);
    let extension = Format::of(&bytes).map_or("bin", |format| format.extensions()[0]);
    let (size, kept) = match keeping {
        Keeping::Original => (
            Picture::decode_reduced(&bytes, limits, 1)?.size,
            Some((bytes, extension)),
        ),
        Keeping::Nothing => (Picture::decode_reduced(&bytes, limits, 1)?.size, None),
        Keeping::Resized(resizing) => {
            let reduced = Picture::decode_reduced(&bytes, limits, 2 * resizing.side)?;
            match resizing.shrunk(reduced.size) {
                None => (reduced.size, Some((bytes, extension))),
                Some(Size { width, height }) => {
                    let small = reduced.picture.thumbnail(width, height);
                    let jpeg = small.to_jpeg(resizing.quality);
                    (reduced.size, Some((jpeg, "jpg")))
                }
            }
        }
    };
    Ok(Inspected { size, sha256, kept })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::download::keeping::Resizing;

    #[test]
    fn the_shorter_side_is_as_long_as_asked() {
        let resizing = Resizing {
            side: 10,
            quality: 90,
        };
        let keeping = Keeping::Resized(resizing);
        for (width, height, expected) in [
            (40, 20, (20, 10)),
            (21, 333, (10, 159)),
            (400, 400, (10, 10)),
        ] {
            let pixels = vec![7; 3 * (width * height) as usize];
            let png = Picture::from_rgb(width, height, pixels).unwrap().to_png();
            let inspected = inspect(png.clone(), &Limits::default(), keeping).unwrap();
            assert_eq!(inspected.size, Size { width, height });
            assert_eq!(inspected.sha256, ContentHash::of(&png));
            let (bytes, extension) = inspected.kept.unwrap();
            let kept = Picture::decode(&bytes, &Limits::default()).unwrap();
            assert_eq!(extension, "jpg");
            assert_eq!((kept.width(), kept.height()), expected);
        }
        let small = Picture::from_rgb(10, 40, vec![0; 1200]).unwrap().to_png();
        let inspected = inspect(small.clone(), &Limits::default(), keeping).unwrap();
        assert_eq!(inspected.kept, Some((small, "png")));
    }
}
