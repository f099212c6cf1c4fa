use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::query::Query;

/// An event during a request that a user interface may show. None is a failure.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A file of a model is being downloaded.
    Pull(hub::Progress<'a>),
    /// A cached file of a model is damaged and is downloaded again.
    DamagedFile {
        /// The file.
        name: &'a str,
    },
    /// The downloads of a model have ended, successfully or not.
    PullEnded,
    /// A note about the request.
    Note(Note<'a>),
    /// The terms of a mix, as they were parsed.
    Mix {
        /// The query.
        query: &'a Query,
    },
    /// The request waits for another process that is adding to the collection.
    WaitingForWriter,
    /// A request to the engine failed and is retried.
    EngineRetry {
        /// The error.
        error: &'a index::Error,
        /// The time until the retry.
        wait: Duration,
    },
}

/// A note about the request. `Display` shows it as a sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum Note<'a> {
    /// The words look like the name of a picture file that does not exist.
    WordsLookLikeFile {
        /// The words.
        words: &'a str,
    },
    /// The words name a folder.
    WordsAreFolder {
        /// The words.
        words: &'a str,
    },
    /// The words end with a plus or minus.
    OperatorAtEnd {
        /// The words.
        words: &'a str,
    },
    /// The words have a minus that does not subtract, because no space follows it.
    MinusWithoutBlank {
        /// The words.
        words: &'a str,
        /// The same with spaces around the minus.
        meant: &'a str,
    },
    /// Pictures without a date are left out because of a date filter.
    Undated {
        /// Their number.
        pictures: u64,
    },
    /// Matching pictures were left out because their files are gone.
    FilesGone {
        /// Their number.
        pictures: usize,
    },
    /// The text model can embed pictures itself, so that its vector space may differ.
    TextModelHasPictures {
        /// The text model.
        text_model: &'a str,
        /// The model for pictures.
        model: &'a str,
    },
    /// The query is computed in another precision than the pictures.
    OtherPrecision {
        /// The precision of the query.
        given: &'a str,
        /// The precision of the pictures.
        own: &'a str,
    },
    /// The hub could not be reached to complete a model; the cached files are used.
    CacheUsed {
        /// The repository of the model.
        repository: &'a str,
        /// The error of the hub.
        error: &'a hub::Error,
    },
    /// The cached model is used without checking for a newer one.
    Offline {
        /// The model.
        model: &'a str,
    },
    /// The store works in an unusual mode, such as on a network file system.
    Store {
        /// A description of the mode.
        notice: &'a str,
    },
    /// A source with pictures in the collection is missing.
    SourceGone {
        /// The collection.
        collection: &'a str,
        /// The source.
        path: &'a Path,
    },
    /// A column is left out because its name is reserved.
    ColumnTaken {
        /// The column.
        name: &'a str,
    },
    /// Cells of a column are left out: objects, bytes, or lists of anything but texts.
    ColumnLeftOut {
        /// The column.
        name: &'a str,
        /// The number of cells.
        cells: u64,
    },
    /// A column of numbers is text because of a few cells.
    ColumnIsText {
        /// The column.
        name: &'a str,
        /// One of these cells.
        example: &'a str,
    },
    /// A column is text because its numbers have commas.
    ColumnHasCommas {
        /// The column.
        name: &'a str,
        /// One of its cells.
        example: &'a str,
    },
    /// None of the files that a table lists exists.
    AllMissing {
        /// The table.
        table: &'a Path,
        /// The folder that its paths are relative to.
        base: &'a Path,
    },
    /// A table with pictures in the collection has no rows any more.
    TableWithoutRows {
        /// The collection.
        collection: &'a str,
    },
    /// A table with captions has none any more.
    NoCaptions {
        /// The table.
        table: &'a Path,
        /// The column of the captions, if it was given.
        column: Option<&'a str>,
    },
    /// Pictures are listed only by other tables than the added ones.
    OtherTables {
        /// The number of pictures.
        pictures: u64,
        /// The first of these tables.
        table: &'a str,
        /// The number of further tables.
        more: usize,
        /// Whether the first table is missing.
        is_gone: bool,
    },
}

impl fmt::Display for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::WordsLookLikeFile { words } => write!(
                f,
                "file `{words}` does not exist; searching for these words"
            ),
            Note::WordsAreFolder { words } => write!(
                f,
                "`{words}` is a folder; searching for this word; to search in the folder: --folder {words}"
            ),
            Note::OperatorAtEnd { words } => write!(
                f,
                "no term follows the operator at the end of `{words}`; searching for it as words"
            ),
            Note::MinusWithoutBlank { words, meant } => write!(
                f,
                "searching for `{words}` as words; to subtract, put spaces around the minus: `{meant}`"
            ),
            Note::Undated { pictures } => {
                let left_out = match pictures {
                    1 => "1 picture".to_owned(),
                    more => format!("{more} pictures"),
                };
                write!(f, "left out {left_out} without a date")
            }
            Note::FilesGone { pictures } => {
                let left_out = match pictures {
                    1 => "1 picture whose file is gone".to_owned(),
                    more => format!("{more} pictures whose files are gone"),
                };
                write!(
                    f,
                    "left out {left_out}; if files were moved, add their new folder"
                )
            }
            Note::TextModelHasPictures { text_model, model } => write!(
                f,
                "{text_model} is not a text-only model; its words can be compared with the pictures of {model} only if both \
                 share a vector space"
            ),
            Note::OtherPrecision { given, own } => write!(
                f,
                "the pictures were embedded in {own} and the query in {given}; similarities differ slightly"
            ),
            Note::CacheUsed { repository, error } => {
                write!(f, "{error}; using the cached files of {repository}")
            }
            Note::Offline { model } => write!(f, "offline; using the cached files of {model}"),
            Note::Store { notice } => f.write_str(notice),
            Note::SourceGone { collection, path } => write!(
                f,
                "{path} is missing, perhaps because a disk is not connected; collection {collection} keeps its pictures, and \
                 searches find them again once it is back; to remove them for good: clipseek collection forget {path}",
                path = path.display()
            ),
            Note::ColumnTaken { name } => write!(
                f,
                "left out the column {name}, whose name is reserved; rename it to filter by it"
            ),
            Note::ColumnLeftOut { name, cells } => write!(
                f,
                "left out the column {name} in {cells} row{}; only texts, numbers, booleans and lists of texts can be filtered \
                 by",
                if *cells == 1 { "" } else { "s" }
            ),
            Note::ColumnIsText { name, example } => write!(
                f,
                "the column {name} is text because not all cells are numbers, for example `{example}`"
            ),
            Note::ColumnHasCommas { name, example } => write!(
                f,
                "the column {name} is text because its numbers have commas, for example `{example}`; write them with a \
                 point to filter by numbers"
            ),
            Note::AllMissing { table, base } => write!(
                f,
                "none of the files in `{}` exists; its paths are relative to its folder, {}",
                table.display(),
                base.display()
            ),
            Note::TableWithoutRows { collection } => write!(
                f,
                "collection {collection} keeps the pictures of this table; to remove them: clipseek collection forget TABLE"
            ),
            Note::NoCaptions { table, column } => {
                let before = column
                    .map(|it| format!(" (it was {it})"))
                    .unwrap_or_default();
                write!(
                    f,
                    "no caption column in `{}`{before}; removing its captions; to name the column: --caption-column NAME",
                    table.display()
                )
            }
            Note::OtherTables {
                pictures,
                table,
                more,
                is_gone,
            } => {
                let pictures = match pictures {
                    1 => "1 picture is".to_owned(),
                    many => format!("{many} pictures are"),
                };
                let tables = match (more, is_gone) {
                    (0, true) => format!("{table}, which is missing"),
                    (0, false) => table.to_string(),
                    (more, _) => format!("{table} and {more} more earlier tables"),
                };
                write!(
                    f,
                    "{pictures} listed only by {tables}; to remove them: clipseek collection forget {table} (--prune does this \
                     for a table that keeps its path)"
                )
            }
        }
    }
}

/// A callback for [`Event`]s. The default one does nothing.
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(Event<'_>) + Send + Sync>);

impl Listener {
    /// A listener that calls `hear` with each event, from any thread.
    pub fn new(hear: impl Fn(Event<'_>) + Send + Sync + 'static) -> Listener {
        Listener(Arc::new(hear))
    }

    pub(crate) fn send(&self, event: Event<'_>) {
        (self.0)(event);
    }

    pub(crate) fn note(&self, note: Note<'_>) {
        self.send(Event::Note(note));
    }
}

impl Default for Listener {
    fn default() -> Self {
        Listener::new(|_| {})
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
