use std::fmt;

use reqwest::header::HeaderValue;

use crate::{Error, Result};

/// An access token of the Hub. It's never displayed, not even by `{:?}`.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// Parses a token without surrounding white space; `None` if nothing is left.
    ///
    /// # Errors
    /// [`Error::Token`] if it contains invalid characters.
    pub fn new(text: &str) -> Result<Option<Self>> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Error::Token);
        }
        let mut header =
            HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| Error::Token)?;
        header.set_sensitive(true);
        Ok(Some(Self(header)))
    }

    /// The value of the `Authorization` header.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_and_never_shown() {
        let token = Token::new(" hf_secret\r\n").unwrap().unwrap();
        assert_eq!(token.header(), "Bearer hf_secret");
        assert!(!format!("{token:?} {:?}", token.header()).contains("secret"));
    }

    #[test]
    fn white_space_is_no_token_and_a_line_break_within_is_refused() {
        assert!(Token::new(" \n").unwrap().is_none());
        assert!(Token::new("hf_a\nX-Evil: 1").is_err());
    }
}
