use std::collections::HashSet;
use std::env::split_paths;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::{Error, Result};

/// The certificates that a client trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Certificates {
    /// The system's certificates, or Mozilla's if the system has none, as in a bare container.
    ///
    /// On Linux and the BSDs, the crate `rustls-native-certs` finds them. It reads `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` from the environment itself.
    #[default]
    System,
    /// Only those in these files, and in the files of these directories, in PEM form.
    Of(Vec<PathBuf>),
}

impl Certificates {
    pub(crate) fn from_variables(variable: &impl Fn(&str) -> Option<OsString>) -> Self {
        let file = variable("SSL_CERT_FILE").map(PathBuf::from);
        let directories = variable("SSL_CERT_DIR").unwrap_or_default();
        let directories = split_paths(&directories).filter(|path| !path.as_os_str().is_empty());
        let paths: Vec<_> = file.into_iter().chain(directories).collect();
        if paths.is_empty() {
            Self::System
        } else {
            Self::Of(paths)
        }
    }

    /// The TLS configuration that trusts these certificates.
    ///
    /// # Errors
    /// [`Error::Security`], and [`Error::Certificates`] if paths were given but have no certificate.
    pub(crate) fn configuration(&self) -> Result<ClientConfig> {
        let with_roots = match self {
            Self::System => match builder()?.with_platform_verifier() {
                Ok(with_roots) => with_roots,
                Err(_) => {
                    let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
                    builder()?.with_root_certificates(RootCertStore { roots })
                }
            },
            Self::Of(paths) => builder()?.with_root_certificates(roots(paths)?),
        };
        Ok(with_roots.with_no_client_auth())
    }
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|source| Error::Security { source })
}

/// The certificates at these paths. An unreadable part is ignored as long as there is another.
fn roots(paths: &[PathBuf]) -> Result<RootCertStore> {
    // OpenSSL's directories contain each file twice, once as a link.
    let (mut found, mut failure) = (HashSet::new(), None);
    for path in paths {
        match read(path) {
            Ok(certificates) => found.extend(certificates),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found);
    if roots.is_empty() {
        Err(Error::Certificates {
            paths: paths.to_vec(),
            source: failure,
        })
    } else {
        Ok(roots)
    }
}

/// The certificates in a file, or in the files of a directory.
fn read(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    if !path.is_dir() {
        return read_file(path);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        // A directory may contain other entries and broken links.
        if file.is_file() {
            found.extend(read_file(&file).unwrap_or_default());
        }
    }
    Ok(found)
}

fn read_file(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| match error {
        PemError::Io(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
    })?;
    Ok(certificates.filter_map(Result::ok).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientSettings;

    /// `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -subj /CN=test`
    const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUC3WTNg+GrRZFna/eShFCYrlH77gwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMjkyMjQxMTZaFw0zNjExMjYyMjQxMTZa
MA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQBBsvu
FSGeeIEPzzii1MBNFTc5aSUNQPj5vPb1Pqq/6lRE2LIaEhBsyaqI9naSrAWUC/IX
wUNdFgVZaDh5+hF4o1MwUTAdBgNVHQ4EFgQUeDf/vUBCuBWBK678eKB9JyZayUMw
HwYDVR0jBBgwFoAUeDf/vUBCuBWBK678eKB9JyZayUMwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiB6N1YvwDcum4NNP7HxVk+5Ms6VqYfaG3Jyx43z
fi0bPwIhAJP/xMUaNmRU7RF2to48d1bIfsUrxLj5C3CIdwvt3Vkr
-----END CERTIFICATE-----";

    fn certificates(variables: &[(&str, &Path)]) -> Certificates {
        let settings = ClientSettings::from_variables(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.into())
        });
        settings.certificates
    }

    #[test]
    fn variables_name_a_file_and_directories() {
        let empty = Path::new("");
        assert_eq!(certificates(&[]), Certificates::System);
        let none = [("SSL_CERT_FILE", empty), ("SSL_CERT_DIR", empty)];
        assert_eq!(certificates(&none), Certificates::System);
        let directories = std::env::join_paths(["b", "", "c"]).unwrap();
        let both = [
            ("SSL_CERT_FILE", Path::new("a")),
            ("SSL_CERT_DIR", Path::new(&directories)),
        ];
        let paths = ["a", "b", "c"].map(PathBuf::from).to_vec();
        assert_eq!(certificates(&both), Certificates::Of(paths));
    }

    #[test]
    fn certificates_are_read_from_files_and_directories() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a.pem"), folder.path().join("b.pem"));
        fs::write(&first, CERTIFICATE).unwrap();
        fs::copy(&first, &second).unwrap();
        fs::write(folder.path().join("note"), "no certificate").unwrap();
        for path in [first, folder.path().to_owned()] {
            let paths = [folder.path().join("nowhere"), path];
            assert_eq!(roots(&paths).unwrap().len(), 1);
            assert!(Certificates::Of(paths.to_vec()).configuration().is_ok());
        }
    }

    #[test]
    fn paths_without_certificates_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("note");
        fs::write(&note, "no certificate").unwrap();
        let message = |paths: Vec<PathBuf>| {
            let error = Certificates::Of(paths).configuration().unwrap_err();
            let has_source = std::error::Error::source(&error).is_some();
            (error.to_string(), has_source)
        };
        let expected = format!("no certificate found in `{}`", note.display());
        assert_eq!(message(vec![note.clone()]), (expected.clone(), false));
        let all = message(vec![note, PathBuf::from("/nowhere")]);
        assert_eq!(all, (format!("{expected}, `/nowhere`"), true));
    }
}
