use std::fmt;
use std::str::FromStr;

use super::key::Key;

/// A part of a list, for parallel processing on several machines. A URL's part depends only on the URL, so
/// duplicates are in the same part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    count: u32,
}

/// The text isn't a valid part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected PART/COUNT, as in 3/64; the first part is 1/64")]
pub struct NotAShard;

impl Shard {
    /// Whether a URL belongs to the part.
    pub(super) fn has(self, url: &str) -> bool {
        let Key([a, b, c, d, e, f, g, h, ..]) = Key::of(url);
        let place = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        place % u64::from(self.count) == u64::from(self.number - 1)
    }
}

impl FromStr for Shard {
    type Err = NotAShard;

    fn from_str(text: &str) -> Result<Self, NotAShard> {
        let (number, count) = text.split_once('/').ok_or(NotAShard)?;
        let number: u32 = number.parse().map_err(|_| NotAShard)?;
        let count: u32 = count.parse().map_err(|_| NotAShard)?;
        if (1..=count).contains(&number) {
            Ok(Self { number, count })
        } else {
            Err(NotAShard)
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_and_do_not_overlap() {
        let parts: Vec<Shard> = (1..=7).map(|n| format!("{n}/7").parse().unwrap()).collect();
        let mut counts = [0; 7];
        for n in 0..7000 {
            let url = format!("https://example.com/{n}.jpg");
            let within: Vec<_> = (0..7).filter(|&part| parts[part].has(&url)).collect();
            assert_eq!(within.len(), 1);
            counts[within[0]] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn only_parts_that_exist_are_named() {
        for text in ["0/3", "4/3", "1/0", "1", "a/b", "1/-1", ""] {
            assert_eq!(text.parse::<Shard>(), Err(NotAShard), "{text}");
        }
    }
}
