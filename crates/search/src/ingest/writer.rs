//! Writes batches to the engine and the catalogue.

use std::collections::HashSet;

use index::{Selection, Vector};

use super::batch::{Batch, Change, ChangeKind, Image};
use super::report::IngestReport;
use crate::collection::{CAPTIONS, Collection, IMAGES, MISSING_CAPTIONS, MISSING_IMAGES};
use crate::error::Result;
use crate::file_stamp::is_gone;
use crate::metadata::Labels;
use crate::record::{Record, caption_id, caption_ids, ids_of};

impl Collection<'_> {
    /// Writes a batch and counts it.
    pub(crate) fn write(&self, batch: Batch, report: &mut IngestReport) -> Result<()> {
        for change in &batch.changed {
            match change.kind {
                ChangeKind::Added => report.added += 1,
                ChangeKind::Updated => report.updated += 1,
                ChangeKind::Moved => report.moved += 1,
            }
        }
        report.unchanged += batch.unchanged + batch.restamped.len();
        if !batch.changed.is_empty() {
            self.write_changed(batch.changed)?;
        }
        if !batch.restamped.is_empty() {
            self.catalogue
                .replace_records(self.key(), &[], &batch.restamped)?;
        }
        if !batch.lost.is_empty() {
            let (gone, unreadable): (Vec<Record>, Vec<Record>) = batch
                .lost
                .into_iter()
                .partition(|record| is_gone(record.path()));
            report.missing += self.mark_missing(gone)?;
            report.unreadable += self.mark_missing(unreadable)?;
        }
        Ok(())
    }

    /// Writes vectors first, then records, so every record has its vectors. The ids are marked as unfinished
    /// before, so that an interruption in between can be repaired.
    pub(crate) fn write_changed(&self, changed: Vec<Change>) -> Result<()> {
        let (mut records, mut replaced) = (Vec::new(), Vec::new());
        let (mut images, mut captions) = (Vec::new(), Vec::new());
        for it in changed {
            images.push(Vector {
                id: it.record.id.clone(),
                values: self.resolve(it.image, &images)?,
                metadata: self.labels().of_picture(&it.record),
                sparse_values: None,
            });
            let values = it.captions.unwrap_or_default();
            captions.extend(caption_vectors(self.labels(), &it.record, values));
            records.push(it.record);
            replaced.extend(it.replaced);
        }
        // Sorted by id, neighbours in an index are written together, and each page once.
        images.sort_by(|one, other| one.id.cmp(&other.id));
        captions.sort_by(|one, other| one.id.cmp(&other.id));
        records.sort_by(|one, other| one.id.cmp(&other.id));
        let touched = records.iter().chain(&replaced);
        self.catalogue
            .announce(self.key(), touched.map(|record| record.id.as_str()))?;
        self.check_texts(&records)?;
        self.index.upsert(IMAGES, &images)?;
        self.index.upsert(CAPTIONS, &captions)?;
        let gone = ids_without(replaced.iter().map(|old| old.id.clone()), &images);
        let stale = ids_without(replaced.iter().flat_map(caption_ids), &captions);
        self.index.delete(CAPTIONS, &Selection::Ids(stale))?;
        self.index.delete(IMAGES, &Selection::Ids(gone.clone()))?;
        let back: Vec<Record> = replaced.into_iter().filter(|old| old.missing).collect();
        let (images, captions) = ids_of(&back);
        self.index.delete(MISSING_IMAGES, &Selection::Ids(images))?;
        self.index
            .delete(MISSING_CAPTIONS, &Selection::Ids(captions))?;
        self.catalogue.replace_records(self.key(), &gone, &records)
    }

    /// Fails if another process changed the captions' text model before these captions were announced.
    fn check_texts(&self, records: &[Record]) -> Result<()> {
        if records.iter().all(|record| record.captions.is_empty()) {
            return Ok(());
        }
        let row = self.catalogue.collection(self.name())?;
        let own = self.model().text_fingerprint();
        match row {
            Some(row) if row.key == self.key() && row.model.text_fingerprint() != own => {
                Err(self.other_text_model())
            }
            _ => Ok(()),
        }
    }

    /// The image vector of a picture; `earlier` are those of the same batch.
    fn resolve(&self, image: Image, earlier: &[Vector]) -> Result<Vec<f32>> {
        let id = match image {
            Image::Vector(values) => return Ok(values),
            Image::CopyOf(id) => id,
            Image::Pixels(_) => unreachable!("pixels have been embedded"),
        };
        if let Some(vector) = earlier.iter().find(|vector| vector.id == id) {
            return Ok(vector.values.clone());
        }
        match self.index.fetch(IMAGES, &[id.as_str()])?.pop() {
            Some(vector) => Ok(vector.values),
            // Written by this run, and deleted by somebody since.
            None => Err(index::Error::VectorNotFound {
                index: self.name().to_owned(),
                namespace: IMAGES.to_owned(),
                id,
            }
            .into()),
        }
    }
}

/// One vector for each caption.
fn caption_vectors(
    labels: &Labels,
    record: &Record,
    values: Vec<Vec<f32>>,
) -> impl Iterator<Item = Vector> {
    let captions = record.captions.iter().zip(values).enumerate();
    captions.map(|(n, (caption, values))| Vector {
        id: caption_id(&record.id, n),
        values,
        metadata: labels.of_caption(record, caption),
        sparse_values: None,
    })
}

/// The ids that none of the vectors has.
fn ids_without(ids: impl Iterator<Item = String>, vectors: &[Vector]) -> Vec<String> {
    let written: HashSet<&str> = vectors.iter().map(|vector| vector.id.as_str()).collect();
    ids.filter(|id| !written.contains(id.as_str())).collect()
}
