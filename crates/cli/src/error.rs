//! What the program itself finds wrong, and the way out of whatever went wrong.

use std::path::PathBuf;

use dataset::DownloadError;

use crate::environment;
use crate::hub_model::HubModel;

/// A failure that no library below knows of.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no home directory to keep the store in")]
    NoHome,
    #[error("model `{name}` is not on this machine")]
    ModelNotHere { name: String },
    #[error("`{name}` is not the id of a model on the Hugging Face hub")]
    NotAnId { name: String },
    #[error("model `{name}` could not be had")]
    ModelNotHad {
        name: String,
        /// Whether another can be taken instead: that of a collection cannot.
        is_choice: bool,
        #[source]
        source: Box<hub::Error>,
    },
    #[error("there is no model directory `{path}`")]
    NoModelDirectory { path: String },
    #[error("the collection was made with the model in `{path}`, which is no longer there")]
    ModelMoved { path: String },
    #[error("`{name}` holds no model: there is no `config.json` in it")]
    NoModelIn { name: String },
    #[error("model `{name}`, of the hub, cannot be used")]
    HubModel {
        name: String,
        #[source]
        source: Box<clip::Error>,
    },
    #[error("`{name}` cannot be merged into itself")]
    MergeIntoItself { name: String },
    #[error("collection `{name}` was made by another model than `{into}`")]
    MergeOfModels { name: String, into: String },
    #[error("the pictures of collection `{collection}` could not be fetched")]
    FetchedPictures {
        collection: String,
        #[source]
        source: Box<DownloadError>,
    },
    #[error("there are no collections in `{}` yet", store.display())]
    NoCollections { store: PathBuf },
    #[error("there are several collections: {}", names.join(", "))]
    WhichCollection { names: Vec<String> },
    #[error("`{}` holds no pictures", path.display())]
    NoPictures { path: PathBuf },
    #[error("`{}` has no captions to evaluate with", path.display())]
    NoCaptions { path: PathBuf },
    #[error("none of the pictures could be read")]
    NothingReadable,
    #[error("there is no picture on standard input")]
    NoInput,
    #[error("standard input is larger than {limit} bytes")]
    InputTooLarge { limit: u64 },
    #[error("no words to look for")]
    NoWords,
    #[error("there are keywords alone, and nothing to compare with pictures or captions")]
    NothingToCompare,
    #[error("{what} has no keywords")]
    NoKeywordsIn { what: &'static str },
    #[error("no time lies after --taken-after and before --taken-before")]
    NoTime,
    #[error("{format} would be written to the terminal")]
    NotForATerminal { format: &'static str },
    #[error("`{}` does not say in which format to write", path.display())]
    UnknownExtension {
        path: PathBuf,
        expected: &'static str,
    },
    #[error("index `{name}` belongs to the collection of that name, which would be damaged")]
    IndexOfCollection { name: String },
    #[error("line {line} is not a vector of the form {{\"id\", \"values\", \"metadata\"}}")]
    VectorLine {
        line: usize,
        #[source]
        source: serde_json::Error,
    },
    #[error("where an index is in Pinecone's clouds was said, and not --engine pinecone")]
    NoDeployment,
    #[error("{option} picks rows of tables, and `{}` is a folder", path.display())]
    NoRows { path: PathBuf, option: &'static str },
    #[error("`{}` is what is read, and would be written over", path.display())]
    OutputIsInput { path: PathBuf },
    #[error("`{}` is a picture, and would be written over", path.display())]
    OutputIsPicture { path: PathBuf },
    #[error("label `{label}` {fault}")]
    Label { label: String, fault: &'static str },
    #[error("a grid holds {most} pictures at most, {found} were found")]
    GridTooLarge { most: usize, found: usize },
    #[error("there is no command `clipseek {name}`")]
    NoCommand { name: String, existing: Vec<String> },
    #[error("deleting collection `{name}` was not confirmed")]
    NotConfirmed { name: String },
    #[error("clipseek itself is at fault: {panic}")]
    Bug { panic: String },
    #[error("`{}` could not be written", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{}` could not be read", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NoHome => "name a directory with --store".to_owned(),
            Error::NotAnId { .. } => {
                "expected OWNER/NAME or OWNER/NAME@REVISION, such as openai/clip-vit-base-patch32"
                    .to_owned()
            }
            Error::ModelNotHere { name } => format!("download it: clipseek model pull {name}"),
            Error::ModelNotHad {
                source, is_choice, ..
            } => {
                let no_directory = matches!(**source, hub::Error::NotFound { .. })
                    .then_some("there is no directory of that name here either");
                let mini =
                    is_choice.then_some("or try clipseek out with the bundled model: --model mini");
                let hints: Vec<String> = [
                    source.hint(),
                    no_directory.map(str::to_owned),
                    mini.map(str::to_owned),
                ]
                .into_iter()
                .flatten()
                .collect();
                return (!hints.is_empty()).then(|| hints.join("; "));
            }
            Error::ModelMoved { .. } => {
                "say where it is now with --model DIR; the same model is known by its contents"
                    .to_owned()
            }
            Error::NoModelIn { .. } => "choose a repository with a CLIP model".to_owned(),
            Error::HubModel { name, source } => match **source {
                clip::Error::Json { .. }
                | clip::Error::Weights { .. }
                | clip::Error::Pickle { .. }
                | clip::Error::MissingTensor { .. }
                | clip::Error::TensorShape { .. }
                | clip::Error::Tokenizer { .. } => {
                    format!("see whether its files are damaged: clipseek model pull {name}")
                }
                _ => return source.hint().map(str::to_owned),
            },
            Error::NoModelDirectory { .. } => {
                "give a directory with the files of a model, an id of the Hugging Face \
                 hub (OWNER/NAME), or: --model mini"
                    .to_owned()
            }
            Error::NoCollections { .. } => {
                "index some pictures: clipseek add FOLDER --model mini; or see: clipseek demo"
                    .to_owned()
            }
            Error::WhichCollection { .. } => "name one with --collection".to_owned(),
            Error::NoCaptions { .. } => {
                "give a table (CSV, TSV, JSONL, Parquet) with a caption column".to_owned()
            }
            Error::NotForATerminal { .. } => "name a file with --to".to_owned(),
            Error::UnknownExtension { expected, .. } => format!("expected {expected}"),
            Error::IndexOfCollection { name } => format!(
                "change it with `clipseek add`, delete it with `clipseek collection delete {name}`"
            ),
            Error::OutputIsInput { .. } => "name another".to_owned(),
            Error::OutputIsPicture { .. } => {
                "name another file, or delete this one before".to_owned()
            }
            Error::GridTooLarge { .. } => {
                "ask for fewer with --top-k, or for a page: --format html".to_owned()
            }
            Error::NoCommand { existing, .. } if existing.is_empty() => return None,
            Error::NoCommand { existing, .. } => format!("there are: {}", existing.join(", ")),
            Error::NotConfirmed { .. } => "say --yes to delete without being asked".to_owned(),
            Error::Bug { .. } => {
                "this should not happen; please report it with the command and the files".to_owned()
            }
            Error::NoWords => "clipseek search \"a dog on the beach\", or --image FILE".to_owned(),
            Error::NothingToCompare => {
                "say in words what to look for beside the keywords, or leave out --in".to_owned()
            }
            Error::NoKeywordsIn { .. } => {
                "compare pictures too, and name the keywords: --in images --keywords WORDS"
                    .to_owned()
            }
            Error::NoInput => "pipe one in: clipseek search --image - < beach.jpg".to_owned(),
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
            Error::NoDeployment => {
                "say --engine pinecone, too, or leave --cloud, --region and --environment out"
                    .to_owned()
            }
            Error::NoTime => "--taken-after is where the time begins".to_owned(),
            Error::NoPictures { .. }
            | Error::Label { .. }
            | Error::NothingReadable
            | Error::InputTooLarge { .. }
            | Error::VectorLine { .. }
            | Error::Write { .. }
            | Error::MergeIntoItself { .. }
            | Error::Read { .. } => return None,
        })
    }
}

/// The way out of an error, where there is one.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<Error>() {
            error.hint()
        } else if let Some(error) = cause.downcast_ref::<search::Error>() {
            of_search(error)
        } else if let Some(error) = cause.downcast_ref::<index::Error>() {
            of_index(error)
        } else if let Some(server::ServerError::Open { .. }) = cause.downcast_ref() {
            Some(format!(
                "name keys that clients have to name in {}, or listen at 127.0.0.1",
                environment::API_KEYS
            ))
        } else if let Some(server::TlsError::Unusable { .. }) = cause.downcast_ref() {
            Some("openssl x509 -in FILE -noout -text shows what is in a certificate".to_owned())
        } else if let Some(error) = cause.downcast_ref::<hub::Error>() {
            error.hint()
        } else if let Some(error) = cause.downcast_ref::<dataset::FetchError>() {
            error.hint()
        } else if let Some(error) = cause.downcast_ref::<dataset::DownloadError>() {
            error.hint()
        } else if let Some(dataset::Error::Hub(error)) = cause.downcast_ref() {
            error.hint()
        } else if let Some(error) = cause.downcast_ref::<clip::Error>() {
            of_clip(error)
        } else {
            None
        }
    })
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
        index::Error::Unreachable { source, .. } if web::is_tls_failure(&**source) => Some(
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
        search::Error::Catalogue { .. } | search::Error::Store { .. } => {
            "the store has to be a directory that can be written to; --store names another"
                .to_owned()
        }
        search::Error::NewerCatalogue { .. } => "update clipseek".to_owned(),
        search::Error::Index(error) => return of_index(error),
        search::Error::Clip(error) => return of_clip(error),
        _ => return None,
    })
}
