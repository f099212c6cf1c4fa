use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    program::Program,
    wire::{Reply, Request},
    worker::{Failure, Worker},
};
use crate::{Error, Result};

/// Pictures after which a child is replaced, so that a decoder's memory leaks do not add up.
const MOST_PICTURES: u32 = 1000;

/// The idle children.
pub(super) struct Pool(Mutex<State>);

struct State {
    program: Option<Program>,
    idle: Vec<Worker>,
}

impl Pool {
    pub(super) const fn new() -> Pool {
        Pool(Mutex::new(State {
            program: None,
            idle: Vec::new(),
        }))
    }

    pub(super) fn set_program(&self, program: Program) {
        let mut state = self.lock();
        state.program = Some(program);
        state.idle.clear();
    }

    /// Sends a request to a child and returns its reply.
    ///
    /// If a reused child fails, the reason may be another than this picture, such as its idle timeout. So the request
    /// is sent again to a new child.
    pub(super) fn ask(
        &self,
        request: &Request<'_>,
        timeout: Duration,
    ) -> Result<Result<Reply, Failure>> {
        if let Some(mut worker) = self.idle() {
            let reply = worker.ask(request, timeout);
            if !matches!(reply, Err(Failure::Died(_))) {
                return Ok(self.kept(worker, reply));
            }
        }
        let mut worker = self.start(request)?;
        let reply = worker.ask(request, timeout);
        Ok(self.kept(worker, reply))
    }

    /// Returns the reply and keeps the child for reuse.
    fn kept(&self, worker: Worker, reply: Result<Reply, Failure>) -> Result<Reply, Failure> {
        if reply.is_ok() && worker.pictures() < MOST_PICTURES {
            self.lock().idle.push(worker);
        }
        reply
    }

    fn idle(&self) -> Option<Worker> {
        let mut state = self.lock();
        state.idle.retain_mut(Worker::is_alive);
        state.idle.pop()
    }

    fn start(&self, request: &Request<'_>) -> Result<Worker> {
        let format = request.format;
        let program = self.lock().program.clone();
        let program = program.ok_or_else(|| Error::Unsupported {
            format,
            kind: format!(
                "{} in a program that never calls `picture::decoder_process::serve_if_asked`",
                format.name()
            )
            .into(),
        })?;
        let started: io::Result<Worker> = Worker::start(&program);
        started.map_err(|source| Error::NoDecoder { format, source })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
