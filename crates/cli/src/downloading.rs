//! How pictures of URLs are fetched, on the command line.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use dataset::{
    AllowedAddresses, DownloadOptions, FetchOptions, Keeping, Progress, Reason, Resizing,
};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::environment;
use crate::terminal::{count, message};

/// How pictures are fetched.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pictures of URLs")]
pub(crate) struct DownloadArguments {
    /// Keep pictures with their shorter side at most so long, in pixels, as JPEG; otherwise as they come
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=16_384))]
    resize: Option<u32>,

    /// Quality of the JPEG files that --resize makes
    #[arg(long, value_name = "1-100", default_value_t = 90, requires = "resize",
          value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,

    /// Try again what failed before
    #[arg(long)]
    retry_failed: bool,

    /// Fetch every picture again, as the one at its URL may be another by now
    #[arg(long)]
    refetch: bool,

    /// So many requests at a time
    #[arg(long, value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    concurrency: u16,

    /// So many of them to one host
    #[arg(long, value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    per_host: u16,

    /// So many attempts more at what can pass
    #[arg(long, value_name = "N", default_value_t = 2)]
    retries: u32,

    /// So long a picture may take
    #[arg(long, value_name = "SECONDS", default_value = "180", value_parser = seconds)]
    timeout: Duration,

    /// So long a connection may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    connect_timeout: Duration,

    /// So long an answer may take to begin, and its next 1,024 bytes
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    stall_timeout: Duration,

    /// So large a picture may be, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 128,
          value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_size: u32,

    /// Fetch also from private, loopback and link-local addresses, or from these of them
    #[arg(long, value_name = "ADDRESS,…", num_args = 0..=1, require_equals = true, value_delimiter = ',')]
    allow_private: Option<Vec<IpAddr>>,

    /// Take also pictures whose servers opt out by `X-Robots-Tag`: noai, noml, noindex, …
    #[arg(long)]
    ignore_opt_out: bool,

    /// How to be named to servers
    #[arg(long, value_name = "TEXT", default_value_t = FetchOptions::default().user_agent)]
    user_agent: String,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if !(0.001..=86_400.0).contains(&seconds) {
        return Err("expected 0.001 to 86400".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

impl DownloadArguments {
    /// With nothing kept if `check_only`.
    pub(crate) fn options(&self, check_only: bool) -> DownloadOptions {
        let usual = DownloadOptions::default();
        let quality = self.quality;
        let resizing = self.resize.map(|side| Resizing { side, quality });
        let keeping = resizing.map_or(Keeping::Original, Keeping::Resized);
        let bytes = u64::from(self.max_size) << 20;
        let mut limits = usual.limits.clone();
        limits.bytes = bytes;
        let mut retry = usual.retry;
        retry.attempts = self.retries;
        DownloadOptions {
            fetch: FetchOptions {
                user_agent: self.user_agent.clone(),
                client: environment::client_settings(),
                bytes,
                connect: self.connect_timeout,
                stall: self.stall_timeout,
                whole: self.timeout,
                allowed_addresses: self.allowed_addresses(),
                ignore_opt_out: self.ignore_opt_out,
                ..usual.fetch
            },
            at_once: self.concurrency.into(),
            per_host: self.per_host.into(),
            retry,
            limits,
            keeping: if check_only {
                Keeping::Nothing
            } else {
                keeping
            },
            retry_failed: self.retry_failed,
            refetch: self.refetch,
        }
    }

    /// Whether what failed before is tried again.
    pub(crate) fn retries_failed(&self) -> bool {
        self.retry_failed
    }

    fn allowed_addresses(&self) -> AllowedAddresses {
        match &self.allow_private {
            None => AllowedAddresses::Public,
            Some(all) if all.is_empty() => AllowedAddresses::Anywhere,
            Some(some) => AllowedAddresses::PublicAnd(some.clone()),
        }
    }
}

/// How a download gets on, in a line on standard error. Nothing is drawn where that is no terminal.
pub(crate) fn line() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_message("waiting for the first answers");
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// `1,204 pictures (310/s, 12.1 MiB/s), 96 failed`.
pub(crate) fn state(progress: &Progress, took: Duration) -> String {
    let seconds = took.as_secs_f64().max(0.001);
    let fresh = (progress.done - progress.known) as f64 / seconds;
    let bytes = HumanBytes((progress.bytes as f64 / seconds) as u64);
    let failed: u64 = progress.failed.values().sum();
    format!(
        "{}, {failed} failed; {fresh:.0} URLs/s, {bytes}/s",
        count(progress.pictures as usize, "picture")
    )
}

/// Names the options that lift what refused some.
pub(crate) fn tell_of_refusals(failed: &BTreeMap<Reason, u64>) {
    for (reason, option) in [
        (Reason::PrivateAddress, "--allow-private"),
        (Reason::OptedOut, "--ignore-opt-out"),
        (Reason::TooManyBytes, "--max-size"),
    ] {
        if failed.get(&reason).is_some_and(|&number| number > 0) {
            message!("what was refused as `{reason}` can be let in with {option}");
        }
    }
}

/// A line for each reason, the commonest first.
pub(crate) fn by_reason<'a>(
    failed: impl IntoIterator<Item = (&'a Reason, &'a u64)>,
) -> Vec<(&'static str, u64)> {
    let mut reasons: Vec<_> = failed
        .into_iter()
        .map(|(reason, number)| (reason.words(), *number))
        .collect();
    reasons.sort_by_key(|&(words, number)| (std::cmp::Reverse(number), words));
    reasons
}
