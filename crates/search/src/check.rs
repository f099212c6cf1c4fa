//! Checks that a collection is consistent: every record has its vectors, every vector has its record, and
//! every file exists unchanged.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use picture::{ContentHash, Limits};
use serde::Serialize;

use crate::collection::{CAPTIONS, Collection, MISSING_CAPTIONS, MISSING_IMAGES, NAMESPACES, PAGE};
use crate::error::Result;
use crate::file_stamp::{FileStamp, is_gone, is_readable};
use crate::ingest::options::AddOptions;
use crate::record::{Record, caption_ids, record_of_caption};

/// The records that are already known to be damaged or unfinished.
struct Known {
    unfinished: HashSet<String>,
    damaged: HashSet<String>,
}

/// The options of a [`check`](Collection::check).
#[derive(Clone, Copy)]
pub struct CheckOptions<'a> {
    /// Whether to read every file and compare its bytes with the indexed ones.
    pub read: bool,
    /// Whether to repair what can be repaired.
    pub repair: bool,
    /// Set by another thread to stop early.
    pub stop: &'a AtomicBool,
    /// Called once if the check has to wait for another process that holds the write lock.
    pub waiting: &'a (dyn Fn() + Sync),
}

/// The result of a [`check`](Collection::check).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CheckReport {
    /// The number of checked records.
    pub pictures: usize,
    /// Records marked as missing.
    pub missing: usize,
    /// Missing records whose files exist but are unreadable.
    pub unreadable: usize,
    /// Records whose `add` was interrupted, or whose repair needs them embedded again. The next `add` does
    /// both.
    pub unfinished: usize,
    /// Files that changed since they were indexed, or came back. The next `add` updates them.
    pub changed: Vec<String>,
    /// The faults found.
    pub faults: Vec<Fault>,
    /// How many faults were repaired.
    pub repaired: usize,
    /// Whether the check was stopped early.
    pub stopped: bool,
}

impl CheckReport {
    /// Whether all faults were repaired.
    pub fn is_clean(&self) -> bool {
        self.faults.len() == self.repaired
    }
}

/// A fault of a collection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// The picture's location, or the vector's id.
    pub subject: String,
    /// The kind of fault.
    pub kind: FaultKind,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The picture's file is gone, but the record isn't marked as missing. A repair marks it.
    FileGone,
    /// The picture's file exists but is unreadable, and the record isn't marked as missing. A repair marks
    /// it.
    Unreadable,
    /// The picture lacks its vector or caption vectors. After a repair, the next `add` of its source embeds
    /// it again.
    NoVectors,
    /// A vector belongs to no picture. A repair deletes it.
    NoRecord,
    /// A stored vector is damaged. A repair deletes it, and the next `add` of its source embeds the picture
    /// again.
    DamagedVector,
    /// The derived files that searches read disagree with the stored vectors. A repair rebuilds them.
    StaleFiles,
    /// SQLite reports a damaged database. Only a backup of the store, or a new one, helps.
    DamagedDatabase,
}

impl FaultKind {
    /// A description of the fault.
    pub fn describe(self) -> &'static str {
        match self {
            FaultKind::FileGone => "the file is gone",
            FaultKind::Unreadable => "the file is no longer readable as a picture",
            FaultKind::NoVectors => "vectors are missing",
            FaultKind::NoRecord => "the vector belongs to no picture",
            FaultKind::DamagedVector => "the vector is damaged",
            FaultKind::StaleFiles => "the search files do not match the stored vectors",
            FaultKind::DamagedDatabase => "the database is damaged",
        }
    }

    /// What a repair does.
    pub fn remedy(self) -> &'static str {
        match self {
            FaultKind::FileGone => "marked as missing",
            FaultKind::Unreadable => "left out of searches until it is readable",
            FaultKind::NoVectors => "embedded again when its source is added again",
            FaultKind::NoRecord => "deleted",
            FaultKind::DamagedVector => "deleted, embedded again when its source is added again",
            FaultKind::StaleFiles => "rebuilt",
            FaultKind::DamagedDatabase => {
                "not repairable: restore a backup of the store, or create a new one"
            }
        }
    }
}

impl Collection<'_> {
    /// Checks every record and every vector. `progress` gets the number of checked records.
    ///
    /// # Errors
    /// [`Error::Lock`](crate::Error::Lock), except on a read-only store that isn't repaired;
    /// [`Error::Deleted`](crate::Error::Deleted), [`Error::Catalogue`](crate::Error::Catalogue),
    /// [`Error::DamagedRecord`](crate::Error::DamagedRecord) and [`Error::Index`](crate::Error::Index).
    pub fn check(
        &self,
        options: &CheckOptions<'_>,
        mut progress: impl FnMut(usize),
    ) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        // A write in progress would look like a fault. A read-only store has none.
        let lock_options = AddOptions {
            stop: options.stop,
            waiting: options.waiting,
            ..AddOptions::default()
        };
        let _lock = match self.write_lock(&lock_options) {
            Ok(None) => {
                report.stopped = true;
                return Ok(report);
            }
            Err(error) if options.repair || !error.is_read_only() => return Err(error),
            lock => lock,
        };
        if options.repair {
            self.finish_interrupted()?;
        }
        self.check_databases(&mut report)?;
        let damaged = self.check_engine(options, &mut report)?;
        let unfinished: HashSet<String> =
            self.catalogue.unfinished(self.key())?.into_iter().collect();
        report.unfinished = unfinished.len();
        let known = Known {
            unfinished,
            damaged,
        };
        self.check_records(options, &known, &mut report, &mut progress)?;
        for namespace in NAMESPACES {
            self.check_vectors(namespace, options, &known.unfinished, &mut report)?;
        }
        report.stopped = options.stop.load(Ordering::Relaxed);
        Ok(report)
    }

    fn check_databases(&self, report: &mut CheckReport) -> Result<()> {
        let of_engine = match self.index.embedded() {
            Some(index) => index.check_database()?,
            None => Vec::new(),
        };
        let lines = [self.catalogue.check()?, of_engine].concat();
        report.faults.extend(lines.into_iter().map(|subject| Fault {
            subject,
            kind: FaultKind::DamagedDatabase,
        }));
        Ok(())
    }

    /// Lets a local engine check, and repair, its own data. Returns the records whose vectors are or were
    /// damaged.
    fn check_engine(
        &self,
        options: &CheckOptions<'_>,
        report: &mut CheckReport,
    ) -> Result<HashSet<String>> {
        let mut owners = HashSet::new();
        let Some(index) = self.index.embedded() else {
            return Ok(owners);
        };
        for namespace in NAMESPACES {
            if options.stop.load(Ordering::Relaxed) {
                break;
            }
            let found = if options.repair {
                index.repair(namespace)?
            } else {
                index.check(namespace, 1)?
            };
            let mut faults = Vec::new();
            if !found.is_derived() {
                faults.push(Fault {
                    subject: format!("namespace {namespace}"),
                    kind: FaultKind::StaleFiles,
                });
            }
            for damage in found.damaged {
                owners.insert(owner_of(namespace, &damage.id).to_owned());
                faults.push(Fault {
                    subject: damage.id,
                    kind: FaultKind::DamagedVector,
                });
            }
            report.repaired += if options.repair { faults.len() } else { 0 };
            report.faults.append(&mut faults);
        }
        Ok(owners)
    }

    fn check_records(
        &self,
        options: &CheckOptions<'_>,
        known: &Known,
        report: &mut CheckReport,
        progress: &mut impl FnMut(usize),
    ) -> Result<()> {
        let mut after: Option<String> = None;
        while !options.stop.load(Ordering::Relaxed) {
            let page = self.catalogue.records(self.key(), after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            let (mut gone, mut unreadable) = (Vec::new(), Vec::new());
            let (mut incomplete, mut damaged) = (Vec::new(), Vec::new());
            for mut record in page {
                report.pictures += 1;
                report.missing += usize::from(record.missing);
                if known.unfinished.contains(&record.id) {
                    continue;
                }
                if known.damaged.contains(&record.id) {
                    damaged.push(record);
                    continue;
                }
                if record.hash.is_empty() {
                    report.unfinished += 1;
                    continue;
                }
                let is_complete = self.has_vectors(&record)?;
                if !record.missing && is_gone(record.path()) {
                    if !is_complete {
                        // An empty hash makes the next `add` read the file when it's back.
                        record.hash.clear();
                    }
                    gone.push(record);
                } else if !is_complete {
                    incomplete.push(record);
                } else if record.missing {
                    report.look_at_missing(record);
                } else if has_changed(&record, options.read) {
                    if is_readable(record.path()) {
                        report.changed.push(record.location);
                    } else {
                        unreadable.push(record);
                    }
                }
            }
            progress(report.pictures);
            report.note(FaultKind::FileGone, &gone);
            report.note(FaultKind::Unreadable, &unreadable);
            report.note(FaultKind::NoVectors, &incomplete);
            if options.repair {
                report.repaired += gone.len() + unreadable.len() + incomplete.len();
                report.unreadable += unreadable.len();
                report.missing += gone.len() + unreadable.len();
                self.mark_missing(gone)?;
                self.mark_missing(unreadable)?;
                self.forget_content(incomplete)?;
                self.forget_content(damaged)?;
            }
        }
        Ok(())
    }

    /// Makes the next `add` read these pictures again.
    fn forget_content(&self, mut records: Vec<Record>) -> Result<()> {
        for record in &mut records {
            record.hash = String::new();
        }
        self.catalogue.replace_records(self.key(), &[], &records)
    }

    /// Finds vectors in a namespace that belong to no record.
    fn check_vectors(
        &self,
        namespace: &str,
        options: &CheckOptions<'_>,
        unfinished: &HashSet<String>,
        report: &mut CheckReport,
    ) -> Result<()> {
        let of_missing = [MISSING_IMAGES, MISSING_CAPTIONS].contains(&namespace);
        let of_captions = is_of_captions(namespace);
        let mut token: Option<String> = None;
        while !options.stop.load(Ordering::Relaxed) {
            let page = self.index.list(namespace, "", PAGE, token.as_deref())?;
            let mut orphans = Vec::new();
            for id in page.items {
                let owner = owner_of(namespace, &id);
                let record = self.catalogue.record(self.key(), owner)?;
                let belongs = record.as_ref().is_some_and(|record| {
                    record.missing == of_missing
                        && (!of_captions || caption_ids(record).any(|caption| caption == id))
                });
                if !belongs && !unfinished.contains(owner) {
                    orphans.push(id);
                }
            }
            for id in &orphans {
                report.faults.push(Fault {
                    subject: id.clone(),
                    kind: FaultKind::NoRecord,
                });
            }
            if options.repair {
                report.repaired += orphans.len();
                self.index
                    .delete(namespace, &index::Selection::Ids(orphans))?;
            }
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// The id of the record that owns a vector.
fn owner_of<'a>(namespace: &str, id: &'a str) -> &'a str {
    if is_of_captions(namespace) {
        record_of_caption(id).unwrap_or_default()
    } else {
        id
    }
}

fn is_of_captions(namespace: &str) -> bool {
    [CAPTIONS, MISSING_CAPTIONS].contains(&namespace)
}

impl CheckReport {
    fn note(&mut self, kind: FaultKind, records: &[Record]) {
        let fault = |record: &Record| Fault {
            subject: record.location.clone(),
            kind,
        };
        self.faults.extend(records.iter().map(fault));
    }

    /// Checks whether a missing picture's file is back, as the indexed file or another picture.
    fn look_at_missing(&mut self, record: Record) {
        let path = record.path();
        if is_gone(path) {
            return;
        }
        let is_back = FileStamp::of(path).is_ok_and(|stamp| stamp.is_that_of(record.stamp));
        if is_back || is_readable(path) {
            self.changed.push(record.location);
        } else {
            self.unreadable += 1;
        }
    }
}

/// Whether a file isn't the indexed one, by its size and times, or by its bytes.
fn has_changed(record: &Record, read: bool) -> bool {
    let path = record.path();
    if read {
        let bytes = picture::read_within(path, &Limits::default());
        return bytes.map_or(true, |bytes| {
            ContentHash::of(&bytes).to_string() != record.hash
        });
    }
    let stamp = FileStamp::of(path).unwrap_or_default();
    record.stamp.modified.is_some() && stamp.modified.is_some() && stamp != record.stamp
}
