use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use net::{ClientSettings, Retry};
use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::{Error, Result};

/// The environment variable for the API key.
pub const KEY_VARIABLE: &str = "PINECONE_API_KEY";

/// The environment variable for the address of a control plane other than Pinecone's.
pub const CONTROLLER_VARIABLE: &str = "PINECONE_CONTROLLER_HOST";

/// Pinecone's control plane.
const CONTROLLER: &str = "https://api.pinecone.io";

/// An API key. It is sent but never shown.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// Parses a key.
    ///
    /// # Errors
    /// `NoKey` if it's empty or has characters that are invalid in a header.
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

/// The connection to Pinecone. The default has no key, which [`Pinecone::new`](crate::Pinecone::new) refuses.
#[derive(Debug, Clone)]
pub struct PineconeSettings {
    /// The API key.
    pub key: Option<ApiKey>,
    /// The address of the control plane. The default scheme is https.
    pub controller: String,
    /// The certificates and proxies.
    pub client: ClientSettings,
    /// The timeout for a connection.
    pub connect_limit: Duration,
    /// The timeout for a response.
    pub answer_limit: Duration,
    /// The timeout for a new index to become ready.
    pub ready_limit: Duration,
    /// The timeout for a write to become visible.
    pub settle_limit: Duration,
    /// Called before each retry.
    pub on_retry: OnRetry,
    /// The retries.
    pub retry: Retry,
    /// The maximum number of concurrent requests of a call.
    pub concurrency: usize,
}

impl Default for PineconeSettings {
    /// No key, Pinecone's own address, ten seconds for a connection and 30 for a response.
    fn default() -> Self {
        Self {
            key: None,
            controller: CONTROLLER.to_owned(),
            client: ClientSettings::default(),
            connect_limit: Duration::from_secs(10),
            answer_limit: Duration::from_secs(30),
            ready_limit: Duration::from_secs(300),
            settle_limit: Duration::from_secs(15),
            on_retry: OnRetry::default(),
            retry: Retry::default(),
            concurrency: 4,
        }
    }
}

impl PineconeSettings {
    /// The settings in these environment variables. An empty variable counts as unset.
    ///
    /// Nothing is validated here: [`Pinecone::new`](crate::Pinecone::new) fails if the key is missing or
    /// invalid, or the address is invalid.
    ///
    /// | setting | variable |
    /// |---|---|
    /// | key | [`KEY_VARIABLE`] |
    /// | controller | [`CONTROLLER_VARIABLE`] |
    /// | client | those of [`ClientSettings::from_variables`] |
    #[must_use]
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name| {
            let value = variable(name)?.to_string_lossy().into_owned();
            Some(value).filter(|value| !value.is_empty())
        };
        Self {
            key: text(KEY_VARIABLE).and_then(|key| ApiKey::new(&key).ok()),
            controller: text(CONTROLLER_VARIABLE).unwrap_or_else(|| CONTROLLER.to_owned()),
            client: ClientSettings::from_variables(&variable),
            ..Self::default()
        }
    }
}

/// A callback for a transient error and the time until the retry. The default does nothing.
#[derive(Clone)]
pub struct OnRetry(Arc<Callback>);

type Callback = dyn Fn(&Error, Duration) + Send + Sync;

impl OnRetry {
    /// Wraps `callback`.
    #[must_use]
    pub fn new(callback: impl Fn(&Error, Duration) + Send + Sync + 'static) -> Self {
        Self(Arc::new(callback))
    }

    pub(super) fn call(&self, error: &Error, wait: Duration) {
        (self.0)(error, wait);
    }
}

impl Default for OnRetry {
    fn default() -> Self {
        Self::new(|_, _| {})
    }
}

impl fmt::Debug for OnRetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnRetry(…)")
    }
}

/// Parses a host's address. The default scheme is https.
pub(super) fn host(name: &str) -> Result<Url> {
    let invalid = |expected| Error::InvalidHost {
        got: name.to_owned(),
        expected,
    };
    let whole = if name.contains("://") {
        name.to_owned()
    } else {
        format!("https://{name}")
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
            expected: "expected no name and password",
        });
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pinecone;

    #[test]
    fn keys_are_not_shown() {
        let key = ApiKey::new(" secret\n").unwrap();
        let settings = PineconeSettings {
            key: Some(key.clone()),
            ..PineconeSettings::default()
        };
        assert!(!format!("{settings:?}{key:?}{:?}", key.header()).contains("secret"));
        assert_eq!(key.header().as_bytes(), b"secret");
        assert!(matches!(ApiKey::new("  "), Err(Error::NoKey)));
        assert!(matches!(ApiKey::new("a\nb"), Err(Error::NoKey)));
    }

    fn settings(variables: &[(&str, &str)]) -> PineconeSettings {
        PineconeSettings::from_variables(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn variables_are_read_and_not_judged() {
        let nothing = settings(&[(KEY_VARIABLE, ""), (CONTROLLER_VARIABLE, "")]);
        assert!(nothing.key.is_none());
        assert_eq!(nothing.controller, CONTROLLER);
        assert!(settings(&[(KEY_VARIABLE, "a\nb")]).key.is_none());
        let variables = [
            (KEY_VARIABLE, "key"),
            (CONTROLLER_VARIABLE, "ftp://elsewhere"),
            ("HTTPS_PROXY", "http://proxy"),
        ];
        let all = settings(&variables);
        assert_eq!(all.key.unwrap().header(), "key");
        assert_eq!(all.controller, "ftp://elsewhere");
        assert_eq!(all.client.proxies.https.unwrap(), "http://proxy");
    }

    #[test]
    fn what_is_wrong_with_them_is_said_when_the_engine_is_opened() {
        let opened = |variables: &[_]| Pinecone::new(settings(variables));
        assert!(matches!(opened(&[]), Err(Error::NoKey)));
        let elsewhere = opened(&[(KEY_VARIABLE, "key"), (CONTROLLER_VARIABLE, "ftp://a")]);
        assert!(matches!(elsewhere, Err(Error::InvalidHost { .. })));
        assert!(opened(&[(KEY_VARIABLE, "key")]).is_ok());
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
