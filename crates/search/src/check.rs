//! Whether a collection is whole: every record has its vectors, every vector its record, every file is
//! where it was.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use picture::{ContentHash, Limits};
use serde::Serialize;

use crate::collection::{CAPTIONS, Collection, MISSING_CAPTIONS, MISSING_IMAGES, NAMESPACES};
use crate::error::Result;
use crate::ingest::options::AddOptions;
use crate::record::{Record, caption_ids, record_of_caption};
use crate::stamp::{FileStamp, is_gone, is_readable};

/// Records or vectors looked at together.
const PAGE: usize = 256;

/// The records of which something is known to be wrong, or not done.
struct Known {
    unfinished: HashSet<String>,
    damaged: HashSet<String>,
}

/// What a [`check`](Collection::check) looks at and does.
#[derive(Clone, Copy)]
pub struct CheckOptions<'a> {
    /// Whether to read every file and compare its bytes with those that were indexed.
    pub read: bool,
    /// Whether to mend what can be mended.
    pub repair: bool,
    /// Set by another thread to end soon.
    pub stop: &'a AtomicBool,
    /// Called if another process is adding to the collection, which is waited for.
    pub waiting: &'a (dyn Fn() + Sync),
}

/// What a [`check`](Collection::check) found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CheckReport {
    /// Records looked at.
    pub pictures: usize,
    /// Those that are marked as missing.
    pub missing: usize,
    /// Those of the missing whose files are there, but can't be read as pictures any more.
    pub unreadable: usize,
    /// Those that were being written when an `add` was interrupted, or that a repair left to be embedded
    /// again. The next `add` takes care of them.
    pub unfinished: usize,
    /// Files that have changed since they were indexed, or are back. The next `add` takes them up.
    pub changed: Vec<String>,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// How many faults have been mended.
    pub repaired: usize,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

impl CheckReport {
    /// Whether nothing is wrong that has not been mended.
    pub fn is_clean(&self) -> bool {
        self.faults.len() == self.repaired
    }
}

/// Something that is wrong in a collection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// The picture's location, or the vector's id.
    pub subject: String,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// What can be wrong in a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The picture's file is gone, and the collection did not know. Mended by marking it as missing.
    FileGone,
    /// The picture's file is there and can't be read as a picture any more, and the collection did not know. Mended by
    /// marking it as missing.
    Unreadable,
    /// The picture lacks its vector or those of its captions. Mended in that the next `add` of its
    /// source embeds it again.
    NoVectors,
    /// There is a vector of no picture. Mended by deleting it.
    NoRecord,
    /// A stored vector cannot be used. Mended by deleting it, and in that the next `add` of its source
    /// embeds the picture again.
    DamagedVector,
    /// What searches read does not agree with the vectors that are stored. Mended by making it anew.
    StaleFiles,
    /// SQLite finds a database damaged. Only a copy of the store, or a new one, mends that.
    DamagedDatabase,
}

impl FaultKind {
    /// What it is, in words.
    pub fn describe(self) -> &'static str {
        match self {
            FaultKind::FileGone => "the file is gone",
            FaultKind::Unreadable => "the file cannot be read as a picture any more",
            FaultKind::NoVectors => "vectors are lacking",
            FaultKind::NoRecord => "a vector of no picture",
            FaultKind::DamagedVector => "the vector is damaged",
            FaultKind::StaleFiles => {
                "the files for searching are not of the vectors that are stored"
            }
            FaultKind::DamagedDatabase => "the database is damaged",
        }
    }

    /// What a repair does about it.
    pub fn remedy(self) -> &'static str {
        match self {
            FaultKind::FileGone => "marked as missing",
            FaultKind::Unreadable => "left out of searches until it can be read",
            FaultKind::NoVectors => "embedded again when its source is added again",
            FaultKind::NoRecord => "deleted",
            FaultKind::DamagedVector => "deleted, embedded again when its source is added again",
            FaultKind::StaleFiles => "made anew",
            FaultKind::DamagedDatabase => {
                "not to be mended: put back a copy of the store, or make a new one"
            }
        }
    }
}

impl Collection<'_> {
    /// Looks at every record and every vector. `progress` sees how many records have been looked at.
    pub fn check(
        &self,
        options: &CheckOptions<'_>,
        mut progress: impl FnMut(usize),
    ) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        // What is just being written would look wrong. Where nothing can be written, nothing is.
        let turn = AddOptions {
            stop: options.stop,
            waiting: options.waiting,
            ..AddOptions::default()
        };
        let _turn = match self.take_turn(&turn) {
            Ok(None) => {
                report.stopped = true;
                return Ok(report);
            }
            Err(error) if options.repair || !error.is_read_only() => return Err(error),
            turn => turn,
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

    /// Has the engine look at its own, and mend it, where it is on this machine. Gives the records whose vectors are, or were, damaged.
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
            let found = match options.repair {
                true => index.repair(namespace)?,
                false => index.check(namespace, 1)?,
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
                        // To be read when it is back.
                        record.hash.clear();
                    }
                    gone.push(record);
                } else if !is_complete {
                    incomplete.push(record);
                } else if record.missing {
                    report.look_at_missing(record);
                } else if has_changed(&record, options.read) {
                    match is_readable(record.path()) {
                        true => report.changed.push(record.location),
                        false => unreadable.push(record),
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

    /// Looks for vectors in a namespace that belong to no record.
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

/// The record whose vector it is.
fn owner_of<'a>(namespace: &str, id: &'a str) -> &'a str {
    match is_of_captions(namespace) {
        true => record_of_caption(id).unwrap_or_default(),
        false => id,
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

    /// Sees whether the file of a missing picture is there, and is the one that was indexed or another picture.
    fn look_at_missing(&mut self, record: Record) {
        let path = record.path();
        if is_gone(path) {
            return;
        }
        let is_back = FileStamp::of(path).is_ok_and(|stamp| stamp.is_that_of(record.stamp));
        match is_back || is_readable(path) {
            true => self.changed.push(record.location),
            false => self.unreadable += 1,
        }
    }
}

/// Whether a file is another than the one that was indexed; by its size and time, or by its bytes.
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
