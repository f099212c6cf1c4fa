//! AVIF and HEIC: a picture, or a grid of pictures, in a HEIF container.
//!
//! An item's type determines its codec, regardless of the file's brand. The sizes in the boxes are checked against the
//! limits, and the decoder must keep to them.

use ::image::metadata::Orientation;

use super::{av1, decoded::Decoded, flatten::over_white, hevc, orientation, yuv::Yuv};
use crate::{
    Error, Format, Limits, Result, Size,
    container::heif::{Aperture, Colours, Grid as Tiling, Heif},
    decoder_process,
    scale::Scale,
    signature::Grid,
};

/// Bytes a pixel of AV1: the decoder's frame, samples, colours, and a copy to rotate.
const AV1_COST: u64 = 20;

/// Bytes a pixel of HEVC, whose decoder uses four bytes a sample and keeps tiles beside the whole.
const HEVC_COST: u64 = 36;

pub(super) fn decode(format: Format, bytes: &[u8], limits: &Limits) -> Result<Decoded> {
    let heif = Heif::open(bytes, format)?;
    let (coding, size) = checked(&heif, format, limits)?;
    match coding {
        Coding::Av1 => {
            let cost = size.pixels().saturating_mul(coding.cost());
            decoder_process::decode(format, bytes, limits, cost)
        }
        Coding::Hevc => decode_here(format, bytes, limits),
    }
}

/// Checks the limits. Returns the picture's codec, and its size before cropping and rotation.
fn checked(heif: &Heif<'_>, format: Format, limits: &Limits) -> Result<(Coding, Size)> {
    let coding = Coding::of(heif, heif.primary()).ok_or_else(|| unsupported(format))?;
    let size = size(heif, format)?;
    coding.check_size(size, limits)?;
    Ok((coding, size))
}

/// Decodes in this process, without protection.
pub(super) fn decode_here(format: Format, bytes: &[u8], limits: &Limits) -> Result<Decoded> {
    let heif = Heif::open(bytes, format)?;
    let (coding, size) = checked(&heif, format, limits)?;
    let mut opacity = None;
    let pixels = match coding {
        Coding::Av1 => {
            let picture = av1_picture(&heif, format, heif.primary())?;
            let mut pixels = to_rgb(&picture, format)?;
            if let Some(alpha) = alpha(&heif) {
                let plane = av1_picture(&heif, format, alpha)?;
                let is_premultiplied = is_premultiplied(&heif, alpha);
                opacity = flatten(&mut pixels, &plane, &picture, is_premultiplied, format)?;
            }
            pixels
        }
        Coding::Hevc => {
            check_tiles(&heif, format, bytes)?;
            let (picture, plane) = hevc::decode(format, bytes, size)?;
            let mut pixels = to_rgb(&picture, format)?;
            if let Some((plane, is_premultiplied)) = plane {
                opacity = flatten(&mut pixels, &plane, &picture, is_premultiplied, format)?;
            }
            pixels
        }
    };
    let whole = Decoded {
        size,
        scale: Scale::WHOLE,
        orientation: Orientation::NoTransforms,
        pixels,
        opacity,
    };
    transformed(&heif, whole, format)
}

/// The memory, in bytes, that decoding takes.
pub(super) fn cost(format: Format, bytes: &[u8]) -> Result<u64> {
    let heif = Heif::open(bytes, format)?;
    let coding = Coding::of(&heif, heif.primary()).ok_or_else(|| unsupported(format))?;
    Ok(size(&heif, format)?.pixels().saturating_mul(coding.cost()))
}

enum Coding {
    Av1,
    Hevc,
}

impl Coding {
    fn of(heif: &Heif<'_>, item: u32) -> Option<Coding> {
        let kind = match &heif.kind(item)? {
            b"grid" => heif.kind(*heif.referred(item, *b"dimg").first()?)?,
            kind => *kind,
        };
        match &kind {
            b"av01" => Some(Coding::Av1),
            b"hvc1" | b"hev1" => Some(Coding::Hevc),
            _ => None,
        }
    }

    fn cost(&self) -> u64 {
        match self {
            Coding::Av1 => AV1_COST,
            Coding::Hevc => HEVC_COST,
        }
    }

    /// Limits HEVC to a quarter of the pixels, because its decoder takes more memory a pixel.
    fn check_size(&self, size: Size, limits: &Limits) -> Result<()> {
        let pixels = match self {
            Coding::Av1 => limits.pixels,
            Coding::Hevc => limits.pixels / 4,
        };
        let limits = Limits {
            pixels,
            ..limits.clone()
        };
        limits.check_size(size)
    }
}

/// The size before cropping and rotation.
fn size(heif: &Heif<'_>, format: Format) -> Result<Size> {
    let item = heif.primary();
    let (width, height) = if heif.kind(item) == Some(*b"grid") {
        let grid = grid(heif, format, item)?;
        (grid.width, grid.height)
    } else {
        heif.size(item)
            .ok_or_else(|| damaged(format, "its picture has no size"))?
    };
    Ok(Size { width, height })
}

fn grid(heif: &Heif<'_>, format: Format, item: u32) -> Result<Tiling> {
    Tiling::parse(&heif.content(item)?).ok_or_else(|| damaged(format, "its grid is broken"))
}

/// Decodes an item and everything that it consists of, before cropping and rotation.
fn av1_picture(heif: &Heif<'_>, format: Format, item: u32) -> Result<Yuv> {
    let mut picture = if heif.kind(item) == Some(*b"grid") {
        av1_grid(heif, format, item)?
    } else {
        av1_item(heif, format, item)?
    };
    let mut properties = heif
        .properties(item)
        .filter(|property| property.kind == *b"colr");
    if let Some(colours) = properties.find_map(|property| Colours::parse(property.content)) {
        picture.colours = colours;
    }
    Ok(picture)
}

fn av1_item(heif: &Heif<'_>, format: Format, item: u32) -> Result<Yuv> {
    let size = heif
        .size(item)
        .ok_or_else(|| damaged(format, "a coded picture has no size"))?;
    if heif.kind(item) != Some(*b"av01") {
        return Err(damaged(format, "its tiles have different formats"));
    }
    av1::decode(format, &heif.content(item)?, size)
}

fn av1_grid(heif: &Heif<'_>, format: Format, item: u32) -> Result<Yuv> {
    let grid = grid(heif, format, item)?;
    let tiles = tiles(heif, format, item, &grid)?;
    let (width, height) = (grid.width as usize, grid.height as usize);
    let first = av1_item(heif, format, tiles[0])?;
    let mut whole = Yuv::blank(width, height, &first);
    for (place, &tile) in tiles.iter().enumerate() {
        let decoded = av1_item(heif, format, tile)?;
        let (row, column) = (place / grid.columns, place % grid.columns);
        if decoded.depth != whole.depth
            || (decoded.width, decoded.height) != (first.width, first.height)
        {
            return Err(damaged(format, "its tiles differ in size or format"));
        }
        whole
            .put(column * first.width, row * first.height, &decoded)
            .ok_or_else(|| damaged(format, "its tiles differ in size or format"))?;
    }
    Ok(whole)
}

/// The items of a grid, which must cover it exactly, so that the limit on the grid's size also bounds the work to
/// decode them.
fn tiles<'h>(heif: &'h Heif<'_>, format: Format, item: u32, grid: &Tiling) -> Result<&'h [u32]> {
    let tiles = heif.referred(item, *b"dimg");
    let (Some(&first), true) = (tiles.first(), tiles.len() == grid.rows * grid.columns) else {
        return Err(damaged(format, "its grid lacks pictures"));
    };
    let (width, height) = heif.size(first).unwrap_or((0, 0));
    let covers = |side: u32, count: usize, whole: u32| {
        let (side, count, whole) = (u64::from(side), count as u64, u64::from(whole));
        side * count >= whole && side * (count - 1) < whole
    };
    if covers(width, grid.columns, grid.width)
        && covers(height, grid.rows, grid.height)
        && tiles
            .iter()
            .all(|&tile| heif.size(tile) == Some((width, height)))
    {
        return Ok(tiles);
    }
    Err(damaged(format, "its grid is not the size of its pictures"))
}

/// Checks for a decoder that reads the boxes itself: it must not copy more than the file has.
fn check_tiles(heif: &Heif<'_>, format: Format, bytes: &[u8]) -> Result<()> {
    let items = [Some(heif.primary()), alpha(heif)];
    for item in items.into_iter().flatten() {
        let parts = match heif.kind(item) {
            Some(kind) if kind == *b"grid" => {
                tiles(heif, format, item, &grid(heif, format, item)?)?
            }
            _ => &[item],
        };
        let mut copied = 0_u64;
        for &part in parts {
            let content = heif.content(part)?.len() as u64;
            let settings = heif.property(part, *b"hvcC").map_or(0, <[u8]>::len) as u64;
            copied = copied.saturating_add(content + settings);
            if copied > 2 * bytes.len() as u64 {
                return Err(damaged(format, "its pictures are longer than the file"));
            }
        }
    }
    Ok(())
}

/// The item with the picture's opacity.
fn alpha(heif: &Heif<'_>) -> Option<u32> {
    let mut items = heif.referring(heif.primary(), *b"auxl");
    items.find(|&item| {
        let kind = heif.property(item, *b"auxC").unwrap_or_default();
        let kind = kind.get(4..).unwrap_or_default();
        let kind = kind.split(|&byte| byte == 0).next().unwrap_or_default();
        [
            &b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"[..],
            b"urn:mpeg:hevc:2015:auxid:1",
        ]
        .contains(&kind)
    })
}

fn is_premultiplied(heif: &Heif<'_>, alpha: u32) -> bool {
    heif.referred(heif.primary(), *b"prem").contains(&alpha)
}

fn to_rgb(picture: &Yuv, format: Format) -> Result<Vec<u8>> {
    picture.to_rgb().ok_or_else(|| Error::Unsupported {
        format,
        kind: format!(
            "{} with colour matrix {}",
            format.name(),
            picture.colours.matrix
        )
        .into(),
    })
}

/// Composites colours with this opacity over white.
fn flatten(
    pixels: &mut [u8],
    opacity: &Yuv,
    picture: &Yuv,
    is_premultiplied: bool,
    format: Format,
) -> Result<Option<Grid>> {
    if (opacity.width, opacity.height) != (picture.width, picture.height) {
        return Err(damaged(format, "its opacity has another size"));
    }
    let opacity = opacity.to_opacity();
    for (pixel, &opacity) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(&opacity) {
        *pixel = pixel.map(|colour| {
            if is_premultiplied {
                colour.saturating_add(255 - opacity)
            } else {
                over_white(colour, opacity)
            }
        });
    }
    let size = Size {
        width: picture.width as u32,
        height: picture.height as u32,
    };
    let is_clear = opacity.iter().any(|&opacity| opacity < 255);
    Ok(is_clear.then(|| Grid::of(size, |pixel| opacity[pixel])))
}

/// Crops, rotates and mirrors as the boxes say, in their order.
fn transformed(heif: &Heif<'_>, whole: Decoded, format: Format) -> Result<Decoded> {
    let mut seen = whole;
    for property in heif.properties(heif.primary()) {
        let value = property.content.first().copied().unwrap_or(0);
        let orientation = match &property.kind {
            b"clap" => {
                let Size { width, height } = seen.size;
                let aperture = Aperture::parse(property.content, (width, height));
                let aperture = aperture.ok_or_else(|| damaged(format, "its crop is empty"))?;
                seen = cropped(&seen, &aperture);
                continue;
            }
            // Anticlockwise, in quarter turns.
            b"irot" => match value & 3 {
                0 => Orientation::NoTransforms,
                1 => Orientation::Rotate270,
                2 => Orientation::Rotate180,
                _ => Orientation::Rotate90,
            },
            b"imir" if value & 1 == 0 => Orientation::FlipVertical,
            b"imir" => Orientation::FlipHorizontal,
            _ => continue,
        };
        (seen.size, seen.pixels) = orientation::upright(seen.size, seen.pixels, orientation);
        let opacity = seen.opacity.as_ref();
        seen.opacity = opacity.map(|grid| orientation::upright_grid(grid, orientation));
    }
    Ok(seen)
}

fn cropped(whole: &Decoded, aperture: &Aperture) -> Decoded {
    let Aperture {
        left,
        top,
        width,
        height,
    } = *aperture;
    let rows = whole.pixels.chunks_exact(whole.size.width as usize * 3);
    let columns = left as usize * 3..(left + width) as usize * 3;
    let rows = rows.skip(top as usize).take(height as usize);
    let pixels = rows
        .flat_map(|row| &row[columns.clone()])
        .copied()
        .collect();
    let opacity = whole.opacity.as_ref();
    Decoded {
        size: Size { width, height },
        opacity: opacity.map(|grid| grid.cropped(whole.size, aperture)),
        pixels,
        scale: whole.scale,
        orientation: whole.orientation,
    }
}

fn damaged(format: Format, cause: &'static str) -> Error {
    Error::Damaged {
        format,
        cause: cause.into(),
    }
}

fn unsupported(format: Format) -> Error {
    Error::Unsupported {
        format,
        kind: "HEIF with a codec other than HEVC and AV1; convert it to JPEG or PNG".into(),
    }
}
