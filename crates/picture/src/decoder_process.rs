//! Child processes for decoders that can abort or block the process they run in.
//!
//! Damaged AVIF files can make the AV1 decoder abort, or keep it busy for minutes. So this crate starts the running
//! program again as a child, sends it the file through a pipe and reads the pixels from another. If the child aborts,
//! or takes more memory or time than the picture's size allows, only that file fails.
//!
//! A program must cooperate: its `main` calls [`serve_if_asked`] before anything else. In other programs, AVIF fails
//! with [`Error::NoDecoder`], and no child is started. Tests and libraries inside other programs have no `main` of
//! their own; they use [`set_program`] to name a program that cooperates, such as this crate's `picture-decoder`.
//!
//! ```no_run
//! // The first line of `main`.
//! picture::decoder_process::serve_if_asked();
//! ```
//!
//! - Children are reused, so there is at most one for each thread that decodes at the same time. They exit when their
//!   parent exits for any reason, and after a minute without work.
//! - A child has its own process group, so Ctrl-C in a terminal reaches only the parent. It prints nothing.
//! - Limits: [memory](https://man7.org/linux/man-pages/man2/setrlimit.2.html) by `RLIMIT_AS` on Linux, CPU time by
//!   `RLIMIT_CPU` on Unix, wall-clock time everywhere. On other systems, only the limit on pixels bounds memory.
//! - It isolates faults but is not a sandbox: a child has all rights of the program.

mod pool;
mod program;
mod resource_limits;
mod serving;
mod wire;
mod worker;

use std::{env, path::PathBuf, time::Duration};

use self::{pool::Pool, program::Program, wire::Request, worker::Failure};
use crate::{Error, Format, Limits, Result, decode::Decoded};

/// The argument that makes a program decode instead of doing its own work.
const ARGUMENT: &str = "--decode-pictures-for-parent";

static POOL: Pool = Pool::new();

/// Decodes and never returns if this process was started for that. Otherwise, allows this crate to start such
/// processes.
///
/// Call it first in `main`: before parsing arguments, starting threads or opening files.
pub fn serve_if_asked() {
    let arguments: Vec<_> = env::args_os().skip(1).take(2).collect();
    if arguments == [ARGUMENT] {
        serving::serve();
    }
    POOL.set_program(Program::running());
}

/// Sets another program to start, whose `main` calls [`serve_if_asked`], if the running one does not.
pub fn set_program(path: PathBuf) {
    POOL.set_program(Program::at(path));
}

/// Decodes `bytes` in a child. The parent has estimated that decoding takes `cost` bytes of memory.
pub(crate) fn decode(format: Format, bytes: &[u8], limits: &Limits, cost: u64) -> Result<Decoded> {
    let request = Request {
        format,
        limits: limits.clone(),
        cost,
        bytes: bytes.into(),
    };
    let limits = time_limits(cost);
    let reply = POOL.ask(&request, limits.wall)?;
    let reply = reply.map_err(|failure| match failure {
        Failure::Died(message) => Error::DecoderFailed { format, message },
        Failure::TookMemory => Error::TooMuchMemory {
            format,
            limit: resource_limits::memory(cost),
        },
        Failure::TookTime => Error::TooMuchTime {
            format,
            seconds: limits.processor.as_secs(),
        },
    })?;
    reply.into_result(format)
}

/// A child's time limits.
struct TimeLimits {
    /// CPU time.
    processor: Duration,
    /// Wall-clock time; far more, because other work may have the CPU.
    wall: Duration,
}

/// The time limits for a picture that takes `cost` bytes to decode. Decoders take about a second for 100 to 400 MB.
fn time_limits(cost: u64) -> TimeLimits {
    let seconds = 10 + cost / 20_000_000;
    TimeLimits {
        processor: Duration::from_secs(seconds),
        wall: Duration::from_secs(20 + 4 * seconds),
    }
}
