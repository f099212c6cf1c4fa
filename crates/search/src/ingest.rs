use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use clip::{Model, Pixels};
use index::{Metadata, Selection, Vector};
use picture::{ContentHash, Limits, Picture};
use rayon::prelude::*;
use serde::Serialize;

use crate::collection::{CAPTIONS, Collection, IMAGES};
use crate::embedding::{BATCH, embed_captions};
use crate::error::{Error, Result};
use crate::intake::Intake;
use crate::metadata;
use crate::record::{NewRecord, Record, caption_id, caption_ids};

/// What became of the pictures of an [`add`](Collection::add).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IngestReport {
    /// Pictures that were not in the collection.
    pub added: usize,
    /// Pictures whose file, captions or metadata had changed.
    pub updated: usize,
    /// Pictures that were there already, just so.
    pub unchanged: usize,
    /// Pictures that could not be indexed.
    pub failed: Vec<Failure>,
}

impl IngestReport {
    /// How many pictures have been dealt with.
    pub fn done(&self) -> usize {
        self.added + self.updated + self.unchanged + self.failed.len()
    }

    /// How many pictures failed for each reason.
    pub fn reasons(&self) -> BTreeMap<&str, usize> {
        let mut reasons = BTreeMap::new();
        for failure in &self.failed {
            *reasons.entry(failure.reason.as_str()).or_default() += 1;
        }
        reasons
    }
}

/// A picture that could not be indexed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// Where it is.
    pub place: String,
    /// Why, in one of a few fixed words.
    pub reason: String,
    /// Why, in full.
    pub message: String,
}

impl Failure {
    pub(crate) fn of(place: String, error: &picture::Error) -> Failure {
        Failure {
            place,
            reason: error.reason().to_owned(),
            message: with_causes(error),
        }
    }

    pub(crate) fn of_taken_id(place: String, id: &str, holder: &str) -> Failure {
        Failure {
            place,
            reason: "id is taken".to_owned(),
            message: format!("id `{id}` is that of `{holder}`"),
        }
    }
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A picture that is to be written.
struct Prepared {
    record: Record,
    image: Image,
    /// Whether the collection had the picture.
    known: bool,
    /// What the catalogue has of the picture, and of another picture that gives up its id.
    replaced: Vec<Record>,
}

/// What the records of an [`add`](Collection::add) are read with.
struct Reader<'a> {
    collection: &'a Collection<'a>,
    model: &'a Model,
    limits: &'a Limits,
    /// The places of all records of this run.
    places: &'a HashSet<String>,
    /// Whether every record of the catalogue has its vectors.
    whole: bool,
}

/// Where a picture's vector comes from.
enum Image {
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

impl Collection<'_> {
    /// Reads, embeds and writes pictures and their captions, batch by batch. `progress` sees the
    /// report after each.
    ///
    /// A picture that is there already, with the same bytes, captions and metadata, is left
    /// alone. A source that says nothing about a known picture (a folder has no captions) takes
    /// nothing away from it.
    pub fn add(
        &self,
        model: &Model,
        records: Vec<NewRecord>,
        limits: &Limits,
        mut progress: impl FnMut(&IngestReport),
    ) -> Result<IngestReport> {
        self.accept_model(model)?;
        let intake = Intake::of(records);
        let reader = Reader {
            collection: self,
            model,
            limits,
            places: &intake.places,
            whole: self.is_whole()?,
        };
        let mut report = IngestReport {
            failed: intake.refused,
            ..IngestReport::default()
        };
        let mut records = intake.records.into_iter();
        loop {
            let batch: Vec<NewRecord> = records.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let changed = reader.read_batch(batch, &mut report)?;
            self.write(model, changed)?;
            progress(&report);
        }
        if report.added + report.updated > 0 {
            // So that the first search need not.
            self.index.refresh(IMAGES)?;
            self.index.refresh(CAPTIONS)?;
        }
        Ok(report)
    }

    /// Whether there are as many vectors as the catalogue has pictures and captions. If not,
    /// something was interrupted or deleted by hand.
    fn is_whole(&self) -> Result<bool> {
        let vectors = (self.index.count(IMAGES)?, self.index.count(CAPTIONS)?);
        Ok(vectors == self.catalogue.size(self.key())?)
    }

    /// Whether the vectors of a record are all there.
    fn has_vectors(&self, record: &Record) -> Result<bool> {
        let captions: Vec<String> = caption_ids(record).collect();
        let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
        Ok(self.index.fetch(IMAGES, &[record.id.as_str()])?.len() == 1
            && self.index.fetch(CAPTIONS, &captions)?.len() == captions.len())
    }

    /// Vectors first, then the catalogue: a record is there when its vectors are.
    fn write(&self, model: &Model, prepared: Vec<Prepared>) -> Result<()> {
        let (mut records, mut images, mut replaced) = (vec![], vec![], vec![]);
        for it in prepared {
            records.push(it.record);
            images.push(it.image);
            replaced.extend(it.replaced);
        }
        let images = image_vectors(model, &records, images)?;
        let captions = caption_vectors(model, &records)?;
        self.index.upsert(IMAGES, &images)?;
        self.index.upsert(CAPTIONS, &captions)?;
        let gone = ids_without(replaced.iter().map(|old| old.id.clone()), &images);
        let stale = ids_without(replaced.iter().flat_map(caption_ids), &captions);
        self.index.delete(CAPTIONS, &Selection::Ids(stale))?;
        self.index.delete(IMAGES, &Selection::Ids(gone.clone()))?;
        self.catalogue.replace_records(self.key(), &gone, &records)
    }
}

impl Reader<'_> {
    /// Reads the pictures of a batch and counts what became of them. What is to be written comes
    /// back.
    fn read_batch(
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
            Some(holder) if !self.places.contains(&holder.place) && !is_gone(&holder.place) => {
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

/// The ids that are not those of any of the vectors.
fn ids_without(ids: impl Iterator<Item = String>, vectors: &[Vector]) -> Vec<String> {
    let written: HashSet<&str> = vectors.iter().map(|vector| vector.id.as_str()).collect();
    ids.filter(|id| !written.contains(id.as_str())).collect()
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

/// A vector a record, of its picture.
fn image_vectors(model: &Model, records: &[Record], images: Vec<Image>) -> Result<Vec<Vector>> {
    let (mut pixels, mut kept) = (Vec::new(), Vec::new());
    for image in images {
        match image {
            Image::Pixels(image) => {
                pixels.push(image);
                kept.push(None);
            }
            Image::Vector(values) => kept.push(Some(values)),
        }
    }
    let mut embedded = model.embed_pixels(&pixels)?.into_iter();
    let values = kept
        .into_iter()
        .filter_map(|kept| kept.or_else(|| embedded.next()));
    let vector = |(record, values): (&Record, Vec<f32>)| Vector {
        id: record.id.clone(),
        values,
        metadata: metadata::of_picture(record),
    };
    Ok(records.iter().zip(values).map(vector).collect())
}

/// A vector a caption.
fn caption_vectors(model: &Model, records: &[Record]) -> Result<Vec<Vector>> {
    let embedded = embed_captions(model, &records.iter().collect::<Vec<_>>())?;
    let mut vectors = Vec::new();
    for (record, embedded) in records.iter().zip(embedded) {
        for (n, (caption, values)) in record.captions.iter().zip(embedded).enumerate() {
            let metadata = metadata::of_caption(record, caption);
            vectors.push(Vector {
                id: caption_id(&record.id, n),
                values,
                metadata,
            });
        }
    }
    Ok(vectors)
}
