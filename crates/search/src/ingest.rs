use std::collections::{BTreeMap, HashSet};

use clip::Model;
use index::{Selection, Vector};
use picture::Limits;
use serde::Serialize;

use crate::collection::{CAPTIONS, Collection, IMAGES};
use crate::embedding::{BATCH, embed_captions};
use crate::error::Result;
use crate::intake::Intake;
use crate::metadata;
use crate::reader::{Image, Prepared, Reader};
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
        self.accept_texts(model)?;
        let intake = Intake::of(records);
        let reader = Reader {
            collection: self,
            model,
            limits,
            ids: &intake.ids,
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
    pub(crate) fn has_vectors(&self, record: &Record) -> Result<bool> {
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

/// The ids that are not those of any of the vectors.
fn ids_without(ids: impl Iterator<Item = String>, vectors: &[Vector]) -> Vec<String> {
    let written: HashSet<&str> = vectors.iter().map(|vector| vector.id.as_str()).collect();
    ids.filter(|id| !written.contains(id.as_str())).collect()
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
