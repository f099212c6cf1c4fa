use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The protocols that the server offers over TLS.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A TLS certificate and its private key.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// An error of a certificate or its key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read or is not PEM.
    #[error("could not read {expected} in PEM form from `{path}`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The expected content.
        expected: &'static str,
        /// The cause.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The file has no certificate.
    #[error("no certificate in `{path}`; expected a certificate chain in PEM form")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The certificate and the key cannot be used together.
    #[error(
        "could not use `{certificates}` and `{key}`; expected a certificate and its private key"
    )]
    Unusable {
        /// The file of the certificate.
        certificates: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// The cause.
        #[source]
        source: rustls::Error,
    },
}

impl Tls {
    /// Reads a certificate chain and its private key, both in PEM form.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn read(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = chain(certificates)?;
        let unreadable = |source| TlsError::Unreadable {
            path: key.to_owned(),
            expected: "a private key",
            source,
        };
        let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable)?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions();
        let config = builder.and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        });
        let mut config = config.map_err(|source| TlsError::Unusable {
            certificates: certificates.to_owned(),
            key: key.to_owned(),
            source,
        })?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0))
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |source| TlsError::Unreadable {
        path: path.to_owned(),
        expected: "a certificate",
        source,
    };
    let found = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
    let chain = found.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    if chain.is_empty() {
        let path = path.to_owned();
        return Err(TlsError::NoCertificate { path });
    }
    Ok(chain)
}
