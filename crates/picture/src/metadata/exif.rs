//! EXIF 2.32, in TIFF directories.

use std::borrow::Cow;

use super::{date, stars, text};
use crate::container::directory::{Directories, Directory};

/// The fields read from the blocks.
#[derive(Default)]
pub(super) struct Exif {
    pub(super) taken: Option<String>,
    pub(super) camera: Option<String>,
    pub(super) latitude: Option<f64>,
    pub(super) longitude: Option<f64>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) keywords: Vec<String>,
    pub(super) rating: Option<i8>,
}

impl Exif {
    pub(super) fn of(blocks: &[Cow<'_, [u8]>]) -> Exif {
        let directories = blocks
            .iter()
            .filter_map(|block| Directories::new(block)?.first());
        let mut exif = Exif::default();
        for directory in directories {
            exif.complete(&directory);
        }
        exif
    }

    /// Fills fields that are still missing.
    fn complete(&mut self, directory: &Directory<'_>) {
        // If a part of EXIF has its own block, its directory is the first.
        let within = |tag| directory.directories(tag).next().unwrap_or(*directory);
        let photograph = within(PHOTOGRAPH);
        if self.taken.is_none() {
            self.taken = taken(directory, &photograph);
        }
        if self.camera.is_none() {
            self.camera = camera(directory);
        }
        if self.latitude.is_none() {
            (self.latitude, self.longitude) = position(&within(POSITION)).unzip();
        }
        if self.title.is_none() {
            self.title = windows_text(directory, XP_TITLE);
        }
        if self.description.is_none() {
            self.description = description(directory, &photograph);
        }
        if self.keywords.is_empty() {
            let keywords = windows_text(directory, XP_KEYWORDS).unwrap_or_default();
            let keywords = keywords.split(';').take(text::MOST_KEYWORDS);
            self.keywords = keywords.map(str::to_owned).collect();
        }
        if self.rating.is_none() {
            let rating = directory.number(RATING);
            self.rating = rating.and_then(|rating| stars(i32::try_from(rating).ok()?));
        }
    }
}

// Tags.
const IMAGE_DESCRIPTION: u16 = 0x010E;
const MAKE: u16 = 0x010F;
const MODEL: u16 = 0x0110;
const DATE_TIME: u16 = 0x0132;
const RATING: u16 = 0x4746;
/// The tag `ExifIFD`.
const PHOTOGRAPH: u16 = 0x8769;
/// The tag `GPSInfo`.
const POSITION: u16 = 0x8825;
const DATE_TIME_ORIGINAL: u16 = 0x9003;
const DATE_TIME_DIGITIZED: u16 = 0x9004;
const OFFSET_TIME: u16 = 0x9010;
const OFFSET_TIME_ORIGINAL: u16 = 0x9011;
const OFFSET_TIME_DIGITIZED: u16 = 0x9012;
const USER_COMMENT: u16 = 0x9286;
const SUBSECONDS: u16 = 0x9290;
const SUBSECONDS_ORIGINAL: u16 = 0x9291;
const SUBSECONDS_DIGITIZED: u16 = 0x9292;
// Microsoft's tags, in UTF-16.
const XP_TITLE: u16 = 0x9C9B;
const XP_COMMENT: u16 = 0x9C9C;
const XP_KEYWORDS: u16 = 0x9C9E;
const XP_SUBJECT: u16 = 0x9C9F;
const LATITUDE_REFERENCE: u16 = 1;
const LATITUDE: u16 = 2;
const LONGITUDE_REFERENCE: u16 = 3;
const LONGITUDE: u16 = 4;

/// The longest camera name to keep.
const LONGEST_NAME: usize = 100;

/// Prefixes of descriptions that cameras write automatically, in lower case.
const BY_CAMERAS: [&str; 10] = [
    "olympus digital camera",
    "olympus camera",
    "sony dsc",
    "minolta digital camera",
    "konica minolta digital camera",
    "samsung",
    "samsung camera pictures",
    "digital camera",
    "exif_jpeg_picture",
    "default",
];

fn taken(directory: &Directory<'_>, photograph: &Directory<'_>) -> Option<String> {
    let at = |directory: &Directory<'_>, time, subseconds, offset| {
        let text = directory.text(time)?;
        let mut taken = date::parse(&text)?;
        let has_time = taken.contains('T');
        let has_zone = taken.len() > 19 && taken[19..].contains(['+', '-']);
        let note = |tag| photograph.text(tag);
        if has_time && taken.len() == 19 {
            taken += &note(subseconds)
                .and_then(|digits| date::fraction(&digits))
                .unwrap_or_default();
        }
        if has_time && !has_zone {
            taken += &note(offset)
                .and_then(|zone| date::zone(&zone))
                .unwrap_or_default();
        }
        Some(taken)
    };
    at(
        photograph,
        DATE_TIME_ORIGINAL,
        SUBSECONDS_ORIGINAL,
        OFFSET_TIME_ORIGINAL,
    )
    .or_else(|| {
        at(
            photograph,
            DATE_TIME_DIGITIZED,
            SUBSECONDS_DIGITIZED,
            OFFSET_TIME_DIGITIZED,
        )
    })
    .or_else(|| at(directory, DATE_TIME, SUBSECONDS, OFFSET_TIME))
}

/// The first description that a person wrote.
fn description(directory: &Directory<'_>, photograph: &Directory<'_>) -> Option<String> {
    let description = directory.bytes(IMAGE_DESCRIPTION).map(text::decoded);
    description
        .filter(|text| is_of_person(text))
        .or_else(|| windows_text(directory, XP_SUBJECT))
        .or_else(|| windows_text(directory, XP_COMMENT))
        .or_else(|| user_comment(photograph).filter(|text| is_of_person(text)))
}

fn is_of_person(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    !text.is_empty() && !BY_CAMERAS.contains(&text.as_str())
}

fn windows_text(directory: &Directory<'_>, tag: u16) -> Option<String> {
    let text = text::from_utf_16(directory.bytes(tag)?, true);
    Some(text).filter(|text| !text.trim().is_empty())
}

/// A text after the name of its encoding.
fn user_comment(photograph: &Directory<'_>) -> Option<String> {
    let (encoding, comment) = photograph.bytes(USER_COMMENT)?.split_first_chunk::<8>()?;
    match encoding {
        b"ASCII\0\0\0" | [0, 0, 0, 0, 0, 0, 0, 0] => Some(text::decoded(comment)),
        b"UNICODE\0" => Some(text::from_utf_16(comment, photograph.is_little())),
        // JIS, the encoding of Japanese industry.
        _ => None,
    }
}

/// Make and model. The make is left out if the model begins with it or with its first word.
fn camera(directory: &Directory<'_>) -> Option<String> {
    let name = |tag| {
        directory
            .text(tag)
            .and_then(|name| text::tidy(&name, LONGEST_NAME))
    };
    let make = name(MAKE).unwrap_or_default();
    let model = name(MODEL).unwrap_or_default();
    let begins_with_make = make.split(' ').next().is_some_and(|word| {
        let beginning = model.get(..word.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(word))
    });
    let camera = if begins_with_make {
        model
    } else {
        format!("{make} {model}")
    };
    text::tidy(&camera, LONGEST_NAME)
}

fn position(directory: &Directory<'_>) -> Option<(f64, f64)> {
    let latitude = degrees(directory, LATITUDE)?;
    let longitude = degrees(directory, LONGITUDE)?;
    let reference = |tag| {
        directory
            .text(tag)
            .unwrap_or_default()
            .trim()
            .to_ascii_uppercase()
    };
    let (north, east) = (
        reference(LATITUDE_REFERENCE),
        reference(LONGITUDE_REFERENCE),
    );
    // Cameras without a signal write zeros.
    let is_unset = latitude == 0.0 && longitude == 0.0;
    if is_unset || latitude > 90.0 || longitude > 180.0 {
        return None;
    }
    let signed = |degrees: f64, is_negative| if is_negative { 0.0 - degrees } else { degrees };
    Some((
        signed(latitude, north == "S"),
        signed(longitude, east == "W"),
    ))
}

/// Converts degrees, minutes and seconds. The latter two may be missing, or 0/0, which counts as missing.
fn degrees(directory: &Directory<'_>, tag: u16) -> Option<f64> {
    let mut unit = 1.0;
    let mut sum = None;
    for (numerator, denominator) in directory.fractions(tag).take(3) {
        let value = match (numerator, denominator) {
            (0, 0) if sum.is_some() => 0.0,
            (_, 0) => return None,
            _ => f64::from(numerator) / f64::from(denominator),
        };
        sum = Some(sum.unwrap_or(0.0) + value / unit);
        unit *= 60.0;
    }
    sum
}
