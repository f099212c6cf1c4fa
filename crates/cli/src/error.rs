//! Errors of the command line, and hints for all errors.

use std::path::PathBuf;

use clip::Instructions;

use crate::environment;

/// An error of the command line itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("standard input is empty; expected a picture")]
    NoInput,
    #[error("standard input is larger than {limit} bytes")]
    InputTooLarge { limit: u64 },
    #[error("refusing to write {format} to the terminal")]
    NotForATerminal { format: &'static str },
    #[error("unknown output format `{}`", path.display())]
    UnknownExtension {
        path: PathBuf,
        expected: &'static str,
    },
    #[error("index `{name}` belongs to the collection `{name}`; refusing to change it directly")]
    IndexOfCollection { name: String },
    #[error(
        "line {line} is not a vector; expected {{\"id\": …, \"values\": […], \"metadata\": {{…}}}}"
    )]
    VectorLine {
        line: usize,
        #[source]
        source: serde_json::Error,
    },
    #[error("--cloud, --region and --environment need --engine pinecone")]
    NoDeployment,
    #[error("refusing to overwrite the input `{}`", path.display())]
    OutputIsInput { path: PathBuf },
    #[error("refusing to overwrite the picture `{}`", path.display())]
    OutputIsPicture { path: PathBuf },
    #[error("too many pictures for a grid: {found}, at most {most} fit")]
    GridTooLarge { most: usize, found: usize },
    #[error("no command `clipseek {name}`")]
    NoCommand { name: String, existing: Vec<String> },
    #[error("deleting collection `{name}` needs confirmation")]
    NotConfirmed { name: String },
    #[error(
        "{} is `{name}`, which this processor does not support",
        environment::INSTRUCTIONS
    )]
    NoInstructions { name: String },
    #[error("{} is `{name}`; expected one of {}", environment::INSTRUCTIONS, Instructions::NAMES.join(", "))]
    UnknownInstructions { name: String },
    #[error("internal error in clipseek: {panic}")]
    Bug { panic: String },
    #[error("could not write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("could not read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NoInput => "clipseek search --image - < beach.jpg".to_owned(),
            Error::NotForATerminal { .. } => "write to a file: --to FILE".to_owned(),
            Error::UnknownExtension { expected, .. } => (*expected).to_owned(),
            Error::IndexOfCollection { name } => format!(
                "change it with `clipseek add` or delete it with `clipseek collection delete {name}`"
            ),
            Error::NoDeployment => "add --engine pinecone or leave these options out".to_owned(),
            Error::OutputIsInput { .. } => "choose another file name".to_owned(),
            Error::OutputIsPicture { .. } => {
                "choose another file name, or delete this file first".to_owned()
            }
            Error::GridTooLarge { .. } => {
                "limit the number with --top-k, or write a page with --format html".to_owned()
            }
            Error::NoCommand { existing, .. } if existing.is_empty() => return None,
            Error::NoCommand { existing, .. } => format!("commands: {}", existing.join(", ")),
            Error::NotConfirmed { .. } => "to delete without confirmation: --yes".to_owned(),
            Error::NoInstructions { .. } => {
                let available = Instructions::available().into_iter();
                let names: Vec<&str> = available.map(Instructions::name).collect();
                format!("this processor supports {}", names.join(", "))
            }
            Error::Bug { .. } => {
                "this is a bug; please report it with the command and the input files".to_owned()
            }
            Error::InputTooLarge { .. }
            | Error::UnknownInstructions { .. }
            | Error::VectorLine { .. }
            | Error::Write { .. }
            | Error::Read { .. } => return None,
        })
    }
}

/// The hint for an error, if there is one.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<Error>() {
            error.hint()
        } else if let Some(server::ServerError::Open { .. }) = cause.downcast_ref() {
            Some(format!(
                "set API keys with {} or --keys FILE, or listen on 127.0.0.1",
                environment::API_KEYS
            ))
        } else if let Some(server::ServerError::Store(error)) = cause.downcast_ref() {
            error.hint()
        } else if let Some(server::ServerError::Index(error)) = cause.downcast_ref() {
            clipseek::hint(error)
        } else if let Some(server::TlsError::Unusable { .. }) = cause.downcast_ref() {
            Some("to inspect a certificate: openssl x509 -in FILE -noout -text".to_owned())
        } else {
            clipseek::hint(cause)
        }
    })
}
