use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::wire::Pagination;
use crate::{Error, Result};

/// The prefix of the id in a token.
const MARK: &str = "after ";

/// A page of a list, and the token of the next one.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The token of the next page; `None` on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of up to `limit` items. The next page begins after the last item's id.
    pub fn of(items: Vec<T>, limit: usize, id: impl FnOnce(&T) -> &str) -> Self {
        let last = items.last().filter(|_| items.len() == limit);
        let next = last.map(|last| Pagination::after(id(last)).next);
        Self { items, next }
    }
}

impl Pagination {
    /// A page that ends with this id or name. Tokens are encoded so that clients don't build their own.
    pub fn after(last: &str) -> Self {
        Self {
            next: BASE64_URL_SAFE_NO_PAD.encode(format!("{MARK}{last}")),
        }
    }

    /// The id after which the page of this token begins.
    ///
    /// # Errors
    /// `InvalidToken` if [`after`](Self::after) didn't create it.
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
