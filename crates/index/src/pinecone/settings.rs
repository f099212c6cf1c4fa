use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use net::{ClientSettings, Retry};
use reqwest::Url;
use reqwest::header::HeaderValue;

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

/// How Pinecone is asked. The default has no key, which [`Pinecone::new`](crate::Pinecone::new) refuses.
#[derive(Debug, Clone)]
pub struct PineconeSettings {
    /// The key.
    pub key: Option<ApiKey>,
    /// The address of the control plane; one without a scheme is asked by https.
    pub controller: String,
    /// The certificates to trust, and the proxies to ask through.
    pub client: ClientSettings,
    /// How long to wait for a connection.
    pub connect_limit: Duration,
    /// How long to wait for an answer.
    pub answer_limit: Duration,
    /// How long to wait for an index that is being made.
    pub ready_limit: Duration,
    /// How long to wait until what was written is found.
    pub settle_limit: Duration,
    /// Called before each retry.
    pub on_retry: OnRetry,
    /// How often to ask again.
    pub retry: Retry,
    /// How many requests of one call are on their way at once.
    pub concurrency: usize,
}

impl Default for PineconeSettings {
    /// No key, Pinecone's own address, ten seconds for a connection and 30 for an answer.
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
    /// The settings that these environment variables ask for. An empty variable counts as one that is not set.
    ///
    /// Nothing is checked here: a key that is missing or invalid, or an invalid address, is an error of
    /// [`Pinecone::new`](crate::Pinecone::new).
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

/// What is called with a transient error and the time until the retry. The default does nothing.
#[derive(Clone)]
pub struct OnRetry(Arc<Callback>);

type Callback = dyn Fn(&Error, Duration) + Send + Sync;

impl OnRetry {
    /// Calls `callback`.
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
