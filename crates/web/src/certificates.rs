use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;

use crate::{Error, Result};

/// The variables that name other certificates than the system's.
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What secures connections: the certificates that the system trusts, or those that a variable names; where the system
/// has none, as in a bare container, Mozilla's.
///
/// # Errors
/// [`Error::Security`], and [`Error::Certificates`] where a variable leads to none: whoever set it means to trust
/// those and no others.
pub(crate) fn configuration() -> Result<ClientConfig> {
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| Error::Security { source })
    };
    let builder_with_roots = match builder()?.with_platform_verifier() {
        Ok(with_roots) => with_roots,
        Err(source) => {
            if let Some(variable) = VARIABLES.into_iter().find(|name| is_set(name)) {
                return Err(Error::Certificates { variable, source });
            }
            let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
            builder()?.with_root_certificates(rustls::RootCertStore { roots })
        }
    };
    Ok(builder_with_roots.with_no_client_auth())
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
