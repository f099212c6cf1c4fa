use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use index::wire::Pagination;

use crate::api_error::ApiError;

/// What is before the id in a token.
const MARK: &str = "after ";

/// Where the next page begins: after this id or name. The token's form keeps clients from making up their own.
pub(crate) fn next(last: &str) -> Pagination {
    Pagination {
        next: BASE64_URL_SAFE_NO_PAD.encode(format!("{MARK}{last}")),
    }
}

/// After what a page begins that was asked for with this token.
pub(crate) fn after(token: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    let text = BASE64_URL_SAFE_NO_PAD.decode(&token).ok();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let last = text.and_then(|text| text.strip_prefix(MARK).map(str::to_owned));
    last.map(Some).ok_or_else(|| {
        ApiError::invalid(format!(
            "`paginationToken` is `{token}`, expected the `next` of a page"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_to_where_its_page_ended() {
        for last in ["a", "", "ü/🙂", "__default__"] {
            let token = next(last).next;
            assert_eq!(after(Some(token)).unwrap().as_deref(), Some(last));
        }
        assert_eq!(after(None).unwrap(), None);
        for token in ["dog", "bogus", "ZG9n", "%", "🙂"] {
            let error = after(Some(token.to_owned())).unwrap_err();
            assert!(error.message().contains(token), "{error:?}");
        }
    }
}
