use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::api::Problem;

/// The only supported task.
const CLIP: &str = "clip";

/// The form part `entries`: what to compute, by task and type.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Entries(BTreeMap<String, BTreeMap<String, Entry>>);

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "modelName")]
    model_name: String,
    /// Options such as the language of a text, which no model here needs.
    #[serde(rename = "options")]
    _options: Option<Value>,
}

/// The type of an embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Visual,
    Textual,
}

impl Entries {
    /// The single requested embedding and the name of its model.
    pub(super) fn only(self) -> Result<(Kind, String), Problem> {
        if let Some(task) = self.0.keys().find(|task| *task != CLIP) {
            return Err(
                Problem::invalid(format!("unsupported task `{task}`, expected `{CLIP}`"))
                    .with_hint("disable it in Immich's machine learning settings"),
            );
        }
        let mut entries = self.0.into_values().flatten();
        let (Some((kind, entry)), None) = (entries.next(), entries.next()) else {
            return Err(Problem::invalid(
                "`entries`: expected one of `visual` and `textual` in `clip`",
            ));
        };
        let kind = match kind.as_str() {
            "visual" => Kind::Visual,
            "textual" => Kind::Textual,
            other => {
                return Err(Problem::invalid(format!(
                    "`entries`: unknown type `{other}`, expected `visual` or `textual`"
                )));
            }
        };
        Ok((kind, entry.model_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(entries: &str, expected: Result<(Kind, &str), &str>) {
        let entries: Entries = serde_json::from_str(entries).unwrap();
        match (entries.only(), expected) {
            (Ok((kind, name)), Ok(expected)) => assert_eq!((kind, name.as_str()), expected),
            (Err(problem), Err(expected)) => {
                assert!(problem.detail().contains(expected), "{problem:?}");
            }
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn one_embedding_is_asked_for() {
        case(
            r#"{"clip": {"visual": {"modelName": "a"}}}"#,
            Ok((Kind::Visual, "a")),
        );
        case(
            r#"{"clip": {"textual": {"modelName": "a", "options": {"language": "de"}}}}"#,
            Ok((Kind::Textual, "a")),
        );
        case(
            r#"{"clip": {"visual": {"modelName": "a"}, "textual": {"modelName": "a"}}}"#,
            Err("expected one of"),
        );
        case("{}", Err("expected one of"));
        case(r#"{"clip": {}}"#, Err("expected one of"));
        case(
            r#"{"clip": {"pipeline": {"modelName": "a"}}}"#,
            Err("unknown type `pipeline`"),
        );
        case(
            r#"{"facial-recognition": {"detection": {"modelName": "buffalo_l"}}}"#,
            Err("unsupported task `facial-recognition`"),
        );
    }
}
