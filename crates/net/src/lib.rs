//! The HTTP client of all crates that send requests: certificates, proxies, retries, and a clock for
//! timeouts.
//!
//! ```
//! let settings = net::ClientSettings::default();
//! let client = net::client(&settings)?.user_agent("example/1").build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod certificates;
mod error;
mod loop_clock;
mod malformed_response;
mod proxies;
mod redirect;
mod retry;
mod retry_after;
mod settings;
mod tls_failure;

pub use certificates::Certificates;
pub use error::{Error, Result};
pub use loop_clock::LoopClock;
pub use malformed_response::is_malformed_response;
pub use proxies::Proxies;
pub use redirect::{MOST_REDIRECTS, redirect_of};
pub use retry::{Attempts, Retry, RetryAdvice};
pub use retry_after::retry_after;
pub use settings::ClientSettings;
pub use tls_failure::{is_refused_certificate, is_tls_failure};

/// The maximum number of headers in a response, as in curl. Their total size is limited to 400 KiB by hyper.
const MOST_HEADERS: usize = 5000;

/// A client that uses TLS by `rustls`. It doesn't follow redirects, as callers decide where requests may go.
///
/// Responses of careless servers are parsed as in browsers and curl: headers may continue on the next line,
/// have a space before the colon, and number up to 5,000. Other malformed headers are skipped. A lone
/// carriage return or NUL is an error.
///
/// # Errors
/// [`Error::Certificates`], [`Error::Proxy`] and [`Error::Security`].
pub fn client(settings: &ClientSettings) -> Result<reqwest::ClientBuilder> {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(settings.certificates.configuration()?)
        .redirect(reqwest::redirect::Policy::none())
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(MOST_HEADERS);
    settings.proxies.apply(builder)
}
