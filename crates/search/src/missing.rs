//! Records whose files are gone, or can't be read any more.
//!
//! A file that is gone may come back: a disk is plugged in again, a folder is renamed back. One that was damaged may be
//! restored. So its record stays, marked, and its vectors go to namespaces that searches do not see.

use std::collections::HashSet;
use std::path::{MAIN_SEPARATOR, Path};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::collection::{CAPTIONS, Collection, IMAGES, MISSING_CAPTIONS, MISSING_IMAGES};
use crate::error::{Error, Result};
use crate::ingest::options::AddOptions;
use crate::ingest::report::IngestReport;
use crate::ingest::run::Run;
use crate::record::{Record, caption_ids, ids_of};
use crate::stamp::{FileStamp, is_gone, is_readable};

/// Records taken from the catalogue at a time.
const PAGE: usize = 256;

impl Collection<'_> {
    /// Whether the picture at `location` is one of the collection's, missing or not.
    pub fn has_location(&self, location: &str) -> Result<bool> {
        Ok(self.catalogue.record_at(self.key(), location)?.is_some())
    }

    /// Takes out of the collection the picture at `location` and those below it, missing or not, and gives how
    /// many these were. Their files stay.
    pub fn forget(&self, location: &str, options: &AddOptions<'_>) -> Result<usize> {
        let Some(_turn) = self.take_turn(options)? else {
            return Ok(0);
        };
        self.finish_interrupted()?;
        let at = self.catalogue.record_at(self.key(), location)?;
        let mut forgotten = self.remove(at.as_slice())?;
        let start = below(location);
        while !options.stop.load(Ordering::Relaxed) {
            let page = self.catalogue.records_below(self.key(), &start, "", PAGE)?;
            if page.is_empty() {
                break;
            }
            forgotten += self.remove(&page)?;
        }
        Ok(forgotten + self.forget_source(location, options)?)
    }

    /// The same of the pictures that a table named first, unless another source says something of them or a folder that
    /// was added holds them.
    fn forget_source(&self, source: &str, options: &AddOptions<'_>) -> Result<usize> {
        let folders = self.catalogue.sources(self.key())?;
        let is_only_of = |record: &Record| {
            holder_of(record, &folders).is_none()
                && record.contributions.iter().all(|it| it.source == source)
        };
        let (mut forgotten, mut after) = (0, String::new());
        while !options.stop.load(Ordering::Relaxed) {
            let mut page = self
                .catalogue
                .records_of_source(self.key(), source, &after, PAGE)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.location);
            page.retain(is_only_of);
            forgotten += self.remove(&page)?;
        }
        Ok(forgotten)
    }

    /// The sources that named pictures of the collection.
    ///
    /// # Errors
    /// Those of the catalogue.
    pub fn sources(&self) -> Result<Vec<String>> {
        self.catalogue.sources(self.key())
    }

    /// Keeps a text about the columns of a source, for [`Store::columns`](crate::Store::columns).
    ///
    /// # Errors
    /// Those of the catalogue.
    pub fn keep_columns(&self, source: &str, columns: &str) -> Result<()> {
        self.catalogue.keep_columns(self.key(), source, columns)
    }

    /// How many pictures a source named first that are not `is_named`, nor missing, nor below a folder that was added.
    ///
    /// # Errors
    /// Those of `is_named` and of the catalogue.
    pub fn count_of_source<E: From<Error>>(
        &self,
        source: &str,
        stop: &AtomicBool,
        mut is_named: impl FnMut(&Record) -> Result<bool, E>,
    ) -> Result<u64, E> {
        let folders = self.catalogue.sources(self.key())?;
        let (mut count, mut after) = (0, String::new());
        while !stop.load(Ordering::Relaxed) {
            let catalogue = self.catalogue;
            let page = catalogue.records_of_source(self.key(), source, &after, PAGE)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.location);
            for record in page {
                let is_its = !record.missing
                    && record.location != source
                    && holder_of(&record, &folders).is_none();
                count += u64::from(is_its && !is_named(&record)?);
            }
        }
        Ok(count)
    }

    /// Takes the picture with that id out of the collection, if there is one. Its file stays.
    pub fn forget_id(&self, id: &str, options: &AddOptions<'_>) -> Result<bool> {
        let Some(_turn) = self.take_turn(options)? else {
            return Ok(false);
        };
        self.finish_interrupted()?;
        let record = self.catalogue.record(self.key(), id)?;
        Ok(self.remove(record.as_slice())? > 0)
    }

    /// Marks the records below `folder` whose files are gone, or with `prune` removes them. Those that
    /// `run` has seen are known to be there. Those that the folder no longer yields, as they are excluded, are
    /// counted as left, or with `prune` removed too.
    pub(crate) fn sweep(
        &self,
        folder: &str,
        run: &Run,
        options: &AddOptions<'_>,
        report: &mut IngestReport,
    ) -> Result<()> {
        let start = below(folder);
        let removes_missing = options.prune && !options.keep_missing;
        let mut after = String::new();
        while !options.stop.load(Ordering::Relaxed) {
            let page = self
                .catalogue
                .records_below(self.key(), &start, &after, PAGE)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.location);
            let (mut gone, mut left, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
            for record in page {
                if run.has_seen(&record.location)? {
                } else if is_gone(record.path()) {
                    match removes_missing || !record.missing {
                        true => gone.push(record),
                        false => report.still_missing += 1,
                    }
                } else if is_of_folder(&record, folder) && (options.is_excluded)(&record.location) {
                    left.push(record);
                } else if is_unreadable(&record) {
                    unreadable.push(record);
                }
            }
            report.unreadable += self.mark_missing(unreadable)?;
            match removes_missing {
                true => report.removed += self.remove(&gone)?,
                false => report.missing += self.mark_missing(gone)?,
            }
            match options.prune {
                true => report.removed += self.remove(&left)?,
                false => report.left += left.len(),
            }
        }
        Ok(())
    }

    /// Looks for pictures of a table, or of another source that lists its pictures, that it no longer names: `is_named`
    /// says which it does. Those whose file is gone are marked as missing. The others are counted as left, unless a
    /// folder that was added holds them: then they are that folder's. With `prune`, both are removed.
    ///
    /// # Errors
    /// Those of `is_named`, of the catalogue and of the engine.
    pub fn follow<E: From<Error>>(
        &self,
        source: &str,
        prune: bool,
        options: &AddOptions<'_>,
        mut is_named: impl FnMut(&Record) -> Result<bool, E>,
    ) -> Result<IngestReport, E> {
        let mut report = IngestReport::default();
        let Some(_turn) = self.take_turn(options)? else {
            report.stopped = true;
            return Ok(report);
        };
        let folders = self.catalogue.sources(self.key())?;
        let mut after = String::new();
        while !options.stop.load(Ordering::Relaxed) {
            let catalogue = self.catalogue;
            let page = catalogue.records_of_source(self.key(), source, &after, PAGE)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.location);
            let (mut gone, mut left, mut kept) = (Vec::new(), Vec::new(), Vec::new());
            for record in page {
                if is_named(&record)? {
                } else if record.file.is_none() && is_gone(record.path()) {
                    gone.extend(Some(record).filter(|it| prune || !it.missing));
                } else if let Some(folder) = holder_of(&record, &folders) {
                    let source = Some(folder.to_owned());
                    kept.push(Record { source, ..record });
                } else {
                    left.push(record);
                }
            }
            catalogue.replace_records(self.key(), &[], &kept)?;
            if prune {
                gone.append(&mut left);
                report.removed += self.remove(&gone)?;
            } else {
                report.missing += self.mark_missing(gone)?;
                report.left += left.len();
            }
        }
        if report.missing + report.removed > 0 {
            report.late = !self.refresh()?;
        }
        report.stopped = options.stop.load(Ordering::Relaxed);
        Ok(report)
    }

    pub(crate) fn mark_missing(&self, records: Vec<Record>) -> Result<usize> {
        self.announce(&records)?;
        let (images, captions) = ids_of(&records);
        self.transfer(IMAGES, MISSING_IMAGES, images)?;
        self.transfer(CAPTIONS, MISSING_CAPTIONS, captions)?;
        let mark = |record| Record {
            missing: true,
            ..record
        };
        let records: Vec<Record> = records.into_iter().map(mark).collect();
        self.catalogue.replace_records(self.key(), &[], &records)?;
        Ok(records.len())
    }

    /// Takes records and their vectors out of the collection.
    pub(crate) fn remove(&self, records: &[Record]) -> Result<usize> {
        self.announce(records)?;
        let (images, captions) = ids_of(records);
        self.delete_vectors(images.clone(), captions)?;
        self.catalogue.replace_records(self.key(), &images, &[])?;
        Ok(records.len())
    }

    fn announce(&self, records: &[Record]) -> Result<()> {
        let ids = records.iter().map(|record| record.id.as_str());
        self.catalogue.announce(self.key(), ids)
    }

    /// Brings order to what an interrupted run left between the engine and the catalogue: vectors of
    /// records that were never written go, and records whose vectors may be other than they were are
    /// to be read again.
    pub(crate) fn finish_interrupted(&self) -> Result<()> {
        let unfinished = self.catalogue.unfinished(self.key())?;
        if unfinished.is_empty() {
            return Ok(());
        }
        let mut uncertain = Vec::new();
        let (mut images, mut captions) = (Vec::new(), Vec::new());
        for id in unfinished {
            let record = self.catalogue.record(self.key(), &id)?;
            let kept: HashSet<String> = record.iter().flat_map(caption_ids).collect();
            for namespace in [CAPTIONS, MISSING_CAPTIONS] {
                let all = self
                    .index
                    .list(namespace, &format!("{id}#"), usize::MAX, None)?;
                captions.extend(
                    all.items
                        .into_iter()
                        .filter(|caption| !kept.contains(caption)),
                );
            }
            match record {
                None => images.push(id),
                Some(record) => uncertain.push(Record {
                    hash: String::new(),
                    ..record
                }),
            }
        }
        self.delete_vectors(images, captions)?;
        self.catalogue.replace_records(self.key(), &[], &uncertain)
    }
}

/// Whether a record was named by a folder, or by another folder in it.
fn is_of_folder(record: &Record, folder: &str) -> bool {
    let is_within = |source: &str| source.starts_with(&below(folder)) && Path::new(source).is_dir();
    let source = record.source.as_deref();
    source.is_some_and(|source| source == folder || is_within(source))
}

/// Whether a record's file is no longer the one that was indexed, and no picture at all.
fn is_unreadable(record: &Record) -> bool {
    let is_same = || FileStamp::of(record.path()).is_ok_and(|it| it.is_that_of(record.stamp));
    !record.missing && !is_same() && !is_readable(record.path())
}

/// The folder among some sources that holds a record's file.
fn holder_of<'a>(record: &Record, sources: &'a [String]) -> Option<&'a str> {
    let mut sources = sources.iter().map(String::as_str);
    let holds = |source: &&str| record.location.starts_with(&below(source));
    sources.find(holds).filter(|_| record.file.is_none())
}

/// What the locations below a folder begin with.
pub(crate) fn below(folder: &str) -> String {
    format!(
        "{}{MAIN_SEPARATOR}",
        folder.trim_end_matches(MAIN_SEPARATOR)
    )
}
