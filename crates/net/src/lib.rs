//! The HTTP client of all that asks servers: which certificates it trusts, what it says where one is refused, and
//! when to try again.
//!
//! ```
//! let settings = net::ClientSettings::default();
//! let client = net::client(&settings)?.user_agent("example/1").build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod asked_wait;
mod certificates;
mod error;
mod proxies;
mod redirect;
mod refused;
mod retry;
mod settings;

pub use asked_wait::asked_wait;
pub use certificates::Certificates;
pub use error::{Error, Result};
pub use proxies::Proxies;
pub use redirect::redirect_of;
pub use refused::{is_refused_certificate, is_tls_failure};
pub use retry::{Again, Attempts, Retry};
pub use settings::ClientSettings;

/// A client over TLS by `rustls`. Redirects are for the caller to follow: who asks decides where to.
///
/// # Errors
/// [`Error`]
pub fn client(settings: &ClientSettings) -> Result<reqwest::ClientBuilder> {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(settings.certificates.configuration()?)
        .redirect(reqwest::redirect::Policy::none());
    settings.proxies.apply(builder)
}
