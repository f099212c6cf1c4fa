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

/// The result of an `add`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AddReport {
    /// The counts of pictures.
    #[serde(flatten)]
    pub counts: IngestReport,
    /// The number of files and rows that are not pictures.
    pub skipped: usize,
    /// The same by reason.
    #[serde(skip)]
    pub skipped_reasons: BTreeMap<String, usize>,
    /// The result of downloads, if there were any.
    #[serde(skip)]
    pub fetched: Option<Fetched>,
    /// The duration in seconds.
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

    /// The number of files, rows and pictures that were not indexed, by reason.
    pub fn reasons(&self) -> BTreeMap<&str, usize> {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for (reason, number) in self.counts.reasons.iter().chain(&self.skipped_reasons) {
            *reasons.entry(reason).or_default() += number;
        }
        reasons
    }
}

impl Clipseek {
    /// Reads the sources and loads the model. Nothing is indexed yet.
    ///
    /// # Errors
    /// When a source cannot be read or is empty, before a model is loaded; errors of the model; [`Error::Search`] for an
    /// invalid collection name.
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
    /// The errors of both.
    pub fn add(
        &self,
        request: AddRequest,
        stop: &AtomicBool,
        watcher: &Watcher<'_>,
    ) -> Result<AddReport> {
        self.adding(request)?.run(stop, watcher)
    }

    /// The model of the request, else that of an existing collection, else the default one.
    fn model_to_add_with(&self, store: &Store, request: &AddRequest) -> Result<NamedModel> {
        let mut collections = store.collections()?.into_iter();
        match collections.find(|info| info.name == request.collection_name()) {
            Some(info) => self.models().load_for(&request.model, &info.model),
            None => self.models().load(&request.model),
        }
    }

    /// Lists the sources. Each must contain pictures now, or have contained some when it was added before.
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

    /// Notes that no picture of a table exists.
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

    /// Notes that the collection has pictures of a table that is now empty.
    fn note_without_rows(&self, store: &Store, collection: &str, location: &Path) {
        let has_source = |path: PathBuf| store.has_source(collection, &file_location(&path));
        let is_known = dataset::absolute(location).is_ok_and(|it| has_source(it).unwrap_or(false));
        if is_known {
            let note = Note::TableWithoutRows { collection };
            self.settings().listener.note(note);
        }
    }

    /// Notes that the collection has pictures of a missing source.
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

/// The path to list a source by: the one without symbolic links. A source that the collection knows by the given path keeps
/// it: the folder may have been moved and replaced by a link.
fn followed(store: &Store, collection: &str, location: &Path) -> Result<PathBuf> {
    let (resolved, given) = (resolved(location), absolute(location)?);
    if resolved == given || !location.exists() {
        return Ok(location.to_owned());
    }
    let folder = |path: &Path| {
        if location.is_dir() {
            path.to_owned()
        } else {
            path.parent().unwrap_or(path).to_owned()
        }
    };
    let keeps_given = is_known(store, collection, &folder(&given))?
        && !is_known(store, collection, &folder(&resolved))?;
    Ok(if keeps_given {
        location.to_owned()
    } else {
        resolved
    })
}

/// The error for an empty source.
fn nothing_in(location: &Path) -> Error {
    let path = location.to_owned();
    let is_folder = location.is_dir();
    let tables = is_folder.then(|| Source::table(location, SourceOptions::default()));
    let tables = tables.and_then(Result::ok);
    match tables.and_then(|tables| tables.first_table()) {
        Some(table) => Error::FolderOfTables {
            table: location.join(table.file_name().unwrap_or_default()),
            path,
        },
        None => Error::NoPictures { path },
    }
}

/// Whether the collection has pictures of the folder.
fn is_known(store: &Store, collection: &str, path: &Path) -> Result<bool> {
    match store.has_below(collection, &file_location(path)) {
        Err(search::Error::NoCollection { .. }) => Ok(false),
        known => Ok(known?),
    }
}

/// The contents of the sources.
struct Listed {
    listing: Listing,
    /// The folders that contain pictures.
    folders: Vec<PathBuf>,
    /// The tables and data sets that were read completely.
    tables: Vec<Table>,
    /// The empty folders that contained pictures before.
    empty: Vec<PathBuf>,
    exclusions: Exclusions,
}

impl Listed {
    /// Whether a file below one of the folders is excluded.
    fn excludes(&self, path: &Path) -> bool {
        let folders = self.folders.iter().chain(&self.empty);
        let relative = folders.filter_map(|it| path.strip_prefix(it).ok());
        let mut relative = relative.peekable();
        relative.peek().is_some() && relative.all(|path| self.exclusions.exclude_within(path))
    }
}

/// A table or data set that was read completely.
struct Table {
    path: PathBuf,
    /// Whether any of its pictures could be listed.
    has_pictures: bool,
    /// Whether it has captions.
    has_captions: bool,
    /// Its columns when it was added before.
    before: Option<TableColumns>,
}

/// Sources to be added to a collection.
pub struct Adding<'a> {
    clipseek: &'a Clipseek,
    store: &'a Store,
    request: AddRequest,
    model: NamedModel,
    /// The contents of the sources, until the first run.
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

    /// The numbers of pictures and captions that were listed for the first run.
    pub fn size(&self) -> (u64, u64) {
        let listing = self.listed.as_ref().map(|listed| &listed.listing);
        listing.map_or((0, 0), |it| (it.pictures(), it.captions()))
    }

    /// Indexes the pictures of the sources. The first run takes the pictures that were listed, later runs list the sources
    /// again. When `stop` is set, pictures that have been read are still written; the next run resumes.
    ///
    /// # Errors
    /// When the collection has another model or is in use, or its engine fails. Unreadable pictures are counted, not errors.
    pub fn run(&mut self, stop: &AtomicBool, watcher: &Watcher<'_>) -> Result<AddReport> {
        let is_first = self.listed.is_some();
        let listed = match self.listed.take() {
            Some(listed) => listed,
            None => self.clipseek.list(self.store, &self.request)?,
        };
        if is_first {
            columns::note(&listed.listing, &self.clipseek.settings().listener);
        }
        let (skipped, skipped_reasons) = report_problems(&listed.listing, watcher)?;
        let start = Instant::now();
        let identity = self.model.identity();
        let placement = &self.request.placement;
        let name = self.request.collection_name();
        // A collection that was deleted while its sources are watched is not created again.
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

    /// Handles pictures that a table no longer lists.
    fn follow(
        &self,
        collection: &Collection<'_>,
        table: &Table,
        listing: &Listing,
        stop: &AtomicBool,
    ) -> Result<IngestReport> {
        let waiting = || self.clipseek.report_waiting();
        let options = AddOptions {
            stop,
            waiting: &waiting,
            ..AddOptions::default()
        };
        // If the table has no readable pictures, their disk may be missing.
        let prune = self.request.prune && table.has_pictures;
        collection.follow(&file_location(&table.path), prune, &options, |record| {
            is_named(listing, record)
        })
    }

    /// Remembers the columns of a table, and notes that it has no captions any more.
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

    /// Notes pictures that only missing tables list, or with `--prune` only tables of the same series, such as one per day.
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
        let waiting = || self.clipseek.report_waiting();
        let is_excluded = |location: &str| listed.excludes(Path::new(location));
        let options = AddOptions {
            is_excluded: &is_excluded,
            folders: folders.map(|path| file_location(path)).collect(),
            // An empty folder may be the mount point of a missing disk.
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

/// Whether a listing contains a picture of a collection.
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

/// Whether two files of a folder have names that differ only in digits, like daily exports.
fn is_like(one: &Path, other: &Path) -> bool {
    let without_digits = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.replace(|c: char| c.is_ascii_digit(), "")
    };
    one.parent() == other.parent() && without_digits(one) == without_digits(other)
}

/// Reports files and rows that are not pictures. Returns their number, in total and by reason.
fn report_problems(
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
