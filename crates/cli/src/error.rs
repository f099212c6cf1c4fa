//! What the terminal itself finds wrong, and the way out of whatever went wrong.

use std::path::PathBuf;

use clip::Instructions;

use crate::environment;

/// A failure of the terminal's own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no picture on standard input")]
    NoInput,
    #[error("standard input is larger than {limit} bytes")]
    InputTooLarge { limit: u64 },
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
    #[error("`{}` is what is read, and would be written over", path.display())]
    OutputIsInput { path: PathBuf },
    #[error("`{}` is a picture, and would be written over", path.display())]
    OutputIsPicture { path: PathBuf },
    #[error("a grid holds {most} pictures at most, {found} were found")]
    GridTooLarge { most: usize, found: usize },
    #[error("there is no command `clipseek {name}`")]
    NoCommand { name: String, existing: Vec<String> },
    #[error("deleting collection `{name}` was not confirmed")]
    NotConfirmed { name: String },
    #[error(
        "{} is `{name}`, which this processor lacks",
        environment::INSTRUCTIONS
    )]
    NoInstructions { name: String },
    #[error("{} is `{name}`, expected one of {}", environment::INSTRUCTIONS, Instructions::NAMES.join(", "))]
    UnknownInstructions { name: String },
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
            Error::NoInput => "pipe one in: clipseek search --image - < beach.jpg".to_owned(),
            Error::NotForATerminal { .. } => "name a file with --to".to_owned(),
            Error::UnknownExtension { expected, .. } => format!("expected {expected}"),
            Error::IndexOfCollection { name } => format!(
                "change it with `clipseek add`, delete it with `clipseek collection delete {name}`"
            ),
            Error::NoDeployment => {
                "say --engine pinecone, too, or leave --cloud, --region and --environment out"
                    .to_owned()
            }
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
            Error::NoInstructions { .. } => {
                let available = Instructions::available().into_iter();
                let names: Vec<&str> = available.map(Instructions::name).collect();
                format!("this processor has {}", names.join(", "))
            }
            Error::Bug { .. } => {
                "this should not happen; please report it with the command and the files".to_owned()
            }
            Error::InputTooLarge { .. }
            | Error::UnknownInstructions { .. }
            | Error::VectorLine { .. }
            | Error::Write { .. }
            | Error::Read { .. } => return None,
        })
    }
}

/// The way out of an error, where there is one.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<Error>() {
            error.hint()
        } else if let Some(server::ServerError::Open { .. }) = cause.downcast_ref() {
            Some(format!(
                "name keys that clients have to name in {} or --keys FILE, or listen at 127.0.0.1",
                environment::API_KEYS
            ))
        } else if let Some(server::ServerError::Store(error)) = cause.downcast_ref() {
            error.hint()
        } else if let Some(server::ServerError::Index(error)) = cause.downcast_ref() {
            clipseek::hint(error)
        } else if let Some(server::TlsError::Unusable { .. }) = cause.downcast_ref() {
            Some("openssl x509 -in FILE -noout -text shows what is in a certificate".to_owned())
        } else {
            clipseek::hint(cause)
        }
    })
}
