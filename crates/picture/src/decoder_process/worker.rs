use std::{
    io::{self, Read, Write},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use super::{
    program::Program,
    wire::{Reply, Request},
};

/// More bytes than a panic message has.
const MOST_MESSAGE_BYTES: u64 = 4096;

/// A child process that decodes.
pub(super) struct Worker {
    child: Child,
    requests: ChildStdin,
    replies: ChildStdout,
    words: ChildStderr,
    pictures: u32,
}

/// Why a child did not reply.
#[derive(Debug, PartialEq)]
pub(super) enum Failure {
    /// It exited, with this message.
    Died(String),
    TookMemory,
    TookTime,
}

impl Worker {
    pub(super) fn start(program: &Program) -> io::Result<Worker> {
        let mut child = program.command().spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(requests), Some(replies), Some(words)) = pipes else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Worker {
            child,
            requests,
            replies,
            words,
            pictures: 0,
        })
    }

    /// The number of requests sent to it.
    pub(super) fn pictures(&self) -> u32 {
        self.pictures
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a request and returns the reply within the time limits. After a failure, the child is unusable.
    pub(super) fn ask(
        &mut self,
        request: &Request<'_>,
        timeout: Duration,
    ) -> Result<Reply, Failure> {
        self.pictures += 1;
        let (done, is_done) = channel::<()>();
        let (child, requests, replies) = (&mut self.child, &mut self.requests, &mut self.replies);
        let (reply, was_killed) = thread::scope(|scope| {
            let watching = thread::Builder::new()
                .spawn_scoped(scope, move || kill_after(timeout, child, &is_done))?;
            let reply = request
                .write(requests)
                .and_then(|()| requests.flush())
                .and_then(|()| Reply::read(replies, &request.limits));
            drop(done);
            Ok::<_, io::Error>((reply, watching.join().unwrap_or(false)))
        })
        .unwrap_or_else(|error| (Err(error), false));
        reply.map_err(|error| match (self.failure(&error), was_killed) {
            (_, true) => Failure::TookTime,
            (failure, false) => failure,
        })
    }

    /// Why it exited without a reply.
    fn failure(&mut self, error: &io::Error) -> Failure {
        // A child that sent an invalid reply is still running.
        let _ = self.child.kill();
        let status = self.child.wait();
        let mut words = Vec::new();
        let _ = (&mut self.words)
            .take(MOST_MESSAGE_BYTES)
            .read_to_end(&mut words);
        let words = String::from_utf8_lossy(&words);
        if words.contains("memory allocation of") {
            return Failure::TookMemory;
        }
        match status {
            Ok(status) if is_out_of_time(status) => Failure::TookTime,
            Ok(status) => Failure::Died(format!("{status}: {}", words.trim())),
            Err(_) => Failure::Died(error.to_string()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail if it has exited; then nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills the child after its time and returns whether it did. Counts seconds one by one, so that seconds in which this
/// process is stopped do not count.
fn kill_after(timeout: Duration, child: &mut Child, is_done: &Receiver<()>) -> bool {
    const TICK: Duration = Duration::from_secs(1);
    let mut left = timeout;
    while !left.is_zero() {
        let tick = left.min(TICK);
        if is_done.recv_timeout(tick) != Err(RecvTimeoutError::Timeout) {
            return false;
        }
        left -= tick;
    }
    let _ = child.kill();
    true
}

/// Whether the system killed it for its CPU time.
#[cfg(unix)]
fn is_out_of_time(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(libc::SIGXCPU)
}

#[cfg(not(unix))]
fn is_out_of_time(_status: ExitStatus) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::{Format, Limits};

    /// The failure of a child that runs this script.
    fn ask(script: &str, timeout: Duration) -> Failure {
        let program = Program::with_arguments("/bin/sh", &["-c", script]);
        let request = Request {
            format: Format::Avif,
            limits: Limits::default(),
            cost: 0,
            // More than fits into a pipe.
            bytes: vec![0; 1 << 20].into(),
        };
        let mut worker = Worker::start(&program).unwrap();
        let failure = worker.ask(&request, timeout).err().unwrap();
        assert!(!worker.is_alive());
        failure
    }

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn one_that_ends_says_why() {
        let failure = ask("echo index out of bounds >&2; exit 101", LONG);
        let words = "exit status: 101: index out of bounds";
        assert_eq!(failure, Failure::Died(words.to_owned()));
        let failure = ask("kill -ABRT $$", LONG);
        assert!(matches!(failure, Failure::Died(words) if words.starts_with("signal: 6")));
    }

    #[test]
    fn one_that_takes_memory_is_known_by_its_words() {
        let failure = ask("echo memory allocation of 7 bytes failed >&2; exit 1", LONG);
        assert_eq!(failure, Failure::TookMemory);
        assert_eq!(ask("kill -XCPU $$", LONG), Failure::TookTime);
    }

    #[test]
    fn one_that_hangs_is_killed() {
        let timeout = Duration::from_millis(50);
        assert_eq!(ask("exec sleep 10000", timeout), Failure::TookTime);
        assert_eq!(ask("while true; do :; done", timeout), Failure::TookTime);
        let flood = "while true; do echo more words than anybody reads >&2; done";
        assert_eq!(ask(flood, timeout), Failure::TookTime);
    }

    #[test]
    fn one_that_replies_nonsense_is_killed() {
        let failure = ask("echo hello; exec cat >/dev/null", LONG);
        assert!(matches!(failure, Failure::Died(_)), "{failure:?}");
        // Far more pixels than any limit.
        let size = "\\377\\377\\377\\377";
        let script = format!("printf 'PIC1\\0{size}{size}\\0'; exec cat >/dev/null");
        let failure = ask(&script, LONG);
        assert!(matches!(failure, Failure::Died(_)), "{failure:?}");
    }
}
