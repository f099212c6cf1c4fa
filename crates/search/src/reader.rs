//! Reading the pictures of a source, and finding what has changed.

use std::collections::HashMap;
use std::path::Path;

use clip::{Model, Pixels};
use index::{Metadata, Vector};
use picture::{ContentHash, Limits, Picture};
use rayon::prelude::*;

use crate::collection::{Collection, IMAGES};
use crate::error::{Error, Result};
use crate::ingest::{Failure, IngestReport};
use crate::metadata;
use crate::record::{NewRecord, Record, caption_id};

/// A picture that is to be written.
pub(crate) struct Prepared {
    pub(crate) record: Record,
    pub(crate) image: Image,
    /// Whether the collection had the picture.
    known: bool,
    /// What the catalogue has of the picture, and of another picture that gives up its id.
    pub(crate) replaced: Vec<Record>,
}

/// What the records of an [`add`](Collection::add) are read with.
pub(crate) struct Reader<'a> {
    pub(crate) collection: &'a Collection<'a>,
    pub(crate) model: &'a Model,
    pub(crate) limits: &'a Limits,
    /// The ids that this run gives to places.
    pub(crate) ids: &'a HashMap<String, String>,
    /// Whether every record of the catalogue has its vectors.
    pub(crate) whole: bool,
}

/// Where a picture's vector comes from.
pub(crate) enum Image {
    /// The model is to make it.
    Pixels(Pixels),
    /// The file has not changed, so the vector stands.
    Vector(Vec<f32>),
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

/// What preparing a picture came to.
enum Outcome {
    Unchanged,
    Changed(Box<Prepared>),
    Failed(Failure),
}

impl Reader<'_> {
    /// Reads the pictures of a batch and counts what became of them. What is to be written comes
    /// back.
    pub(crate) fn read_batch(
        &self,
        batch: Vec<NewRecord>,
        report: &mut IngestReport,
    ) -> Result<Vec<Prepared>> {
        let outcomes: Vec<Outcome> = batch
            .into_par_iter()
            .map(|new| self.prepare(new))
            .collect::<Result<_>>()?;
        let mut changed = Vec::new();
        for outcome in outcomes {
            match outcome {
                Outcome::Unchanged => report.unchanged += 1,
                Outcome::Failed(failure) => report.failed.push(failure),
                Outcome::Changed(prepared) => {
                    if prepared.known {
                        report.updated += 1;
                    } else {
                        report.added += 1;
                    }
                    changed.push(*prepared);
                }
            }
        }
        Ok(changed)
    }

    fn prepare(&self, new: NewRecord) -> Result<Outcome> {
        let failure = match self.read(&new) {
            Ok(outcome) => return Ok(outcome),
            Err(Trouble::Collection(error)) => return Err(error),
            Err(Trouble::Picture(error)) => Failure::of(new.place, &error),
            Err(Trouble::IdIsTaken { id, holder }) => Failure::of_taken_id(new.place, &id, &holder),
            Err(Trouble::Metadata(error)) => Failure {
                place: new.place,
                reason: "metadata".to_owned(),
                message: error.to_string(),
            },
        };
        Ok(Outcome::Failed(failure))
    }

    fn read(&self, new: &NewRecord) -> Result<Outcome, Trouble> {
        let Collection {
            catalogue, index, ..
        } = self.collection;
        let bytes = picture::read_within(Path::new(&new.place), self.limits)?;
        let hash = ContentHash::of(&bytes).to_string();
        let at_place = catalogue.record_at(self.collection.key(), &new.place)?;
        let holder = self.holder(new)?;
        // A picture whose id is at a place where nothing is any more has moved here.
        let moved = || holder.as_ref().filter(|holder| is_gone(&holder.place));
        let old = at_place.as_ref().or_else(moved);
        let of_size = |size| Record::of(new.clone(), hash.clone(), size, old);
        let mut kept = None;
        if let Some(old) = old.filter(|old| old.hash == hash) {
            let record = of_size((old.width, old.height));
            if record == *old && (self.whole || self.collection.has_vectors(old)?) {
                return Ok(Outcome::Unchanged);
            }
            let vector = index.fetch(IMAGES, &[old.id.as_str()])?.pop();
            kept = vector.map(|vector| (record, Image::Vector(vector.values)));
        }
        let (record, image) = match kept {
            Some(kept) => kept,
            None => {
                let picture = Picture::decode(&bytes, self.limits)?;
                let record = of_size((picture.width(), picture.height()));
                (record, Image::Pixels(self.model.preprocess(&picture)))
            }
        };
        check(&record)?;
        let known = old.is_some();
        let replaced = at_place.into_iter().chain(holder).collect();
        Ok(Outcome::Changed(Box::new(Prepared {
            record,
            image,
            known,
            replaced,
        })))
    }

    /// The record of another place that has a new record's id and gives it up: its file is gone,
    /// or the same run gives it another id. If it does not, the new record cannot have the id.
    fn holder(&self, new: &NewRecord) -> Result<Option<Record>, Trouble> {
        let Some(id) = &new.id else { return Ok(None) };
        let collection = self.collection;
        let holder = collection.catalogue.record(collection.key(), id)?;
        match holder.filter(|holder| holder.place != new.place) {
            Some(holder) if !self.ids.contains_key(&holder.place) && !is_gone(&holder.place) => {
                Err(Trouble::IdIsTaken {
                    id: id.clone(),
                    holder: holder.place,
                })
            }
            holder => Ok(holder),
        }
    }
}

fn is_gone(place: &str) -> bool {
    matches!(Path::new(place).try_exists(), Ok(false))
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
