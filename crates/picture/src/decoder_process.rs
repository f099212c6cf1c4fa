//! Decoding in processes of their own, for formats whose decoder can end or stall the process that it is in.
//!
//! Damaged AVIF files make the decoder of AV1 abort, or keep it busy for minutes. So this crate starts the running
//! program again as a child, hands it the file through a pipe and reads the pixels from another. A child that aborts, or
//! takes more memory or time than the picture's size allows, costs an error for that one file.
//!
//! A program has to take part: its `main` calls [`serve_if_asked`] before anything else. In a program that does not, AVIF
//! is an error that says so, and nothing is started. Tests and libraries inside of other programs have no `main` of their
//! own; they name a program that takes part with [`set_program`], such as `picture-decoder` of this crate.
//!
//! ```no_run
//! // The first line of `main`.
//! picture::decoder_process::serve_if_asked();
//! ```
//!
//! - Children are kept and reused, so at most one runs for each thread that decodes at the same time. They end with the
//!   process that started them, however that ends, and after a minute without work.
//! - A child has a process group of its own: Ctrl-C in a terminal reaches the parent alone. It prints nothing.
//! - The bounds: [memory](https://man7.org/linux/man-pages/man2/setrlimit.2.html) by `RLIMIT_AS` on Linux, processor
//!   time by `RLIMIT_CPU` on Unix, time on the clock everywhere. Elsewhere nothing but the limit on pixels bounds memory.
//! - It keeps faults apart, and is no sandbox: a child may do what the program may.

mod bounds;
mod pool;
mod program;
mod serving;
mod wire;
mod worker;

use std::{env, path::PathBuf, time::Duration};

use self::{pool::Pool, program::Program, wire::Request, worker::Failure};
use crate::{Error, Format, Limits, Result, decode::Decoded};

/// The argument that asks a program to decode instead of doing its own work.
const ARGUMENT: &str = "--decode-pictures-for-parent";

static POOL: Pool = Pool::new();

/// Decodes and never returns in a process that was started for that; in any other, lets this crate start such processes.
///
/// Call it first in `main`: before arguments are parsed, threads started or files opened.
pub fn serve_if_asked() {
    let arguments: Vec<_> = env::args_os().skip(1).take(2).collect();
    if arguments == [ARGUMENT] {
        serving::serve();
    }
    POOL.set_program(Program::running());
}

/// Names another program to start, whose `main` calls [`serve_if_asked`]. For where the running one cannot.
pub fn set_program(path: PathBuf) {
    POOL.set_program(Program::at(path));
}

/// The picture in `bytes`, which the parent has looked into: decoding it takes so much memory.
pub(crate) fn decode(format: Format, bytes: &[u8], limits: &Limits, cost: u64) -> Result<Decoded> {
    let request = Request {
        format,
        limits: limits.clone(),
        cost,
        bytes: bytes.into(),
    };
    let patience = patience(cost);
    let reply = POOL.ask(&request, patience.wall)?;
    let reply = reply.map_err(|failure| match failure {
        Failure::Died(message) => Error::DecoderFailed { format, message },
        Failure::TookMemory => Error::TooMuchMemory {
            format,
            limit: bounds::memory(cost),
        },
        Failure::TookTime => Error::TooMuchTime {
            format,
            seconds: patience.processor.as_secs(),
        },
    })?;
    reply.into_result(format)
}

/// How long a child may take.
struct Patience {
    /// Of the processor's time.
    processor: Duration,
    /// On the clock. Far more, since other work may have the processor.
    wall: Duration,
}

/// For a picture that takes so many bytes to decode. Decoders take about a second for 100 to 400 MB of that.
fn patience(cost: u64) -> Patience {
    let seconds = 10 + cost / 20_000_000;
    Patience {
        processor: Duration::from_secs(seconds),
        wall: Duration::from_secs(20 + 4 * seconds),
    }
}
