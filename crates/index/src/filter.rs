mod combination;
mod parse;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::{Metadata, Result, unique_keys};

/// A condition on a vector's metadata.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let filter: index::Filter =
///     serde_json::from_str(r#"{"animal": {"$in": ["dog", "cat"]}, "year": {"$gte": 2020}}"#)?;
/// let metadata = serde_json::json!({"animal": "dog", "year": 2024});
/// assert!(filter.matches(metadata.as_object().ok_or("not an object")?));
/// # Ok(())
/// # }
/// ```
///
/// # The language
/// The language is Pinecone's. A filter is a JSON object. Each key is a field with a condition, or `$and`,
/// `$or` (lists of filters) or `$not` (a filter). All keys must hold; `{}` matches everything. A condition is
/// a value, short for `$eq`, or an object of operators, which must all hold:
///
/// | operator | operand | holds if the field |
/// |---|---|---|
/// | `$eq` | string, number, boolean | equals the operand, or is a list that contains it |
/// | `$in` | list of those | equals one of them, or is a list that contains one |
/// | `$gt` `$gte` `$lt` `$lte` | number | is a number, and more (…) than the operand |
/// | `$exists` | boolean | exists, or (`false`) doesn't |
/// | `$ne` `$nin` | as `$eq` `$in` | doesn't match `$eq` or `$in`, or is missing |
/// | `$not` | object of operators | doesn't match them, or is missing |
///
/// Numbers are compared as 64-bit floats: `1` equals `1.0`. Values of different types are never equal: `"1"`
/// isn't `1`, and `1` isn't `true`. An empty list is an existing field without values.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    condition: Condition,
    source: Value,
}

/// A filter in normal form: `$ne` is `Not` of `Among`, `$eq` is `Among` with one value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Field { field: String, test: Test },
}

/// A test of one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Among(Vec<Scalar>),
    Compare(Comparison, f64),
    Exists,
}

/// A value that a field can equal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    String(String),
    Number(f64),
    Boolean(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    /// `UnknownOperator`, `InvalidFilter` or `TooManyFilterValues`, which name the operator or field at
    /// fault, or `FilterTooDeep`.
    pub fn parse(source: &Value) -> Result<Self> {
        Ok(Self {
            condition: parse::filter(source, 0)?,
            source: source.clone(),
        })
    }

    /// The filter as JSON.
    pub fn as_json(&self) -> &Value {
        &self.source
    }

    /// Whether it is `{}`, which matches everything.
    pub fn is_empty(&self) -> bool {
        self.source
            .as_object()
            .is_some_and(serde_json::Map::is_empty)
    }

    /// Whether `metadata` match the filter. This defines a filter's meaning; the engine's own evaluation
    /// agrees.
    pub fn matches(&self, metadata: &Metadata) -> bool {
        self.condition.matches(metadata)
    }

    /// The fields that the filter uses, one item per use.
    ///
    /// ```
    /// let filter: index::Filter =
    ///     serde_json::from_str(r#"{"$or": [{"year": 2020}, {"brand": {"$exists": true}}]}"#)?;
    /// assert_eq!(filter.fields(), ["year", "brand"]);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn fields(&self) -> Vec<&str> {
        let mut fields = Vec::new();
        self.condition.name_fields(&mut fields);
        fields
    }

    /// The filters whose conjunction this is: one for each key of the object, and of the objects in `$and`.
    ///
    /// ```
    /// let filter: index::Filter = serde_json::from_str(
    ///     r#"{"brand": "acme", "$and": [{"year": {"$gte": 2020}}, {"$or": [{"a": 1}, {"b": 1}]}]}"#,
    /// )?;
    /// let fields: Vec<_> = filter.parts()?.iter().map(|part| part.fields().join(" ")).collect();
    /// assert_eq!(fields, ["brand", "year", "a b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse), which has already accepted the whole.
    pub fn parts(&self) -> Result<Vec<Self>> {
        let mut parts = Vec::new();
        split(&self.source, &mut parts)?;
        Ok(parts)
    }

    pub(crate) fn condition(&self) -> &Condition {
        &self.condition
    }
}

fn split(source: &Value, to: &mut Vec<Filter>) -> Result<()> {
    for (key, operand) in source.as_object().into_iter().flatten() {
        match operand.as_array() {
            Some(members) if key == "$and" => {
                members.iter().try_for_each(|member| split(member, to))?;
            }
            _ => to.push(Filter::parse(&json!({key: operand}))?),
        }
    }
    Ok(())
}

impl Condition {
    fn name_fields<'a>(&'a self, to: &mut Vec<&'a str>) {
        match self {
            Self::And(conditions) | Self::Or(conditions) => {
                conditions.iter().for_each(|each| each.name_fields(to));
            }
            Self::Not(condition) => condition.name_fields(to),
            Self::Field { field, .. } => to.push(field),
        }
    }

    fn matches(&self, metadata: &Metadata) -> bool {
        match self {
            Self::And(conditions) => conditions.iter().all(|each| each.matches(metadata)),
            Self::Or(conditions) => conditions.iter().any(|each| each.matches(metadata)),
            Self::Not(condition) => !condition.matches(metadata),
            Self::Field { field, test } => {
                metadata.get(field).is_some_and(|value| test.matches(value))
            }
        }
    }
}

impl Test {
    fn matches(&self, value: &Value) -> bool {
        match self {
            Self::Exists => true,
            Self::Compare(comparison, operand) => value
                .as_f64()
                .is_some_and(|number| comparison.holds(number, *operand)),
            Self::Among(scalars) => scalars.iter().any(|scalar| scalar.is_in(value)),
        }
    }
}

impl Scalar {
    fn is_in(&self, value: &Value) -> bool {
        match value {
            Value::Array(members) => members.iter().any(|member| self.is(member)),
            value => self.is(value),
        }
    }

    fn is(&self, value: &Value) -> bool {
        match self {
            Self::String(text) => value.as_str() == Some(text),
            Self::Number(number) => value.as_f64() == Some(*number),
            Self::Boolean(boolean) => value.as_bool() == Some(*boolean),
        }
    }
}

impl Comparison {
    fn holds(self, number: f64, operand: f64) -> bool {
        match self {
            Self::Greater => number > operand,
            Self::GreaterOrEqual => number >= operand,
            Self::Less => number < operand,
            Self::LessOrEqual => number <= operand,
        }
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = unique_keys::value(deserializer)?;
        let condition = parse::filter(&source, 0).map_err(serde::de::Error::custom)?;
        Ok(Self { condition, source })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in a table")]
    fn case(filter: Value, metadata: Value, expected: bool) {
        let parsed = Filter::parse(&filter).unwrap();
        assert_eq!(
            parsed.matches(metadata.as_object().unwrap()),
            expected,
            "{filter} {metadata}"
        );
    }

    #[test]
    fn equality() {
        case(json!({}), json!({"a": 1}), true);
        case(json!({"a": "x"}), json!({"a": "x"}), true);
        case(json!({"a": {"$eq": "x"}}), json!({"a": "y"}), false);
        case(json!({"a": 1}), json!({"a": 1.0}), true);
        case(json!({"a": 0}), json!({"a": -0.0}), true);
        case(json!({"a": 1}), json!({"a": "1"}), false);
        case(json!({"a": 1}), json!({"a": true}), false);
        case(json!({"a": true}), json!({"a": true}), true);
        case(json!({"a": "x"}), json!({}), false);
        case(json!({"a": {"$ne": "x"}}), json!({"a": "y"}), true);
        case(json!({"a": {"$ne": "x"}}), json!({"a": "x"}), false);
        case(json!({"a": {"$ne": "x"}}), json!({}), true);
    }

    #[test]
    fn lists() {
        case(json!({"a": "x"}), json!({"a": ["x", "y"]}), true);
        case(json!({"a": {"$ne": "x"}}), json!({"a": ["x", "y"]}), false);
        case(
            json!({"a": {"$in": ["z", "y"]}}),
            json!({"a": ["x", "y"]}),
            true,
        );
        case(
            json!({"a": {"$nin": ["z"]}}),
            json!({"a": ["x", "y"]}),
            true,
        );
        case(json!({"a": {"$nin": ["z"]}}), json!({}), true);
        case(json!({"a": {"$in": []}}), json!({"a": "x"}), false);
        case(
            json!({"a": {"$in": [1, true, "x"]}}),
            json!({"a": true}),
            true,
        );
        case(json!({"a": {"$exists": true}}), json!({"a": []}), true);
        case(json!({"a": {"$ne": "x"}}), json!({"a": []}), true);
    }

    #[test]
    fn comparisons() {
        case(json!({"a": {"$gt": 1}}), json!({"a": 2}), true);
        case(json!({"a": {"$gt": 2}}), json!({"a": 2}), false);
        case(json!({"a": {"$gte": 2}}), json!({"a": 2}), true);
        case(json!({"a": {"$lt": 2}}), json!({"a": 1.5}), true);
        case(json!({"a": {"$gte": 1, "$lte": 2}}), json!({"a": 3}), false);
        case(json!({"a": {"$lt": 2}}), json!({"a": "1"}), false);
        case(json!({"a": {"$lt": 2}}), json!({}), false);
        case(json!({"a": {"$not": {"$lt": 2}}}), json!({}), true);
    }

    #[test]
    fn combinations() {
        case(json!({"a": 1, "b": 2}), json!({"a": 1}), false);
        case(json!({"$or": [{"a": 1}, {"b": 2}]}), json!({"a": 1}), true);
        case(
            json!({"$and": [{"a": 1}, {"b": 2}]}),
            json!({"a": 1}),
            false,
        );
        case(json!({"$not": {"a": 1}}), json!({"a": 1}), false);
        case(json!({"a": {"$exists": false}}), json!({}), true);
        case(json!({"a": {"$exists": false}}), json!({"a": 1}), false);
    }

    #[test]
    fn is_written_as_it_was_read() {
        let source = json!({"b": {"$gt": 1, "$ne": 3}, "a": "x"});
        let filter: Filter = serde_json::from_value(source.clone()).unwrap();
        assert_eq!(serde_json::to_value(&filter).unwrap(), source);
    }
}
