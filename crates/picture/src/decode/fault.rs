//! Converts panics and errors of decoders to errors of this crate.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{Error, Format, Result};

/// Runs a decoder and turns a panic into an error.
///
/// The decoders are third-party code that indexes and calculates with hostile numbers. They are fuzzed and should
/// never panic, but new panics are found every year, and one file must not stop the indexing of a million. This is the
/// last line of defence: the panic hook still reports the location. A panic leaves no inconsistent state, because
/// everything that the closure can write to is dropped with it.
pub(super) fn guarded<T>(format: Format, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        Err(Error::DecoderFailed {
            format,
            message: panic_message(&*panic),
        })
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(message) = panic.downcast_ref::<&str>() {
        return (*message).to_owned();
    }
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| "no message".to_owned())
}

/// Converts an error of a decoder: [`Error::Truncated`] if it ran out of bytes, else [`Error::Damaged`].
pub(super) fn damaged(
    format: Format,
    cause: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    if is_out_of_bytes(&cause) {
        return Error::Truncated { format };
    }
    Error::Damaged {
        format,
        cause: cause.into(),
    }
}

/// Whether `error` was caused by the end of the file.
fn is_out_of_bytes(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(gif::DecodingError::UnexpectedEof) = error.downcast_ref() {
            return true;
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                return true;
            }
            // `io::Error::source` skips the error that it wraps; `get_ref` returns it.
            if let Some(inner) = error.get_ref() {
                return is_out_of_bytes(inner);
            }
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_decoder_is_an_error() {
        let Err(error) = guarded::<()>(Format::Gif, || panic!("index out of {}", "bounds")) else {
            panic!("expected an error");
        };
        assert_eq!(error.reason(), "damaged");
        assert_eq!(error.to_string(), "damaged GIF file: its decoder failed");
        assert!(format!("{error:?}").contains("index out of bounds"));
    }
}
