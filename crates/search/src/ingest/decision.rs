//! What a picture that was read is to the collection: one that is new, has changed, or has moved.

use std::path::Path;

use super::batch::{Change, ChangeKind, Fresh, Image};
use super::content::{Seen, Unread};
use super::run::Run;
use super::trouble::Trouble;
use crate::collection::Collection;
use crate::contribution::Contribution;
use crate::error::Result;
use crate::record::{Content, NewRecord, Record, id_of_location};
use crate::stamp::is_gone;

pub(super) enum Outcome {
    Unchanged,
    Restamped(Box<Record>),
    Changed(Vec<Change>),
}

/// What decides.
pub(crate) struct Decider<'a> {
    pub(crate) collection: &'a Collection<'a>,
    /// Whether every record of the catalogue has its vectors.
    pub(crate) whole: bool,
    pub(crate) run: Run,
    pub(crate) fresh: Fresh,
}

impl Decider<'_> {
    /// What the catalogue has at a location, or had before the id went to another picture.
    pub(super) fn at_location(&self, location: &str) -> Result<Option<Record>> {
        let collection = self.collection;
        match self.run.displaced(location)? {
            None => collection.catalogue.record_at(collection.key(), location),
            displaced => Ok(displaced),
        }
    }

    /// What the catalogue has of a picture, where that was found until now and its file can't be read any more.
    pub(super) fn lost(&self, location: &str, trouble: &Trouble) -> Result<Option<Record>> {
        if !matches!(trouble, Trouble::Picture(_)) || self.run.displaced(location)?.is_some() {
            return Ok(None);
        }
        let collection = self.collection;
        let record = collection.catalogue.record_at(collection.key(), location)?;
        Ok(record.filter(|record| !record.missing))
    }

    /// The location of the picture that has the id of a new record, where it may yet come in this run and give up the id.
    pub(super) fn awaited(
        &self,
        new: &NewRecord,
        at_location: Option<&Record>,
    ) -> Result<Option<Record>> {
        let has_its_id = at_location.is_some_and(|old| Some(&old.id) == new.id.as_ref());
        let Some(id) = new.id.as_ref().filter(|_| !has_its_id) else {
            return Ok(None);
        };
        let holder = self.record_with(id)?;
        let Some(holder) = holder.filter(|holder| holder.location != new.location) else {
            return Ok(None);
        };
        let is_awaited = self.run.is_open(&holder.location)? && !is_gone(holder.path());
        Ok(is_awaited.then_some(holder))
    }

    /// Whether a picture is there already, just so.
    pub(super) fn is_unchanged(&self, unread: &Unread) -> Result<bool> {
        let Some(old) = unread.at_location.as_ref().filter(|_| unread.same_file) else {
            return Ok(false);
        };
        let content = Content {
            stamp: unread.stamp,
            ..Content::of(old)
        };
        let record = Record::of(unread.new.clone(), content, Some(old));
        Ok(record == *old && self.has_vectors(old)?)
    }

    fn record_with(&self, id: &str) -> Result<Option<Record>> {
        self.collection.catalogue.record(self.collection.key(), id)
    }

    fn has_vectors(&self, record: &Record) -> Result<bool> {
        Ok(self.whole || self.collection.has_vectors(record)?)
    }

    /// Decides what a picture is to the collection. One after the other, as each may take what the
    /// next would have.
    pub(super) fn settle(&mut self, seen: Seen) -> Result<Outcome, Trouble> {
        let Seen {
            new,
            at_location,
            content,
            twins,
            mut image,
        } = seen;
        let holder = self.holder(&new)?;
        let moved = match &at_location {
            Some(_) => None,
            // A picture whose id is at a location where nothing is any more has moved here, and one whose source now gives
            // its id to this location.
            None => match holder.clone() {
                Some(holder)
                    if is_gone(holder.path())
                        || self.yields(&holder, &new)? && holder.is_first_of(&new) =>
                {
                    Some(holder)
                }
                _ => self.moved_twin(&new, twins)?,
            },
        };
        let staying = match &holder {
            Some(holder) => self.staying(holder, &new)?,
            None => None,
        };
        let old = at_location.as_ref().or(moved.as_ref());
        let id = self.id_of(&new, old)?;
        let record = Record::of(NewRecord { id, ..new }, content, old);
        if let Some(old) = &at_location
            && self.has_vectors(old)?
            && record.looks_like(old)
        {
            return Ok(match record == *old {
                true => Outcome::Unchanged,
                false => Outcome::Restamped(Box::new(record)),
            });
        }
        let checked = self.collection.labels().check(&record);
        checked.map_err(Trouble::Metadata)?;
        let kind = match (&at_location, &moved) {
            (Some(_), _) => ChangeKind::Updated,
            (None, Some(old)) if is_gone(old.path()) => ChangeKind::Moved,
            // The picture of that id is another file.
            (None, Some(_)) => ChangeKind::Updated,
            (None, None) => ChangeKind::Added,
        };
        let captions = match old {
            Some(old) if old.captions == record.captions => self.collection.caption_values(old)?,
            _ => None,
        };
        if let Image::Pixels(_) = image {
            match self.fresh.first_of(&record.hash) {
                Some(id) => image = Image::CopyOf(id.to_owned()),
                None => self.fresh.insert(&record.hash, &record.id),
            }
        }
        let replaced =
            self.replaced(&record, at_location.into_iter().chain(holder).chain(moved))?;
        self.run.give(&record.id, &record.location)?;
        let change = Change {
            record,
            image,
            captions,
            kind,
            replaced,
        };
        if let Some(staying) = &staying {
            self.run
                .give(&staying.record.id, &staying.record.location)?;
        }
        Ok(Outcome::Changed(
            staying.into_iter().chain([change]).collect(),
        ))
    }

    /// What becomes of a picture that yields its id to a new record, where another source named it first: it stays, with
    /// an id made of its location and without what the record's source said of it.
    fn staying(&self, holder: &Record, new: &NewRecord) -> Result<Option<Change>> {
        if holder.is_first_of(new) || is_gone(holder.path()) || !self.yields(holder, new)? {
            return Ok(None);
        }
        let Some(values) = self.collection.image_values(holder)? else {
            return Ok(None);
        };
        let silent = new.contributions().into_iter();
        let silent = NewRecord {
            id: Some(self.free_id(&holder.location)?),
            location: holder.location.clone(),
            file: holder.file.clone(),
            contributions: silent.map(|it| Contribution::of(it.source)).collect(),
            ..NewRecord::default()
        };
        let record = Record::of(silent, Content::of(holder), Some(holder));
        let captions = match record.captions == holder.captions {
            true => self.collection.caption_values(holder)?,
            false => None,
        };
        Ok(Some(Change {
            record,
            image: Image::Vector(values),
            captions,
            kind: ChangeKind::Updated,
            replaced: Vec::new(),
        }))
    }

    /// Those of the records in a picture's way that go: what another picture of this run has been given is its own
    /// by now.
    fn replaced(
        &mut self,
        record: &Record,
        old: impl Iterator<Item = Record>,
    ) -> Result<Vec<Record>> {
        let mut replaced = Vec::new();
        for old in old {
            match self.run.given_to(&old.id)? {
                Some(location) if location != record.location => continue,
                _ => {}
            }
            if old.location != record.location {
                self.run.displace(&old)?;
            }
            replaced.push(old);
        }
        Ok(replaced)
    }

    /// The record of the same content that has lost its file and so has come here; of several
    /// rather the one of the same name.
    fn moved_twin(&self, new: &NewRecord, twins: Vec<Record>) -> Result<Option<Record>> {
        let name = |location: &str| Path::new(location).file_name().map(ToOwned::to_owned);
        let mut lost = Vec::new();
        for twin in twins {
            // A picture of a URL or of a table has a file of ours, which may be gone while the picture is not.
            let is_ours = twin.file.is_some();
            if !is_ours && is_gone(twin.path()) && self.run.given_to(&twin.id)?.is_none() {
                lost.push(twin);
            }
        }
        lost.sort_by_key(|twin| name(&twin.location) != name(&new.location));
        Ok(lost.into_iter().next())
    }

    /// Whether a picture that has the id of a new record yields it: the id is the source's, which in this run names that
    /// location no more.
    fn yields(&self, holder: &Record, new: &NewRecord) -> Result<bool> {
        Ok(holder.has_id_of(new) && !self.run.has_seen(&holder.location)?)
    }

    /// The record of another location that has a new record's id and gives it up: its file is gone, the same run gives it
    /// another id, or it yields it. If it does not, the new record cannot have the id.
    fn holder(&self, new: &NewRecord) -> Result<Option<Record>, Trouble> {
        let Some(id) = &new.id else { return Ok(None) };
        let Some(holder) = self.record_with(id)? else {
            return Ok(None);
        };
        if holder.location == new.location {
            return Ok(None);
        }
        let gives_up = self.run.gives_up_id(&holder.location)? || is_gone(holder.path());
        if gives_up || self.yields(&holder, new)? {
            return Ok(Some(holder));
        }
        Err(Trouble::IdIsTaken {
            id: id.clone(),
            holder: holder.location,
        })
    }

    /// The id of a picture: the one that its source gives, or the one that it had, or one made of its location.
    fn id_of(&self, new: &NewRecord, old: Option<&Record>) -> Result<Option<String>, Trouble> {
        if let Some(id) = &new.id {
            return match self
                .run
                .given_to(id)?
                .filter(|location| *location != new.location)
            {
                Some(holder) => Err(Trouble::IdIsTaken {
                    id: id.clone(),
                    holder,
                }),
                None => Ok(Some(id.clone())),
            };
        }
        if let Some(old) = old
            && self.run.given_to(&old.id)?.is_none()
        {
            return Ok(Some(old.id.clone()));
        }
        Ok(Some(self.free_id(&new.location)?))
    }

    /// An id made of a location that no other picture has. That of another may be made of the same location: it was there
    /// before it was moved.
    fn free_id(&self, location: &str) -> Result<String> {
        let mut id = id_of_location(location);
        let mut attempt = 1;
        while !self.is_free(&id, location)? {
            id = id_of_location(&format!("{location}\0{attempt}"));
            attempt += 1;
        }
        Ok(id)
    }

    fn is_free(&self, id: &str, location: &str) -> Result<bool> {
        let is_others = |holder: Option<String>| holder.is_some_and(|holder| holder != location);
        let collection = self.collection;
        Ok(!is_others(self.run.given_to(id)?)
            && !is_others(self.run.claimed_by(id)?)
            && !is_others(collection.catalogue.location_of(collection.key(), id)?))
    }
}
