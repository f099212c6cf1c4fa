use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;

use crate::{Error, Result};

/// What secures connections: the certificates that the system trusts; where it has none, as in a bare
/// container, Mozilla's.
///
/// # Errors
/// [`Error::Security`].
pub(crate) fn configuration() -> Result<ClientConfig> {
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| Error::Security { source })
    };
    let builder_with_roots = match builder()?.with_platform_verifier() {
        Ok(with_roots) => with_roots,
        Err(_) => {
            let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
            builder()?.with_root_certificates(rustls::RootCertStore { roots })
        }
    };
    Ok(builder_with_roots.with_no_client_auth())
}
