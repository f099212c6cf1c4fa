//! Sources that overlap.

use std::collections::HashMap;

use dataset::Record;

/// Brings together what is said of a picture in several records: all captions; of id and metadata
/// what is said first.
pub(super) fn one_record_a_picture(records: Vec<Record>) -> Vec<Record> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut distinct: Vec<Record> = Vec::new();
    for record in records {
        let place = record.place.to_string();
        match seen.get(&place) {
            Some(&at) => join(&mut distinct[at], record),
            None => {
                seen.insert(place, distinct.len());
                distinct.push(record);
            }
        }
    }
    distinct
}

fn join(record: &mut Record, other: Record) {
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

#[cfg(test)]
mod tests {
    use dataset::Address;

    use super::*;

    fn record(id: Option<&str>, place: &str, caption: &str) -> Record {
        Record {
            id: id.map(str::to_owned),
            place: Address::File(place.into()),
            captions: vec![caption.to_owned()],
            metadata: serde_json::Map::new(),
        }
    }

    #[test]
    fn sources_that_overlap_are_joined() {
        let records = one_record_a_picture(vec![
            record(None, "/a", "one"),
            record(None, "/b", "two"),
            record(Some("x"), "/a", "three"),
            record(None, "/a", "one"),
        ]);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].id.as_deref(), Some("x"));
        assert_eq!(records[0].captions, ["one", "three"]);
    }
}
