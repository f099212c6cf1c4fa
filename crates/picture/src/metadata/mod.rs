//! Reads a file's metadata.

mod blocks;
mod date;
mod exif;
mod iptc;
mod text;
mod xmp;

pub(crate) use blocks::Blocks;
pub(crate) use xmp::Xmp;

use self::{
    exif::Exif,
    iptc::Iptc,
    text::{LONGEST_DESCRIPTION, LONGEST_KEYWORD, LONGEST_TITLE, MOST_KEYWORDS, tidy},
};
use crate::{Format, decode};

/// The metadata of a picture file: when, where and with which camera it was taken, and what people wrote about it.
///
/// Read from EXIF, XMP and IPTC-IIM, in JPEG, PNG, WebP, TIFF, HEIC, AVIF, JPEG XL and camera raw files. It is
/// unverified and may be personal.
///
/// Texts are trimmed, with one space between words and without control characters. Their lengths are bounded: 10,000
/// characters for a description, 1,000 for a title, and 200 for each of at most 200 keywords.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// XMP's `dc:title` or `photoshop:Headline`, IPTC's object name or headline, or EXIF's `XPTitle`.
    pub title: Option<String>,
    /// XMP's `dc:description`, IPTC's caption, or EXIF's `ImageDescription`, `XPSubject`, `XPComment` or
    /// `UserComment`. Texts that cameras write automatically, such as `OLYMPUS DIGITAL CAMERA`, are ignored.
    pub description: Option<String>,
    /// The keywords of XMP's `dc:subject`, IPTC and EXIF's `XPKeywords`, without duplicates, in this order.
    pub keywords: Vec<String>,
    /// 1 to 5 stars, or -1 if rejected, from XMP's or EXIF's `Rating`. `None` for 0, which means not rated.
    pub rating: Option<i8>,
    /// The time by the camera's clock, in ISO 8601: `2019-07-14T18:02:11`, with a fraction and the time zone if known
    /// (`2019-07-14T18:02:11.25+02:00`), or only the date (`2019-07-14`). From EXIF, else from XMP
    /// (`exif:DateTimeOriginal`, `photoshop:DateCreated`, `xmp:CreateDate`), else from IPTC.
    pub taken: Option<String>,
    /// The camera's make and model: `Canon EOS 5D`.
    pub camera: Option<String>,
    /// Degrees north of the equator, from -90 to 90. Set only together with the longitude. `None` for 0°N 0°E, which
    /// devices without a signal write.
    pub latitude: Option<f64>,
    /// Degrees east of Greenwich, from -180 to 180.
    pub longitude: Option<f64>,
}

impl Metadata {
    /// Reads the metadata of a file's `bytes`. Missing, broken or impossible values, such as 30 February, a latitude
    /// of 95 degrees or 0/0, are left out.
    pub fn of(bytes: &[u8]) -> Metadata {
        let Some(format) = Format::of(bytes) else {
            return Metadata::default();
        };
        decode::or_default(format, || {
            let blocks = Blocks::of(format, bytes);
            let mut xmp = blocks.xmp.iter().map(|packet| Xmp::of(packet));
            let mut iptc = blocks.iptc.iter().map(|records| Iptc::of(records));
            Metadata::joined(
                Exif::of(&blocks.exif),
                xmp.next().unwrap_or_default(),
                iptc.next().unwrap_or_default(),
            )
        })
    }

    fn joined(exif: Exif, xmp: Xmp, iptc: Iptc) -> Metadata {
        let first = |texts: [Option<String>; 4], most| {
            let mut texts = texts.into_iter().flatten();
            texts.find_map(|text| tidy(&text, most))
        };
        let dates = [xmp.taken, xmp.created, xmp.digitized, iptc.created];
        let dates = dates.into_iter().flatten();
        Metadata {
            title: first(
                [xmp.title, xmp.headline, iptc.title, exif.title],
                LONGEST_TITLE,
            ),
            description: first(
                [xmp.description, iptc.description, exif.description, None],
                LONGEST_DESCRIPTION,
            ),
            keywords: keywords([xmp.keywords, iptc.keywords, exif.keywords]),
            rating: rating(xmp.rating.as_deref()).or(exif.rating),
            taken: exif
                .taken
                .or_else(|| dates.into_iter().find_map(|date| date::parse(&date))),
            camera: exif.camera,
            latitude: exif.latitude,
            longitude: exif.longitude,
        }
    }
}

/// Tidies keywords and removes duplicates.
fn keywords(sources: [Vec<String>; 3]) -> Vec<String> {
    let mut keywords = Vec::new();
    for keyword in sources.into_iter().flatten() {
        let Some(keyword) = tidy(&keyword, LONGEST_KEYWORD) else {
            continue;
        };
        if keywords.len() < MOST_KEYWORDS && !keywords.contains(&keyword) {
            keywords.push(keyword);
        }
    }
    keywords
}

/// Some programs write `4.0`.
fn rating(text: Option<&str>) -> Option<i8> {
    let rating: f32 = text?.trim().parse().ok()?;
    stars(rating.round() as i32)
}

fn stars(rating: i32) -> Option<i8> {
    matches!(rating, -1 | 1..=5).then_some(rating as i8)
}
