use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use net::{Retry, RetryAdvice};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::error::DownloadError;
use super::hosts::Hosts;
use super::keeping::Keeping;
use super::options::DownloadOptions;
use super::outcome::{FetchedPicture, Outcome};
use super::reason::Reason;
use super::shelf::Shelf;
use crate::fetch::{Answer, Body, Fetcher};
use crate::{FetchError, WebAddress};

/// The memory for decoding pictures at the same time, in MiB.
const MEMORY: u32 = 512;

/// What all URLs of a run share.
pub(super) struct Worker {
    fetcher: Fetcher,
    hosts: Hosts,
    slots: Semaphore,
    memory: Semaphore,
    retry: Retry,
    limits: picture::Limits,
    keeping: Keeping,
    shelf: Arc<Shelf>,
}

impl Worker {
    pub(super) fn new(options: &DownloadOptions, shelf: Arc<Shelf>) -> Result<Self, FetchError> {
        Ok(Self {
            fetcher: Fetcher::new(options.fetch.clone())?,
            hosts: Hosts::new(options.per_host.max(1)),
            slots: Semaphore::new(options.at_once.max(1)),
            memory: Semaphore::new(MEMORY as usize),
            retry: options.retry,
            limits: options.limits.clone(),
            keeping: options.keeping,
            shelf,
        })
    }

    /// The outcome of a URL.
    ///
    /// # Errors
    /// Errors that aren't the URL's fault.
    pub(super) async fn outcome(
        self: Arc<Self>,
        address: &WebAddress,
    ) -> Result<Outcome, DownloadError> {
        // The slot is held until the body is decoded, as waiting bodies take memory too.
        let (Answer { status, body }, _slot) = self.answer(address).await;
        match body {
            Ok(body) => Ok(Outcome {
                result: Arc::clone(&self).inspected(body).await?,
                status,
                time: SystemTime::now(),
            }),
            Err(error) => match Reason::of_fetching(&error) {
                Some(reason) => Ok(Outcome::failed(reason, status)),
                None => Err(error.into()),
            },
        }
    }

    /// Requests the URL, with retries. Holds no slot while waiting.
    async fn answer(&self, address: &WebAddress) -> (Answer, Option<SemaphorePermit<'_>>) {
        let host = self.hosts.host(address.host());
        let mut attempts = self.retry.attempts();
        loop {
            let (answer, slot) = {
                let _turn = host.turn().await;
                let slot = self.slots.acquire().await.ok();
                (self.fetcher.fetch(address).await, slot)
            };
            let Err(error) = &answer.body else {
                return (answer, slot);
            };
            drop(slot);
            let retry_advice = error.retry_advice();
            match (attempts.wait(retry_advice), retry_advice) {
                (None, _) => return (answer, None),
                (Some(_), RetryAdvice::After(wait)) => host.pause(wait),
                (Some(wait), _) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Decodes the body on the threads for computation, and stores it.
    async fn inspected(
        self: Arc<Self>,
        body: Body,
    ) -> Result<Result<FetchedPicture, Reason>, DownloadError> {
        let cost = picture::decoding_cost(&body.bytes, &self.limits, 1) >> 20;
        let cost = u32::try_from(cost).unwrap_or(MEMORY).clamp(1, MEMORY);
        let worker = Arc::clone(&self);
        let _share = self.memory.acquire_many(cost).await;
        let (sender, receiver) = oneshot::channel();
        rayon::spawn(move || {
            let work = AssertUnwindSafe(|| worker.keep(body));
            // The receiver may have been dropped.
            let _ = sender.send(catch_unwind(work));
        });
        match receiver.await {
            Ok(Ok(kept)) => kept,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => unreachable!("the result is always sent"),
        }
    }

    fn keep(&self, body: Body) -> Result<Result<FetchedPicture, Reason>, DownloadError> {
        self.shelf.take(body.bytes, &self.limits, self.keeping)
    }
}
