use std::sync::atomic::Ordering;

use serde::Serialize;

use crate::collection::Collection;
use crate::embedding::Embedding;
use crate::error::{Error, Result};
use crate::ingest::batch::{Change, ChangeKind, Image};
use crate::ingest::options::AddOptions;
use crate::ingest::report::Failure;
use crate::record::{Record, id_of_place};
use crate::stamp::is_gone;

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
    pub failed: usize,
    /// Whether it was stopped before the end.
    pub stopped: bool,
    /// Whether the engine, which keeps all that was written, may not find all of it yet.
    pub late: bool,
}

/// What a [`merge`](Collection::merge) tells while it runs.
#[derive(Clone, Copy, Debug)]
pub enum MergeEvent<'a> {
    /// A batch is on the disk; this is the report so far.
    Progress(&'a MergeReport),
    /// A picture could not be taken in.
    Failed(&'a Failure),
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
        mut progress: impl FnMut(MergeEvent<'_>),
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
            match self.taken_in(embedding, &mut file)? {
                TakenIn::Change(change) => batch.push(*change),
                TakenIn::Present => report.present += 1,
                TakenIn::Failed(failure) => {
                    report.failed += 1;
                    progress(MergeEvent::Failed(&failure));
                }
            }
            if batch.len() >= BATCH {
                report.added += batch.len();
                self.write_changed(std::mem::take(&mut batch))?;
                progress(MergeEvent::Progress(&report));
            }
            Ok::<_, E>(())
        })?;
        report.added += batch.len();
        self.write_changed(batch)?;
        report.incomplete = incomplete;
        report.late = !self.refresh()?;
        Ok(report)
    }

    /// What becomes of a picture of another collection.
    fn taken_in<E: From<Error>>(
        &self,
        embedding: Embedding,
        file: &mut impl FnMut(&str) -> Result<String, E>,
    ) -> Result<TakenIn, E> {
        let mut record: Record = embedding.record;
        if let Some(own) = self.catalogue.record_at(self.key(), &record.place)? {
            if let (true, Some(old)) = (is_gone(own.path()), &record.file) {
                // Its copy did not come to be the last time.
                file(old)?;
            }
            return Ok(TakenIn::Present);
        }
        if let Some(holder) = self.catalogue.place_of(self.key(), &record.id)? {
            let own = id_of_place(&record.place);
            if own == record.id || self.catalogue.place_of(self.key(), &own)?.is_some() {
                let failure = Failure::of_taken_id(record.place, &record.id, &holder);
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
}

/// What became of a picture of another collection.
enum TakenIn {
    Change(Box<Change>),
    Present,
    Failed(Failure),
}
