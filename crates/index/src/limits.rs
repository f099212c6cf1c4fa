//! Pinecone's limits, which all engines enforce.

use serde_json::Value;

use crate::{Error, Metadata, Metric, Result, SparseValues};

/// The maximum length of a vector's id, in characters.
pub const ID_LIMIT: usize = 512;
/// The maximum length of a namespace's name, in bytes.
pub const NAMESPACE_LIMIT: usize = 512;
/// The maximum size of a vector's metadata, in bytes of compact JSON.
pub const METADATA_LIMIT: usize = 40 * 1024;
/// The maximum number of matches of a query.
pub const TOP_K_LIMIT: usize = 10_000;
/// The maximum dimension of an index.
pub const DIMENSION_LIMIT: usize = 20_000;
/// The maximum length of an index's name, in characters.
pub const INDEX_NAME_LIMIT: usize = 45;
/// The maximum nesting of a filter, low enough not to overflow the stack.
pub const FILTER_DEPTH_LIMIT: usize = 64;
/// The maximum number of values in `$in` and `$nin`.
pub const FILTER_VALUES_LIMIT: usize = 10_000;

pub(crate) fn check_index_name(name: &str) -> Result<()> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let good = (1..=INDEX_NAME_LIMIT).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if good {
        Ok(())
    } else {
        Err(Error::InvalidIndexName {
            name: name.to_owned(),
        })
    }
}

pub(crate) fn check_dimension(got: usize) -> Result<()> {
    if (1..=DIMENSION_LIMIT).contains(&got) {
        Ok(())
    } else {
        Err(Error::InvalidDimension { got })
    }
}

pub(crate) fn check_top_k(got: usize) -> Result<()> {
    if (1..=TOP_K_LIMIT).contains(&got) {
        Ok(())
    } else {
        Err(Error::InvalidTopK { got })
    }
}

pub(crate) fn check_id(id: &str) -> Result<()> {
    // A character has at most four bytes, so a huge id isn't counted to its end.
    let got = if id.len() > 4 * ID_LIMIT {
        id.len() / 4
    } else {
        id.chars().count()
    };
    if (1..=ID_LIMIT).contains(&got) {
        Ok(())
    } else {
        Err(Error::InvalidId { got })
    }
}

/// Checks the name of a namespace.
///
/// # Errors
/// `InvalidNamespace`
pub fn check_namespace(name: &str) -> Result<()> {
    match name.len() {
        ..=NAMESPACE_LIMIT => Ok(()),
        got => Err(Error::InvalidNamespace { got }),
    }
}

/// Checks the values of a query.
fn check_query_values(index: &str, dimension: usize, values: &[f32]) -> Result<()> {
    if values.len() != dimension {
        let (index, expected, got) = (index.to_owned(), dimension, values.len());
        return Err(Error::DimensionMismatch {
            index,
            expected,
            got,
        });
    }
    if let Some(position) = values.iter().position(|value| !value.is_finite()) {
        return Err(Error::NotFinite {
            position,
            got: values[position],
        });
    }
    Ok(())
}

/// Checks the values of a vector.
pub(crate) fn check_values(
    index: &str,
    dimension: usize,
    metric: Metric,
    values: &[f32],
) -> Result<()> {
    check_query_values(index, dimension, values)?;
    check_direction(index, metric, values)
}

/// Checks that a vector has a direction if the metric is cosine.
fn check_direction(index: &str, metric: Metric, values: &[f32]) -> Result<()> {
    if metric == Metric::Cosine && is_zero(values) {
        Err(Error::ZeroVector {
            index: index.to_owned(),
        })
    } else {
        Ok(())
    }
}

/// Whether all values are zero, so that the cosine is undefined.
pub(crate) fn is_zero(values: &[f32]) -> bool {
    values.iter().all(|&value| value == 0.0)
}

/// Checks the values of a vector: dense, sparse, or both.
pub(crate) fn check_both(
    index: &str,
    dimension: usize,
    metric: Metric,
    values: &[f32],
    sparse: Option<&SparseValues>,
) -> Result<()> {
    check_query(index, dimension, metric, values, sparse)?;
    check_direction(index, metric, values)
}

/// Checks the values of a query, which may be all zero.
pub(crate) fn check_query(
    index: &str,
    dimension: usize,
    metric: Metric,
    values: &[f32],
    sparse: Option<&SparseValues>,
) -> Result<()> {
    let name = || index.to_owned();
    match (dimension, sparse) {
        (0, Some(sparse)) if values.is_empty() => sparse.check(),
        (0, _) => Err(Error::SparseOnly { index: name() }),
        (_, Some(_)) if metric != Metric::Dotproduct => {
            Err(Error::NoSparseValues { index: name() })
        }
        (_, sparse) => {
            check_query_values(index, dimension, values)?;
            sparse.map_or(Ok(()), SparseValues::check)
        }
    }
}

/// Checks `metadata` and returns them as JSON text.
pub(crate) fn checked_metadata(id: &str, metadata: &Metadata) -> Result<String> {
    for (key, value) in metadata {
        check_metadata_value(key, value)?;
    }
    let text = Value::Object(metadata.clone()).to_string();
    if text.len() > METADATA_LIMIT {
        return Err(Error::MetadataTooLarge {
            id: id.to_owned(),
            got: text.len(),
        });
    }
    Ok(text)
}

fn check_metadata_value(key: &str, value: &Value) -> Result<()> {
    if key.starts_with('$') {
        return Err(Error::InvalidMetadataKey {
            key: key.to_owned(),
        });
    }
    let got = match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => return Ok(()),
        Value::Array(members) if members.iter().all(Value::is_string) => return Ok(()),
        Value::Array(_) => "a list with items other than strings",
        Value::Null | Value::Object(_) => kind_of(value),
    };
    Err(Error::InvalidMetadata {
        key: key.to_owned(),
        got,
    })
}

/// The type of `value` in words.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(members) if members.is_empty() => "an empty list",
        Value::Array(_) => "a list",
        Value::Object(entries) if entries.is_empty() => "an empty object",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn name(name: &str, good: bool) {
        assert_eq!(check_index_name(name).is_ok(), good, "{name}");
    }

    #[test]
    fn index_names() {
        name("a", true);
        name("photos-2024", true);
        name(&"a".repeat(45), true);
        name(&"a".repeat(46), false);
        name("", false);
        name("-a", false);
        name("a-", false);
        name("Photos", false);
        name("a_b", false);
        name("ä", false);
    }

    #[track_caller]
    fn metadata(value: &Value, error: Option<&str>) {
        let entries = Metadata::from_iter([("key".to_owned(), value.clone())]);
        let got = checked_metadata("id", &entries)
            .err()
            .map(|error| error.to_string());
        assert_eq!(got.as_deref(), error);
    }

    #[test]
    fn metadata_values() {
        metadata(&json!("text"), None);
        metadata(&json!(1.5), None);
        metadata(&json!(true), None);
        metadata(&json!(["a", "b"]), None);
        metadata(&json!([]), None);
        metadata(
            &json!(null),
            Some(
                "metadata key `key` is null: expected a string, a number, a boolean or a list of strings",
            ),
        );
        metadata(
            &json!({"a": 1}),
            Some(
                "metadata key `key` is an object: expected a string, a number, a boolean or a list of strings",
            ),
        );
        metadata(
            &json!(["a", 1]),
            Some(
                "metadata key `key` is a list with items other than strings: expected a string, a number, a boolean or a list of strings",
            ),
        );
        metadata(
            &json!("x".repeat(METADATA_LIMIT)),
            Some("the metadata of vector `id` is 40970 bytes of JSON, the limit is 40960"),
        );
    }

    #[test]
    fn namespaces() {
        assert!(check_namespace("").is_ok());
        assert!(check_namespace(&"ä".repeat(256)).is_ok());
        assert!(matches!(
            check_namespace(&"ä".repeat(257)),
            Err(Error::InvalidNamespace { got: 514 })
        ));
    }

    #[test]
    fn ids() {
        assert!(check_id(&"ä".repeat(512)).is_ok());
        assert!(matches!(
            check_id(&"ä".repeat(513)),
            Err(Error::InvalidId { got: 513 })
        ));
        assert!(matches!(check_id(""), Err(Error::InvalidId { got: 0 })));
        assert!(check_id(&"a".repeat(1_000_000)).is_err());
    }

    #[test]
    fn values() {
        let check = |values: &[f32], metric| check_values("photos", 2, metric, values);
        assert!(check(&[0.0, 1.0], Metric::Cosine).is_ok());
        assert!(check(&[0.0, -0.0], Metric::Dotproduct).is_ok());
        assert!(matches!(
            check(&[0.0, -0.0], Metric::Cosine),
            Err(Error::ZeroVector { .. })
        ));
        assert!(matches!(
            check(&[0.0, f32::NAN], Metric::Cosine),
            Err(Error::NotFinite { position: 1, .. })
        ));
        assert_eq!(
            check(&[1.0], Metric::Euclidean).unwrap_err().to_string(),
            "index `photos` has dimension 2, the vector has 1"
        );
    }
}
