//! Records whose files are missing or unreadable.
//!
//! A missing file may come back: a disk is mounted again, a folder is renamed back. A damaged file may be
//! restored. So the record stays, marked as missing, and its vectors move to namespaces that searches don't
//! read.

use std::collections::HashSet;
use std::path::{MAIN_SEPARATOR, Path};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::collection::{CAPTIONS, Collection, IMAGES, MISSING_CAPTIONS, MISSING_IMAGES, PAGE};
use crate::error::{Error, Result};
use crate::file_stamp::{FileStamp, is_gone, is_readable};
use crate::ingest::options::AddOptions;
use crate::ingest::report::IngestReport;
use crate::ingest::run::Run;
use crate::record::{Record, caption_ids, ids_of};

impl Collection<'_> {
    /// Whether the collection has a picture at `location`, missing or not.
    ///
    /// # Errors
    /// [`Error::Catalogue`] and
    /// [`Error::DamagedRecord`].
    pub fn has_location(&self, location: &str) -> Result<bool> {
        Ok(self.catalogue.record_at(self.key(), location)?.is_some())
    }

    /// Removes the pictures at `location`, below it, or named by it if it's a table; missing ones included.
    /// Returns their number. Files stay.
    ///
    /// # Errors
    /// [`Error::Lock`], [`Error::Deleted`],
    /// [`Error::Catalogue`], [`Error::DamagedRecord`]
    /// and [`Error::Index`].
    pub fn forget(&self, location: &str, options: &AddOptions<'_>) -> Result<usize> {
        let Some(_lock) = self.write_lock(options)? else {
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

    /// Removes the pictures that a table named first, unless another source names them too or an added folder
    /// holds them.
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
    /// [`Error::Catalogue`].
    pub fn sources(&self) -> Result<Vec<String>> {
        self.catalogue.sources(self.key())
    }

    /// Stores a text about the columns of a source, for [`Store::columns`](crate::Store::columns).
    ///
    /// # Errors
    /// [`Error::Catalogue`].
    pub fn keep_columns(&self, source: &str, columns: &str) -> Result<()> {
        self.catalogue.keep_columns(self.key(), source, columns)
    }

    /// The number of pictures that a source named first but that aren't `is_named` now. Leaves out missing
    /// pictures and those in an added folder.
    ///
    /// # Errors
    /// Those of `is_named`, [`Error::Catalogue`] and
    /// [`Error::DamagedRecord`].
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

    /// Removes the picture with this id. Returns whether it existed. Its file stays.
    ///
    /// # Errors
    /// As [`forget`](Self::forget).
    pub fn forget_id(&self, id: &str, options: &AddOptions<'_>) -> Result<bool> {
        let Some(_lock) = self.write_lock(options)? else {
            return Ok(false);
        };
        self.finish_interrupted()?;
        let record = self.catalogue.record(self.key(), id)?;
        Ok(self.remove(record.as_slice())? > 0)
    }

    /// Marks the records below `folder` as missing if their files are gone, or removes them with `prune`.
    /// Files that `run` has seen exist. Records that the folder excludes by now are counted as left, or
    /// removed with `prune`.
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
                    if removes_missing || !record.missing {
                        gone.push(record);
                    } else {
                        report.still_missing += 1;
                    }
                } else if is_of_folder(&record, folder) && (options.is_excluded)(&record.location) {
                    left.push(record);
                } else if is_unreadable(&record) {
                    unreadable.push(record);
                }
            }
            report.unreadable += self.mark_missing(unreadable)?;
            if removes_missing {
                report.removed += self.remove(&gone)?;
            } else {
                report.missing += self.mark_missing(gone)?;
            }
            if options.prune {
                report.removed += self.remove(&left)?;
            } else {
                report.left += left.len();
            }
        }
        Ok(())
    }

    /// Handles the pictures that a table, or another listing, no longer names according to `is_named`. Those
    /// whose file is gone are marked as missing. The others are counted as left, unless an added folder holds
    /// them. With `prune`, both are removed.
    ///
    /// # Errors
    /// Those of `is_named`, [`Error::Catalogue`],
    /// [`Error::DamagedRecord`] and [`Error::Index`].
    pub fn follow<E: From<Error>>(
        &self,
        source: &str,
        prune: bool,
        options: &AddOptions<'_>,
        mut is_named: impl FnMut(&Record) -> Result<bool, E>,
    ) -> Result<IngestReport, E> {
        let mut report = IngestReport::default();
        let Some(_lock) = self.write_lock(options)? else {
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

    /// Removes records and their vectors.
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

    /// Reconciles the engine and the catalogue after an interrupted run. Deletes vectors whose records were
    /// never written, and marks records whose vectors may have changed to be read again.
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

/// Whether a folder, or one inside it, named the record.
fn is_of_folder(record: &Record, folder: &str) -> bool {
    let is_within = |source: &str| source.starts_with(&below(folder)) && Path::new(source).is_dir();
    let source = record.source.as_deref();
    source.is_some_and(|source| source == folder || is_within(source))
}

/// Whether a record's file has changed and is no longer a readable picture.
fn is_unreadable(record: &Record) -> bool {
    let is_same = || FileStamp::of(record.path()).is_ok_and(|it| it.is_that_of(record.stamp));
    !record.missing && !is_same() && !is_readable(record.path())
}

/// The folder among `sources` that holds a record's file.
fn holder_of<'a>(record: &Record, sources: &'a [String]) -> Option<&'a str> {
    let mut sources = sources.iter().map(String::as_str);
    let holds = |source: &&str| record.location.starts_with(&below(source));
    sources.find(holds).filter(|_| record.file.is_none())
}

/// The prefix of all locations below a folder.
pub(crate) fn below(folder: &str) -> String {
    format!(
        "{}{MAIN_SEPARATOR}",
        folder.trim_end_matches(MAIN_SEPARATOR)
    )
}
