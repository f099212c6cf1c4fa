//! What each source said about a picture.
//!
//! When a source is added again, its new data replace its old data; data of other sources stay. So a record
//! keeps, for each source, whether it gave the id and the captions, and the names of the metadata that it
//! gave. Each name belongs to one source: the last that gave a value.

use std::collections::BTreeSet;

use index::Metadata;
use serde::{Deserialize, Serialize};

/// The part of a record that comes from one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// The source: a table or a dataset.
    pub source: String,
    /// Whether the source gave the picture's id.
    pub id: bool,
    /// Whether the source gave the captions.
    pub captions: bool,
    /// The names of the metadata that the source gave.
    pub metadata: BTreeSet<String>,
}

impl Contribution {
    /// An empty contribution.
    pub fn of(source: String) -> Contribution {
        Contribution {
            source,
            ..Contribution::default()
        }
    }

    fn is_empty(&self) -> bool {
        !self.id && !self.captions && self.metadata.is_empty()
    }
}

/// The captions, metadata and contributions that remain when sources give new data.
pub(crate) struct Remains {
    pub(crate) captions: Vec<String>,
    pub(crate) metadata: Metadata,
    pub(crate) contributions: Vec<Contribution>,
}

impl Remains {
    /// What remains when `given` is all that its sources say now. Values whose names they still give aren't
    /// removed.
    pub(crate) fn of(
        captions: &[String],
        metadata: &Metadata,
        known: &[Contribution],
        given: &[Contribution],
    ) -> Remains {
        let speaks = |old: &Contribution| given.iter().any(|new| new.source == old.source);
        let gives = |name: &String| given.iter().any(|new| new.metadata.contains(name));
        let (taken, kept): (Vec<_>, Vec<_>) = known.iter().partition(|old| speaks(old));
        let has_lost = taken.iter().any(|it| it.captions) && !kept.iter().any(|it| it.captions);
        let lost: BTreeSet<&String> = taken.iter().flat_map(|it| &it.metadata).collect();
        let mut metadata = metadata.clone();
        metadata.retain(|name, _| !lost.contains(name) || gives(name));
        let has_id = given.iter().any(|new| new.id);
        let has_captions = given.iter().any(|new| new.captions);
        let kept = kept.into_iter().map(|old| Contribution {
            source: old.source.clone(),
            id: old.id && !has_id,
            captions: old.captions && !has_captions,
            metadata: old
                .metadata
                .iter()
                .filter(|name| !gives(name))
                .cloned()
                .collect(),
        });
        let mut contributions: Vec<Contribution> = kept.chain(given.iter().cloned()).collect();
        contributions.retain(|it| !it.is_empty());
        contributions.sort_by(|one, other| one.source.cmp(&other.source));
        Remains {
            captions: if has_lost {
                Vec::new()
            } else {
                captions.to_vec()
            },
            metadata,
            contributions,
        }
    }
}

/// A contribution as stored. Leaves out what follows from the record, as most pictures have one source that
/// gave all of the metadata.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// `None` stands for the source that named the picture first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    id: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    captions: bool,
    /// `None` stands for all names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<BTreeSet<String>>,
}

/// The contributions to a record with this first source and these metadata, as JSON.
pub(crate) fn to_json(
    contributions: &[Contribution],
    source: Option<&String>,
    metadata: &Metadata,
) -> serde_json::Result<String> {
    let stored = contributions.iter().map(|it| Stored {
        source: Some(&it.source).filter(|it| Some(*it) != source).cloned(),
        id: it.id,
        captions: it.captions,
        metadata: Some(&it.metadata)
            .filter(|names| !is_all(names, metadata))
            .cloned(),
    });
    serde_json::to_string(&stored.collect::<Vec<_>>())
}

fn is_all(names: &BTreeSet<String>, metadata: &Metadata) -> bool {
    names.len() == metadata.len() && names.iter().all(|name| metadata.contains_key(name))
}

/// Reads the output of [`to_json`].
pub(crate) fn of_json(
    text: &str,
    source: Option<&String>,
    metadata: &Metadata,
) -> serde_json::Result<Vec<Contribution>> {
    let stored: Vec<Stored> = serde_json::from_str(text)?;
    let of = |it: Stored| Contribution {
        source: it.source.or(source.cloned()).unwrap_or_default(),
        id: it.id,
        captions: it.captions,
        metadata: it
            .metadata
            .unwrap_or_else(|| metadata.keys().cloned().collect()),
    };
    Ok(stored.into_iter().map(of).collect())
}

/// The contribution of a source that gave all of the metadata.
pub(crate) fn of_one(
    source: String,
    id: bool,
    captions: &[String],
    metadata: &Metadata,
) -> Contribution {
    Contribution {
        source,
        id,
        captions: !captions.is_empty(),
        metadata: metadata.keys().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn contribution(source: &str, metadata: &[&str]) -> Contribution {
        Contribution {
            metadata: metadata.iter().map(|&name| name.to_owned()).collect(),
            ..Contribution::of(source.to_owned())
        }
    }

    fn metadata(value: serde_json::Value) -> Metadata {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_source_takes_back_its_own() {
        let known = [
            contribution("/a", &["price", "colour"]),
            contribution("/b", &["year"]),
        ];
        let all = metadata(json!({"price": 3, "colour": "red", "year": 1999, "old": 1}));
        let captions = ["a wren".to_owned()];
        let given = [contribution("/a", &["price"])];
        let remains = Remains::of(&captions, &all, &known, &given);
        let left = metadata(json!({"price": 3, "year": 1999, "old": 1}));
        assert_eq!(remains.metadata, left);
        assert_eq!(remains.captions, captions);
        let expected = [
            contribution("/a", &["price"]),
            contribution("/b", &["year"]),
        ];
        assert_eq!(remains.contributions, expected);
        // A name belongs to the last source that gave it.
        let given = [contribution("/a", &["year"])];
        let remains = Remains::of(&captions, &all, &known, &given);
        assert_eq!(remains.metadata, metadata(json!({"year": 1999, "old": 1})));
        assert_eq!(remains.contributions, given);
    }

    #[test]
    fn captions_stay_while_another_source_gives_some() {
        let of = |source| Contribution {
            captions: true,
            ..contribution(source, &[])
        };
        let captions = ["a wren".to_owned()];
        let given = [contribution("/a", &[])];
        let left = |known: &[Contribution]| {
            Remains::of(&captions, &Metadata::new(), known, &given).captions
        };
        assert!(left(&[of("/a")]).is_empty());
        assert_eq!(left(&[of("/a"), of("/b")]), captions);
        assert_eq!(left(&[]), captions);
    }

    #[test]
    fn contributions_are_read_as_they_were_written() {
        let all = metadata(json!({"price": 3, "colour": "red"}));
        let first = "/a".to_owned();
        for (contributions, expected) in [
            (vec![contribution("/a", &["price", "colour"])], "[{}]"),
            (
                vec![
                    contribution("/a", &["price"]),
                    contribution("/b", &["colour"]),
                ],
                r#"[{"metadata":["price"]},{"source":"/b","metadata":["colour"]}]"#,
            ),
            (vec![], "[]"),
        ] {
            let text = to_json(&contributions, Some(&first), &all).unwrap();
            assert_eq!(text, expected);
            let read = of_json(&text, Some(&first), &all).unwrap();
            assert_eq!(read, contributions);
        }
    }
}
