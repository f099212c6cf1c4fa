use std::collections::BTreeMap;
use std::path::Path;

use clip::{Model, Pixels};
use index::{Metadata, Selection, Vector};
use picture::{ContentHash, Limits, Picture};
use rayon::prelude::*;
use serde::Serialize;

use crate::collection::{CAPTIONS, Collection, IMAGES};
use crate::embedding::{BATCH, embed_captions};
use crate::error::{Error, Result};
use crate::metadata;
use crate::record::{NewRecord, Record, caption_id};

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
            message: error.to_string(),
        }
    }
}

/// A picture that is to be written.
struct Prepared {
    record: Record,
    /// What the catalogue had.
    old: Option<Record>,
    image: Image,
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
        let mut report = IngestReport::default();
        let mut records = records.into_iter();
        loop {
            let batch: Vec<NewRecord> = records.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            self.add_batch(model, batch, limits, &mut report)?;
            progress(&report);
        }
        if report.added + report.updated > 0 {
            // So that the first search need not.
            self.index.refresh(IMAGES)?;
            self.index.refresh(CAPTIONS)?;
        }
        Ok(report)
    }

    fn add_batch(
        &self,
        model: &Model,
        batch: Vec<NewRecord>,
        limits: &Limits,
        report: &mut IngestReport,
    ) -> Result<()> {
        let outcomes: Vec<Outcome> = batch
            .into_par_iter()
            .map(|new| self.prepare(model, new, limits))
            .collect::<Result<_>>()?;
        let mut changed = Vec::new();
        for outcome in outcomes {
            match outcome {
                Outcome::Unchanged => report.unchanged += 1,
                Outcome::Failed(failure) => report.failed.push(failure),
                Outcome::Changed(prepared) => changed.push(*prepared),
            }
        }
        let updated = changed
            .iter()
            .filter(|prepared| prepared.old.is_some())
            .count();
        report.updated += updated;
        report.added += changed.len() - updated;
        self.write(model, changed)
    }

    fn prepare(&self, model: &Model, new: NewRecord, limits: &Limits) -> Result<Outcome> {
        let place = new.place.clone();
        match self.read(model, new, limits) {
            Ok(outcome) => Ok(outcome),
            Err(Trouble::Collection(error)) => Err(error),
            Err(Trouble::Picture(error)) => Ok(Outcome::Failed(Failure::of(place, &error))),
            Err(Trouble::Metadata(error)) => Ok(Outcome::Failed(Failure {
                place,
                reason: "metadata".to_owned(),
                message: error.to_string(),
            })),
        }
    }

    fn read(&self, model: &Model, new: NewRecord, limits: &Limits) -> Result<Outcome, Trouble> {
        let bytes = picture::read_within(Path::new(&new.place), limits)?;
        let hash = ContentHash::of(&bytes).to_string();
        let old = self.known(&new)?;
        if let Some(known) = old.as_ref().filter(|old| old.hash == hash) {
            let size = (known.width, known.height);
            let record = Record::of(new.clone(), hash.clone(), size, Some(known));
            if record == *known {
                return Ok(Outcome::Unchanged);
            }
            check(&record)?;
            if let Some(vector) = self.index.fetch(IMAGES, &[known.id.as_str()])?.pop() {
                let image = Image::Vector(vector.values);
                return Ok(Outcome::Changed(Box::new(Prepared { record, old, image })));
            }
        }
        let picture = Picture::decode(&bytes, limits)?;
        let record = Record::of(new, hash, (picture.width(), picture.height()), old.as_ref());
        check(&record)?;
        let image = Image::Pixels(model.preprocess(&picture));
        Ok(Outcome::Changed(Box::new(Prepared { record, old, image })))
    }

    /// The record that a new one stands for: of the same place, or else of the same id.
    fn known(&self, new: &NewRecord) -> Result<Option<Record>> {
        if let Some(record) = self.catalogue.record_at(self.key(), &new.place)? {
            return Ok(Some(record));
        }
        match &new.id {
            Some(id) => self.catalogue.record(self.key(), id),
            None => Ok(None),
        }
    }

    /// Vectors first, then the catalogue: what it names is always there.
    fn write(&self, model: &Model, prepared: Vec<Prepared>) -> Result<()> {
        let (mut records, mut images, mut gone, mut stale) = (vec![], vec![], vec![], vec![]);
        for Prepared { record, old, image } in prepared {
            if let Some(old) = old {
                stale.extend(stale_captions(&record, &old));
                gone.extend(Some(old.id).filter(|id| *id != record.id));
            }
            records.push(record);
            images.push(image);
        }
        let images = image_vectors(model, &records, images)?;
        self.index.upsert(IMAGES, &images)?;
        self.index
            .upsert(CAPTIONS, &caption_vectors(model, &records)?)?;
        self.index.delete(CAPTIONS, &Selection::Ids(stale))?;
        self.index.delete(IMAGES, &Selection::Ids(gone.clone()))?;
        self.catalogue.replace_records(self.key(), &gone, &records)
    }
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

/// The caption vectors of a record's old state that its new one does not write over.
fn stale_captions(record: &Record, old: &Record) -> Vec<String> {
    let kept = if record.id == old.id {
        record.captions.len()
    } else {
        0
    };
    (kept..old.captions.len())
        .map(|n| caption_id(&old.id, n))
        .collect()
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
