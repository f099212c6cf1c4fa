//! What a photograph's file says of itself, as metadata to filter by.

use std::ops::Range;

use index::Metadata;

use crate::keys::{CAMERA, LATITUDE, LONGITUDE, TAKEN, TAKEN_AT};

/// The facts in a file's `bytes`.
pub(crate) fn of(bytes: &[u8]) -> Metadata {
    let file = picture::Metadata::of(bytes);
    let mut facts = Metadata::new();
    if let Some(taken) = file.taken {
        if let Some(seconds) = seconds(&taken) {
            facts.insert(TAKEN_AT.to_owned(), seconds.into());
        }
        facts.insert(TAKEN.to_owned(), taken.into());
    }
    if let Some(camera) = file.camera {
        facts.insert(CAMERA.to_owned(), camera.into());
    }
    if let (Some(latitude), Some(longitude)) = (file.latitude, file.longitude) {
        facts.insert(LATITUDE.to_owned(), latitude.into());
        facts.insert(LONGITUDE.to_owned(), longitude.into());
    }
    facts
}

/// `2019-07-14T18:02:11` in seconds since 1970, or the first second of `2019-07-14`. What comes behind is not looked at.
fn seconds(taken: &str) -> Option<i64> {
    let number = |range: Range<usize>| taken.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = match taken.len() {
        10 => (0, 0, 0),
        _ => (number(11..13)?, number(14..16)?, number(17..19)?),
    };
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. Years begin in March here, so that the day
/// that leap years have more is their last (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
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
    fn seconds_are_those_of_other_programs() {
        // By `date -u -d … +%s`.
        for (taken, expected) in [
            ("1970-01-01T00:00:00", 0),
            ("2019-07-14T18:02:11", 1_563_127_331),
            ("2019-07-14T18:02:11+02:00", 1_563_127_331),
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
