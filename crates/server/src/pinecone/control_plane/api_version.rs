use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::pinecone::api_error::ApiError;

/// The header that names the version of Pinecone's API that a client speaks.
const HEADER: &str = "x-pinecone-api-version";

/// A version of Pinecone's API. They differ in how indexes are described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ApiVersion {
    V2025_10,
    V2026_04,
    V2026_07,
}

impl ApiVersion {
    const ALL: [(&'static str, Self); 3] = [
        ("2025-10", Self::V2025_10),
        ("2026-04", Self::V2026_04),
        ("2026-07", Self::V2026_07),
    ];

    /// Whether an index is described by its `schema` and `deployment`, and not by `dimension`, `metric` and
    /// `spec`.
    pub(crate) fn has_schemas(self) -> bool {
        self >= Self::V2026_07
    }
}

impl<S: Sync> FromRequestParts<S> for ApiVersion {
    type Rejection = ApiError;

    /// Without a header, the oldest.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(named) = parts.headers.get(HEADER) else {
            return Ok(Self::V2025_10);
        };
        let known = Self::ALL.into_iter().find(|(name, _)| named == name);
        known.map(|(_, version)| version).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            let named = String::from_utf8_lossy(named.as_bytes());
            ApiError::invalid(format!(
                "API version `{named}` is not served here: expected one of {names}"
            ))
        })
    }
}
