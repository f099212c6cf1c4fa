//! Which source said what about a picture.
//!
//! A source that no longer says something takes it back; what another source said stays. So a record keeps, for each
//! source, whether it gave the id and captions, and the names of the metadata that it gave. Each name has one source: the
//! last that gave a value.

use std::collections::BTreeSet;

use index::Metadata;
use serde::{Deserialize, Serialize};

/// What one source has said about a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// The source: a table, a dataset.
    pub source: String,
    /// Whether the picture's id is the source's.
    pub id: bool,
    /// Whether captions are the source's.
    pub captions: bool,
    /// The names of the metadata that are the source's.
    pub metadata: BTreeSet<String>,
}

impl Contribution {
    /// One without anything.
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

/// What sources that speak anew leave of the captions and metadata of a picture, and who says what from then on.
pub(crate) struct Remains {
    pub(crate) captions: Vec<String>,
    pub(crate) metadata: Metadata,
    pub(crate) contributions: Vec<Contribution>,
}

impl Remains {
    /// Of what is known, when `said` is all that its sources now say. The values of names that these still give are left
    /// where they are.
    pub(crate) fn of(
        captions: &[String],
        metadata: &Metadata,
        known: &[Contribution],
        said: &[Contribution],
    ) -> Remains {
        let speaks = |old: &Contribution| said.iter().any(|new| new.source == old.source);
        let gives = |name: &String| said.iter().any(|new| new.metadata.contains(name));
        let (taken, kept): (Vec<_>, Vec<_>) = known.iter().partition(|old| speaks(old));
        let has_lost = taken.iter().any(|it| it.captions) && !kept.iter().any(|it| it.captions);
        let lost: BTreeSet<&String> = taken.iter().flat_map(|it| &it.metadata).collect();
        let mut metadata = metadata.clone();
        metadata.retain(|name, _| !lost.contains(name) || gives(name));
        let has_id = said.iter().any(|new| new.id);
        let has_captions = said.iter().any(|new| new.captions);
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
        let mut contributions: Vec<Contribution> = kept.chain(said.iter().cloned()).collect();
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

/// A contribution as the catalogue has it, without what can be told from the record: most pictures have one source, which
/// gave all of the metadata.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// `None`: the source that named the picture first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    id: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    captions: bool,
    /// `None`: all there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<BTreeSet<String>>,
}

/// The contributions to a record, whose first source and metadata these are, as JSON.
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

/// What [`to_json`] has written.
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

/// The contribution of one source that says all of this.
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
        let said = [contribution("/a", &["price"])];
        let remains = Remains::of(&captions, &all, &known, &said);
        let left = metadata(json!({"price": 3, "year": 1999, "old": 1}));
        assert_eq!(remains.metadata, left);
        assert_eq!(remains.captions, captions);
        let expected = [
            contribution("/a", &["price"]),
            contribution("/b", &["year"]),
        ];
        assert_eq!(remains.contributions, expected);
        // A name belongs to the last that gave it.
        let said = [contribution("/a", &["year"])];
        let remains = Remains::of(&captions, &all, &known, &said);
        assert_eq!(remains.metadata, metadata(json!({"year": 1999, "old": 1})));
        assert_eq!(remains.contributions, said);
    }

    #[test]
    fn captions_stay_while_another_source_gives_some() {
        let of = |source| Contribution {
            captions: true,
            ..contribution(source, &[])
        };
        let captions = ["a wren".to_owned()];
        let said = [contribution("/a", &[])];
        let left = |known: &[Contribution]| {
            Remains::of(&captions, &Metadata::new(), known, &said).captions
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
