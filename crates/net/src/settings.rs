use std::ffi::OsString;

use crate::{Certificates, Proxies};

/// How a client connects.
///
/// The default trusts the system's certificates and uses no proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// The trusted certificates.
    pub certificates: Certificates,
    /// The proxies.
    pub proxies: Proxies,
}

impl ClientSettings {
    /// The settings in these environment variables. An empty variable counts as unset.
    ///
    /// | setting | variable, the first that is set |
    /// |---|---|
    /// | trusted certificates | `SSL_CERT_FILE`, a file in PEM form, and `SSL_CERT_DIR`, directories of such files |
    /// | proxy for https | `HTTPS_PROXY`, `https_proxy`, `ALL_PROXY`, `all_proxy` |
    /// | proxy for http | `HTTP_PROXY`, `http_proxy`, `ALL_PROXY`, `all_proxy` |
    /// | hosts without a proxy | `NO_PROXY`, `no_proxy` |
    ///
    /// ```
    /// let settings = net::ClientSettings::from_variables(|name| std::env::var_os(name));
    /// let client = net::client(&settings)?.build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self {
            certificates: Certificates::from_variables(&set),
            proxies: Proxies::from_variables(&set),
        }
    }
}
