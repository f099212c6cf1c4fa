use std::sync::atomic::Ordering;

use serde::Serialize;

use crate::collection::Collection;
use crate::embedding::Embedding;
use crate::error::{Error, Result};
use crate::file_stamp::is_gone;
use crate::ingest::batch::{Change, ChangeKind, Image};
use crate::ingest::options::AddOptions;
use crate::ingest::report::Failure;
use crate::record::{Record, id_of_location};

/// Pictures written at a time.
const BATCH: usize = 256;

/// The result of merging a collection into another.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MergeReport {
    /// Pictures added to this collection.
    pub added: usize,
    /// Pictures that this collection already had at the same location, without anything new.
    pub present: usize,
    /// Pictures that this collection already had at the same location and that got captions or metadata.
    pub completed: usize,
    /// Pictures without vectors. Adding their source again embeds them.
    pub incomplete: usize,
    /// Pictures whose id is taken and that can't get another.
    pub failed: usize,
    /// Whether the merge was stopped early.
    pub stopped: bool,
    /// Whether the engine may not find all written vectors yet.
    pub late: bool,
}

/// An event of a running [`merge`](Collection::merge).
#[derive(Clone, Copy, Debug)]
pub enum MergeEvent<'a> {
    /// A batch is on the disk. This is the report so far.
    Progress(&'a MergeReport),
    /// A picture couldn't be merged.
    Failed(&'a Failure),
}

impl Collection<'_> {
    /// Merges the pictures of `other` with their vectors, without reading or embedding files.
    ///
    /// A picture that this collection has at the same location stays, and gets the captions and metadata that
    /// it lacks. `file` returns the new path of the downloaded file of a URL.
    ///
    /// # Errors
    /// [`Error::OtherModel`], [`Error::OtherPrecision`] and [`Error::OtherTextModel`] if `other` has another
    /// model; those of `file`; [`Error::Lock`], [`Error::Deleted`], [`Error::Catalogue`],
    /// [`Error::DamagedRecord`] and [`Error::Index`].
    pub fn merge<E: From<Error>>(
        &self,
        other: &Collection<'_>,
        options: &AddOptions<'_>,
        mut file: impl FnMut(&str) -> Result<String, E>,
        mut progress: impl FnMut(MergeEvent<'_>),
    ) -> Result<MergeReport, E> {
        self.accept(other.model())?;
        if self.model().text_fingerprint() != other.model().text_fingerprint() {
            return Err(self.other_text_model().into());
        }
        let mut report = MergeReport::default();
        let Some(_lock) = self.write_lock(options)? else {
            report.stopped = true;
            return Ok(report);
        };
        self.finish_interrupted()?;
        let mut batch = Vec::new();
        let incomplete = other.export(|embedding| {
            report.stopped = options.stop.load(Ordering::Relaxed);
            if report.stopped {
                return Ok(());
            }
            match self.taken_in(embedding, &mut file)? {
                TakenIn::Change(change) => {
                    report.added += 1;
                    batch.push(*change);
                }
                TakenIn::Present => report.present += 1,
                TakenIn::Completed(change) => {
                    report.completed += 1;
                    batch.push(*change);
                }
                TakenIn::Failed(failure) => {
                    report.failed += 1;
                    progress(MergeEvent::Failed(&failure));
                }
            }
            if batch.len() >= BATCH {
                self.write_merged(std::mem::take(&mut batch))?;
                progress(MergeEvent::Progress(&report));
            }
            Ok::<_, E>(())
        })?;
        self.write_merged(batch)?;
        report.incomplete = incomplete;
        report.late = !self.refresh()?;
        Ok(report)
    }

    /// Merges one picture of another collection.
    fn taken_in<E: From<Error>>(
        &self,
        embedding: Embedding,
        file: &mut impl FnMut(&str) -> Result<String, E>,
    ) -> Result<TakenIn, E> {
        let mut record: Record = embedding.record;
        if let Some(own) = self.catalogue.record_at(self.key(), &record.location)? {
            if let (true, Some(old)) = (is_gone(own.path()), &record.file) {
                // Its copy failed last time.
                file(old)?;
            }
            return Ok(self.completed(own, record, embedding.captions)?);
        }
        if let Some(holder) = self.catalogue.location_of(self.key(), &record.id)? {
            let own = id_of_location(&record.location);
            if own == record.id || self.catalogue.location_of(self.key(), &own)?.is_some() {
                let failure = Failure::of_taken_id(record.location, &record.id, &holder);
                return Ok(TakenIn::Failed(failure));
            }
            record.id = own;
        }
        if let Some(old) = &record.file {
            record.file = Some(file(old)?);
        }
        Ok(TakenIn::Change(Box::new(Change {
            record,
            image: Image::Vector(embedding.image),
            captions: Some(embedding.captions),
            kind: ChangeKind::Added,
            replaced: Vec::new(),
        })))
    }

    /// Adds to a picture of this collection what the other collection's record has. `values` are the vectors
    /// of the other record's captions.
    fn completed(&self, own: Record, other: Record, values: Vec<Vec<f32>>) -> Result<TakenIn> {
        let mut record = own.clone();
        for (key, value) in other.metadata {
            record.metadata.entry(key).or_insert(value);
        }
        let mut further = Vec::new();
        for (caption, values) in other.captions.into_iter().zip(values) {
            if !record.captions.contains(&caption) {
                record.captions.push(caption);
                further.push(values);
            }
        }
        if record == own {
            return Ok(TakenIn::Present);
        }
        let vectors = (self.image_values(&own)?, self.caption_values(&own)?);
        let (Some(image), Some(mut captions)) = vectors else {
            // Its own source embeds it again.
            return Ok(TakenIn::Present);
        };
        if let Err(error) = self.labels().check(&record) {
            return Ok(TakenIn::Failed(Failure::of_metadata(
                record.location,
                &error,
            )));
        }
        captions.append(&mut further);
        Ok(TakenIn::Completed(Box::new(Change {
            record,
            image: Image::Vector(image),
            captions: Some(captions),
            kind: ChangeKind::Updated,
            replaced: vec![own],
        })))
    }

    /// Writes changes. Missing pictures stay missing.
    fn write_merged(&self, changed: Vec<Change>) -> Result<()> {
        let missing = changed.iter().map(|change| &change.record);
        let missing: Vec<Record> = missing.filter(|it| it.missing).cloned().collect();
        self.write_changed(changed)?;
        self.mark_missing(missing).map(drop)
    }
}

/// The result of merging one picture.
enum TakenIn {
    Change(Box<Change>),
    Present,
    Completed(Box<Change>),
    Failed(Failure),
}
