//! Exit codes. clap's usage errors exit with 2 too.

use std::io;
use std::process::ExitCode;

/// The exit code of usage errors and failures.
pub(crate) const FAILURE: u8 = 2;

/// How a command without an error ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Success, or something was found: 0.
    Done,
    /// Nothing was found, or some inputs failed: 1.
    Lacking,
    /// Interrupted by Ctrl-C: 130, as in shells.
    Interrupted,
}

impl Outcome {
    /// [`Done`](Outcome::Done) if all went well, else [`Lacking`](Outcome::Lacking).
    pub(crate) fn of(well: bool) -> Outcome {
        if well {
            Outcome::Done
        } else {
            Outcome::Lacking
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        match outcome {
            Outcome::Done => ExitCode::SUCCESS,
            Outcome::Lacking => ExitCode::from(1),
            Outcome::Interrupted => ExitCode::from(130),
        }
    }
}

/// Whether the reader closed our output (`clipseek … | head`), which is not a failure.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}
