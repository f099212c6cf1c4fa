use std::ffi::OsString;
use std::fmt;

use reqwest::{ClientBuilder, NoProxy, Proxy};

use crate::{Error, Result};

/// The variable that a web server sets for each CGI program. `HTTP_PROXY` is then set from a request header
/// that anybody can send (<https://httpoxy.org>).
const CGI_VARIABLE: &str = "REQUEST_METHOD";

/// The proxies of a client. The default has none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The address of the proxy for `https`, such as `http://name:password@host:3128`.
    pub https: Option<String>,
    /// The address of the proxy for `http`.
    pub http: Option<String>,
    /// The hosts to connect to directly, separated by commas: names, which include subdomains; addresses;
    /// networks such as `10.0.0.0/8`; or `*`.
    pub except: String,
}

impl Proxies {
    pub(crate) fn from_variables(variable: &impl Fn(&str) -> Option<OsString>) -> Self {
        if variable(CGI_VARIABLE).is_some() {
            return Self::default();
        }
        let first = |names: &[&str]| {
            let found = names.iter().find_map(|name| variable(name));
            found.map(|value| value.to_string_lossy().into_owned())
        };
        Self {
            https: first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            http: first(&["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]),
            except: first(&["NO_PROXY", "no_proxy"]).unwrap_or_default(),
        }
    }

    /// Makes `builder` use only these proxies.
    ///
    /// # Errors
    /// [`Error::Proxy`]
    pub(crate) fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder> {
        let mut builder = builder.no_proxy();
        if let Some(address) = &self.https {
            builder = builder.proxy(self.proxy("https", Proxy::https(address))?);
        }
        if let Some(address) = &self.http {
            builder = builder.proxy(self.proxy("http", Proxy::http(address))?);
        }
        Ok(builder)
    }

    fn proxy(&self, scheme: &'static str, proxy: reqwest::Result<Proxy>) -> Result<Proxy> {
        // The address may contain a password.
        let proxy = proxy.map_err(|source| Error::Proxy {
            scheme,
            source: source.without_url(),
        })?;
        Ok(proxy.no_proxy(NoProxy::from_string(&self.except)))
    }
}

impl fmt::Debug for Proxies {
    /// Leaves out the addresses, which may contain passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |proxy: &Option<String>| proxy.as_ref().map(|_| "…");
        f.debug_struct("Proxies")
            .field("https", &hidden(&self.https))
            .field("http", &hidden(&self.http))
            .field("except", &self.except)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientSettings;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let settings = ClientSettings::from_variables(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.into())
        });
        settings.proxies
    }

    #[test]
    fn the_first_variable_that_is_set_counts() {
        assert_eq!(proxies(&[]), Proxies::default());
        let all = proxies(&[("ALL_PROXY", "http://a:1"), ("https_proxy", "http://b:2")]);
        assert_eq!(all.https.as_deref(), Some("http://b:2"));
        assert_eq!(all.http.as_deref(), Some("http://a:1"));
        let both = proxies(&[("HTTPS_PROXY", ""), ("https_proxy", "c"), ("NO_PROXY", "d")]);
        assert_eq!(both.https.as_deref(), Some("c"));
        assert_eq!(both.except, "d");
    }

    #[test]
    fn programs_of_a_web_server_use_no_proxy() {
        let variables = [("HTTP_PROXY", "http://evil"), ("REQUEST_METHOD", "GET")];
        assert_eq!(proxies(&variables), Proxies::default());
    }

    #[test]
    fn passwords_are_not_shown() {
        let bad = proxies(&[("HTTPS_PROXY", "http://me:secret@[")]);
        assert!(!format!("{bad:?}").contains("secret"));
        let error = bad.apply(reqwest::Client::builder()).unwrap_err();
        assert!(matches!(
            error,
            Error::Proxy {
                scheme: "https",
                ..
            }
        ));
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
