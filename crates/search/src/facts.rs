//! Metadata from a picture's file, for filters and keywords.

use std::ops::Range;

use index::Metadata;
use serde_json::Value;

use crate::keys::{
    CAMERA, DESCRIPTION, KEYWORDS, LATITUDE, LONGITUDE, RATING, TAKEN, TAKEN_AT, TITLE,
};

/// The maximum size of a description, and of all keywords, in bytes: engines limit a vector's metadata.
const LONGEST: usize = 4 << 10;

/// The metadata in a file's `bytes`.
pub(crate) fn of(bytes: &[u8]) -> Metadata {
    let found = picture::Metadata::of(bytes);
    let description = found.description.map(|text| cut(text, LONGEST));
    let facts = [
        (
            TAKEN_AT,
            found.taken.as_deref().and_then(seconds).map(Into::into),
        ),
        (TAKEN, found.taken.map(Into::into)),
        (CAMERA, found.camera.map(Into::into)),
        (LATITUDE, found.latitude.map(Into::into)),
        (LONGITUDE, found.longitude.map(Into::into)),
        (TITLE, found.title.map(Into::into)),
        (DESCRIPTION, description.map(Into::into)),
        (RATING, found.rating.map(Into::into)),
        (KEYWORDS, keywords(found.keywords)),
    ];
    let facts = facts.into_iter();
    let facts = facts.filter_map(|(key, fact)| Some((key.to_owned(), fact?)));
    facts.collect()
}

/// The first keywords that fit into the limit, if any.
fn keywords(mut keywords: Vec<String>) -> Option<Value> {
    let mut room = LONGEST;
    keywords.retain(|keyword| {
        let fits = keyword.len() <= room;
        room -= if fits { keyword.len() } else { room };
        fits
    });
    (!keywords.is_empty()).then(|| keywords.into())
}

/// The start of a text, at most `most` bytes.
fn cut(mut text: String, most: usize) -> String {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// Converts `2019-07-14T18:02:11` to seconds since 1970; a date alone counts from midnight. Ignores anything
/// after the seconds.
fn seconds(taken: &str) -> Option<i64> {
    let number = |range: Range<usize>| taken.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = match taken.len() {
        10 => (0, 0, 0),
        _ => (number(11..13)?, number(14..16)?, number(17..19)?),
    };
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// The days from 1970-01-01 to a Gregorian date. Years begin in March here, so that the leap day is the last
/// of the year (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_have_bounds() {
        assert_eq!(keywords(vec![]), None);
        let many = vec!["k".repeat(200); 200];
        assert_eq!(keywords(many).unwrap().as_array().unwrap().len(), 20);
        assert_eq!(cut("añ".repeat(10), 2), "a");
    }

    #[test]
    fn seconds_are_those_of_other_programs() {
        // By `date -u -d … +%s`.
        for (taken, expected) in [
            ("1970-01-01T00:00:00", 0),
            ("2019-07-14T18:02:11", 1_563_127_331),
            ("2019-07-14T18:02:11+02:00", 1_563_127_331),
            ("2019-07-14", 1_563_062_400),
            ("2019-07-14", 1_563_062_400),
            ("2000-02-29T23:59:59", 951_868_799),
            ("1900-03-01T00:00:00", -2_203_891_200),
            ("2100-12-31T12:00:00", 4_133_937_600),
        ] {
            assert_eq!(seconds(taken), Some(expected), "{taken}");
        }
        assert_eq!(seconds("2019"), None);
    }
}
