//! Adding the pictures of a source.
//!
//! Records stream through four threads. The first takes them from the source ([`feed`]). The second reads the
//! files and finds what has changed ([`reader`], [`decision`]). The third computes vectors ([`encoder`]). The
//! fourth writes ([`writer`]), several batches at once if they come fast ([`groups`]). State about all
//! records of the run is on disk ([`run`]), so memory is bounded by two groups of batches.

pub(crate) mod batch;
pub(crate) mod budget;
mod content;
mod decision;
pub(crate) mod decoder;
mod encoder;
mod feed;
mod groups;
pub(crate) mod options;
mod reader;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod step_times;
mod trouble;
mod writer;

use std::panic::resume_unwind;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::thread::{self, ScopedJoinHandle};

use clip::Model;
use index::EngineKind;

use self::batch::{BATCH, Batch, Fresh, GROUP};
use self::content::ContentReader;
use self::decision::Decider;
use self::decoder::Decoder;
use self::feed::Feed;
use self::groups::Groups;
use self::options::AddOptions;
use self::reader::Reader;
use self::report::{AddEvent, IngestReport};
use self::run::Run;
use self::step_times::{Step, StepTimes};
use crate::catalogue::WriteLock;
use crate::collection::{CAPTIONS, Collection, IMAGES};
use crate::error::{Error, Result};
use crate::record::NewRecord;

impl Collection<'_> {
    /// Adds pictures and their captions as their records arrive. Batches are read, embedded and written in
    /// parallel.
    ///
    /// A batch waits at most a second for more records. Batches that arrive within half a second are written
    /// together, except the first. `progress` gets an event when a group is on the disk, and for each picture
    /// that failed.
    ///
    /// An unchanged picture (same bytes, captions and metadata) is skipped. A moved, renamed or copied
    /// picture is recognised by its content and not embedded again. What a source said before and no longer
    /// says is removed; what other sources said stays. An id given by a source moves to another location if
    /// the source now gives it there, unless this call also names the picture that has it.
    ///
    /// `records` may have any length. Each location occurs once: the caller merges the rows about one
    /// picture. A second record of a location fails with the reason `repeated`, a second picture of an id
    /// with `id is taken`. Pictures may exchange their ids within one call, in any order.
    ///
    /// `records` may block: it runs on its own thread, where nothing can interrupt it. Once `options.stop` is
    /// set, `add` writes what has been read, and returns when `records` yields its next item or ends. So it
    /// should end when `options.stop` is set.
    ///
    /// A picture whose file is no longer readable keeps its record and vectors, but searches leave it out
    /// until it's readable again.
    ///
    /// Everything the report counts is on the disk. An interruption loses only what was read but not yet
    /// written: a few batches, or some thousand pictures if they come fast. The same call continues from
    /// there.
    ///
    /// # Errors
    /// Those of `records`, after the records before were written; [`Error::OtherModel`],
    /// [`Error::OtherPrecision`] and [`Error::OtherTextModel`] if `model` isn't the collection's;
    /// [`Error::Clip`] if the model fails; [`Error::Lock`], [`Error::Deleted`], [`Error::Notes`],
    /// [`Error::Catalogue`], [`Error::DamagedRecord`] and [`Error::Index`].
    pub fn add<E: From<Error> + Send>(
        &self,
        model: &Model,
        records: impl Iterator<Item = Result<NewRecord, E>> + Send,
        options: &AddOptions<'_>,
        mut progress: impl FnMut(AddEvent<'_>),
    ) -> Result<IngestReport, E> {
        self.accept_model(model)?;
        self.accept_texts(model)?;
        let mut report = IngestReport::default();
        let Some(_lock) = self.write_lock(options)? else {
            report.stopped = true;
            return Ok(report);
        };
        self.finish_interrupted()?;
        let times = StepTimes::default();
        let reader = self.reader(model, options, &times)?;
        let run = self.run(model, reader, records, |mut batch| {
            let failed = std::mem::take(&mut batch.failed);
            times.on(Step::Writing, || self.write(batch, &mut report))?;
            for failure in &failed {
                report.count(failure);
                progress(AddEvent::Failed(failure));
            }
            progress(AddEvent::Progress(&report));
            Ok(())
        })?;
        for folder in &options.folders {
            self.sweep(folder, &run, options, &mut report)?;
        }
        if report.has_changes() {
            report.late = !self.refresh()?;
        }
        report.stopped = options.stop.load(Ordering::Relaxed);
        report.seconds = times.seconds();
        Ok(report)
    }

    pub(crate) fn write_lock(&self, options: &AddOptions<'_>) -> Result<Option<WriteLock>> {
        let lock = self
            .catalogue
            .write_lock(self.name(), options.stop, options.waiting)?;
        let now = self.catalogue.collection(self.name())?;
        if now.is_some_and(|now| now.key == self.key()) {
            Ok(lock)
        } else {
            Err(Error::Deleted {
                collection: self.name().to_owned(),
            })
        }
    }

    fn reader<'a>(
        &'a self,
        model: &'a Model,
        options: &'a AddOptions<'_>,
        times: &'a StepTimes,
    ) -> Result<Reader<'a>> {
        Ok(Reader {
            content: ContentReader {
                collection: self,
                limits: &options.limits,
                decoder: Decoder::new(model, &options.limits, times),
                times,
            },
            decider: Decider {
                collection: self,
                whole: self.is_whole()?,
                run: Run::begin()?,
                fresh: Fresh::default(),
            },
            stop: options.stop,
        })
    }

    /// Runs the steps in parallel: one thread each takes records, reads and embeds, and this one writes. The
    /// channel to embedding holds one batch and the channel to writing one group, which bounds memory.
    /// Returns the notes of the run.
    fn run<E: From<Error> + Send>(
        &self,
        model: &Model,
        reader: Reader<'_>,
        records: impl Iterator<Item = Result<NewRecord, E>> + Send,
        mut write: impl FnMut(Batch) -> Result<()>,
    ) -> Result<Run, E> {
        let times = reader.content.times;
        thread::scope(|scope| {
            let (feeder, feed) = Feed::of(BATCH);
            let (read_in, read) = sync_channel(1);
            let (embedded_in, embedded) = Groups::of(self.batches_in_group());
            let feeding = scope.spawn(move || feeder.feed(records));
            let reading = scope.spawn(move || reader.read_all(&feed, &read_in));
            let embedding =
                scope.spawn(move || encoder::embed_all(model, &read, &embedded_in, times));
            // A failed thread closes its channel. This line drops `embedded`, so that the others see it and
            // end.
            let written = embedded.into_iter().try_for_each(&mut write);
            let embedded = join(embedding);
            let run = join(reading);
            join(feeding);
            written?;
            embedded?;
            run
        })
    }

    /// The maximum number of batches written together. After an interruption, each of their pictures is
    /// looked up in the engine, which costs a request each on a remote one.
    fn batches_in_group(&self) -> usize {
        match self.engine() {
            EngineKind::Embedded => GROUP,
            EngineKind::Pinecone => 8,
        }
    }

    /// Whether there are as many vectors as the catalogue has pictures and captions. If not, a run was
    /// interrupted or somebody deleted vectors.
    fn is_whole(&self) -> Result<bool> {
        let vectors = (self.index.count(IMAGES)?, self.index.count(CAPTIONS)?);
        Ok(vectors == self.catalogue.size(self.key())?)
    }

    /// Prepares the engine for searches, so that the first isn't slow. Returns whether they find everything
    /// written.
    pub(crate) fn refresh(&self) -> Result<bool> {
        self.index.refresh(IMAGES)?;
        self.index.refresh(CAPTIONS)?;
        Ok(self.index.settle(IMAGES)? && self.index.settle(CAPTIONS)?)
    }
}

/// Returns the result of a thread, or resumes its panic.
pub(crate) fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
