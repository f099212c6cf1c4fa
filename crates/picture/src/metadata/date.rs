//! Parses dates as written by cameras and programs.

/// Converts dates like `2019:07:14 18:02:11` to ISO 8601: `2019-07-14T18:02:11.25+02:00`.
///
/// Colons, hyphens, slashes or dots separate the date. The time may be missing, or its seconds; a fraction and a time
/// zone may follow. Numbers may be padded with a space, and hour 24 is hour 0 of the next day. `None` for invalid
/// dates, such as 30 February.
pub(super) fn parse(text: &str) -> Option<String> {
    let mut reader = Reader(text.trim_matches(|sign: char| sign.is_whitespace() || sign == '\0'));
    let year = reader.number(4)?;
    reader.one_of(b":-/.")?;
    let month = reader.number(2)?;
    reader.one_of(b":-/.")?;
    let day = reader.number(2)?;
    // The oldest photograph is of 1826.
    if year < 1826 || !(1..=12).contains(&month) || !(1..=days(year, month)).contains(&day) {
        return None;
    }
    if reader.0.is_empty() {
        return Some(format!("{year:04}-{month:02}-{day:02}"));
    }
    reader.one_of(b" T")?;
    let time = Time::read(&mut reader)?;
    let (year, month, day) = match time.hour {
        24 => next(year, month, day),
        _ => (year, month, day),
    };
    let hour = time.hour % 24;
    let Time {
        minute,
        second,
        fraction,
        zone,
        ..
    } = time;
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
    ))
}

/// Converts `+02:00`, `+0200`, `+02` or `Z` to ISO 8601's `+02:00`.
pub(super) fn zone(text: &str) -> Option<String> {
    let text = text.trim();
    if text == "Z" {
        return Some("+00:00".to_owned());
    }
    let sign = text.chars().next().filter(|sign| "+-".contains(*sign))?;
    let mut reader = Reader(&text[1..]);
    let hour = reader.number(2)?;
    let _ = reader.one_of(b":");
    let minute = match reader.0 {
        "" => 0,
        _ => reader.number(2)?,
    };
    let is_zone = hour <= 14 && minute < 60 && reader.0.is_empty();
    is_zone.then(|| format!("{sign}{hour:02}:{minute:02}"))
}

/// The digits of a fraction of a second, after a point.
pub(super) fn fraction(text: &str) -> Option<String> {
    const MOST: usize = 9;
    let digits = text.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| format!(".{}", &digits[..digits.len().min(MOST)]))
}

struct Time {
    hour: u32,
    minute: u32,
    second: u32,
    fraction: String,
    zone: String,
}

impl Time {
    fn read(reader: &mut Reader<'_>) -> Option<Time> {
        let hour = reader.number(2)?;
        reader.one_of(b":")?;
        let minute = reader.number(2)?;
        let second = match reader.one_of(b":") {
            Some(()) => reader.number(2)?,
            None => 0,
        };
        let mut read = String::new();
        if reader.one_of(b".,").is_some() {
            let digits = reader.0.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, rest) = reader.0.split_at(digits);
            reader.0 = rest;
            read = fraction(digits)?;
        }
        let zone = match reader.0.trim() {
            "" => String::new(),
            rest => zone(rest)?,
        };
        let is_time = hour <= 24 && minute < 60 && second < 60;
        is_time.then_some(Time {
            hour,
            minute,
            second,
            fraction: read,
            zone,
        })
    }
}

/// Reads numbers and separators from the front of a text.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    /// A number of `width` digits, the first of which may be spaces.
    fn number(&mut self, width: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(width)?;
        let digits = number.trim_start_matches(' ');
        // `parse` also accepts a sign.
        let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
        let number = is_number.then(|| digits.parse().ok())??;
        self.0 = rest;
        Some(number)
    }

    fn one_of(&mut self, signs: &[u8]) -> Option<()> {
        let sign = self.0.as_bytes().first()?;
        signs.contains(sign).then(|| self.0 = &self.0[1..])
    }
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

fn next(year: u32, month: u32, day: u32) -> (u32, u32, u32) {
    match (month, day) {
        (12, 31) => (year + 1, 1, 1),
        _ if day == days(year, month) => (year, month + 1, 1),
        _ => (year, month, day + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: Option<&str>) {
        assert_eq!(parse(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn every_way_to_write_a_date() {
        for text in [
            "2019:07:14 18:02:11",
            "2019-07-14T18:02:11",
            "2019/07/14 18:02:11",
            "2019.07.14 18:02:11\0",
            " 2019:07:14 18:02:11 ",
        ] {
            case(text, Some("2019-07-14T18:02:11"));
        }
        case("2019:07:14 18:02:11Z", Some("2019-07-14T18:02:11+00:00"));
        case(
            "2019:07:14 18:02:11+0200",
            Some("2019-07-14T18:02:11+02:00"),
        );
        case(
            "2019:07:14 18:02:11 -05:30",
            Some("2019-07-14T18:02:11-05:30"),
        );
        case(
            "2019-07-14T18:02:11.250+02",
            Some("2019-07-14T18:02:11.250+02:00"),
        );
        case("2019-07-14T18:02:11,5", Some("2019-07-14T18:02:11.5"));
        case("2019-07-14T18:02Z", Some("2019-07-14T18:02:00+00:00"));
        case("2019:07:14", Some("2019-07-14"));
        case("2019: 7: 4  8: 2: 1", Some("2019-07-04T08:02:01"));
    }

    #[test]
    fn hour_24_is_the_next_days_0() {
        case("2015:08:22 24:08:19", Some("2015-08-23T00:08:19"));
        case("2015:08:31 24:00:00", Some("2015-09-01T00:00:00"));
        case("2016:02:28 24:00:00", Some("2016-02-29T00:00:00"));
        case(
            "2015:12:31 24:00:00+01:00",
            Some("2016-01-01T00:00:00+01:00"),
        );
    }

    #[test]
    fn what_cannot_be_is_no_date() {
        for text in [
            "",
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "2019:02:29 10:00:00",
            "2019:13:01 10:00:00",
            "2019:07:14 25:00:00",
            "2019:07:14 10:60:00",
            "2019:07:14 10:00:60",
            "2019:07:14 10:00:00 yesterday",
            "2019:07:14 10:00:00+15:00",
            "2019:07:14T",
            "1825:07:14 10:00:00",
            "2019:+7:14 10:00:00",
            "2019",
            "2019:07",
            "2019:07:14 1é:00:00",
        ] {
            case(text, None);
        }
    }
}
