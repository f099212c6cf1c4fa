/// Whether a certificate was rejected.
pub fn is_refused_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    let failure = tls_failure(error);
    failure.is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}

/// Whether the TLS connection failed, because of the certificate or otherwise.
pub fn is_tls_failure(error: &(dyn std::error::Error + 'static)) -> bool {
    tls_failure(error).is_some()
}

/// The TLS error at any depth of the causes. I/O errors don't expose their inner error as their source.
fn tls_failure<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = error.downcast_ref() {
        return Some(error);
    }
    let held = error.downcast_ref::<std::io::Error>();
    match held.and_then(std::io::Error::get_ref) {
        Some(inner) => tls_failure(inner),
        None => error.source().and_then(tls_failure),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_refused_certificate_is_known_at_every_depth() {
        let refused = rustls::CertificateError::UnknownIssuer;
        let refused = rustls::Error::InvalidCertificate(refused);
        let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, refused));
        assert!(is_refused_certificate(&error));
        assert!(is_tls_failure(&error));
        assert!(!is_refused_certificate(&io::Error::other("refused")));
        let other = io::Error::other(rustls::Error::DecryptError);
        assert!(is_tls_failure(&other) && !is_refused_certificate(&other));
    }
}
