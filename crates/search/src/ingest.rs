use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use clip::Model;
use index::{Selection, Vector};
use picture::Limits;
use serde::Serialize;

use crate::catalogue::Turn;
use crate::collection::{CAPTIONS, Collection, IMAGES, MISSING_CAPTIONS, MISSING_IMAGES};
use crate::decoder::Decoder;
use crate::error::{Error, Result};
use crate::intake::Intake;
use crate::metadata;
use crate::missing::ids_of;
use crate::reader::{Batch, Change, Image, Prepared, Reader};
use crate::record::{NewRecord, Record, caption_id, caption_ids};
use crate::spent::{Seconds, Spent, Step};

/// How an [`add`](Collection::add) goes about it.
#[derive(Clone)]
pub struct AddOptions<'a> {
    /// What a picture may cost.
    pub limits: Limits,
    /// Folders of which the records are all there is: what the collection has below them besides, and
    /// whose file is gone, is marked as missing.
    pub folders: Vec<String>,
    /// Remove what is missing below these folders.
    pub prune: bool,
    /// Set by another thread to end soon: what has been read is still written.
    pub stop: &'a AtomicBool,
    /// Called if another process is adding to the collection, which is waited for.
    pub waiting: &'a (dyn Fn() + Sync),
}

impl Default for AddOptions<'_> {
    fn default() -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        AddOptions {
            limits: Limits::default(),
            folders: Vec::new(),
            prune: false,
            stop: &NEVER,
            waiting: &|| {},
        }
    }
}

/// What became of the pictures of an [`add`](Collection::add).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IngestReport {
    /// Pictures that were not in the collection.
    pub added: usize,
    /// Pictures whose file, captions or metadata had changed.
    pub updated: usize,
    /// Pictures that were at another place before.
    pub moved: usize,
    /// Pictures that were there already, just so.
    pub unchanged: usize,
    /// Pictures whose file is gone, found to be so this time.
    pub missing: usize,
    /// Pictures that were taken out because their file is gone.
    pub removed: usize,
    /// Pictures that could not be indexed.
    pub failed: Vec<Failure>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
    /// Whether the engine, which keeps all that was written, may not find all of it yet.
    pub late: bool,
    /// Where the time went.
    pub seconds: Seconds,
}

impl IngestReport {
    /// How many pictures have been dealt with.
    pub fn done(&self) -> usize {
        self.written() + self.unchanged + self.failed.len()
    }

    /// How many pictures have been written.
    pub fn written(&self) -> usize {
        self.added + self.updated + self.moved
    }

    /// Takes in what became of further pictures.
    pub fn join(&mut self, other: IngestReport) {
        self.added += other.added;
        self.updated += other.updated;
        self.moved += other.moved;
        self.unchanged += other.unchanged;
        self.missing += other.missing;
        self.removed += other.removed;
        self.failed.extend(other.failed);
        self.stopped |= other.stopped;
        self.late |= other.late;
        self.seconds += other.seconds;
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
    /// Reads, embeds and writes pictures and their captions, batch by batch: while one is written the
    /// next is embedded and the one after it read. `progress` sees the report after each.
    ///
    /// A picture that is there already, with the same bytes, captions and metadata, is left alone;
    /// one that was moved, renamed or copied is known by its content and not embedded again. A source
    /// that says nothing about a known picture (a folder has no captions) takes nothing away from it.
    ///
    /// What the report counts is on the disk. An interruption at any moment costs no more than what
    /// has been read and not yet written, a few batches; the same call goes on from there.
    pub fn add(
        &self,
        model: &Model,
        records: Vec<NewRecord>,
        options: &AddOptions<'_>,
        mut progress: impl FnMut(&IngestReport),
    ) -> Result<IngestReport> {
        self.accept_model(model)?;
        self.accept_texts(model)?;
        let mut report = IngestReport::default();
        let Some(_turn) = self.take_turn(options)? else {
            report.stopped = true;
            return Ok(report);
        };
        self.finish_interrupted()?;
        let intake = Intake::of(records);
        report.failed = intake.refused;
        let places: HashSet<String> = places(&intake.records);
        let spent = Spent::default();
        let reader = Reader {
            collection: self,
            limits: &options.limits,
            decoder: Decoder::new(model, &options.limits, &spent),
            ids: &intake.ids,
            places: &places,
            whole: self.is_whole()?,
            spent: &spent,
            given: HashMap::new(),
            displaced: HashMap::new(),
            fresh: HashMap::new(),
        };
        self.run(model, reader, intake.records, options.stop, |batch| {
            spent.on(Step::Writing, || self.write(batch, &mut report))?;
            progress(&report);
            Ok(())
        })?;
        for folder in &options.folders {
            self.sweep(folder, &places, options.prune, options.stop, &mut report)?;
        }
        if report.written() + report.missing + report.removed > 0 {
            report.late = !self.refresh()?;
        }
        report.stopped = options.stop.load(Ordering::Relaxed);
        report.seconds = spent.seconds();
        Ok(report)
    }

    pub(crate) fn take_turn(&self, options: &AddOptions<'_>) -> Result<Option<Turn>> {
        let turn = self
            .catalogue
            .turn(self.name(), options.stop, options.waiting)?;
        let now = self.catalogue.collection(self.name())?;
        match now.is_some_and(|now| now.key == self.key()) {
            true => Ok(turn),
            false => Err(Error::Deleted {
                collection: self.name().to_owned(),
            }),
        }
    }

    /// The three steps at once: one thread reads, one embeds, and this one writes. Between them there
    /// is room for one batch each, which bounds memory.
    fn run(
        &self,
        model: &Model,
        reader: Reader<'_>,
        records: Vec<NewRecord>,
        stop: &AtomicBool,
        mut write: impl FnMut(Batch) -> Result<()>,
    ) -> Result<()> {
        let spent = reader.spent;
        thread::scope(|scope| {
            let (read_in, read) = sync_channel(1);
            let (embedded_in, embedded) = sync_channel(1);
            let reading = scope.spawn(move || reader.read_all(records, &read_in, stop));
            let embedding = scope.spawn(move || embed_all(model, &read, &embedded_in, spent));
            let written = embedded.iter().try_for_each(&mut write);
            // Those who have failed have hung up; now the others see it and end.
            drop(embedded);
            let outcomes = [written, join(embedding), join(reading)];
            outcomes.into_iter().collect()
        })
    }

    /// Whether there are as many vectors as the catalogue has pictures and captions. If not,
    /// something was interrupted or deleted by hand.
    fn is_whole(&self) -> Result<bool> {
        let vectors = (self.index.count(IMAGES)?, self.index.count(CAPTIONS)?);
        Ok(vectors == self.catalogue.size(self.key())?)
    }

    /// Readies the engine for searches, so that the first need not; whether they find all that was written.
    pub(crate) fn refresh(&self) -> Result<bool> {
        self.index.refresh(IMAGES)?;
        self.index.refresh(CAPTIONS)?;
        Ok(self.index.settle(IMAGES)? && self.index.settle(CAPTIONS)?)
    }

    /// Vectors first, then the catalogue: a record is there when its vectors are. What is about to
    /// change is announced, so that an interruption in between can be made good.
    fn write(&self, batch: Batch, report: &mut IngestReport) -> Result<()> {
        for it in &batch.changed {
            match it.change {
                Change::Added => report.added += 1,
                Change::Updated => report.updated += 1,
                Change::Moved => report.moved += 1,
            }
        }
        if !batch.changed.is_empty() {
            self.write_changed(batch.changed)?;
        }
        if !batch.restamped.is_empty() {
            self.catalogue
                .replace_records(self.key(), &[], &batch.restamped)?;
        }
        report.unchanged += batch.unchanged + batch.restamped.len();
        report.failed.extend(batch.failed);
        Ok(())
    }

    pub(crate) fn write_changed(&self, changed: Vec<Prepared>) -> Result<()> {
        let (mut records, mut replaced) = (Vec::new(), Vec::new());
        let (mut images, mut captions) = (Vec::new(), Vec::new());
        for it in changed {
            images.push(Vector {
                id: it.record.id.clone(),
                values: self.resolve(it.image, &images)?,
                metadata: metadata::of_picture(&it.record),
                sparse_values: None,
            });
            captions.extend(caption_vectors(&it.record, it.captions.unwrap_or_default()));
            records.push(it.record);
            replaced.extend(it.replaced);
        }
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

    /// Refuses captions whose text model has been changed by another process before they were announced.
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

    /// The vector of a picture; `earlier` are those of the same batch.
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
            // Written by this run, and taken away by hand since.
            None => Err(index::Error::VectorNotFound {
                index: self.name().to_owned(),
                namespace: IMAGES.to_owned(),
                id,
            }
            .into()),
        }
    }
}

/// Embeds what the batches have of pixels and captions.
fn embed_all(
    model: &Model,
    batches: &Receiver<Batch>,
    embedded: &SyncSender<Batch>,
    spent: &Spent,
) -> Result<()> {
    for mut batch in batches {
        spent.on(Step::Encoding, || embed(model, &mut batch.changed))?;
        if embedded.send(batch).is_err() {
            // Whoever takes them has failed, and says why.
            break;
        }
    }
    Ok(())
}

fn embed(model: &Model, changed: &mut [Prepared]) -> Result<()> {
    let (mut pictures, mut pixels) = (Vec::new(), Vec::new());
    let (mut without, mut texts) = (Vec::new(), Vec::new());
    for it in changed {
        match std::mem::replace(&mut it.image, Image::Vector(Vec::new())) {
            Image::Pixels(taken) => {
                pixels.push(taken);
                pictures.push(&mut it.image);
            }
            known => it.image = known,
        }
        if it.captions.is_none() {
            without.push((&mut it.captions, it.record.captions.len()));
            texts.extend(it.record.captions.iter().map(String::as_str));
        }
    }
    for (image, values) in pictures.into_iter().zip(model.embed_pixels(&pixels)?) {
        *image = Image::Vector(values);
    }
    let mut embedded = model.embed_texts(&texts)?.into_iter();
    for (captions, count) in without {
        *captions = Some(embedded.by_ref().take(count).collect());
    }
    Ok(())
}

/// A vector a caption.
fn caption_vectors(record: &Record, values: Vec<Vec<f32>>) -> impl Iterator<Item = Vector> {
    let captions = record.captions.iter().zip(values).enumerate();
    captions.map(|(n, (caption, values))| Vector {
        id: caption_id(&record.id, n),
        values,
        metadata: metadata::of_caption(record, caption),
        sparse_values: None,
    })
}

fn places(records: &[NewRecord]) -> HashSet<String> {
    records.iter().map(|record| record.place.clone()).collect()
}

/// The ids that are not those of any of the vectors.
fn ids_without(ids: impl Iterator<Item = String>, vectors: &[Vector]) -> Vec<String> {
    let written: HashSet<&str> = vectors.iter().map(|vector| vector.id.as_str()).collect();
    ids.filter(|id| !written.contains(id.as_str())).collect()
}

/// What a thread came to; its panic goes on here.
fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
