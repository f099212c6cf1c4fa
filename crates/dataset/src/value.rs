//! Converts typed values of JSON Lines and Parquet to the parts of a record.

use serde_json::Value;

/// A value as a path or an id: a string, or the text of a number or boolean.
pub(crate) fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(boolean) => Some(boolean.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A value as captions: a string, or the strings of a list.
pub(crate) fn texts(value: Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.into_iter().filter_map(text).collect(),
        value => text(value).into_iter().collect(),
    }
}

/// A value as metadata; `None` if an index doesn't accept it. An empty string is left out, as in CSV.
pub(crate) fn for_metadata(value: Value) -> Option<Value> {
    let is_kept = match &value {
        Value::Null | Value::Object(_) => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty() && values.iter().all(Value::is_string),
    };
    is_kept.then_some(value)
}

/// Whether a value that isn't empty is left out of the metadata.
pub(crate) fn is_unfit(value: &Value) -> bool {
    match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(values) => !values.iter().all(Value::is_string),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
