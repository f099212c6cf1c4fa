use crate::{
    decode,
    directory::{Directories, Directory},
};

/// When, with what and where a photograph was taken, as far as its file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exif {
    /// When, by the camera's clock: `2019-07-14T18:02:11`, or `2019-07-14T18:02:11+02:00` where
    /// the camera knew its time zone.
    pub taken: Option<String>,
    /// The camera's make and model: `Canon EOS 5D`.
    pub camera: Option<String>,
    /// Degrees north of the equator, from -90 to 90. There is no latitude without a longitude.
    pub latitude: Option<f64>,
    /// Degrees east of Greenwich, from -180 to 180.
    pub longitude: Option<f64>,
}

impl Exif {
    /// What the EXIF in a file's `bytes` says. Nothing, where there is no EXIF, or it is broken, or
    /// says what can't be: the thirtieth of February, a latitude of 95 degrees, 0/0.
    pub fn of(bytes: &[u8]) -> Exif {
        let blocks = decode::exif_blocks(bytes);
        let directories = blocks
            .iter()
            .filter_map(|block| Directories::new(block)?.first());
        let mut exif = Exif::default();
        for directory in directories {
            exif.complete(&directory);
        }
        exif
    }

    /// Takes what is not known yet.
    fn complete(&mut self, directory: &Directory<'_>) {
        // Where parts of EXIF lie in blocks of their own, they are the first directory themselves.
        let within = |tag| directory.directories(tag).next().unwrap_or(*directory);
        if self.taken.is_none() {
            self.taken = taken(directory, &within(PHOTOGRAPH));
        }
        if self.camera.is_none() {
            self.camera = camera(directory);
        }
        if self.latitude.is_none() {
            (self.latitude, self.longitude) = position(&within(POSITION)).unzip();
        }
    }
}

// Tags, by the names of Exif 2.32.
const MAKE: u16 = 0x010F;
const MODEL: u16 = 0x0110;
const DATE_TIME: u16 = 0x0132;
/// ExifIFD.
const PHOTOGRAPH: u16 = 0x8769;
/// GPSInfo.
const POSITION: u16 = 0x8825;
const DATE_TIME_ORIGINAL: u16 = 0x9003;
const DATE_TIME_DIGITIZED: u16 = 0x9004;
const OFFSET_TIME: u16 = 0x9010;
const OFFSET_TIME_ORIGINAL: u16 = 0x9011;
const OFFSET_TIME_DIGITIZED: u16 = 0x9012;
const LATITUDE_REFERENCE: u16 = 1;
const LATITUDE: u16 = 2;
const LONGITUDE_REFERENCE: u16 = 3;
const LONGITUDE: u16 = 4;

/// The longest text that is taken over.
const LONGEST_NAME: usize = 100;

fn taken(directory: &Directory<'_>, photograph: &Directory<'_>) -> Option<String> {
    let at = |directory: &Directory<'_>, time, offset| {
        let time = date_and_time(&directory.text(time)?)?;
        let offset = photograph.text(offset);
        let offset = offset
            .filter(|offset| is_offset(offset))
            .unwrap_or_default();
        Some(time + &offset)
    };
    at(photograph, DATE_TIME_ORIGINAL, OFFSET_TIME_ORIGINAL)
        .or_else(|| at(photograph, DATE_TIME_DIGITIZED, OFFSET_TIME_DIGITIZED))
        .or_else(|| at(directory, DATE_TIME, OFFSET_TIME))
}

/// `2019:07:14 18:02:11` in the form of ISO 8601. Some writers have hyphens in the date, or a `T`.
fn date_and_time(text: &str) -> Option<String> {
    let text = text.trim();
    let separators = text
        .char_indices()
        .filter(|(_, sign)| !sign.is_ascii_digit());
    let (places, signs): (Vec<usize>, String) = separators.unzip();
    let is_date = matches!(&*signs, ":: ::" | "::T::" | "-- ::" | "--T::");
    if places != [4, 7, 10, 13, 16] || text.len() != 19 || !is_date {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<u32>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let is_time = number(11, 13)? < 24 && number(14, 16)? < 60 && number(17, 19)? < 60;
    // Photography is of 1826.
    if year < 1826 || !(1..=12).contains(&month) || !is_time {
        return None;
    }
    (1..=days(year, month)).contains(&day).then(|| {
        let time = &text[11..];
        format!("{year:04}-{month:02}-{day:02}T{time}")
    })
}

fn days(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Whether a time zone is written as `+02:00`.
fn is_offset(text: &str) -> bool {
    let &[b'+' | b'-', h1, h0, b':', m1, m0] = text.as_bytes() else {
        return false;
    };
    let digits = [h1, h0, m1, m0];
    digits.iter().all(u8::is_ascii_digit) && [h1, h0] <= *b"14" && [m1, m0] < *b"60"
}

/// Make and model, the make once: many a model begins with it, or with its first word.
fn camera(directory: &Directory<'_>) -> Option<String> {
    let name = |tag| directory.text(tag).map(|text| tidy(&text));
    let make = name(MAKE).unwrap_or_default();
    let model = name(MODEL).unwrap_or_default();
    let begins_with_make = make.split(' ').next().is_some_and(|word| {
        let beginning = model.get(..word.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(word))
    });
    let camera = match begins_with_make {
        true => model,
        false => tidy(&format!("{make} {model}")),
    };
    Some(camera).filter(|camera| !camera.is_empty())
}

/// One space between words, nothing that can't be printed, and of bearable length.
fn tidy(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|sign: char| sign.is_whitespace() || sign.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(LONGEST_NAME).collect()
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
    // Cameras that had no signal leave zeros.
    let is_unset = north.is_empty() && east.is_empty() && latitude == 0.0 && longitude == 0.0;
    if is_unset || latitude > 90.0 || longitude > 180.0 {
        return None;
    }
    let signed = |degrees: f64, is_negative| match is_negative {
        true => 0.0 - degrees,
        false => degrees,
    };
    Some((
        signed(latitude, north == "S"),
        signed(longitude, east == "W"),
    ))
}

/// Degrees, minutes and seconds, of which the later may be missing.
fn degrees(directory: &Directory<'_>, tag: u16) -> Option<f64> {
    let mut unit = 1.0;
    let mut sum = None;
    for (numerator, denominator) in directory.fractions(tag).take(3) {
        if denominator == 0 {
            return None;
        }
        let value = f64::from(numerator) / f64::from(denominator);
        sum = Some(sum.unwrap_or(0.0) + value / unit);
        unit *= 60.0;
    }
    sum
}
