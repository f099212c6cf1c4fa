use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The protocols that a server speaks over an encrypted connection.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate and its private key, to encrypt connections with.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Why a certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or what is in it is not PEM.
    #[error("`{path}` cannot be read as {expected} in PEM")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was expected in it.
        expected: &'static str,
        /// What was wrong.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// There is no certificate in the file.
    #[error(
        "`{path}` has no certificate: expected one in PEM, followed by those that vouch for it"
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The certificate and the key cannot be used together.
    #[error(
        "`{certificates}` and `{key}` cannot be used: expected a certificate and its own private key"
    )]
    Unusable {
        /// The file of the certificate.
        certificates: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What was wrong.
        #[source]
        source: rustls::Error,
    },
}

impl Tls {
    /// Reads a certificate, followed by those that vouch for it, and its private key, both in PEM.
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
    match chain.is_empty() {
        true => Err(TlsError::NoCertificate {
            path: path.to_owned(),
        }),
        false => Ok(chain),
    }
}
