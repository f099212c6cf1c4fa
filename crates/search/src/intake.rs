//! What an [`add`](crate::Collection::add) is given, made fit: one record a picture, and one
//! picture an id.

use std::collections::HashMap;

use crate::ingest::Failure;
use crate::record::NewRecord;

/// The records of all sources together.
pub(crate) struct Intake {
    /// In the order of their first mention.
    pub(crate) records: Vec<NewRecord>,
    /// Those whose id names another picture.
    pub(crate) refused: Vec<Failure>,
    /// The ids that the sources give to places.
    pub(crate) ids: HashMap<String, String>,
}

impl Intake {
    pub(crate) fn of(records: Vec<NewRecord>) -> Intake {
        let (records, refused) = one_picture_an_id(one_record_a_picture(records));
        let given = |record: &NewRecord| Some((record.place.clone(), record.id.clone()?));
        let ids = records.iter().filter_map(given).collect();
        Intake {
            records,
            refused,
            ids,
        }
    }
}

/// Brings together what is said of a picture in several records: all captions; of id and metadata
/// what is said first.
fn one_record_a_picture(records: Vec<NewRecord>) -> Vec<NewRecord> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut distinct: Vec<NewRecord> = Vec::new();
    for record in records {
        match seen.get(&record.place) {
            Some(&at) => join(&mut distinct[at], record),
            None => {
                seen.insert(record.place.clone(), distinct.len());
                distinct.push(record);
            }
        }
    }
    distinct
}

fn join(record: &mut NewRecord, other: NewRecord) {
    record.id = record.id.take().or(other.id);
    for caption in other.captions {
        if !record.captions.contains(&caption) {
            record.captions.push(caption);
        }
    }
    for (key, value) in other.metadata {
        record.metadata.entry(key).or_insert(value);
    }
}

/// Refuses the second and further pictures of an id.
fn one_picture_an_id(records: Vec<NewRecord>) -> (Vec<NewRecord>, Vec<Failure>) {
    let mut places: HashMap<String, String> = HashMap::new();
    let (mut good, mut refused) = (Vec::new(), Vec::new());
    for record in records {
        let holder = record.id.as_ref().and_then(|id| places.get(id));
        match (holder, &record.id) {
            (Some(holder), Some(id)) => {
                refused.push(Failure::of_taken_id(record.place.clone(), id, holder));
            }
            (_, id) => {
                if let Some(id) = id {
                    places.insert(id.clone(), record.place.clone());
                }
                good.push(record);
            }
        }
    }
    (good, refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: Option<&str>, place: &str, caption: &str) -> NewRecord {
        NewRecord {
            id: id.map(str::to_owned),
            place: place.to_owned(),
            captions: vec![caption.to_owned()],
            ..NewRecord::default()
        }
    }

    #[test]
    fn sources_that_overlap_are_joined() {
        let intake = Intake::of(vec![
            record(None, "/a", "one"),
            record(None, "/b", "two"),
            record(Some("x"), "/a", "three"),
            record(None, "/a", "one"),
        ]);
        assert_eq!(intake.records.len(), 2);
        assert_eq!(intake.records[0].id.as_deref(), Some("x"));
        assert_eq!(intake.records[0].captions, ["one", "three"]);
        assert!(intake.refused.is_empty());
    }

    #[test]
    fn an_id_names_one_picture() {
        let intake = Intake::of(vec![
            record(Some("1"), "/a", ""),
            record(Some("1"), "/b", ""),
        ]);
        assert_eq!(intake.records.len(), 1);
        assert_eq!(intake.refused[0].place, "/b");
        assert_eq!(intake.refused[0].message, "id `1` is that of `/a`");
    }
}
