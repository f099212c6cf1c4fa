use std::fs;
use std::path::Path;
use std::time::SystemTime;

use index::Metadata;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::address::Address;
use crate::contribution::{self, Contribution, Remains};
use crate::file_stamp::FileStamp;

/// A picture as its source names it, before its file is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewRecord {
    /// The source's own id, if any.
    pub id: Option<String>,
    /// The location: an absolute path or a URL.
    pub location: String,
    /// The downloaded file, if the location is a URL.
    pub file: Option<String>,
    /// The source that names it first: a folder, a table or a dataset.
    pub source: Option<String>,
    /// Its captions, in order.
    pub captions: Vec<String>,
    /// The other metadata of its source: strings, numbers, booleans and lists of strings.
    pub metadata: Metadata,
    /// What each source says, if there are several. Empty if all of it is from `source`.
    pub contributions: Vec<Contribution>,
}

/// A picture of a collection, as the catalogue keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Unique in the collection.
    pub id: String,
    /// The location: an absolute path or a URL.
    pub location: String,
    /// The downloaded file, if the location is a URL.
    pub file: Option<String>,
    /// The source that named it first.
    pub source: Option<String>,
    /// The SHA-256 of the file's bytes in hexadecimal.
    pub hash: String,
    /// The file's size and times when it was read.
    pub stamp: FileStamp,
    /// The width of the upright picture in pixels.
    pub width: u32,
    /// The height of the upright picture in pixels.
    pub height: u32,
    /// The dominant colour as red, green and blue. `None` for pictures added by an early version.
    #[serde(default)]
    pub colour: Option<[u8; 3]>,
    /// Its captions, in order.
    pub captions: Vec<String>,
    /// The other metadata of its sources.
    pub metadata: Metadata,
    /// What each source says, in the order of the sources. Empty for pictures added by an early version.
    #[serde(default)]
    pub contributions: Vec<Contribution>,
    /// Metadata from the file itself, such as date, camera and position.
    pub facts: Metadata,
    /// Whether the file was gone or unreadable when last checked.
    pub missing: bool,
}

/// What is read from a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Content {
    pub(crate) hash: String,
    pub(crate) stamp: FileStamp,
    /// Of the upright picture.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) colour: Option<[u8; 3]>,
    pub(crate) facts: Metadata,
}

impl Content {
    /// The content that `record` stores.
    pub(crate) fn of(record: &Record) -> Content {
        Content {
            hash: record.hash.clone(),
            stamp: record.stamp,
            width: record.width,
            height: record.height,
            colour: record.colour,
            facts: record.facts.clone(),
        }
    }
}

impl NewRecord {
    /// The picture's file.
    pub fn path(&self) -> &Path {
        Path::new(self.file.as_ref().unwrap_or(&self.location))
    }

    /// What each source says.
    pub(crate) fn contributions(&self) -> Vec<Contribution> {
        match &self.source {
            Some(source) if self.contributions.is_empty() => vec![contribution::of_one(
                source.clone(),
                self.id.is_some(),
                &self.captions,
                &self.metadata,
            )],
            _ => self.contributions.clone(),
        }
    }
}

impl Record {
    /// The picture's location.
    pub fn address(&self) -> Address<'_> {
        Address::of(&self.location, self.file.as_deref())
    }

    /// The picture's file.
    pub fn path(&self) -> &Path {
        Path::new(self.file.as_ref().unwrap_or(&self.location))
    }

    /// Whether `file` is the file that was read, judging by its size and times alone. If not, the content may
    /// still be the same.
    pub fn is_of(&self, file: &fs::Metadata) -> bool {
        FileStamp::at(file, SystemTime::now()).is_that_of(self.stamp)
    }

    /// Merges a new record with the stored one. Replaces everything the new record's sources said before, and
    /// keeps what other sources said.
    pub(crate) fn of(new: NewRecord, content: Content, old: Option<&Record>) -> Record {
        let given = new.contributions();
        let mut remains = match old {
            Some(old) => Remains::of(&old.captions, &old.metadata, &old.contributions, &given),
            None => Remains::of(&[], &Metadata::new(), &[], &given),
        };
        remains.metadata.extend(new.metadata);
        let known_id = || old.map(|old| old.id.clone());
        Record {
            id: new
                .id
                .or_else(known_id)
                .unwrap_or_else(|| id_of_location(&new.location)),
            location: new.location,
            file: new.file,
            source: old.and_then(|old| old.source.clone()).or(new.source),
            hash: content.hash,
            stamp: content.stamp,
            width: content.width,
            height: content.height,
            colour: content.colour,
            captions: if new.captions.is_empty() {
                remains.captions
            } else {
                new.captions
            },
            metadata: remains.metadata,
            contributions: remains.contributions,
            facts: content.facts,
            missing: false,
        }
    }

    /// Whether one of the sources of `new` named this picture first.
    pub(crate) fn is_first_of(&self, new: &NewRecord) -> bool {
        let given = new.contributions();
        let first = self.source.as_ref();
        first.is_some_and(|first| given.iter().any(|it| it.source == *first))
    }

    /// Whether one of the sources of `new` gave this picture its id.
    pub(crate) fn has_id_of(&self, new: &NewRecord) -> bool {
        let giver = self.contributions.iter().find(|it| it.id);
        let giver = giver.map(|it| &it.source).or(self.source.as_ref());
        let given = new.contributions();
        giver.is_some_and(|giver| given.iter().any(|it| it.source == *giver))
    }

    /// Whether its vectors and metadata equal those of `other`.
    pub(crate) fn looks_like(&self, other: &Record) -> bool {
        *self
            == Record {
                stamp: self.stamp,
                colour: self.colour,
                contributions: self.contributions.clone(),
                ..other.clone()
            }
    }
}

/// The id of a picture whose source gives none: the first 16 hexadecimal digits of the SHA-256 of its
/// location. So a file keeps its id across runs and sources.
pub(crate) fn id_of_location(location: &str) -> String {
    Sha256::digest(location.as_bytes())[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The id of a record's caption number `n` in the namespace of captions.
pub(crate) fn caption_id(record: &str, n: usize) -> String {
    format!("{record}#{n}")
}

/// The record id in a caption's id.
pub(crate) fn record_of_caption(id: &str) -> Option<&str> {
    Some(id.rsplit_once('#')?.0)
}

/// The ids of a record's captions.
pub(crate) fn caption_ids(record: &Record) -> impl Iterator<Item = String> {
    (0..record.captions.len()).map(|n| caption_id(&record.id, n))
}

/// The ids of the image and caption vectors of records.
pub(crate) fn ids_of(records: &[Record]) -> (Vec<String>, Vec<String>) {
    (
        records.iter().map(|record| record.id.clone()).collect(),
        records.iter().flat_map(caption_ids).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_stable_and_distinct() {
        assert_eq!(id_of_location("/a/b.jpg"), id_of_location("/a/b.jpg"));
        assert_ne!(id_of_location("/a/b.jpg"), id_of_location("/a/c.jpg"));
        assert_eq!(id_of_location("/a/b.jpg").len(), 16);
    }
}
