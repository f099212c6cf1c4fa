//! IPTC-IIM, used by news agencies since 1991: title, caption, keywords and date.
//!
//! A data set is a byte 0x1C, its record and data set numbers, its length, and a text
//! (<https://www.iptc.org/std/IIM/4.2/specification/IIMV4.2.pdf>). Photoshop stores them in one of its resources.

use super::text;

/// The fields read from the data sets.
#[derive(Default)]
pub(super) struct Iptc {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) keywords: Vec<String>,
    /// The date in ISO 8601, if it has the right number of digits.
    pub(super) created: Option<String>,
}

// Data sets of record 2.
const OBJECT_NAME: u8 = 5;
const KEYWORDS: u8 = 25;
const DATE_CREATED: u8 = 55;
const TIME_CREATED: u8 = 60;
const HEADLINE: u8 = 105;
const CAPTION: u8 = 120;

impl Iptc {
    pub(super) fn of(records: &[u8]) -> Iptc {
        let mut iptc = Iptc::default();
        let (mut headline, mut date, mut time) = (None, None, None);
        for (data_set, content) in records_of(records) {
            let text = text::decoded(content);
            match data_set {
                OBJECT_NAME => iptc.title = iptc.title.or(Some(text)),
                HEADLINE => headline = headline.or(Some(text)),
                CAPTION => iptc.description = iptc.description.or(Some(text)),
                KEYWORDS if iptc.keywords.len() < text::MOST_KEYWORDS => iptc.keywords.push(text),
                DATE_CREATED => date = date.or(Some(text)),
                TIME_CREATED => time = time.or(Some(text)),
                _ => {}
            }
        }
        iptc.title = iptc.title.or(headline);
        iptc.created = date.and_then(|date| created(&date, time.as_deref()));
        iptc
    }
}

/// Adds ISO 8601's separators to `20150822` and `100819+0200`.
fn created(date: &str, time: Option<&str>) -> Option<String> {
    let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..8)?);
    let date = format!("{year}-{month}-{day}");
    let time = time.and_then(|time| {
        let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..6)?);
        Some(format!("T{hour}:{minute}:{second}{}", &time[6..]))
    });
    Some(date + &time.unwrap_or_default())
}

/// The data sets of record 2, which describe the picture: numbers and contents.
fn records_of(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    /// If this bit is set, the field holds the size of the length that follows.
    const LONG: u16 = 0x8000;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|&byte| byte == 0x1C)?;
        let (&[_, record, data_set, l1, l0], after) = rest[start..].split_first_chunk()?;
        let length = u16::from_be_bytes([l1, l0]);
        if length >= LONG {
            return None;
        }
        let (content, after) = after.split_at_checked(length.into())?;
        rest = after;
        Some((record, data_set, content))
    })
    .filter_map(|(record, data_set, content)| (record == 2).then_some((data_set, content)))
}

/// The IPTC-IIM in Photoshop's resources. Each is `8BIM`, a number, a name and its content, padded to even lengths.
pub(super) fn in_resources(bytes: &[u8]) -> Option<&[u8]> {
    const IPTC: [u8; 2] = [0x04, 0x04];
    let mut rest = bytes;
    loop {
        let (number, after) = rest.strip_prefix(b"8BIM")?.split_first_chunk::<2>()?;
        let name = usize::from(*after.first()?) + 1;
        let after = after.get(name.next_multiple_of(2)..)?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        if *number == IPTC {
            return after.get(..length);
        }
        rest = after.get(length.checked_next_multiple_of(2)?..)?;
    }
}
