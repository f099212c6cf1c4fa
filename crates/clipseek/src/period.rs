use std::fmt;

/// The period of a date: a whole year, month, day, hour, minute or second.
///
/// In seconds since 1970 in local time: cameras rarely record a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first second.
    pub start: i64,
    /// The second after the last.
    pub end: i64,
}

/// The expected forms of a date.
const EXPECTED: &str = "expected a date such as 2019, 2019-07, 2019-07-14 or 2019-07-14T18:02:11";

impl Period {
    /// Parses an ISO 8601 date of any precision, without a time zone.
    ///
    /// # Errors
    /// The expected forms, as text.
    pub fn parse(text: &str) -> Result<Period, String> {
        let expected = || EXPECTED.to_owned();
        let text = text.trim();
        let (date, time) = match text.split_once(['T', 't', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let date = numbers(date, '-', &[4, 2, 2]).ok_or_else(expected)?;
        let time = match time {
            None => Vec::new(),
            Some(time) if date.len() == 3 => numbers(time, ':', &[2, 2, 2]).ok_or_else(expected)?,
            Some(_) => return Err(expected()),
        };
        Period::of(&date, &time).ok_or_else(|| format!("no such date; {EXPECTED}"))
    }

    /// The period of a date and a time of day, either of any precision.
    fn of(date: &[i64], time: &[i64]) -> Option<Period> {
        let (year, month, day) = (date[0], date.get(1), date.get(2));
        let first = month.copied().unwrap_or(1);
        if !(1..=12).contains(&first) || !(1..=9999).contains(&year) {
            return None;
        }
        let (next_year, next_month) = match (month, first) {
            (None, _) | (_, 12) => (year + 1, 1),
            _ => (year, first + 1),
        };
        let (start, end) = (day_number(year, first), day_number(next_year, next_month));
        let (start, end) = match day {
            Some(day) if (1..=end - start).contains(day) => (start + day - 1, start + day),
            Some(_) => return None,
            None => (start, end),
        };
        let (start, end) = (start * DAY, end * DAY);
        let Some(hour) = time.first() else {
            return Some(Period { start, end });
        };
        let (minute, second) = (time.get(1), time.get(2));
        let in_range = |number: Option<&i64>, limit| (0..limit).contains(number.unwrap_or(&0));
        if !(in_range(Some(hour), 24) && in_range(minute, 60) && in_range(second, 60)) {
            return None;
        }
        let length = [3600, 60, 1][time.len() - 1];
        let start = start + hour * 3600 + minute.unwrap_or(&0) * 60 + second.unwrap_or(&0);
        Some(Period {
            start,
            end: start + length,
        })
    }
}

/// The date in the form that [`Period::parse`] reads, with the same precision.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.start.div_euclid(DAY));
        let (hour, second) = (
            self.start.rem_euclid(DAY) / 3600,
            self.start.rem_euclid(3600),
        );
        match self.end - self.start {
            1 => {
                let (minute, second) = (second / 60, second % 60);
                write!(
                    f,
                    "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
                )
            }
            60 => write!(
                f,
                "{year:04}-{month:02}-{day:02}T{hour:02}:{:02}",
                second / 60
            ),
            3600 => write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}"),
            DAY => write!(f, "{year:04}-{month:02}-{day:02}"),
            seconds if seconds > 31 * DAY => write!(f, "{year:04}"),
            _ => write!(f, "{year:04}-{month:02}"),
        }
    }
}

/// The year, month and day of a day since 1970.
fn date_of(day: i64) -> (i64, i64, i64) {
    let mut year = 1970 + day.div_euclid(366);
    while day_number(year + 1, 1) <= day {
        year += 1;
    }
    let month = (2..=12).rev().find(|&month| day_number(year, month) <= day);
    let month = month.unwrap_or(1);
    (year, month, day - day_number(year, month) + 1)
}

const DAY: i64 = 86_400;

/// Parses numbers of fixed lengths; the last ones may be missing.
fn numbers(text: &str, between: char, digits: &[usize]) -> Option<Vec<i64>> {
    let parts: Vec<&str> = text.split(between).collect();
    if parts.len() > digits.len() {
        return None;
    }
    let number = |(part, digits): (&&str, &usize)| {
        let is_number = part.len() == *digits && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    parts.iter().zip(digits).map(number).collect()
}

/// The days from 1 January 1970 to the first of a month (the Gregorian calendar throughout).
fn day_number(year: i64, month: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let past = year - 1;
    let leap_days = past / 4 - past / 100 + past / 400;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let leap_day = i64::from(is_leap && month > 2);
    // Days from 1 January 1 to 1 January 1970.
    past * 365 + leap_days + BEFORE[month as usize - 1] + leap_day - 719_162
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds are those of `date --utc --date=… +%s`.
    #[track_caller]
    fn case(text: &str, start: i64, end: i64) {
        let period = Period { start, end };
        assert_eq!(Period::parse(text), Ok(period), "{text}");
        assert_eq!(Period::parse(&period.to_string()), Ok(period), "{text}");
    }

    #[test]
    fn dates_are_as_long_as_they_are_precise() {
        case("1970", 0, 365 * DAY);
        case("2019", 1_546_300_800, 1_577_836_800);
        case("2020-02", 1_580_515_200, 1_583_020_800);
        case("2020-12", 1_606_780_800, 1_609_459_200);
        case("2020-02-29", 1_582_934_400, 1_583_020_800);
        case("2000-03-01", 951_868_800, 951_868_800 + DAY);
        case("1969-12-31", -DAY, 0);
        case("2019-07-14T18", 1_563_127_200, 1_563_130_800);
        case("2019-07-14 18:02", 1_563_127_320, 1_563_127_380);
        case("2019-07-14T18:02:11", 1_563_127_331, 1_563_127_332);
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "19",
            "2019-7",
            "last week",
            "2019T12",
            "2019-07-14T18:02:11Z",
            "+019",
            "2019-",
        ] {
            assert_eq!(Period::parse(text), Err(EXPECTED.to_owned()), "{text}");
        }
        for text in [
            "2019-13",
            "2019-02-29",
            "1900-02-29",
            "2019-04-31",
            "2019-01-00",
            "0000",
            "2019-01-01T24",
            "2019-01-01T10:60",
        ] {
            let error = Period::parse(text).unwrap_err();
            assert!(error.starts_with("no such date"), "{text}");
        }
    }
}
