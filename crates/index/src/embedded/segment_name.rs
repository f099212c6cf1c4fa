use std::fmt;
use std::str::FromStr;

/// The extension of complete files.
pub(super) const COMPLETE: &str = "segment";

/// The unique name of a segment's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentName {
    pub(super) namespace: i64,
    /// The namespace's revision of the file.
    pub(super) revision: i64,
    /// The file holds vectors up to this slot, from the end of the file before it.
    pub(super) last_slot: i64,
    /// A random number.
    pub(super) token: u64,
}

impl fmt::Display for SegmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            namespace,
            revision,
            last_slot,
            token,
        } = self;
        write!(
            formatter,
            "{namespace}-{revision}-{last_slot}-{token:016x}.{COMPLETE}"
        )
    }
}

impl FromStr for SegmentName {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let (stem, extension) = name.split_once('.').ok_or(())?;
        let parts: Vec<_> = stem.split('-').collect();
        let [namespace, revision, last_slot, token] = parts.as_slice() else {
            return Err(());
        };
        if extension != COMPLETE {
            return Err(());
        }
        let number = |text: &str| text.parse().map_err(drop);
        Ok(Self {
            namespace: number(namespace)?,
            revision: number(revision)?,
            last_slot: number(last_slot)?,
            token: u64::from_str_radix(token, 16).map_err(drop)?,
        })
    }
}

/// The list of names as stored in the database: older files first, separated by spaces.
pub(super) fn to_list(names: &[SegmentName]) -> Option<String> {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// Parses a list of names. Empty if any name is invalid, as in lists of other versions.
pub(super) fn from_list(list: Option<&str>) -> Vec<SegmentName> {
    let names = list.unwrap_or_default().split_whitespace().map(str::parse);
    names.collect::<Result<_, _>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let name = |revision| SegmentName {
            namespace: 1,
            revision,
            last_slot: 30,
            token: 0xab,
        };
        let names = [name(7), name(8)];
        let list = to_list(&names);
        assert_eq!(
            list.as_deref(),
            Some("1-7-30-00000000000000ab.segment 1-8-30-00000000000000ab.segment")
        );
        assert_eq!(from_list(list.as_deref()), names);
        assert_eq!(to_list(&[]), None);
        for none in [
            "",
            "1-7-00000000000000ab.segment",
            "1-7-30-x.segment",
            "../a",
        ] {
            assert_eq!(from_list(Some(none)), [], "{none}");
        }
    }
}
