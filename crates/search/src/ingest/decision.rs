//! Decides whether a read picture is new, changed or moved.

use std::path::Path;

use super::batch::{Change, ChangeKind, Fresh, Image};
use super::content::{Seen, Unread};
use super::run::Run;
use super::trouble::Trouble;
use crate::collection::Collection;
use crate::contribution::Contribution;
use crate::error::Result;
use crate::file_stamp::is_gone;
use crate::record::{Content, NewRecord, Record, id_of_location};

pub(super) enum Outcome {
    Unchanged,
    Restamped(Box<Record>),
    Changed(Vec<Change>),
}

/// Decides for one picture after another.
pub(crate) struct Decider<'a> {
    pub(crate) collection: &'a Collection<'a>,
    /// Whether every record of the catalogue has its vectors.
    pub(crate) whole: bool,
    pub(crate) run: Run,
    pub(crate) fresh: Fresh,
}

impl Decider<'_> {
    /// The record at a location, or the one there before its id went to another picture.
    pub(super) fn at_location(&self, location: &str) -> Result<Option<Record>> {
        let collection = self.collection;
        match self.run.displaced(location)? {
            None => collection.catalogue.record_at(collection.key(), location),
            displaced => Ok(displaced),
        }
    }

    /// The record of a picture whose file is no longer readable.
    pub(super) fn lost(&self, location: &str, trouble: &Trouble) -> Result<Option<Record>> {
        if !matches!(trouble, Trouble::Picture(_)) || self.run.displaced(location)?.is_some() {
            return Ok(None);
        }
        let collection = self.collection;
        let record = collection.catalogue.record_at(collection.key(), location)?;
        Ok(record.filter(|record| !record.missing))
    }

    /// The location of the picture that has a new record's id, if it may still come in this run and give up
    /// the id.
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

    /// Whether a picture is in the collection unchanged.
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

    /// Decides what happens to a picture. Runs one after another, as each may take what the next would have.
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
            // A picture moved here if its id's old location has no file. Or the source now gives the id to
            // this location.
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
            return Ok(if record == *old {
                Outcome::Unchanged
            } else {
                Outcome::Restamped(Box::new(record))
            });
        }
        let checked = self.collection.labels().check(&record);
        checked.map_err(Trouble::Metadata)?;
        let kind = match (&at_location, &moved) {
            (Some(_), _) => ChangeKind::Updated,
            (None, Some(old)) if is_gone(old.path()) => ChangeKind::Moved,
            // The id belongs to another file.
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

    /// The change to a picture that yields its id to a new record although another source named it first. It
    /// stays, with an id made of its location and without the data of the record's source.
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
        let captions = if record.captions == holder.captions {
            self.collection.caption_values(holder)?
        } else {
            None
        };
        Ok(Some(Change {
            record,
            image: Image::Vector(values),
            captions,
            kind: ChangeKind::Updated,
            replaced: Vec::new(),
        }))
    }

    /// The replaced records, without those of pictures that this run has already given their own data.
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

    /// The record of the same content whose file is gone, so that it moved here. Of several, the one with the
    /// same name is preferred.
    fn moved_twin(&self, new: &NewRecord, twins: Vec<Record>) -> Result<Option<Record>> {
        let name = |location: &str| Path::new(location).file_name().map(ToOwned::to_owned);
        let mut lost = Vec::new();
        for twin in twins {
            // A picture of a URL or a table has a file of ours. It may be gone although the picture isn't.
            let is_ours = twin.file.is_some();
            if !is_ours && is_gone(twin.path()) && self.run.given_to(&twin.id)?.is_none() {
                lost.push(twin);
            }
        }
        lost.sort_by_key(|twin| name(&twin.location) != name(&new.location));
        Ok(lost.into_iter().next())
    }

    /// Whether a picture yields its id to a new record: the source gave the id, and this run's source no
    /// longer names that location.
    fn yields(&self, holder: &Record, new: &NewRecord) -> Result<bool> {
        Ok(holder.has_id_of(new) && !self.run.has_seen(&holder.location)?)
    }

    /// The record of another location that has a new record's id and gives it up: its file is gone, this run
    /// gives it another id, or it yields. Fails if it keeps the id.
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

    /// A picture's id: the source's, the one it had, or one made of its location.
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

    /// An unused id made of a location. The usual id of the location may belong to a picture that was moved
    /// away.
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
