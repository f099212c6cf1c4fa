use std::error::Error;

/// Whether a server's response was invalid HTTP or had too many headers.
pub fn is_malformed_response(error: &(dyn Error + 'static)) -> bool {
    match error.downcast_ref::<hyper::Error>() {
        Some(error) => error.is_parse(),
        None => error.source().is_some_and(is_malformed_response),
    }
}
