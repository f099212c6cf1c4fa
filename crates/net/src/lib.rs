//! The HTTP client of all that asks servers: which certificates it trusts, what it says where one is refused, when to
//! try again, and a clock for its limits.
//!
//! ```
//! let settings = net::ClientSettings::default();
//! let client = net::client(&settings)?.user_agent("example/1").build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod asked_wait;
mod certificates;
mod error;
mod loop_clock;
mod malformed;
mod proxies;
mod redirect;
mod refused;
mod retry;
mod settings;

pub use asked_wait::asked_wait;
pub use certificates::Certificates;
pub use error::{Error, Result};
pub use loop_clock::LoopClock;
pub use malformed::is_malformed_response;
pub use proxies::Proxies;
pub use redirect::redirect_of;
pub use refused::{is_refused_certificate, is_tls_failure};
pub use retry::{Again, Attempts, Retry};
pub use settings::ClientSettings;

/// The most headers of a response, as with curl. Together they have at most 400 KiB, hyper's limit.
const MOST_HEADERS: usize = 5000;

/// A client over TLS by `rustls`. Redirects are for the caller to follow: who asks decides where to.
///
/// Responses of careless servers are read as browsers and curl do: headers that go on in the next line, a blank before the
/// colon, up to 5,000 headers. Other malformed headers are skipped. A lone carriage return and a NUL are refused.
///
/// # Errors
/// [`Error`]
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
