use serde::Deserialize;
use serde_json::Value;

use super::api_error::ApiError;

/// The maximum number of texts of a request, as at OpenAI.
const MOST: usize = 2048;

/// The texts to embed.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Input(Value);

impl Input {
    /// The texts. Refuses empty ones.
    pub(super) fn texts(self) -> Result<Vec<String>, ApiError> {
        let texts = match self.0 {
            Value::Array(items) => items.into_iter().map(text).collect::<Result<_, _>>()?,
            item => vec![text(item)?],
        };
        match texts.len() {
            1..=MOST => Ok(texts),
            given => Err(invalid(&format!("{given} texts, expected 1 to {MOST}"))),
        }
    }
}

fn text(item: Value) -> Result<String, ApiError> {
    match item {
        Value::String(text) if text.trim().is_empty() => Err(invalid("a text is empty")),
        Value::String(text) => Ok(text),
        Value::Number(_) | Value::Array(_) => Err(invalid(
            "expected text; token ids of OpenAI's models are not supported \
             (in LangChain, set check_embedding_ctx_length=False)",
        )),
        _ => Err(invalid("expected a string or a list of strings")),
    }
}

fn invalid(reason: &str) -> ApiError {
    ApiError::invalid("input", format!("`input`: {reason}"))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn texts_are_taken_and_tokens_are_not() {
        let texts = |input: &str| {
            let input: Input = serde_json::from_str(input).unwrap();
            input
                .texts()
                .map_err(|error| error.into_response().status().as_u16())
        };
        assert_eq!(texts("\"a\""), Ok(vec!["a".to_owned()]));
        assert_eq!(
            texts("[\"a\", \"b\"]"),
            Ok(vec!["a".to_owned(), "b".to_owned()])
        );
        for wrong in [
            "[]",
            "\" \"",
            "[1, 2]",
            "[[1], [2]]",
            "{}",
            "[\"a\", 1]",
            "null",
        ] {
            assert_eq!(texts(wrong), Err(400), "{wrong}");
        }
        let many = serde_json::to_string(&vec!["a"; MOST + 1]).unwrap();
        assert_eq!(texts(&many), Err(400));
    }
}
