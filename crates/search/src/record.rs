use std::fs;
use std::path::Path;
use std::time::SystemTime;

use index::Metadata;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::address::Address;
use crate::contribution::{self, Contribution, Remains};
use crate::stamp::FileStamp;

/// A picture as a source names it, before it has been read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewRecord {
    /// The source's own id, if it has one.
    pub id: Option<String>,
    /// Where the picture is: an absolute path or a URL.
    pub location: String,
    /// The file that was fetched from there, where the location is a URL.
    pub file: Option<String>,
    /// The source that names it: a folder, a table, a dataset. The first one counts.
    pub source: Option<String>,
    /// What is said about it, in order.
    pub captions: Vec<String>,
    /// Whatever else the source says: strings, numbers, booleans and lists of strings.
    pub metadata: Metadata,
    /// Who says what of this, where several sources do; each says no more than this. Empty: all of it is the source's.
    pub contributions: Vec<Contribution>,
}

/// A picture of a collection, as the catalogue keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Unique in the collection.
    pub id: String,
    /// Where the picture is: an absolute path or a URL.
    pub location: String,
    /// The file that was fetched from there, where the location is a URL.
    pub file: Option<String>,
    /// The source that named it first.
    pub source: Option<String>,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub hash: String,
    /// What told the file from others when it was read.
    pub stamp: FileStamp,
    /// Width of the upright picture in pixels.
    pub width: u32,
    /// Height of the upright picture in pixels.
    pub height: u32,
    /// The colour of most of it: red, green and blue. `None` for pictures that were added before this was kept.
    #[serde(default)]
    pub colour: Option<[u8; 3]>,
    /// What is said about it, in order.
    pub captions: Vec<String>,
    /// Whatever else its source said.
    pub metadata: Metadata,
    /// Who said what of this, in the order of the sources. What is nobody's was said before this was kept.
    #[serde(default)]
    pub contributions: Vec<Contribution>,
    /// What the file says of itself: when it was taken, by which camera, where.
    pub facts: Metadata,
    /// Whether the file was gone when it was last looked for, or could not be read as a picture any more.
    pub missing: bool,
}

/// What a file says of itself.
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
    /// What `record` has of it.
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

    /// What each of its sources says, which is all that it says.
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
    /// Where it is.
    pub fn address(&self) -> Address<'_> {
        Address::of(&self.location, self.file.as_deref())
    }

    /// The picture's file.
    pub fn path(&self) -> &Path {
        Path::new(self.file.as_ref().unwrap_or(&self.location))
    }

    /// Whether a file of which the system says this is, without reading it, known to be the one that was read. One that
    /// isn't may still have the same content.
    pub fn is_of(&self, file: &fs::Metadata) -> bool {
        FileStamp::at(file, SystemTime::now()).is_that_of(self.stamp)
    }

    /// What a new record comes to, in the light of what was known of the picture: what its sources said before and no
    /// longer say is gone, and what others said stays as it was.
    pub(crate) fn of(new: NewRecord, content: Content, old: Option<&Record>) -> Record {
        let said = new.contributions();
        let mut remains = match old {
            Some(old) => Remains::of(&old.captions, &old.metadata, &old.contributions, &said),
            None => Remains::of(&[], &Metadata::new(), &[], &said),
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

    /// Whether one of the sources that say `new` named it first.
    pub(crate) fn is_first_of(&self, new: &NewRecord) -> bool {
        let said = new.contributions();
        let first = self.source.as_ref();
        first.is_some_and(|first| said.iter().any(|it| it.source == *first))
    }

    /// Whether its id is that of one of the sources that say `new`.
    pub(crate) fn has_id_of(&self, new: &NewRecord) -> bool {
        let giver = self.contributions.iter().find(|it| it.id);
        let giver = giver.map(|it| &it.source).or(self.source.as_ref());
        let said = new.contributions();
        giver.is_some_and(|giver| said.iter().any(|it| it.source == *giver))
    }

    /// Whether its vectors are those of `other`, with the same metadata.
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

/// The id of a picture whose source gives none: the first 16 hexadecimal digits of the SHA-256 of
/// its location. The same file keeps its id over runs and sources.
pub(crate) fn id_of_location(location: &str) -> String {
    Sha256::digest(location.as_bytes())[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The id of a record's `n`th caption in the namespace of captions.
pub(crate) fn caption_id(record: &str, n: usize) -> String {
    format!("{record}#{n}")
}

/// The id of the record that a caption's id belongs to.
pub(crate) fn record_of_caption(id: &str) -> Option<&str> {
    Some(id.rsplit_once('#')?.0)
}

/// The ids of a record's captions.
pub(crate) fn caption_ids(record: &Record) -> impl Iterator<Item = String> {
    (0..record.captions.len()).map(|n| caption_id(&record.id, n))
}

/// The ids of the vectors of records' pictures and captions.
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
