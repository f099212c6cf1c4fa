//! Adding sources to a collection.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use dataset::{Address, Exclusions, Found, Listing, Source, SourceOptions};
use search::{AddEvent, AddOptions, Collection, IngestReport, Record, Store};
use serde::Serialize;

use crate::add_request::{AddProgress, AddRequest, Fetched, Watcher};
use crate::clipseek::Clipseek;
use crate::columns;
use crate::error::{Error, Result};
use crate::event::Note;
use crate::fetch;
use crate::models::NamedModel;
use crate::real_path::resolved;
use crate::sources::{absolute, file_location, new_record};
use crate::table_columns::TableColumns;

/// What became of the sources.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AddReport {
    /// What became of the pictures.
    #[serde(flatten)]
    pub counts: IngestReport,
    /// How many files and rows were no pictures to begin with.
    pub skipped: usize,
    /// How many of these there were for each reason.
    #[serde(skip)]
    pub skipped_reasons: BTreeMap<String, usize>,
    /// How fetching went, if there was something to fetch.
    #[serde(skip)]
    pub fetched: Option<Fetched>,
    /// Seconds.
    pub took: f64,
}

impl AddReport {
    /// Whether every file and row became a picture of the collection.
    pub fn is_complete(&self) -> bool {
        self.counts.failed == 0 && self.skipped == 0
    }

    /// Whether the collection was changed.
    pub fn has_changes(&self) -> bool {
        self.counts.has_changes() || self.counts.left > 0
    }

    /// How many files, rows and pictures were not indexed, for each reason.
    pub fn reasons(&self) -> BTreeMap<&str, usize> {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for (reason, number) in self.counts.reasons.iter().chain(&self.skipped_reasons) {
            *reasons.entry(reason).or_default() += number;
        }
        reasons
    }
}

impl Clipseek {
    /// Reads what the sources hold and loads the model. Nothing is indexed yet.
    ///
    /// # Errors
    /// When a source cannot be read or holds nothing, before a model is loaded; those of the model; and
    /// [`Error::Search`] for a name that no collection may have.
    pub fn adding(&self, request: AddRequest) -> Result<Adding<'_>> {
        Store::check_name(request.collection_name())?;
        let store = self.store()?;
        let listed = self.list(store, &request)?;
        let model = self.model_to_add_with(store, &request)?;
        model.model.check_pictures()?;
        Ok(Adding {
            clipseek: self,
            store,
            request,
            model,
            listed: Some(listed),
        })
    }

    /// Adds sources: [`adding`](Self::adding) and one [`run`](Adding::run).
    ///
    /// # Errors
    /// Those of the two.
    pub fn add(
        &self,
        request: AddRequest,
        stop: &AtomicBool,
        watcher: &Watcher<'_>,
    ) -> Result<AddReport> {
        self.adding(request)?.run(stop, watcher)
    }

    /// The model that was named; else that of the collection, if it is there; else the default one.
    fn model_to_add_with(&self, store: &Store, request: &AddRequest) -> Result<NamedModel> {
        let mut collections = store.collections()?.into_iter();
        match collections.find(|info| info.name == request.collection_name()) {
            Some(info) => self.models().load_for(&request.model, &info.model),
            None => self.models().load(&request.model),
        }
    }

    /// Lists the sources. Each has to hold something, or have held something when it was added before.
    fn list(&self, store: &Store, request: &AddRequest) -> Result<Listed> {
        let name = request.collection_name();
        let mut all = Listed {
            listing: Listing::new()?,
            folders: Vec::new(),
            tables: Vec::new(),
            empty: Vec::new(),
            exclusions: Exclusions::new(&request.read.source.exclude)?,
        };
        for location in &request.sources {
            let source = followed(store, name, location)?;
            let before = TableColumns::of(store, name, &source);
            let read = request.read.with_columns(before.as_ref());
            let found = self.read_into(&mut all.listing, &source, &request.sources, &read);
            let found = found.inspect_err(|error| match error {
                Error::Dataset(error) if matches!(**error, dataset::Error::EmptyTable { .. }) => {
                    self.note_without_rows(store, name, location);
                }
                _ => self.note_if_known(store, name, location),
            })?;
            if found.is_empty() {
                match found.folder {
                    Some(folder) if is_known(store, name, &folder)? => all.empty.push(folder),
                    _ if found.table.is_some() => {
                        self.note_without_rows(store, name, location);
                        let path = location.clone();
                        return Err(Error::TableWithoutRows { path });
                    }
                    _ => return Err(nothing_in(location)),
                }
                continue;
            }
            self.note_all_missing(location, &found);
            all.folders.extend(found.folder);
            all.tables.extend(found.table.map(|path| Table {
                path,
                has_pictures: found.mentions > 0,
                has_captions: found.captions > 0,
                before,
            }));
        }
        Ok(all)
    }

    /// Remarks that no picture that a table names is a file.
    fn note_all_missing(&self, table: &Path, found: &Found) {
        if let Some(base) = &found.base
            && found.mentions == 0
            && found.missing == found.problems
        {
            self.settings()
                .listener
                .note(Note::AllMissing { table, base });
        }
    }

    /// Remarks that the collection has pictures of a table without rows.
    fn note_without_rows(&self, store: &Store, collection: &str, location: &Path) {
        let has_source = |path: PathBuf| store.has_source(collection, &file_location(&path));
        let is_known = dataset::absolute(location).is_ok_and(|it| has_source(it).unwrap_or(false));
        if is_known {
            let note = Note::TableWithoutRows { collection };
            self.settings().listener.note(note);
        }
    }

    /// Remarks that a source that is gone is one of which the collection has pictures.
    fn note_if_known(&self, store: &Store, collection: &str, location: &Path) {
        let is_known = |path: PathBuf| is_known(store, collection, &path).unwrap_or(false);
        if !location.exists() && dataset::absolute(location).is_ok_and(is_known) {
            let note = Note::SourceGone {
                collection,
                path: location,
            };
            self.settings().listener.note(note);
        }
    }
}

/// The path by which a source is listed: the one without links. A source that the collection knows by the path that was
/// given keeps that: it may have been moved, with a link left in its place.
fn followed(store: &Store, collection: &str, location: &Path) -> Result<PathBuf> {
    let (resolved, given) = (resolved(location), absolute(location)?);
    if resolved == given || !location.exists() {
        return Ok(location.to_owned());
    }
    let folder = |path: &Path| match location.is_dir() {
        true => path.to_owned(),
        false => path.parent().unwrap_or(path).to_owned(),
    };
    let keeps_given = is_known(store, collection, &folder(&given))?
        && !is_known(store, collection, &folder(&resolved))?;
    Ok(match keeps_given {
        true => location.to_owned(),
        false => resolved,
    })
}

/// Why a source that holds nothing cannot be added.
fn nothing_in(location: &Path) -> Error {
    let path = location.to_owned();
    let tables = match location.is_dir() {
        true => Source::table(location, SourceOptions::default()).ok(),
        false => None,
    };
    match tables.and_then(|tables| tables.first_table()) {
        Some(table) => Error::FolderOfTables {
            table: location.join(table.file_name().unwrap_or_default()),
            path,
        },
        None => Error::NoPictures { path },
    }
}

/// Whether the collection of that name has pictures of the folder.
fn is_known(store: &Store, collection: &str, path: &Path) -> Result<bool> {
    match store.has_below(collection, &file_location(path)) {
        Err(search::Error::NoCollection { .. }) => Ok(false),
        known => Ok(known?),
    }
}

/// What the sources hold.
struct Listed {
    listing: Listing,
    /// The folders among them that hold something.
    folders: Vec<PathBuf>,
    /// The tables and datasets that were read to their end.
    tables: Vec<Table>,
    /// Those that hold nothing, as far as they are known to have held something.
    empty: Vec<PathBuf>,
    exclusions: Exclusions,
}

impl Listed {
    /// Whether a file below one of the folders is excluded.
    fn leaves_out(&self, path: &Path) -> bool {
        let folders = self.folders.iter().chain(&self.empty);
        let relative = folders.filter_map(|it| path.strip_prefix(it).ok());
        let mut relative = relative.peekable();
        relative.peek().is_some() && relative.all(|path| self.exclusions.exclude_within(path))
    }
}

/// A table or dataset that was read to its end.
struct Table {
    path: PathBuf,
    /// Whether any of its pictures could be listed.
    has_pictures: bool,
    /// Whether it gives captions.
    has_captions: bool,
    /// What was kept of its columns.
    before: Option<TableColumns>,
}

/// Sources that are about to be added, and what they are added to.
pub struct Adding<'a> {
    clipseek: &'a Clipseek,
    store: &'a Store,
    request: AddRequest,
    model: NamedModel,
    /// What the sources hold, until it is added.
    listed: Option<Listed>,
}

impl Adding<'_> {
    /// The name of the collection.
    pub fn collection_name(&self) -> &str {
        self.request.collection_name()
    }

    /// The model that embeds the pictures.
    pub fn model(&self) -> &NamedModel {
        &self.model
    }

    /// How many pictures, and captions of them, were listed and are still to be added.
    pub fn size(&self) -> (u64, u64) {
        let listing = self.listed.as_ref().map(|listed| &listed.listing);
        listing.map_or((0, 0), |it| (it.pictures(), it.captions()))
    }

    /// Indexes the pictures of the sources: those that were listed, or, another time, those that the sources hold by
    /// then. When `stop` is set, what has been read is still written, and the next run goes on from there.
    ///
    /// # Errors
    /// When the collection was made by another model, is being used otherwise, or its engine fails. Pictures that
    /// cannot be read are no errors, but counted.
    pub fn run(&mut self, stop: &AtomicBool, watcher: &Watcher<'_>) -> Result<AddReport> {
        let is_first = self.listed.is_some();
        let listed = match self.listed.take() {
            Some(listed) => listed,
            None => self.clipseek.list(self.store, &self.request)?,
        };
        if is_first {
            columns::note(&listed.listing, &self.clipseek.settings().listener);
        }
        let (skipped, skipped_reasons) = tell_of_problems(&listed.listing, watcher)?;
        let start = Instant::now();
        let identity = self.model.identity();
        let placement = &self.request.placement;
        let name = self.request.collection_name();
        // One that was deleted while its sources are watched is not made again.
        let collection = if is_first {
            self.store
                .collection_or_new_at(name, &identity, placement)?
        } else {
            self.store.collection(name)?
        };
        for table in &listed.tables {
            self.keep_columns(&collection, table, &listed.listing)?;
        }
        let mut counts = self.index_files(&collection, &listed, stop, watcher)?;
        let mut fetched = None;
        if fetch::is_needed(&listed.listing)? && !counts.stopped {
            let (others, progress) = fetch::add(
                self.clipseek,
                &self.request,
                &self.model.model,
                &collection,
                &listed.listing,
                stop,
                watcher,
            )?;
            counts.join(others);
            fetched = progress;
        }
        for table in &listed.tables {
            if !counts.stopped {
                counts.join(self.follow(&collection, table, &listed.listing, stop)?);
            }
        }
        if is_first && !counts.stopped {
            self.note_other_tables(&collection, &listed, stop)?;
        }
        Ok(AddReport {
            counts,
            skipped,
            skipped_reasons,
            fetched,
            took: start.elapsed().as_secs_f64(),
        })
    }

    /// Looks for pictures that a table no longer names.
    fn follow(
        &self,
        collection: &Collection<'_>,
        table: &Table,
        listing: &Listing,
        stop: &AtomicBool,
    ) -> Result<IngestReport> {
        let waiting = || self.clipseek.tell_of_waiting();
        let options = AddOptions {
            stop,
            waiting: &waiting,
            ..AddOptions::default()
        };
        // The pictures of one without any may be on a disk that is not there.
        let prune = self.request.prune && table.has_pictures;
        collection.follow(&file_location(&table.path), prune, &options, |record| {
            is_named(listing, record)
        })
    }

    /// Keeps the columns of a table, and remarks that it gives no captions any more.
    fn keep_columns(
        &self,
        collection: &Collection<'_>,
        table: &Table,
        listing: &Listing,
    ) -> Result<()> {
        let before = table.before.clone().unwrap_or_default();
        let has_captions = table.has_captions || listing.captions() > 0;
        if before.has_captions && table.has_pictures && !has_captions {
            let (path, column) = (table.path.as_path(), before.caption.as_deref());
            let note = Note::NoCaptions {
                table: path,
                column,
            };
            self.clipseek.settings().listener.note(note);
        }
        let after = before.after(&self.request.read.source.columns, has_captions);
        if table.before.as_ref() == Some(&after) {
            return Ok(());
        }
        let text = serde_json::to_string(&after).unwrap_or_default();
        Ok(collection.keep_columns(&file_location(&table.path), &text)?)
    }

    /// Remarks that pictures are named only by tables that are gone, or with `--prune` by others of the same series, such
    /// as those of other days.
    fn note_other_tables(
        &self,
        collection: &Collection<'_>,
        listed: &Listed,
        stop: &AtomicBool,
    ) -> Result<()> {
        let added: Vec<&Path> = listed
            .tables
            .iter()
            .map(|table| table.path.as_path())
            .collect();
        let (mut pictures, mut tables) = (0, Vec::new());
        for source in collection.sources()? {
            let path = Path::new(&source);
            let is_gone = path.is_absolute() && matches!(path.try_exists(), Ok(false));
            let is_of_series = self.request.prune && added.iter().any(|it| is_like(path, it));
            if added.is_empty() || added.contains(&path) || !(is_gone || is_of_series) {
                continue;
            }
            let is_named = |record: &Record| is_named(&listed.listing, record);
            match collection.count_of_source(&source, stop, is_named)? {
                0 => {}
                number => {
                    pictures += number;
                    tables.push((source, is_gone));
                }
            }
        }
        if let [(table, is_gone), more @ ..] = tables.as_slice() {
            self.clipseek.settings().listener.note(Note::OtherTables {
                pictures,
                table,
                more: more.len(),
                is_gone: *is_gone,
            });
        }
        Ok(())
    }

    fn index_files(
        &self,
        collection: &Collection<'_>,
        listed: &Listed,
        stop: &AtomicBool,
        watcher: &Watcher<'_>,
    ) -> Result<IngestReport> {
        for path in &listed.empty {
            let is_excluding = !self.request.read.source.exclude.is_empty();
            watcher(AddProgress::EmptyFolder { path, is_excluding });
        }
        let folders = listed.folders.iter().chain(&listed.empty);
        let waiting = || self.clipseek.tell_of_waiting();
        let is_excluded = |location: &str| listed.leaves_out(Path::new(location));
        let options = AddOptions {
            is_excluded: &is_excluded,
            folders: folders.map(|path| file_location(path)).collect(),
            // What looks like an empty folder may be the place of a disk that is not there.
            keep_missing: !listed.empty.is_empty(),
            prune: self.request.prune,
            stop,
            waiting: &waiting,
            ..AddOptions::default()
        };
        let total = listed.listing.file_count();
        let records = listed.listing.files();
        let records = records.map(|record| Ok::<_, Error>(new_record(record?)));
        collection.add(&self.model.model, records, &options, |event| match event {
            AddEvent::Progress(report) => watcher(AddProgress::Indexing {
                done: report.done(),
                total,
                failed: report.failed,
            }),
            AddEvent::Failed(failure) => watcher(AddProgress::Failed(failure)),
        })
    }
}

/// Whether a listing names a picture of a collection.
fn is_named(listing: &Listing, record: &Record) -> Result<bool> {
    let address = match record.address() {
        search::Address::File(path) => Some(Address::File(path.to_owned())),
        search::Address::Web(url) => Address::of(url)?,
        search::Address::Inside(row) => Some(Address::Inside(row.to_owned())),
    };
    match address {
        Some(address) => Ok(listing.at(&address)?.is_some()),
        None => Ok(false),
    }
}

/// Whether the names of two files of a folder differ only in digits, as those of exports of two days do.
fn is_like(one: &Path, other: &Path) -> bool {
    let without_digits = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.replace(|c: char| c.is_ascii_digit(), "")
    };
    one.parent() == other.parent() && without_digits(one) == without_digits(other)
}

/// Tells of what in the sources is no picture; how many these are, and how many for each reason.
fn tell_of_problems(
    listing: &Listing,
    watcher: &Watcher<'_>,
) -> Result<(usize, BTreeMap<String, usize>)> {
    let (mut number, mut reasons) = (0, BTreeMap::new());
    for problem in listing.listed_problems() {
        let problem = problem?;
        number += 1;
        watcher(AddProgress::Skipped(&problem));
        *reasons.entry(problem.summary).or_default() += 1;
    }
    Ok((number, reasons))
}
