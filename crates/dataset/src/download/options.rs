use std::time::Duration;

use net::Retry;
use picture::Limits;

use super::keeping::Keeping;
use super::reason::Reason;
use crate::fetch::FetchOptions;

/// How a list's pictures are downloaded.
#[derive(Clone, Debug)]
pub struct DownloadOptions {
    /// The options of each request.
    pub fetch: FetchOptions,
    /// The maximum number of concurrent requests.
    pub at_once: usize,
    /// The maximum number of concurrent requests to one host.
    pub per_host: usize,
    /// The retries of transient errors.
    pub retry: Retry,
    /// The limits for decoding a picture.
    pub limits: Limits,
    /// What happens to the pictures.
    pub keeping: Keeping,
    /// Retry what failed in an earlier run.
    pub retry_failed: bool,
    /// Download again what an earlier run downloaded, as pictures may have changed.
    pub refetch: bool,
}

impl Default for DownloadOptions {
    /// 256 requests, 16 to one host; two retries, after at most 10 s, or up to a minute if the server asks
    /// for it.
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
    /// The settings that refuse URLs: the name under which each is stored, its value, and the reason of
    /// refused URLs. These URLs are requested again after the setting changes.
    pub(super) fn refusals(&self) -> [(&'static str, String, Reason); 3] {
        let FetchOptions {
            allowed_addresses,
            ignore_opt_out,
            bytes,
            ..
        } = &self.fetch;
        [
            (
                "reach",
                format!("{allowed_addresses:?}"),
                Reason::PrivateAddress,
            ),
            (
                "ignore opt-out",
                ignore_opt_out.to_string(),
                Reason::OptedOut,
            ),
            ("bytes", bytes.to_string(), Reason::TooManyBytes),
        ]
    }
}
