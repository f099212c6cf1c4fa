use std::time::Duration;

use net::Retry;
use picture::Limits;

use super::keeping::Keeping;
use super::reason::Reason;
use crate::fetch::FetchOptions;

/// How a list's pictures are fetched.
#[derive(Clone, Debug)]
pub struct DownloadOptions {
    /// How each is fetched.
    pub fetch: FetchOptions,
    /// How many requests may be in flight.
    pub at_once: usize,
    /// How many of them to one host.
    pub per_host: usize,
    /// How often what can pass is tried again.
    pub retry: Retry,
    /// What a picture may cost to decode.
    pub limits: Limits,
    /// What becomes of the pictures.
    pub keeping: Keeping,
    /// Try again what failed in an earlier run.
    pub retry_failed: bool,
    /// Fetch also what came in an earlier run: there may be another picture at the URL by now.
    pub refetch: bool,
}

impl Default for DownloadOptions {
    /// 256 requests, 16 to one host; two attempts more, after at most 10 s, or a minute if the server
    /// asks for it.
    fn default() -> Self {
        Self {
            fetch: FetchOptions::default(),
            at_once: 256,
            per_host: 16,
            retry: Retry {
                attempts: 2,
                longest_asked: Duration::from_secs(60),
                ..Retry::default()
            },
            limits: Limits::default(),
            keeping: Keeping::default(),
            retry_failed: false,
            refetch: false,
        }
    }
}

impl DownloadOptions {
    /// What refuses URLs, by name, with the reason that they fail for: those are asked again once it has
    /// changed.
    pub(super) fn refusals(&self) -> [(&'static str, String, Reason); 3] {
        let FetchOptions {
            reach,
            ignore_opt_out,
            bytes,
            ..
        } = &self.fetch;
        [
            ("reach", format!("{reach:?}"), Reason::PrivateAddress),
            (
                "ignore opt-out",
                ignore_opt_out.to_string(),
                Reason::OptedOut,
            ),
            ("bytes", bytes.to_string(), Reason::TooManyBytes),
        ]
    }
}
