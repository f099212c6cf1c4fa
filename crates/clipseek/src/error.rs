//! What goes wrong above the crates below, and the way out of whatever went wrong.

use std::path::PathBuf;
use std::sync::Arc;

use dataset::DownloadError;

use crate::hub_model::HubModel;
use crate::period::Period;

/// A failure of something that was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model that may not be downloaded now is not on this machine.
    #[error("model `{name}` is not on this machine")]
    ModelNotHere {
        /// The model.
        name: String,
    },
    /// A name without the form of an id.
    #[error("`{name}` is not the id of a model on the Hugging Face hub")]
    NotAnId {
        /// What was given.
        name: String,
    },
    /// The model's files could not be downloaded.
    #[error("model `{name}` could not be had")]
    ModelNotHad {
        /// The model.
        name: String,
        /// Whether another can be taken instead: that of a collection cannot.
        is_choice: bool,
        /// Why.
        #[source]
        source: Box<hub::Error>,
    },
    /// Neither `mini`, nor a directory, nor an id.
    #[error("there is no model directory `{path}`")]
    NoModelDirectory {
        /// What was given.
        path: String,
    },
    /// The model of a collection is no longer where it was.
    #[error("the collection was made with the model in `{path}`, which is no longer there")]
    ModelMoved {
        /// Where it was.
        path: String,
    },
    /// A repository of something else.
    #[error("`{name}` holds no model: there is no `config.json` in it")]
    NoModelIn {
        /// The repository.
        name: String,
    },
    /// A downloaded model that cannot be used.
    #[error("model `{name}`, of the hub, cannot be used")]
    HubModel {
        /// The model.
        name: String,
        /// Why.
        #[source]
        source: Box<clip::Error>,
    },
    /// The settings of the hub are no settings.
    #[error(transparent)]
    HubSettings(Arc<hub::Error>),
    /// A model that was found is another than the one that made the collection.
    #[error("the model has changed since the collection was made")]
    ModelChanged,
    /// Source and target of a merge are one.
    #[error("`{name}` cannot be merged into itself")]
    MergeIntoItself {
        /// The collection.
        name: String,
    },
    /// Vectors of two models cannot be compared.
    #[error("collection `{name}` was made by another model than `{into}`")]
    MergeOfModels {
        /// The collection to take from.
        name: String,
        /// The collection to take into.
        into: String,
    },
    /// The folder of a collection's fetched pictures cannot be used.
    #[error("the pictures of collection `{collection}` could not be fetched")]
    FetchedPictures {
        /// The collection.
        collection: String,
        /// Why.
        #[source]
        source: Box<DownloadError>,
    },
    /// The settings name no store.
    #[error("there is no home directory to keep the store in")]
    NoStore,
    /// There is no store, or nothing in it.
    #[error("there are no collections in `{}` yet", store.display())]
    NoCollections {
        /// Where the store is, or would be.
        store: PathBuf,
    },
    /// A collection has to be named.
    #[error("there are several collections: {}", names.join(", "))]
    WhichCollection {
        /// Those there are.
        names: Vec<String>,
    },
    /// A source without pictures.
    #[error("`{}` holds no pictures", path.display())]
    NoPictures {
        /// The source.
        path: PathBuf,
    },
    /// A table without rows.
    #[error("`{}` has no rows", path.display())]
    TableWithoutRows {
        /// The table.
        path: PathBuf,
    },
    /// A folder without pictures that has tables.
    #[error("`{}` holds no pictures, but tables", path.display())]
    FolderOfTables {
        /// The folder.
        path: PathBuf,
        /// One of its tables.
        table: PathBuf,
    },
    /// A source that cannot be evaluated.
    #[error("`{}` has no captions to evaluate with", path.display())]
    NoCaptions {
        /// The source.
        path: PathBuf,
    },
    /// Every picture of a source failed.
    #[error("none of the pictures could be read")]
    NothingReadable,
    /// The answer would replace a picture.
    #[error("`{}` is a picture, and would be written over", path.display())]
    OutputIsPicture {
        /// The file.
        path: PathBuf,
    },
    /// A path where no file is.
    #[error("{} `{}`", match path.is_dir() {
        true => "a folder is no picture to look for:",
        false => "there is no file",
    }, path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// The model that was named is another than the one that made a collection.
    #[error("the collection was made by model `{expected}`, not by `{named}`")]
    OtherModel {
        /// The model that was named.
        named: String,
        /// The model of the collection.
        expected: String,
    },
    /// A query without any term.
    #[error("no words to look for")]
    NoWords,
    /// An operator of a mix has nothing beside it.
    #[error("nothing stands beside a ` + ` or ` - `")]
    EmptyTerm,
    /// A weight that counts for nothing.
    #[error("`{weight}` is no weight for `{term}`: expected a number above 0, up to 1000")]
    TermWeight {
        /// The weight as it is written.
        weight: String,
        /// What it is for.
        term: String,
    },
    /// Pictures or captions are to be compared with nothing.
    #[error("there are keywords alone, and nothing to compare with pictures or captions")]
    NothingToCompare,
    /// Something without words is to be looked up.
    #[error("{what} has no keywords")]
    NoKeywordsIn {
        /// What it is.
        what: &'static str,
    },
    /// The dates exclude each other.
    #[error("--taken-after {after} is later than --taken-before {before}")]
    NoTime {
        /// From when on.
        after: Period,
        /// Until when.
        before: Period,
    },
    /// A folder that is not there, or no folder.
    #[error("there is no folder `{}`", path.display())]
    NoFolder {
        /// The path.
        path: PathBuf,
    },
    /// The captions of a source are of pictures that are not on this machine.
    #[error("the pictures of `{}` are URLs", path.display())]
    PicturesNotHere {
        /// The source.
        path: PathBuf,
    },
    /// Nothing that is downloaded is taken any more: adding it has failed, and says why.
    #[error("adding failed, so downloads were stopped")]
    AddingEnded,
    /// A filter that is no JSON.
    #[error("--filter is not JSON")]
    FilterJson {
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A filter that is not of the filter language.
    #[error("--filter is not understood")]
    FilterLanguage {
        /// Why not.
        #[source]
        source: Box<index::Error>,
    },
    /// A name that says no form of file.
    #[error("`{}` does not say in which format to write", path.display())]
    UnknownExtension {
        /// The file.
        path: PathBuf,
        /// What it may be.
        expected: &'static str,
    },
    /// Rows are picked, of a folder.
    #[error("{option} picks rows of tables, and `{}` is a folder", path.display())]
    NoRows {
        /// The folder.
        path: PathBuf,
        /// What picks them.
        option: &'static str,
    },
    /// A label that cannot be told from others.
    #[error("label `{label}` {fault}")]
    Label {
        /// The label.
        label: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A picture that was given cannot be used.
    #[error("`{name}` cannot be {purpose}")]
    Picture {
        /// Its file, its URL, or what else it is called.
        name: String,
        /// What it was for: `the query`, `embedded`, `classified`.
        purpose: &'static str,
        /// Why.
        #[source]
        source: Box<picture::Error>,
    },
    /// A file could not be read.
    #[error("`{}` could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("`{}` could not be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A fetched picture could not be brought to another collection.
    #[error("cannot copy `{}`", path.display())]
    Copy {
        /// The picture's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A folder could not be removed.
    #[error("cannot remove `{}`", path.display())]
    Remove {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No thread or event loop could be started.
    #[error("could not start what waits for the network")]
    Runtime(#[source] std::io::Error),
    /// The store, a collection or a query failed.
    #[error(transparent)]
    Search(Box<search::Error>),
    /// The engine failed.
    #[error(transparent)]
    Index(Box<index::Error>),
    /// A source failed.
    #[error(transparent)]
    Dataset(Box<dataset::Error>),
    /// A download failed as a whole.
    #[error(transparent)]
    Download(Box<DownloadError>),
    /// A URL could not be fetched, or is none.
    #[error(transparent)]
    Fetch(Box<dataset::FetchError>),
    /// The hub failed.
    #[error(transparent)]
    Hub(Box<hub::Error>),
    /// The model failed.
    #[error(transparent)]
    Clip(Box<clip::Error>),
}

/// Boxed, so that a result is not much larger than what it holds when all is well.
macro_rules! boxed {
    ($($variant:ident: $error:ty),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Error {
                Error::$variant(Box::new(error))
            }
        }
    )*};
}
boxed!(
    Search: search::Error,
    Index: index::Error,
    Clip: clip::Error,
    Dataset: dataset::Error,
    Download: DownloadError,
    Fetch: dataset::FetchError,
    Hub: hub::Error
);

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The way out, where there is one: a sentence, or a command to copy.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NotAnId { .. } => {
                "expected OWNER/NAME or OWNER/NAME@REVISION, such as openai/clip-vit-base-patch32"
                    .to_owned()
            }
            Error::ModelNotHere { name } => format!("download it: clipseek model pull {name}"),
            Error::ModelNotHad {
                source, is_choice, ..
            } => return of_missing_model(source, *is_choice),
            Error::ModelMoved { .. } => {
                "say where it is now with --model DIR; the same model is known by its contents"
                    .to_owned()
            }
            Error::NoModelIn { .. } => "choose a repository with a CLIP model".to_owned(),
            Error::HubModel { name, source } => return of_hub_model(name, source),
            Error::NoModelDirectory { .. } => {
                "give a directory with the files of a model, an id of the Hugging Face \
                 hub (OWNER/NAME), or: --model mini"
                    .to_owned()
            }
            Error::NoStore => "name a directory with --store".to_owned(),
            Error::NoCollections { .. } => {
                "index some pictures: clipseek add FOLDER --model mini; or see: clipseek demo"
                    .to_owned()
            }
            Error::WhichCollection { .. } => "name one with --collection".to_owned(),
            Error::NoCaptions { .. } => {
                "give a table (CSV, TSV, JSONL, Parquet) with a caption column".to_owned()
            }
            Error::FolderOfTables { table, .. } => {
                format!("name its tables: clipseek add {}", table.display())
            }
            Error::UnknownExtension { expected, .. } => format!("expected {expected}"),
            Error::NoFile { path } if path.is_dir() => {
                format!("to search in it: --folder {}", path.display())
            }
            Error::NoFile { .. } => {
                "words that begin like a path, or have a slash and a picture's ending, are taken for one".to_owned()
            }
            Error::OtherModel { expected, .. } => own_model("--model", expected),
            Error::TermWeight { weight, .. } if weight.starts_with('-') => {
                "to subtract a term, put it behind a minus with a blank on both sides: cat - dog".to_owned()
            }
            Error::NoWords => "clipseek search \"a dog on the beach\", or --image FILE".to_owned(),
            Error::NothingToCompare => {
                "say in words what to look for beside the keywords, or leave out --in".to_owned()
            }
            Error::NoKeywordsIn { .. } => {
                "compare pictures too, and name the keywords: --in images --keywords WORDS"
                    .to_owned()
            }
            Error::FetchedPictures { source, .. } => match &**source {
                DownloadError::OtherKeeping { .. } => {
                    "name another collection with --collection, or keep them as before".to_owned()
                }
                DownloadError::Busy { .. } => "wait for it to end".to_owned(),
                source => return source.hint(),
            },
            Error::MergeOfModels { .. } => {
                "vectors of two models can't be compared: add one's pictures again with the other's model"
                    .to_owned()
            }
            Error::NoRows { .. } => {
                "name a table, or a smaller folder; --exclude leaves files out".to_owned()
            }
            Error::PicturesNotHere { path } => format!(
                "download them first: clipseek download {path} --to FOLDER, then give FOLDER/manifest.parquet",
                path = path.display()
            ),
            Error::OutputIsPicture { .. } => {
                "name another file, or delete this one before".to_owned()
            }
            Error::NoTime { .. } => {
                "--taken-after is where the time begins, --taken-before where it ends".to_owned()
            }
            Error::HubSettings(error) => {
                let mini = "or try clipseek out with the bundled model: --model mini";
                match error.hint() {
                    Some(hint) => format!("{hint}; {mini}"),
                    None => mini.to_owned(),
                }
            }
            Error::Search(error) => return of_search(error),
            Error::Index(error) => return of_index(error),
            Error::Dataset(error) => return of_dataset(error),
            Error::Download(error) => return error.hint(),
            Error::Fetch(error) => return error.hint(),
            Error::Hub(error) => return error.hint(),
            Error::Clip(error) => return of_clip(error),
            Error::ModelChanged
            | Error::AddingEnded
            | Error::EmptyTerm
            | Error::TermWeight { .. }
            | Error::FilterJson { .. }
            | Error::FilterLanguage { .. }
            | Error::Picture { .. }
            | Error::NoPictures { .. }
            | Error::TableWithoutRows { .. }
            | Error::Label { .. }
            | Error::NothingReadable
            | Error::NoFolder { .. }
            | Error::Runtime(_)
            | Error::Write { .. }
            | Error::Copy { .. }
            | Error::Remove { .. }
            | Error::MergeIntoItself { .. }
            | Error::Read { .. } => return None,
        })
    }
}

/// The way out of an error of this crate or of one below, where there is one. Callers that wrap errors ask for each
/// cause in turn.
pub fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<Error>() {
        error.hint()
    } else if let Some(error) = error.downcast_ref::<search::Error>() {
        of_search(error)
    } else if let Some(error) = error.downcast_ref::<index::Error>() {
        of_index(error)
    } else if let Some(error) = error.downcast_ref::<hub::Error>() {
        error.hint()
    } else if let Some(error) = error.downcast_ref::<dataset::FetchError>() {
        error.hint()
    } else if let Some(error) = error.downcast_ref::<DownloadError>() {
        error.hint()
    } else if let Some(error) = error.downcast_ref::<dataset::Error>() {
        of_dataset(error)
    } else if let Some(error) = error.downcast_ref::<clip::Error>() {
        of_clip(error)
    } else if let Some(error) = error.downcast_ref::<train::Error>() {
        error.hint().map(str::to_owned)
    } else if let Some(error) = error.downcast_ref::<net::Error>() {
        error.hint()
    } else {
        None
    }
}

fn of_missing_model(source: &hub::Error, is_choice: bool) -> Option<String> {
    let no_directory = matches!(source, hub::Error::NotFound { .. })
        .then(|| "there is no directory of that name here either".to_owned());
    let mini =
        is_choice.then(|| "or try clipseek out with the bundled model: --model mini".to_owned());
    let hints = [source.hint(), no_directory, mini].into_iter().flatten();
    let hints: Vec<String> = hints.collect();
    (!hints.is_empty()).then(|| hints.join("; "))
}

fn of_hub_model(name: &str, source: &clip::Error) -> Option<String> {
    match source.is_damage() {
        true => Some(format!(
            "see whether its files are damaged: clipseek model pull {name}"
        )),
        false => source.hint().map(str::to_owned),
    }
}

fn of_dataset(error: &dataset::Error) -> Option<String> {
    match error {
        dataset::Error::Hub(error) => error.hint(),
        _ => None,
    }
}

fn of_clip(error: &clip::Error) -> Option<String> {
    match error {
        clip::Error::TextsAlone { model } => Some(format!(
            "name the CLIP model whose space it shares for the pictures, and this one for the words: \
             --model MODEL --text-model {model}"
        )),
        _ => error.hint().map(str::to_owned),
    }
}

fn of_index(error: &index::Error) -> Option<String> {
    match error {
        index::Error::DeletionProtected { name } => Some(format!(
            "lift the protection: clipseek index configure {name} --deletion-protection disabled, with the same --engine"
        )),
        index::Error::IndexNotFound { .. } => {
            Some("see `clipseek index list`, with the --engine that it is in".to_owned())
        }
        index::Error::IndexExists { name } => Some(format!(
            "choose another name; clipseek index drop {name}, with the same --engine, deletes that one with all that is in it"
        )),
        index::Error::DiskFull { .. } => {
            Some("make room and run the same command: it goes on where it stopped".to_owned())
        }
        index::Error::ReadOnly { .. } => {
            Some("--store names another store, which can be written to".to_owned())
        }
        index::Error::Gone { .. } => Some("put it back, or begin again without it".to_owned()),
        index::Error::UnfinishedChanges { .. } => Some(
            "run `clipseek collection list` on it where it can be written to, then copy it anew"
                .to_owned(),
        ),
        error if error.is_damage() => Some(DAMAGED_STORE.to_owned()),
        index::Error::NewerVersion { .. } => Some("update clipseek".to_owned()),
        error => of_pinecone(error),
    }
}

fn of_pinecone(error: &index::Error) -> Option<String> {
    match error {
        index::Error::NoKey => Some(format!(
            "{}=KEY, as Pinecone's console shows it; for `clipseek serve` without keys any will do",
            index::KEY_VARIABLE
        )),
        index::Error::KeyRefused { .. } => Some(format!(
            "{} has to be a key of the project that is at this address",
            index::KEY_VARIABLE
        )),
        index::Error::Unreachable { source, .. } if net::is_tls_failure(&**source) => Some(
            "SSL_CERT_FILE can name the certificates to trust, in PEM; a server's own must not be one that vouches \
             for others (basicConstraints CA:FALSE)"
                .to_owned(),
        ),
        index::Error::Unreachable { .. }
        | index::Error::NotPinecone { .. }
        | index::Error::InvalidHost { .. } => Some(format!(
            "is {} right? Without it Pinecone's own address is asked",
            index::CONTROLLER_VARIABLE
        )),
        index::Error::Silent { .. } => {
            Some("try again later: the same command goes on where it stopped".to_owned())
        }
        index::Error::NotReady { name, .. } => Some(format!(
            "try again later; how far it is says: clipseek index describe {name} --engine pinecone"
        )),
        _ => None,
    }
}

/// What is left to do where SQLite cannot read its own.
const DAMAGED_STORE: &str = "put back a copy of the store's directory; or move the directory away and add the sources \
                             again: only what was fetched from URLs is in it, in its `downloads`";

/// How to name a collection's own model. Collections of earlier versions do not say at which commit it was.
fn own_model(option: &str, reference: &str) -> String {
    let is_lasting = HubModel::parse(reference).is_none_or(|model| model.revision.is_commit());
    let commit = match is_lasting {
        true => String::new(),
        false => format!(", or {reference}@COMMIT if it has changed on the hub since"),
    };
    format!("use {option} {reference}{commit}, or another collection: --collection NAME")
}

fn of_search(error: &search::Error) -> Option<String> {
    Some(match error {
        search::Error::NoCollection { existing, .. } if existing.is_empty() => {
            "there are none yet: clipseek add FOLDER --model mini".to_owned()
        }
        search::Error::NoCollection { existing, .. } => {
            format!("there are: {}", existing.join(", "))
        }
        search::Error::IndexGone { collection, .. } => format!(
            "add its sources again, which embeds them anew; or: clipseek collection delete {collection}"
        ),
        search::Error::OtherIndex { collection, .. } => format!(
            "`clipseek collection delete {collection}` deletes it with the collection; or name another collection"
        ),
        search::Error::OtherEngine { collection, .. } => format!(
            "leave --engine out to add to it, name another collection with --collection, or: clipseek \
             collection delete {collection}"
        ),
        search::Error::OtherModel { expected, .. } => own_model("--model", expected),
        search::Error::OtherPrecision { expected, .. } => {
            format!(
                "leave --precision out to add in {expected}, or name another collection with --collection"
            )
        }
        search::Error::OtherTextModel { expected, .. } => own_model("--text-model", expected),
        search::Error::NoRecord { .. } => {
            "ids are shown by `clipseek search`; a file is given with --image".to_owned()
        }
        search::Error::NoVector { .. } => {
            "add its source again, or see: clipseek collection check".to_owned()
        }
        search::Error::Notes { .. } => {
            "make room for temporary files, or name another directory for them in TMPDIR".to_owned()
        }
        error if error.is_disk_full() => {
            "make room and run the same command: it goes on where it stopped".to_owned()
        }
        error if error.is_damage() => DAMAGED_STORE.to_owned(),
        search::Error::NoKeywords { .. } => {
            "keywords are of letters and digits; signs and emoji aren't looked up".to_owned()
        }
        search::Error::Catalogue { .. }
        | search::Error::Store { .. }
        | search::Error::Lock { .. }
        | search::Error::StoreIsFile { .. } => {
            "the store has to be a directory that can be written to; --store names another"
                .to_owned()
        }
        search::Error::NewerCatalogue { .. } => "update clipseek".to_owned(),
        search::Error::Index(error) => return of_index(error),
        search::Error::Clip(error) => return of_clip(error),
        _ => return None,
    })
}
