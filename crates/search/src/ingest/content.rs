//! Looking into the files of pictures.
//!
//! A file that has the size and the time of its record is not read again. Of those that are read, only
//! the ones whose content is new to the collection are decoded: a picture that was moved, renamed or
//! copied has the vector that it had.

use picture::{ContentHash, Limits};

use super::batch::Image;
use super::decoder::Decoder;
use super::spent::{Spent, Step};
use super::trouble::Trouble;
use crate::collection::Collection;
use crate::facts;
use crate::record::{Content, NewRecord, Record};
use crate::stamp::FileStamp;

/// A picture that has to be looked into.
pub(super) struct Unread {
    pub(super) new: NewRecord,
    /// What the catalogue has at its location.
    pub(super) at_location: Option<Record>,
    pub(super) stamp: FileStamp,
    /// Whether the file has the size and the time that it had.
    pub(super) same_file: bool,
}

impl Unread {
    pub(super) fn of(new: NewRecord, at_location: Option<Record>) -> Unread {
        // What is wrong with the file is found when it is read.
        let stamp = FileStamp::of(new.path()).unwrap_or_default();
        let same_file = at_location
            .as_ref()
            .is_some_and(|old| stamp.is_that_of(old.stamp) && !old.hash.is_empty());
        Unread {
            new,
            at_location,
            stamp,
            same_file,
        }
    }
}

/// A picture that has been looked into.
pub(super) struct Seen {
    pub(super) new: NewRecord,
    pub(super) at_location: Option<Record>,
    pub(super) content: Content,
    /// Those with the same content.
    pub(super) twins: Vec<Record>,
    pub(super) image: Image,
}

/// What looks into files. It may do so on many threads at once.
pub(super) struct ContentReader<'a> {
    pub(super) collection: &'a Collection<'a>,
    pub(super) limits: &'a Limits,
    pub(super) decoder: Decoder<'a>,
    pub(super) spent: &'a Spent,
}

impl ContentReader<'_> {
    pub(super) fn read(&self, unread: Unread) -> Result<Seen, Trouble> {
        let Unread {
            new,
            at_location,
            stamp,
            same_file,
        } = unread;
        if let Some(old) = at_location.as_ref().filter(|_| same_file)
            && let Some(values) = self.collection.image_values(old)?
        {
            return Ok(Seen {
                content: Content {
                    stamp,
                    ..Content::of(old)
                },
                twins: Vec::new(),
                image: Image::Vector(values),
                new,
                at_location,
            });
        }
        let path = new.path();
        // Before the bytes: a file that changes in between will not have this stamp.
        let stamp = FileStamp::of(path).unwrap_or_default();
        let (bytes, hash) = self.spent.on(Step::Reading, || {
            let bytes = picture::read_within(path, self.limits)?;
            let hash = ContentHash::of(&bytes).to_string();
            Ok::<_, picture::Error>((bytes, hash))
        })?;
        let collection = self.collection;
        let twins = collection
            .catalogue
            .records_with_hash(collection.key(), &hash)?;
        let mut content = Content {
            hash,
            stamp,
            facts: facts::of(&bytes),
            ..Content::default()
        };
        for twin in &twins {
            if let Some(values) = collection.image_values(twin)? {
                (content.width, content.height) = (twin.width, twin.height);
                content.colour = twin.colour;
                return Ok(Seen {
                    new,
                    at_location,
                    content,
                    twins,
                    image: Image::Vector(values),
                });
            }
        }
        let prepared = self.decoder.prepare(&bytes)?;
        (content.width, content.height) = (prepared.width, prepared.height);
        content.colour = Some(prepared.colour);
        Ok(Seen {
            new,
            at_location,
            content,
            twins,
            image: Image::Pixels(prepared.pixels),
        })
    }
}
