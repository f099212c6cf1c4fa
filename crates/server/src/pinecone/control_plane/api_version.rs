use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::pinecone::api_error::ApiError;

/// The header that names the version of Pinecone's API that a client speaks.
const HEADER: &str = "x-pinecone-api-version";

/// A version of Pinecone's API. Versions differ in the description of indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ApiVersion {
    V2024_07,
    V2024_10,
    V2025_01,
    V2025_04,
    V2025_10,
    V2026_04,
    V2026_07,
}

impl ApiVersion {
    const ALL: [(&'static str, Self); 7] = [
        ("2024-07", Self::V2024_07),
        ("2024-10", Self::V2024_10),
        ("2025-01", Self::V2025_01),
        ("2025-04", Self::V2025_04),
        ("2025-10", Self::V2025_10),
        ("2026-04", Self::V2026_04),
        ("2026-07", Self::V2026_07),
    ];

    /// Whether indexes have tags and a type of vectors; sparse ones have no dimension.
    pub(crate) fn has_vector_types(self) -> bool {
        self >= Self::V2025_01
    }

    /// Whether serverless indexes have a read capacity.
    pub(crate) fn has_read_capacity(self) -> bool {
        self >= Self::V2025_10
    }

    /// Whether indexes are described by `schema` and `deployment` instead of `dimension`, `metric` and `spec`.
    pub(crate) fn has_schemas(self) -> bool {
        self >= Self::V2026_07
    }
}

impl<S: Sync> FromRequestParts<S> for ApiVersion {
    type Rejection = ApiError;

    /// The version of the header, by default 2025-10.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(named) = parts.headers.get(HEADER) else {
            return Ok(Self::V2025_10);
        };
        let known = Self::ALL.into_iter().find(|(name, _)| named == name);
        known.map(|(_, version)| version).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            let named = String::from_utf8_lossy(named.as_bytes());
            ApiError::invalid(format!(
                "unsupported API version `{named}`, expected one of {names}"
            ))
        })
    }
}
