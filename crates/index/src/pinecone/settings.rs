use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use web::Retry;

use crate::{Error, Result};

/// The variable with the key.
pub const KEY_VARIABLE: &str = "PINECONE_API_KEY";

/// The variable with the address of another control plane than Pinecone's.
pub const CONTROLLER_VARIABLE: &str = "PINECONE_CONTROLLER_HOST";

/// Pinecone's control plane.
const CONTROLLER: &str = "https://api.pinecone.io";

/// A key, which is sent and never shown.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// The key.
    ///
    /// # Errors
    /// `NoKey` if it is empty or has characters that no header may have.
    pub fn new(key: &str) -> Result<Self> {
        let key = key.trim();
        let mut value = HeaderValue::from_str(key).map_err(|_| Error::NoKey)?;
        if key.is_empty() {
            return Err(Error::NoKey);
        }
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// How Pinecone is asked.
#[derive(Debug, Clone)]
pub struct PineconeSettings {
    /// The key.
    pub key: ApiKey,
    /// The control plane.
    pub controller: Url,
    /// How long to wait for a connection.
    pub connect_limit: Duration,
    /// How long to wait for an answer.
    pub answer_limit: Duration,
    /// How long to wait for an index that is being made.
    pub ready_limit: Duration,
    /// How long to wait until what was written is found.
    pub settle_limit: Duration,
    /// Called with what went wrong before it is tried again after a while.
    pub waiting: fn(&Error, Duration),
    /// How often to ask again.
    pub retry: Retry,
    /// How many requests of one call are on their way at once.
    pub concurrency: usize,
}

impl PineconeSettings {
    /// With this key, at Pinecone's own address.
    ///
    /// # Errors
    /// `InvalidHost`, which this address is none of.
    pub fn new(key: ApiKey) -> Result<Self> {
        Ok(Self {
            key,
            controller: host(CONTROLLER)?,
            connect_limit: Duration::from_secs(10),
            answer_limit: Duration::from_secs(30),
            ready_limit: Duration::from_secs(300),
            settle_limit: Duration::from_secs(15),
            waiting: |_, _| {},
            retry: Retry::default(),
            concurrency: 4,
        })
    }

    /// As the variables [`KEY_VARIABLE`] and [`CONTROLLER_VARIABLE`] say.
    ///
    /// # Errors
    /// `NoKey` or `InvalidHost`.
    pub fn from_environment() -> Result<Self> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let mut settings = Self::new(ApiKey::new(&variable(KEY_VARIABLE))?)?;
        let controller = variable(CONTROLLER_VARIABLE);
        if !controller.is_empty() {
            settings.controller = host(&controller)?;
        }
        Ok(settings)
    }
}

/// A host's address; one without a scheme is asked by https.
pub(super) fn host(name: &str) -> Result<Url> {
    let invalid = |expected| Error::InvalidHost {
        got: name.to_owned(),
        expected,
    };
    let whole = match name.contains("://") {
        true => name.to_owned(),
        false => format!("https://{name}"),
    };
    let url: Url = whole
        .parse()
        .map_err(|_| invalid("expected https://HOST or http://HOST:PORT"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(invalid("expected https://HOST or http://HOST:PORT"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::InvalidHost {
            got: url.host_str().unwrap_or_default().to_owned(),
            expected: "a name and a password have no place in it",
        });
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_shown() {
        let key = ApiKey::new(" secret\n").unwrap();
        let settings = PineconeSettings::new(key.clone()).unwrap();
        assert!(!format!("{settings:?}{key:?}{:?}", key.header()).contains("secret"));
        assert_eq!(key.header().as_bytes(), b"secret");
        assert!(matches!(ApiKey::new("  "), Err(Error::NoKey)));
        assert!(matches!(ApiKey::new("a\nb"), Err(Error::NoKey)));
    }

    #[test]
    fn hosts_have_a_scheme_or_get_https() {
        let of = |name| host(name).map(|url| url.to_string());
        assert_eq!(
            of("a.svc.pinecone.io").unwrap(),
            "https://a.svc.pinecone.io/"
        );
        assert_eq!(of("http://127.0.0.1:80/").unwrap(), "http://127.0.0.1/");
        for bad in ["ftp://a", "https://", "http://user:secret@a", "a b"] {
            let error = of(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
