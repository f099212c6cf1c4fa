//! What a picture's file says about it.

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

/// What a picture's file says about it: when, where and with what it was taken, and what people have written to it.
///
/// From EXIF, XMP and IPTC-IIM, in JPEG, PNG, WebP, TIFF, HEIC, AVIF, JPEG XL and camera raw files. All of it is what the file's
/// last writer put there: unproven, and as personal as that may be.
///
/// Texts are trimmed, with one space between words and nothing that can't be printed, and of bounded length: 10,000
/// characters for a description, 1,000 for a title, and 200 for each of at most 200 keywords.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// XMP's `dc:title` or `photoshop:Headline`, IPTC's object name or headline, or EXIF's `XPTitle`.
    pub title: Option<String>,
    /// XMP's `dc:description`, IPTC's caption, or EXIF's `ImageDescription`, `XPSubject`, `XPComment` or `UserComment`.
    /// Not what cameras put there by themselves, such as `OLYMPUS DIGITAL CAMERA`.
    pub description: Option<String>,
    /// Those of XMP's `dc:subject`, IPTC and EXIF's `XPKeywords`, each once, in this order.
    pub keywords: Vec<String>,
    /// From 1 to 5 stars, or -1 for what was rejected, by XMP's or EXIF's `Rating`. None where it is 0: not rated.
    pub rating: Option<i8>,
    /// When, by the camera's clock, in ISO 8601: `2019-07-14T18:02:11`, with a fraction and the time zone where they are
    /// known (`2019-07-14T18:02:11.25+02:00`), or the date alone (`2019-07-14`). Of EXIF, else of XMP
    /// (`exif:DateTimeOriginal`, `photoshop:DateCreated`, `xmp:CreateDate`), else of IPTC.
    pub taken: Option<String>,
    /// The camera's make and model: `Canon EOS 5D`.
    pub camera: Option<String>,
    /// Degrees north of the equator, from -90 to 90. There is no latitude without a longitude. None at 0°N 0°E, which
    /// devices without a signal write.
    pub latitude: Option<f64>,
    /// Degrees east of Greenwich, from -180 to 180.
    pub longitude: Option<f64>,
}

impl Metadata {
    /// What a file's `bytes` say. Nothing, where there is no metadata, or it is broken, or says what can't be: the
    /// thirtieth of February, a latitude of 95 degrees, 0/0.
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

/// Each once, tidied.
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
