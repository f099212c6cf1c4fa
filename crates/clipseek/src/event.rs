use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::query::Query;

/// Something that happens on the way, and that a face may show. None of it is a failure.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A file of a model is being downloaded.
    Pull(hub::Progress<'a>),
    /// A cached file of a model is damaged, and is downloaded again.
    DamagedFile {
        /// The file.
        name: &'a str,
    },
    /// The downloads of a model have ended, well or not.
    PullEnded,
    /// A remark about what was asked for.
    Note(Note<'a>),
    /// How a query of several terms was understood.
    Mix {
        /// The query.
        query: &'a Query,
    },
    /// Another process adds to the collection, and is waited for.
    WaitingForWriter,
    /// The engine is asked again after a while.
    EngineRetry {
        /// What went wrong.
        error: &'a index::Error,
        /// How long until it is asked again.
        wait: Duration,
    },
}

/// A remark about what was asked for. It shows as a sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum Note<'a> {
    /// Words that look like the name of a picture's file, which does not exist.
    WordsLookLikeFile {
        /// The words.
        words: &'a str,
    },
    /// Words that name a folder.
    WordsAreFolder {
        /// The words.
        words: &'a str,
    },
    /// Words that end in a plus or minus.
    OperatorAtEnd {
        /// The words.
        words: &'a str,
    },
    /// Words with a minus that subtracts nothing, as it has no blank behind it.
    MinusWithoutBlank {
        /// The words.
        words: &'a str,
        /// The same with blanks around the minus.
        meant: &'a str,
    },
    /// Dates were asked for, and pictures without one are left out.
    Undated {
        /// How many.
        pictures: u64,
    },
    /// Pictures that rank before the last hit were left out.
    FilesGone {
        /// How many.
        pictures: usize,
    },
    /// The model of the words has pictures of its own, so that it may have another space.
    TextModelHasPictures {
        /// The model of the words.
        text_model: &'a str,
        /// The model of the pictures.
        model: &'a str,
    },
    /// The query is computed in another precision than the pictures were.
    OtherPrecision {
        /// That of the query.
        given: &'a str,
        /// That of the pictures.
        own: &'a str,
    },
    /// The hub could not say whether there is more of a model; the cached files do.
    CacheUsed {
        /// The model's repository.
        repository: &'a str,
        /// Why the hub could not say.
        error: &'a hub::Error,
    },
    /// The hub is not asked whether a model has changed.
    Offline {
        /// The model.
        model: &'a str,
    },
    /// The store is kept in another way than usual, such as on a network's file system.
    Store {
        /// How.
        notice: &'a str,
    },
    /// A source is gone, and the collection has pictures of it.
    SourceGone {
        /// The collection.
        collection: &'a str,
        /// The source.
        path: &'a Path,
    },
    /// A column of a table is left out, as its name is taken.
    ColumnTaken {
        /// The column.
        name: &'a str,
    },
    /// Cells of a column are left out, as they are objects, bytes, or lists of anything but texts.
    ColumnLeftOut {
        /// The column.
        name: &'a str,
        /// How many cells.
        cells: u64,
    },
    /// The numbers of a column are kept as texts because of a few cells.
    ColumnIsText {
        /// The column.
        name: &'a str,
        /// One of these cells.
        example: &'a str,
    },
    /// A column is text, as its numbers are written with commas.
    ColumnHasCommas {
        /// The column.
        name: &'a str,
        /// One of its cells.
        example: &'a str,
    },
    /// No picture that a table names is a file.
    AllMissing {
        /// The table.
        table: &'a Path,
        /// The folder that its paths are relative to.
        base: &'a Path,
    },
    /// A table has no rows, and the collection has pictures of it.
    TableWithoutRows {
        /// The collection.
        collection: &'a str,
    },
    /// A table that gave captions gives none any more.
    NoCaptions {
        /// The table.
        table: &'a Path,
        /// The column that they were in, where it was named.
        column: Option<&'a str>,
    },
    /// Pictures are named only by other tables than those that were added.
    OtherTables {
        /// How many pictures.
        pictures: u64,
        /// The first of these tables.
        table: &'a str,
        /// How many more there are.
        more: usize,
        /// Whether it is gone.
        is_gone: bool,
    },
}

impl fmt::Display for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::WordsLookLikeFile { words } => write!(
                f,
                "there is no file `{words}`, so its name is taken as words"
            ),
            Note::WordsAreFolder { words } => write!(
                f,
                "`{words}` is a folder, and its name is taken as words; to search in it: --folder {words}"
            ),
            Note::OperatorAtEnd { words } => write!(
                f,
                "nothing follows the operator at the end of `{words}`, so all of it is taken as words"
            ),
            Note::MinusWithoutBlank { words, meant } => write!(
                f,
                "`{words}` is taken as words; to subtract, put a blank on both sides of the minus: `{meant}`"
            ),
            Note::Undated { pictures } => {
                let left_out = match pictures {
                    1 => "1 picture has no date and is".to_owned(),
                    more => format!("{more} pictures have no date and are"),
                };
                write!(f, "{left_out} left out")
            }
            Note::FilesGone { pictures } => {
                let left_out = match pictures {
                    1 => "1 picture is left out: its file is".to_owned(),
                    more => format!("{more} pictures are left out: their files are"),
                };
                write!(
                    f,
                    "{left_out} gone; if they were moved, add the folder where they are now"
                )
            }
            Note::TextModelHasPictures { text_model, model } => write!(
                f,
                "{text_model} has pictures of its own; its words are comparable with the pictures of {model} only if \
                 it was taught their space"
            ),
            Note::OtherPrecision { given, own } => write!(
                f,
                "the pictures were embedded in {own} and the query is in {given}, so similarities differ slightly"
            ),
            Note::CacheUsed { repository, error } => {
                write!(f, "{error}: using what the cache has of {repository}")
            }
            Note::Offline { model } => write!(f, "offline, so {model} stays as the cache has it"),
            Note::Store { notice } => f.write_str(notice),
            Note::SourceGone { collection, path } => write!(
                f,
                "{path} is not there now, as when a disk is not connected. Collection {collection} keeps the pictures \
                 indexed from it, and finds them again once it is back. If it is gone for good: clipseek collection \
                 forget {path}",
                path = path.display()
            ),
            Note::ColumnTaken { name } => write!(
                f,
                "the column {name} is left out, as its name is taken: by another it can be filtered by"
            ),
            Note::ColumnLeftOut { name, cells } => write!(
                f,
                "the column {name} is left out in {cells} row{}: only texts, numbers, booleans and lists of texts \
                 can be filtered by",
                if *cells == 1 { "" } else { "s" }
            ),
            Note::ColumnIsText { name, example } => write!(
                f,
                "the column {name} is text, as not all of it is numbers: `{example}` for one"
            ),
            Note::ColumnHasCommas { name, example } => write!(
                f,
                "the column {name} is text, as its numbers have commas, such as `{example}`: write them with a point \
                 to filter by them as numbers"
            ),
            Note::AllMissing { table, base } => write!(
                f,
                "`{}` names no file that exists: its paths are relative to its own folder, {}",
                table.display(),
                base.display()
            ),
            Note::TableWithoutRows { collection } => write!(
                f,
                "collection {collection} keeps its pictures of this table: `clipseek collection forget` with the \
                 table's path takes them out"
            ),
            Note::NoCaptions { table, column } => {
                let before = column
                    .map(|it| format!(" (before: {it})"))
                    .unwrap_or_default();
                write!(
                    f,
                    "no caption column found in `{}`{before}, so its captions are taken out: name the column with \
                     --caption-column",
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
                    (0, true) => format!("{table}, which is gone"),
                    (0, false) => table.to_string(),
                    (more, _) => format!("{table} and {more} more of earlier tables"),
                };
                write!(
                    f,
                    "{pictures} named only by {tables}: `clipseek collection forget {table}` takes them out; \
                     a table that keeps its path from day to day is followed by --prune"
                )
            }
        }
    }
}

/// Is told of [`Event`]s. The default one shows nothing.
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(Event<'_>) + Send + Sync>);

impl Listener {
    /// A listener that hands each event to `hear`, from whichever thread it comes.
    pub fn new(hear: impl Fn(Event<'_>) + Send + Sync + 'static) -> Listener {
        Listener(Arc::new(hear))
    }

    pub(crate) fn tell(&self, event: Event<'_>) {
        (self.0)(event);
    }

    pub(crate) fn note(&self, note: Note<'_>) {
        self.tell(Event::Note(note));
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
