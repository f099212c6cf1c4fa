//! The options for downloading pictures, and the progress line.

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

/// The options for downloading pictures.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Download options")]
pub(crate) struct DownloadArguments {
    /// Downscale pictures to this length of the shorter side, as JPEG
    ///
    /// Without it, pictures are kept as they were sent.
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=16_384))]
    resize: Option<u32>,

    /// Set the JPEG quality for --resize
    #[arg(long, value_name = "1-100", default_value_t = 90, requires = "resize", hide_short_help = true,
          value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,

    /// Retry URLs that failed in earlier runs
    #[arg(long)]
    retry_failed: bool,

    /// Download every picture again
    ///
    /// Use it when the pictures behind the URLs may have changed.
    #[arg(long)]
    refetch: bool,

    /// Run at most this many requests at a time
    #[arg(long, value_name = "N", default_value_t = 256, hide_short_help = true,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    concurrency: u16,

    /// Run at most this many requests per host
    #[arg(long, value_name = "N", default_value_t = 16, hide_short_help = true,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    per_host: u16,

    /// Retry a transient failure this many times
    #[arg(long, value_name = "N", default_value_t = 2, hide_short_help = true)]
    retries: u32,

    /// Set the timeout for a whole picture
    #[arg(long, value_name = "SECONDS", default_value = "180", value_parser = seconds, hide_short_help = true)]
    timeout: Duration,

    /// Set the timeout for connecting
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, hide_short_help = true)]
    connect_timeout: Duration,

    /// Set the timeout for the response and each further 1,024 bytes
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds, hide_short_help = true)]
    stall_timeout: Duration,

    /// Refuse pictures larger than this, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 128, hide_short_help = true,
          value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_size: u32,

    /// Allow private, loopback and link-local addresses, or only these
    #[arg(long, value_name = "ADDRESS,…", num_args = 0..=1, require_equals = true, value_delimiter = ',',
          hide_short_help = true)]
    allow_private: Option<Vec<IpAddr>>,

    /// Keep pictures whose servers opt out by `X-Robots-Tag`
    ///
    /// Servers opt out with noai, noimageai, noml, noindex, noimageindex or none.
    #[arg(long, hide_short_help = true)]
    ignore_opt_out: bool,

    /// Send this User-Agent header
    #[arg(long, value_name = "TEXT", default_value_t = FetchOptions::default().user_agent, hide_short_help = true)]
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
    /// The options of a download, which keeps no pictures if `check_only`.
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

    /// Whether URLs that failed in earlier runs are retried.
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

/// A progress line on standard error. Nothing is drawn unless that is a terminal.
pub(crate) fn line() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_message("waiting for the first responses");
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

/// Names the options that allow what was refused.
pub(crate) fn suggest_options(failed: &BTreeMap<Reason, u64>) {
    for (reason, option) in [
        (Reason::PrivateAddress, "--allow-private"),
        (Reason::OptedOut, "--ignore-opt-out"),
        (Reason::TooManyBytes, "--max-size"),
    ] {
        if failed.get(&reason).is_some_and(|&number| number > 0) {
            message!("to allow `{reason}`: {option}");
        }
    }
}

/// The number of failures by reason, the most frequent first.
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
