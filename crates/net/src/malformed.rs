use std::error::Error;

/// Whether a server's response was not valid HTTP, or its headers were too many.
pub fn is_malformed_response(error: &(dyn Error + 'static)) -> bool {
    match error.downcast_ref::<hyper::Error>() {
        Some(error) => error.is_parse(),
        None => error.source().is_some_and(is_malformed_response),
    }
}
