//! Reads the contents of pictures' files.
//!
//! A file whose size and times equal its record's isn't read again. Of the files that are read, only those
//! with new content are decoded: a moved, renamed or copied picture already has a vector.

use picture::{ContentHash, Limits};

use super::batch::Image;
use super::decoder::Decoder;
use super::step_times::{Step, StepTimes};
use super::trouble::Trouble;
use crate::collection::Collection;
use crate::facts;
use crate::file_stamp::FileStamp;
use crate::record::{Content, NewRecord, Record};

/// A picture whose file has to be read.
pub(super) struct Unread {
    pub(super) new: NewRecord,
    /// The record at its location.
    pub(super) at_location: Option<Record>,
    pub(super) stamp: FileStamp,
    /// Whether the file's size and times are unchanged.
    pub(super) same_file: bool,
}

impl Unread {
    pub(super) fn of(new: NewRecord, at_location: Option<Record>) -> Unread {
        // An error shows again when the file is read.
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

/// A picture whose file was read.
pub(super) struct Seen {
    pub(super) new: NewRecord,
    pub(super) at_location: Option<Record>,
    pub(super) content: Content,
    /// The records with the same content.
    pub(super) twins: Vec<Record>,
    pub(super) image: Image,
}

/// Reads files, on many threads at once.
pub(super) struct ContentReader<'a> {
    pub(super) collection: &'a Collection<'a>,
    pub(super) limits: &'a Limits,
    pub(super) decoder: Decoder<'a>,
    pub(super) times: &'a StepTimes,
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
        // Before the bytes: if the file changes in between, its stamp will differ.
        let stamp = FileStamp::of(path).unwrap_or_default();
        let (bytes, hash) = self.times.on(Step::Reading, || {
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
