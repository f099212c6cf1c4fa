//! Errors of this crate, and hints for errors of this crate and those below.

use std::path::PathBuf;
use std::sync::Arc;

use dataset::DownloadError;

use crate::hub_model::HubModel;
use crate::period::Period;

/// An error of a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model is not on this machine and must not be downloaded now.
    #[error("model `{name}` is not on this machine")]
    ModelNotHere {
        /// The model.
        name: String,
    },
    /// The name does not have the form of a model id.
    #[error("`{name}` is not a Hugging Face model id")]
    NotAnId {
        /// What was given.
        name: String,
    },
    /// The files of the model could not be downloaded.
    #[error("could not download model `{name}`")]
    ModelDownload {
        /// The model.
        name: String,
        /// Whether the user can choose another model; the model of a collection is fixed.
        is_choice: bool,
        /// Why.
        #[source]
        source: Box<hub::Error>,
    },
    /// Neither `mini`, nor a directory, nor an id.
    #[error("model directory `{path}` does not exist")]
    NoModelDirectory {
        /// What was given.
        path: String,
    },
    /// The model of a collection is no longer in its directory.
    #[error("the model of the collection is no longer in `{path}`")]
    ModelMoved {
        /// The directory.
        path: String,
    },
    /// The repository holds no model.
    #[error("repository `{name}` has no model: `config.json` is missing")]
    NoModelIn {
        /// The repository.
        name: String,
    },
    /// A downloaded model cannot be used.
    #[error("could not use the downloaded model `{name}`")]
    HubModel {
        /// The model.
        name: String,
        /// Why.
        #[source]
        source: Box<clip::Error>,
    },
    /// The settings of the hub are invalid.
    #[error(transparent)]
    HubSettings(Arc<hub::Error>),
    /// The model differs from the one that embedded the collection.
    #[error("the model has changed since the collection was created")]
    ModelChanged,
    /// Source and target of a merge are the same collection.
    #[error("cannot merge collection `{name}` into itself")]
    MergeIntoItself {
        /// The collection.
        name: String,
    },
    /// The collections of a merge have different models.
    #[error("collections `{name}` and `{into}` have different models")]
    MergeOfModels {
        /// The source.
        name: String,
        /// The target.
        into: String,
    },
    /// The folder of a collection's downloaded pictures cannot be used.
    #[error("could not download pictures for collection `{collection}`")]
    PictureDownload {
        /// The collection.
        collection: String,
        /// Why.
        #[source]
        source: Box<DownloadError>,
    },
    /// The settings name no store.
    #[error("no directory for the store: the home directory is unknown")]
    NoStore,
    /// The store does not exist or is empty.
    #[error("no collections in `{}`", store.display())]
    NoCollections {
        /// The directory of the store.
        store: PathBuf,
    },
    /// There are several collections, and none was named.
    #[error("which collection? there are several: {}", names.join(", "))]
    WhichCollection {
        /// Their names.
        names: Vec<String>,
    },
    /// The source has no pictures.
    #[error("no pictures in `{}`", path.display())]
    NoPictures {
        /// The source.
        path: PathBuf,
    },
    /// The table has no rows.
    #[error("no rows in `{}`", path.display())]
    TableWithoutRows {
        /// The table.
        path: PathBuf,
    },
    /// The folder has tables but no pictures.
    #[error("`{}` has tables but no pictures", path.display())]
    FolderOfTables {
        /// The folder.
        path: PathBuf,
        /// One of its tables.
        table: PathBuf,
    },
    /// The source has no captions, which an evaluation needs.
    #[error("no captions in `{}`", path.display())]
    NoCaptions {
        /// The source.
        path: PathBuf,
    },
    /// Every picture of a source failed.
    #[error("none of the pictures could be read")]
    NothingReadable,
    /// The output would overwrite a picture.
    #[error("refusing to overwrite the picture `{}`", path.display())]
    OutputIsPicture {
        /// The file.
        path: PathBuf,
    },
    /// The path is not a file.
    #[error("`{}` {}", path.display(), if path.is_dir() {
        "is a folder, not a picture"
    } else {
        "does not exist"
    })]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// The named model is not the model of the collection.
    #[error("the collection has model `{expected}`, not `{named}`")]
    OtherModel {
        /// The named model.
        named: String,
        /// The model of the collection.
        expected: String,
    },
    /// The query is empty.
    #[error("nothing to search for")]
    NoWords,
    /// An operator of a mix lacks a term.
    #[error("missing term next to ` + ` or ` - `")]
    EmptyTerm,
    /// The weight of a term is out of range.
    #[error("invalid weight `{weight}` of `{term}`: expected a number above 0, at most 1000")]
    TermWeight {
        /// The weight as written.
        weight: String,
        /// The term.
        term: String,
    },
    /// The query has only keywords, which cannot be compared with pictures or captions.
    #[error("the query has only keywords, which cannot be compared with pictures or captions")]
    NothingToCompare,
    /// A query without words cannot search keywords.
    #[error("{what} has no keywords")]
    NoKeywordsIn {
        /// The kind of query, such as `a picture`.
        what: &'static str,
    },
    /// The dates exclude each other.
    #[error("--taken-after {after} is later than --taken-before {before}")]
    NoTime {
        /// The start.
        after: Period,
        /// The end.
        before: Period,
    },
    /// The folder does not exist.
    #[error("folder `{}` does not exist", path.display())]
    NoFolder {
        /// The path.
        path: PathBuf,
    },
    /// The pictures of the source are URLs.
    #[error("the pictures of `{}` are URLs, not files", path.display())]
    PicturesNotHere {
        /// The source.
        path: PathBuf,
    },
    /// Downloads were stopped because adding failed; the other error says why.
    #[error("stopped downloads because adding failed")]
    AddingEnded,
    /// The filter is not JSON.
    #[error("--filter is not valid JSON")]
    FilterJson {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The filter is not valid in the filter language.
    #[error("--filter is not a valid filter")]
    FilterLanguage {
        /// Why.
        #[source]
        source: Box<index::Error>,
    },
    /// The extension of the output file is unknown.
    #[error("unknown output format `{}`", path.display())]
    UnknownExtension {
        /// The file.
        path: PathBuf,
        /// What to do.
        expected: &'static str,
    },
    /// An option that selects rows was given for a folder.
    #[error("{option} selects rows of tables, but `{}` is a folder", path.display())]
    NoRows {
        /// The folder.
        path: PathBuf,
        /// The option.
        option: &'static str,
    },
    /// A label is empty or repeated.
    #[error("label `{label}` {fault}")]
    Label {
        /// The label.
        label: String,
        /// The fault.
        fault: &'static str,
    },
    /// A given picture cannot be read or decoded.
    #[error("could not {purpose} `{name}`")]
    Picture {
        /// Its file, URL or other name.
        name: String,
        /// What it was for: `search with`, `embed` or `classify`.
        purpose: &'static str,
        /// Why.
        #[source]
        source: Box<picture::Error>,
    },
    /// A file could not be read.
    #[error("could not read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("could not write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A downloaded picture could not be copied to another collection.
    #[error("could not copy `{}`", path.display())]
    Copy {
        /// The picture's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A folder could not be removed.
    #[error("could not remove `{}`", path.display())]
    Remove {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The async runtime could not be started.
    #[error("could not start the network runtime")]
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
    /// A URL is invalid or could not be fetched.
    #[error(transparent)]
    Fetch(Box<dataset::FetchError>),
    /// The hub failed.
    #[error(transparent)]
    Hub(Box<hub::Error>),
    /// The model failed.
    #[error(transparent)]
    Clip(Box<clip::Error>),
}

/// Errors are boxed to keep results small.
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
    /// The hint, if there is one: what to do, or a command to copy.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NotAnId { .. } => {
                "expected OWNER/NAME or OWNER/NAME@REVISION, such as openai/clip-vit-base-patch32"
                    .to_owned()
            }
            Error::ModelNotHere { name } => format!("to download it: clipseek model pull {name}"),
            Error::ModelDownload {
                source, is_choice, ..
            } => return of_missing_model(source, *is_choice),
            Error::ModelMoved { .. } => {
                "if it was moved, give its new directory with --model DIR".to_owned()
            }
            Error::NoModelIn { .. } => "choose a repository with a CLIP model".to_owned(),
            Error::HubModel { name, source } => return of_hub_model(name, source),
            Error::NoModelDirectory { .. } => {
                "expected a directory, a Hugging Face model id (OWNER/NAME) or `mini`".to_owned()
            }
            Error::NoStore => "choose a directory with --store DIR".to_owned(),
            Error::NoCollections { .. } => {
                "to index pictures: clipseek add FOLDER --model mini".to_owned()
            }
            Error::WhichCollection { .. } => "choose one with --collection NAME".to_owned(),
            Error::NoCaptions { .. } => {
                "expected a table (CSV, TSV, JSONL or Parquet) with a caption column".to_owned()
            }
            Error::FolderOfTables { table, .. } => {
                format!("to add a table: clipseek add {}", table.display())
            }
            Error::UnknownExtension { expected, .. } => (*expected).to_owned(),
            Error::NoFile { path } if path.is_dir() => {
                format!("to search in this folder: --folder {}", path.display())
            }
            Error::NoFile { .. } => {
                "a query that looks like a path names a picture file; to search for words, leave out slashes or the extension".to_owned()
            }
            Error::OtherModel { expected, .. } => own_model("--model", expected),
            Error::TermWeight { weight, .. } if weight.starts_with('-') => {
                "to subtract a term, put a minus with spaces around it: cat - dog".to_owned()
            }
            Error::NoWords => "clipseek search \"a dog on the beach\"".to_owned(),
            Error::NothingToCompare => {
                "add words or a picture to the query, or leave out --in".to_owned()
            }
            Error::NoKeywordsIn { .. } => {
                "give keywords separately: --in images --keywords WORDS".to_owned()
            }
            Error::PictureDownload { source, .. } => match &**source {
                DownloadError::OtherKeeping { .. } => {
                    "use the same --resize as before, or another collection: --collection NAME".to_owned()
                }
                DownloadError::Busy { .. } => "wait until it ends".to_owned(),
                source => return source.hint(),
            },
            Error::MergeOfModels { .. } => {
                "embeddings of different models cannot be compared; add the sources of one again with the other's model"
                    .to_owned()
            }
            Error::NoRows { .. } => {
                "give a table or a smaller folder, or skip files with --exclude GLOB".to_owned()
            }
            Error::PicturesNotHere { path } => format!(
                "download them first: clipseek download {path} --to FOLDER; then use FOLDER/manifest.parquet",
                path = path.display()
            ),
            Error::OutputIsPicture { .. } => {
                "choose another file name, or delete this file first".to_owned()
            }
            Error::NoTime { .. } => {
                "swap the two dates".to_owned()
            }
            Error::HubSettings(error) => {
                let mini = "or try the bundled model: --model mini";
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

/// The hint for an error of this crate or a crate below, if there is one. Callers that wrap errors ask for each cause in
/// turn.
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
        .then(|| "there is no local directory with this name either".to_owned());
    let mini = is_choice.then(|| "or try the bundled model: --model mini".to_owned());
    let hints = [source.hint(), no_directory, mini].into_iter().flatten();
    let hints: Vec<String> = hints.collect();
    (!hints.is_empty()).then(|| hints.join("; "))
}

fn of_hub_model(name: &str, source: &clip::Error) -> Option<String> {
    if source.is_damage() {
        Some(format!(
            "to replace damaged files: clipseek model pull {name}"
        ))
    } else {
        source.hint().map(str::to_owned)
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
            "use it together with the CLIP model whose vector space it shares: --model MODEL --text-model {model}"
        )),
        _ => error.hint().map(str::to_owned),
    }
}

fn of_index(error: &index::Error) -> Option<String> {
    match error {
        index::Error::DeletionProtected { name } => Some(format!(
            "to allow deletion: clipseek index configure {name} --deletion-protection disabled (with the same --engine)"
        )),
        index::Error::IndexNotFound { .. } => {
            Some("to list the indexes: clipseek index list (with the same --engine)".to_owned())
        }
        index::Error::IndexExists { name } => Some(format!(
            "choose another name, or delete the index with all its vectors: clipseek index drop {name} (with the same --engine)"
        )),
        index::Error::DiskFull { .. } => {
            Some("free some space and run the same command to resume".to_owned())
        }
        index::Error::ReadOnly { .. } => {
            Some("choose a writable store with --store DIR".to_owned())
        }
        index::Error::Gone { .. } => Some("put it back, or start again without it".to_owned()),
        index::Error::UnfinishedChanges { .. } => Some(
            "run `clipseek collection list` where the store is writable, then copy it again"
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
            "set {}=KEY to a key from Pinecone's console; `clipseek serve` without keys accepts any",
            index::KEY_VARIABLE
        )),
        index::Error::KeyRefused { .. } => Some(format!(
            "{} must be a key of the project at this address",
            index::KEY_VARIABLE
        )),
        index::Error::Unreachable { source, .. } if net::is_tls_failure(&**source) => Some(
            "set SSL_CERT_FILE to the trusted certificates in PEM form; a server certificate must not be a CA certificate \
             (basicConstraints CA:FALSE)"
                .to_owned(),
        ),
        index::Error::Unreachable { .. }
        | index::Error::NotPinecone { .. }
        | index::Error::InvalidHost { .. } => Some(format!(
            "check {}; without it, Pinecone's own address is used",
            index::CONTROLLER_VARIABLE
        )),
        index::Error::Silent { .. } => {
            Some("try again later; the same command resumes".to_owned())
        }
        index::Error::NotReady { name, .. } => Some(format!(
            "try again later; to see its state: clipseek index describe {name} --engine pinecone"
        )),
        _ => None,
    }
}

/// The hint for a damaged database.
const DAMAGED_STORE: &str = "restore the store's directory from a backup; or move it away and add the sources again \
                             (pictures that were downloaded are in its folder `downloads`)";

/// The hint to use a collection's own model. Collections of earlier versions do not record its commit.
fn own_model(option: &str, reference: &str) -> String {
    let is_lasting = HubModel::parse(reference).is_none_or(|model| model.revision.is_commit());
    let commit = if is_lasting {
        String::new()
    } else {
        format!(", or {reference}@COMMIT if it has changed on the hub since then")
    };
    format!("use {option} {reference}{commit}, or another collection: --collection NAME")
}

fn of_search(error: &search::Error) -> Option<String> {
    Some(match error {
        search::Error::NoCollection { existing, .. } if existing.is_empty() => {
            "to index pictures: clipseek add FOLDER --model mini".to_owned()
        }
        search::Error::NoCollection { existing, .. } => {
            format!("collections: {}", existing.join(", "))
        }
        search::Error::IndexGone { collection, .. } => format!(
            "add its sources again to embed them again, or delete it: clipseek collection delete {collection}"
        ),
        search::Error::OtherIndex { collection, .. } => format!(
            "choose another collection, or delete this one with its index: clipseek collection delete {collection}"
        ),
        search::Error::OtherEngine { collection, .. } => format!(
            "leave --engine out, choose another collection with --collection NAME, or delete this one: clipseek collection \
             delete {collection}"
        ),
        search::Error::OtherModel { expected, .. } => own_model("--model", expected),
        search::Error::OtherPrecision { expected, .. } => {
            format!(
                "leave --precision out to use {expected}, or choose another collection with --collection NAME"
            )
        }
        search::Error::OtherTextModel { expected, .. } => own_model("--text-model", expected),
        search::Error::NoRecord { .. } => {
            "`clipseek search` shows ids; to search with a file: --image FILE".to_owned()
        }
        search::Error::NoVector { .. } => {
            "add its source again, or check the collection: clipseek collection check".to_owned()
        }
        search::Error::Notes { .. } => {
            "free some space for temporary files, or set TMPDIR to another directory".to_owned()
        }
        error if error.is_disk_full() => {
            "free some space and run the same command to resume".to_owned()
        }
        error if error.is_damage() => DAMAGED_STORE.to_owned(),
        search::Error::NoKeywords { .. } => {
            "keywords consist of letters and digits; punctuation and emoji are ignored".to_owned()
        }
        search::Error::Catalogue { .. }
        | search::Error::Store { .. }
        | search::Error::Lock { .. }
        | search::Error::StoreIsFile { .. } => {
            "the store must be a writable directory; to choose another: --store DIR".to_owned()
        }
        search::Error::NewerCatalogue { .. } => "update clipseek".to_owned(),
        search::Error::Index(error) => return of_index(error),
        search::Error::Clip(error) => return of_clip(error),
        _ => return None,
    })
}
