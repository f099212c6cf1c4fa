//! Adding the pictures of a source.
//!
//! Records stream through four threads: one takes them from the source as they come ([`feed`]), one reads the files
//! and finds what has changed ([`reader`], [`decision`]), one computes vectors ([`encoder`]), and one writes
//! ([`writer`]), several batches at a time if they come fast ([`groups`]). What a run has to know of all its records is on
//! the disk ([`run`]), so that its memory is that of two groups of batches.

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
pub(crate) mod spent;
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
use self::spent::{Spent, Step};
use crate::catalogue::Turn;
use crate::collection::{CAPTIONS, Collection, IMAGES};
use crate::error::{Error, Result};
use crate::record::NewRecord;

impl Collection<'_> {
    /// Adds pictures and their captions as their records come. Batches of them are read, embedded and written, all at
    /// the same time; a batch waits at most a second for more records. Batches that come within half a second
    /// are written together, but for the first. `progress` is told when they are on the disk, and of each picture that
    /// failed.
    ///
    /// A picture that is there already, with the same bytes, captions and metadata, is left alone;
    /// one that was moved, renamed or copied is known by its content and not embedded again. What a source said
    /// before and no longer says is gone; what other sources said stays. An id that a source gave goes to another
    /// location when the source now gives it there, unless this call also names the picture that has it.
    ///
    /// `records` may have any length. Each location occurs once: the caller merges the rows about one picture. A second
    /// record of a location fails with the reason `repeated`, a second picture of an id with `id is taken`. Pictures may
    /// exchange their ids within one call, whatever the order of their records.
    ///
    /// `records` may block: it runs on a thread of its own. Nothing can interrupt it there. Once `options.stop` is set,
    /// this writes what has been read, and returns when `records` gives its next item or ends. So let it end, too, when
    /// `options.stop` is set.
    ///
    /// A picture of the collection whose file can't be read any more keeps its record and its vectors, but searches leave
    /// it out until it can be read again.
    ///
    /// What the report counts is on the disk. An interruption at any moment costs no more than what
    /// has been read and not yet written: a few batches, or some thousand pictures if these come that fast. The same
    /// call goes on from there.
    ///
    /// # Errors
    /// Those of `records`, after what came before has been written; [`Error::OtherModel`] and [`Error::OtherTextModel`];
    /// and those of the model, the catalogue and the engine.
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
        let Some(_turn) = self.take_turn(options)? else {
            report.stopped = true;
            return Ok(report);
        };
        self.finish_interrupted()?;
        let spent = Spent::default();
        let reader = self.reader(model, options, &spent)?;
        let run = self.run(model, reader, records, |mut batch| {
            let failed = std::mem::take(&mut batch.failed);
            spent.on(Step::Writing, || self.write(batch, &mut report))?;
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

    fn reader<'a>(
        &'a self,
        model: &'a Model,
        options: &'a AddOptions<'_>,
        spent: &'a Spent,
    ) -> Result<Reader<'a>> {
        Ok(Reader {
            content: ContentReader {
                collection: self,
                limits: &options.limits,
                decoder: Decoder::new(model, &options.limits, spent),
                spent,
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

    /// The steps at once: a thread each takes records, reads and embeds, and this one writes. Between reading and
    /// embedding there is room for one batch, between embedding and writing for a group, which bounds memory. Gives the
    /// notes of the run.
    fn run<E: From<Error> + Send>(
        &self,
        model: &Model,
        reader: Reader<'_>,
        records: impl Iterator<Item = Result<NewRecord, E>> + Send,
        mut write: impl FnMut(Batch) -> Result<()>,
    ) -> Result<Run, E> {
        let spent = reader.content.spent;
        thread::scope(|scope| {
            let (feeder, feed) = Feed::of(BATCH);
            let (read_in, read) = sync_channel(1);
            let (embedded_in, embedded) = Groups::of(self.batches_in_group());
            let feeding = scope.spawn(move || feeder.feed(records));
            let reading = scope.spawn(move || reader.read_all(&feed, &read_in));
            let embedding =
                scope.spawn(move || encoder::embed_all(model, &read, &embedded_in, spent));
            // Those who have failed have hung up. `embedded` is dropped with this line, so that the others see it and end.
            let written = embedded.into_iter().try_for_each(&mut write);
            let embedded = join(embedding);
            let run = join(reading);
            join(feeding);
            written?;
            embedded?;
            run
        })
    }

    /// How many batches are written together at most. After an interruption each of their pictures is looked up in the
    /// engine, which takes a request each where that is on another machine.
    fn batches_in_group(&self) -> usize {
        match self.engine() {
            EngineKind::Embedded => GROUP,
            EngineKind::Pinecone => 8,
        }
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
}

/// What a thread came to; its panic goes on here.
pub(crate) fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
