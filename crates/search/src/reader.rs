//! Reading the pictures of a source, and finding what has changed.
//!
//! A file that has the size and the time of its record is not read again. Of those that are read, only
//! the ones whose content is new to the collection are decoded: a picture that was moved, renamed or
//! copied has the vector that it had.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use clip::Pixels;
use index::{Metadata, Vector};
use picture::{ContentHash, Limits};
use rayon::prelude::*;

use crate::collection::{CAPTIONS, Collection, IMAGES, MISSING_CAPTIONS, MISSING_IMAGES};
use crate::decoder::Decoder;
use crate::embedding::BATCH;
use crate::error::{Error, Result};
use crate::facts;
use crate::ingest::Failure;
use crate::metadata;
use crate::record::{Content, NewRecord, Record, caption_id, caption_ids};
use crate::spent::{Spent, Step};
use crate::stamp::FileStamp;

/// So many pictures are known to be unchanged before that is told.
const UNCHANGED_AT_A_TIME: usize = 1024;

/// What reading some pictures came to.
#[derive(Default)]
pub(crate) struct Batch {
    /// Those to be written.
    pub(crate) changed: Vec<Prepared>,
    /// Those of which only the file's time has changed.
    pub(crate) restamped: Vec<Record>,
    pub(crate) unchanged: usize,
    pub(crate) failed: Vec<Failure>,
}

/// A picture that is to be written.
pub(crate) struct Prepared {
    pub(crate) record: Record,
    pub(crate) image: Image,
    /// The vectors of the captions, where they are known.
    pub(crate) captions: Option<Vec<Vec<f32>>>,
    pub(crate) change: Change,
    /// What the catalogue has of the picture, and of another picture that gives up its id.
    pub(crate) replaced: Vec<Record>,
}

/// What a picture is to the collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Updated,
    /// It was at another place, where nothing is any more.
    Moved,
}

/// Where a picture's vector comes from.
pub(crate) enum Image {
    /// The model is to make it.
    Pixels(Pixels),
    /// The collection has a picture of the same content.
    Vector(Vec<f32>),
    /// The picture with this id, which was read before in the same run, has the same content.
    CopyOf(String),
}

/// What the records of an [`add`](Collection::add) are read with.
pub(crate) struct Reader<'a> {
    pub(crate) collection: &'a Collection<'a>,
    pub(crate) limits: &'a Limits,
    pub(crate) decoder: Decoder<'a>,
    /// The ids that this run gives to places.
    pub(crate) ids: &'a HashMap<String, String>,
    /// The places of this run.
    pub(crate) places: &'a HashSet<String>,
    /// Whether every record of the catalogue has its vectors.
    pub(crate) whole: bool,
    pub(crate) spent: &'a Spent,
    /// The ids of the pictures that this run changes, and their places.
    pub(crate) given: HashMap<String, String>,
    /// The records that lost their id to another picture before it was their turn, by their places.
    pub(crate) displaced: HashMap<String, Record>,
    /// By its content's hash, the first picture of this run that needs a new vector.
    pub(crate) fresh: HashMap<String, String>,
}

/// Why a picture was not prepared: its own fault, which is reported, or the collection's, which
/// ends the run.
enum Trouble {
    Picture(picture::Error),
    Metadata(index::Error),
    IdIsTaken { id: String, holder: String },
    Collection(Error),
}

impl From<picture::Error> for Trouble {
    fn from(error: picture::Error) -> Trouble {
        Trouble::Picture(error)
    }
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        Trouble::Collection(error.into())
    }
}

/// A picture that has to be looked into.
struct Unread {
    new: NewRecord,
    /// What the catalogue has at its place.
    at_place: Option<Record>,
    /// Whether the file is as it was.
    same_file: bool,
}

/// A picture that has been looked into.
struct Seen {
    new: NewRecord,
    at_place: Option<Record>,
    content: Content,
    /// Those with the same content.
    twins: Vec<Record>,
    image: Image,
}

enum Outcome {
    Unchanged,
    Restamped(Box<Record>),
    Changed(Box<Prepared>),
}

impl Reader<'_> {
    /// Reads all records, batch by batch, until `stop` says so or nobody takes the batches any more.
    pub(crate) fn read_all(
        mut self,
        records: Vec<NewRecord>,
        batches: &SyncSender<Batch>,
        stop: &AtomicBool,
    ) -> Result<()> {
        let mut records = records.into_iter();
        while !stop.load(Ordering::Relaxed) {
            let Some(batch) = self.next_batch(&mut records)? else {
                break;
            };
            if batches.send(batch).is_err() {
                // Whoever takes them has failed, and says why.
                break;
            }
        }
        Ok(())
    }

    fn next_batch(
        &mut self,
        records: &mut impl Iterator<Item = NewRecord>,
    ) -> Result<Option<Batch>> {
        let (mut batch, mut unread) = (Batch::default(), Vec::new());
        while unread.len() < BATCH && batch.unchanged < UNCHANGED_AT_A_TIME {
            let Some(new) = records.next() else { break };
            match self.triage(new)? {
                Some(it) => unread.push(it),
                None => batch.unchanged += 1,
            }
        }
        if unread.is_empty() && batch.unchanged == 0 {
            return Ok(None);
        }
        let seen: Vec<(String, Result<Seen, Trouble>)> = unread
            .into_par_iter()
            .map(|unread| (unread.new.place.clone(), self.read(unread)))
            .collect();
        for (place, seen) in seen {
            match seen.and_then(|seen| self.settle(seen)) {
                Ok(Outcome::Unchanged) => batch.unchanged += 1,
                Ok(Outcome::Restamped(record)) => batch.restamped.push(*record),
                Ok(Outcome::Changed(prepared)) => batch.changed.push(*prepared),
                Err(trouble) => batch.failed.push(failure(place, trouble)?),
            }
        }
        Ok(Some(batch))
    }

    /// What has to be looked into; `None` for a picture that is there already, just so.
    fn triage(&self, new: NewRecord) -> Result<Option<Unread>> {
        let collection = self.collection;
        let at_place = match self.displaced.get(&new.place) {
            Some(displaced) => Some(displaced.clone()),
            None => collection
                .catalogue
                .record_at(collection.key(), &new.place)?,
        };
        // What is wrong with the file is found when it is read.
        let stamp = FileStamp::of(new.path()).unwrap_or_default();
        let same_file = at_place
            .as_ref()
            .is_some_and(|old| stamp.is_that_of(old.stamp) && !old.hash.is_empty());
        if let Some(old) = at_place.as_ref().filter(|_| same_file) {
            let record = Record::of(new.clone(), Content::of(old), Some(old));
            if record == *old && self.has_vectors(old)? {
                return Ok(None);
            }
        }
        Ok(Some(Unread {
            new,
            at_place,
            same_file,
        }))
    }

    fn has_vectors(&self, record: &Record) -> Result<bool> {
        Ok(self.whole || self.collection.has_vectors(record)?)
    }

    fn read(&self, unread: Unread) -> Result<Seen, Trouble> {
        let Unread {
            new,
            at_place,
            same_file,
        } = unread;
        if let Some(old) = at_place.as_ref().filter(|_| same_file)
            && let Some(values) = self.collection.image_values(old)?
        {
            return Ok(Seen {
                content: Content::of(old),
                twins: Vec::new(),
                image: Image::Vector(values),
                new,
                at_place,
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
                return Ok(Seen {
                    new,
                    at_place,
                    content,
                    twins,
                    image: Image::Vector(values),
                });
            }
        }
        let prepared = self.decoder.prepare(&bytes)?;
        (content.width, content.height) = (prepared.width, prepared.height);
        Ok(Seen {
            new,
            at_place,
            content,
            twins,
            image: Image::Pixels(prepared.pixels),
        })
    }

    /// Decides what a picture is to the collection. One after the other, as each may take what the
    /// next would have.
    fn settle(&mut self, seen: Seen) -> Result<Outcome, Trouble> {
        let Seen {
            new,
            at_place,
            content,
            twins,
            mut image,
        } = seen;
        let holder = self.holder(&new)?;
        let moved = match &at_place {
            Some(_) => None,
            // A picture whose id is at a place where nothing is any more has moved here.
            None => holder
                .clone()
                .filter(|holder| is_gone(holder.path()))
                .or_else(|| self.moved_twin(&new, twins)),
        };
        let old = at_place.as_ref().or(moved.as_ref());
        let record = Record::of(new, content, old);
        if let Some(old) = &at_place
            && self.has_vectors(old)?
            && record.looks_like(old)
        {
            return Ok(match record == *old {
                true => Outcome::Unchanged,
                false => Outcome::Restamped(Box::new(record)),
            });
        }
        check(&record)?;
        let change = match (&at_place, &moved) {
            (Some(_), _) => Change::Updated,
            (None, Some(_)) => Change::Moved,
            (None, None) => Change::Added,
        };
        let captions = match old {
            Some(old) if old.captions == record.captions => self.collection.caption_values(old)?,
            _ => None,
        };
        if let Image::Pixels(_) = image {
            if let Some(id) = self.fresh.get(&record.hash) {
                image = Image::CopyOf(id.clone());
            } else {
                self.fresh.insert(record.hash.clone(), record.id.clone());
            }
        }
        let mut replaced: Vec<Record> = at_place.into_iter().chain(holder).chain(moved).collect();
        // What another picture of this run has been given is its own by now.
        replaced.retain(|old| {
            let given = self.given.get(&old.id);
            given.is_none_or(|place| *place == record.place)
        });
        self.given.insert(record.id.clone(), record.place.clone());
        let displaced = replaced.iter().filter(|old| old.place != record.place);
        self.displaced
            .extend(displaced.map(|old| (old.place.clone(), old.clone())));
        Ok(Outcome::Changed(Box::new(Prepared {
            record,
            image,
            captions,
            change,
            replaced,
        })))
    }

    /// The record of the same content that has lost its file and so has come here; of several
    /// rather the one of the same name.
    fn moved_twin(&self, new: &NewRecord, twins: Vec<Record>) -> Option<Record> {
        let name = |place: &str| Path::new(place).file_name().map(ToOwned::to_owned);
        let mut lost: Vec<Record> = twins
            .into_iter()
            .filter(|twin| {
                !self.given.contains_key(&twin.id)
                    && !self.places.contains(&twin.place)
                    && is_gone(twin.path())
            })
            .collect();
        lost.sort_by_key(|twin| name(&twin.place) != name(&new.place));
        lost.into_iter().next()
    }

    /// The record of another place that has a new record's id and gives it up: its file is gone,
    /// or the same run gives it another id. If it does not, the new record cannot have the id.
    fn holder(&self, new: &NewRecord) -> Result<Option<Record>, Trouble> {
        let Some(id) = &new.id else { return Ok(None) };
        let collection = self.collection;
        let holder = collection.catalogue.record(collection.key(), id)?;
        match holder.filter(|holder| holder.place != new.place) {
            Some(holder) if !self.ids.contains_key(&holder.place) && !is_gone(holder.path()) => {
                Err(Trouble::IdIsTaken {
                    id: id.clone(),
                    holder: holder.place,
                })
            }
            holder => Ok(holder),
        }
    }
}

impl Collection<'_> {
    /// Whether the vectors of a record are all where they belong.
    pub(crate) fn has_vectors(&self, record: &Record) -> Result<bool> {
        Ok(self.image_values(record)?.is_some() && self.caption_values(record)?.is_some())
    }

    /// The vector of a record's picture.
    fn image_values(&self, record: &Record) -> Result<Option<Vec<f32>>> {
        let [images, _] = namespaces(record);
        let values = self.values_at(&record.place, images, &[record.id.as_str()])?;
        Ok(values.and_then(|mut values| values.pop()))
    }

    /// The vectors of a record's captions, if all are there.
    fn caption_values(&self, record: &Record) -> Result<Option<Vec<Vec<f32>>>> {
        let [_, captions] = namespaces(record);
        let ids: Vec<String> = caption_ids(record).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        self.values_at(&record.place, captions, &ids)
    }

    /// The vectors with these ids, if all are there and are those of the picture at `place`: an id may
    /// just have been given to another picture.
    fn values_at(
        &self,
        place: &str,
        namespace: &str,
        ids: &[&str],
    ) -> Result<Option<Vec<Vec<f32>>>> {
        let vectors = self.index.fetch(namespace, ids)?;
        let all = vectors.len() == ids.len()
            && vectors
                .iter()
                .all(|vector| metadata::place(&vector.metadata) == Some(place));
        Ok(all.then(|| vectors.into_iter().map(|vector| vector.values).collect()))
    }
}

/// Where the vectors of a record's picture and of its captions belong.
pub(crate) fn namespaces(record: &Record) -> [&'static str; 2] {
    match record.missing {
        false => [IMAGES, CAPTIONS],
        true => [MISSING_IMAGES, MISSING_CAPTIONS],
    }
}

/// Whether there is no file. A place that can't be looked at may have one.
pub(crate) fn is_gone(file: &Path) -> bool {
    matches!(file.try_exists(), Ok(false))
}

fn failure(place: String, trouble: Trouble) -> Result<Failure> {
    Ok(match trouble {
        Trouble::Collection(error) => return Err(error),
        Trouble::Picture(error) => Failure::of(place, &error),
        Trouble::IdIsTaken { id, holder } => Failure::of_taken_id(place, &id, &holder),
        Trouble::Metadata(error) => Failure {
            place,
            reason: "metadata".to_owned(),
            message: error.to_string(),
        },
    })
}

/// Refuses a record that the engine would refuse, and with it all that is written together.
fn check(record: &Record) -> Result<(), Trouble> {
    let check =
        |id: &str, metadata: &Metadata| Vector::check(id, metadata).map_err(Trouble::Metadata);
    check(&record.id, &metadata::of_picture(record))?;
    for (n, caption) in record.captions.iter().enumerate() {
        check(
            &caption_id(&record.id, n),
            &metadata::of_caption(record, caption),
        )?;
    }
    Ok(())
}
