use std::sync::atomic::Ordering;

use serde::Serialize;

use crate::collection::Collection;
use crate::embedding::Embedding;
use crate::error::{Error, Result};
use crate::ingest::{AddOptions, Failure};
use crate::reader::{Change, Image, Prepared, is_gone};
use crate::record::{Record, id_of_place};

/// So many pictures are written at a time.
const BATCH: usize = 256;

/// What became of the pictures of a collection that was merged into another.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MergeReport {
    /// Pictures that the other collection now has, too.
    pub added: usize,
    /// Pictures of which it had one at the same place.
    pub present: usize,
    /// Pictures without vectors: adding their source again gives them theirs.
    pub incomplete: usize,
    /// Pictures whose id another picture has, and that cannot have one of their own.
    pub failed: Vec<Failure>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
    /// Whether the engine, which keeps all that was written, may not find all of it yet.
    pub late: bool,
}

impl Collection<'_> {
    /// Takes in the pictures of `other`, with their vectors: nothing is read or embedded. What this
    /// collection has at the same place stays as it is. `file` says where the file of a picture of a URL is
    /// from now on.
    ///
    /// # Errors
    /// When `other` was made by another model, and what `file` fails with.
    pub fn merge<E: From<Error>>(
        &self,
        other: &Collection<'_>,
        options: &AddOptions<'_>,
        mut file: impl FnMut(&str) -> Result<String, E>,
        mut progress: impl FnMut(&MergeReport),
    ) -> Result<MergeReport, E> {
        self.accept(other.model())?;
        if self.model().text_fingerprint() != other.model().text_fingerprint() {
            return Err(self.other_text_model().into());
        }
        let mut report = MergeReport::default();
        let Some(_turn) = self.take_turn(options)? else {
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
            batch.extend(self.prepared(embedding, &mut file, &mut report)?);
            if batch.len() >= BATCH {
                report.added += batch.len();
                self.write_changed(std::mem::take(&mut batch))?;
                progress(&report);
            }
            Ok::<_, E>(())
        })?;
        report.added += batch.len();
        self.write_changed(batch)?;
        report.incomplete = incomplete;
        report.late = !self.refresh()?;
        Ok(report)
    }

    /// What is to be written of a picture of another collection.
    fn prepared<E: From<Error>>(
        &self,
        embedding: Embedding,
        file: &mut impl FnMut(&str) -> Result<String, E>,
        report: &mut MergeReport,
    ) -> Result<Option<Prepared>, E> {
        let mut record: Record = embedding.record;
        if let Some(own) = self.catalogue.record_at(self.key(), &record.place)? {
            report.present += 1;
            if let (true, Some(old)) = (is_gone(own.path()), &record.file) {
                // Its copy did not come to be the last time.
                file(old)?;
            }
            return Ok(None);
        }
        if let Some(holder) = self.catalogue.record(self.key(), &record.id)? {
            let own = id_of_place(&record.place);
            if own == record.id || self.catalogue.record(self.key(), &own)?.is_some() {
                let failure = Failure::of_taken_id(record.place, &record.id, &holder.place);
                report.failed.push(failure);
                return Ok(None);
            }
            record.id = own;
        }
        if let Some(old) = &record.file {
            record.file = Some(file(old)?);
        }
        Ok(Some(Prepared {
            record,
            image: Image::Vector(embedding.image),
            captions: Some(embedding.captions),
            change: Change::Added,
            replaced: Vec::new(),
        }))
    }
}
