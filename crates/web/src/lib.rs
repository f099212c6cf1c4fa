//! The HTTP client of all that asks servers: which certificates it trusts, what it says where one is refused, and
//! when to try again.
//!
//! ```
//! let client = web::client()?.user_agent("example/1").build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod asked_wait;
mod certificates;
mod error;
mod redirect;
mod refused;
mod retry;

pub use asked_wait::asked_wait;
pub use error::{Error, Result};
pub use redirect::redirect_of;
pub use refused::{is_refused_certificate, is_tls_failure};
pub use retry::{Again, Attempts, Retry};

/// A client over TLS by `rustls`. Redirects are for the caller to follow: who asks decides where to.
///
/// # Errors
/// [`Error`]
pub fn client() -> Result<reqwest::ClientBuilder> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(certificates::configuration()?)
        .redirect(reqwest::redirect::Policy::none()))
}
