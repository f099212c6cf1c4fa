/// Whether a certificate was refused, at whatever depth that is said: errors of input and output do not show what
/// they hold as their source.
pub fn is_refused_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    let held = error.downcast_ref::<std::io::Error>();
    match held.and_then(std::io::Error::get_ref) {
        Some(inner) => is_refused_certificate(inner),
        None => error.source().is_some_and(is_refused_certificate),
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
        assert!(!is_refused_certificate(&io::Error::other("refused")));
    }
}
