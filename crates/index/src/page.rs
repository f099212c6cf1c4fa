use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::wire::Pagination;
use crate::{Error, Result};

/// What is before the id in a token.
const MARK: &str = "after ";

/// A part of a list, and where the next one begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask with for the next page; none after the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit`, whose last one's id is where the next begins.
    pub fn of(items: Vec<T>, limit: usize, id: impl FnOnce(&T) -> &str) -> Self {
        let last = items.last().filter(|_| items.len() == limit);
        let next = last.map(|last| Pagination::after(id(last)).next);
        Self { items, next }
    }
}

impl Pagination {
    /// After the one with this id, or of this name. The token's form keeps clients from making up their own.
    pub fn after(last: &str) -> Self {
        Self {
            next: BASE64_URL_SAFE_NO_PAD.encode(format!("{MARK}{last}")),
        }
    }

    /// After which a page begins that is asked for with this token.
    ///
    /// # Errors
    /// `InvalidToken` if it is none of [`after`](Self::after).
    pub fn place(token: &str) -> Result<String> {
        let text = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        let place = text.and_then(|text| text.strip_prefix(MARK).map(str::to_owned));
        place.ok_or_else(|| Error::InvalidToken {
            got: token.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_to_where_its_page_ended() {
        for last in ["a", "", "ü/🙂", "__default__"] {
            let token = Pagination::after(last).next;
            assert_eq!(Pagination::place(&token).unwrap(), last);
        }
        for token in ["dog", "bogus", "ZG9n", "%", "🙂", ""] {
            let error = Pagination::place(token).unwrap_err();
            assert!(matches!(error, Error::InvalidToken { got } if got == token));
        }
    }
}
