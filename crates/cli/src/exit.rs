//! Exit codes. What clap refuses ends with 2 as well.

use std::io;
use std::process::ExitCode;

/// Wrong use, or a failure.
pub(crate) const FAILURE: u8 = 2;

/// How a command that got through ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, or something found: 0.
    Done,
    /// Nothing found, or some inputs failed: 1.
    Lacking,
    /// Ended by the user: 130, as shells have it of Ctrl-C.
    Interrupted,
}

impl Outcome {
    /// [`Done`](Outcome::Done) if all is well.
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

/// Whether the reader of our output went away (`clipseek … | head`), which is no failure.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}
