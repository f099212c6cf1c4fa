//! Pictures embedded in a table as `data:image/png;base64,…` (RFC 2397).

use data_url::DataUrl;

use crate::ProblemReason;

/// Whether `text` begins like a data URL.
pub(crate) fn is_meant(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("data"))
}

/// Decodes the bytes of a data URL.
pub(crate) fn decoded(text: &str) -> Result<Vec<u8>, ProblemReason> {
    let url = DataUrl::process(text).ok();
    let decoded = url.and_then(|url| url.decode_to_vec().ok());
    match decoded {
        Some((bytes, _)) if !bytes.is_empty() => Ok(bytes),
        _ => Err(ProblemReason::DataUrl {
            url: text.to_owned(),
        }),
    }
}
