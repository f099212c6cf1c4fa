//! Parses JSON to a [`Condition`].

use serde_json::{Map, Value};

use super::{Comparison, Condition, Scalar, Test};
use crate::limits::{FILTER_DEPTH_LIMIT, FILTER_VALUES_LIMIT, kind_of};
use crate::{Error, Result};

/// Parses a filter: an object of fields and of `$and`, `$or`, `$not`.
pub(super) fn filter(source: &Value, depth: usize) -> Result<Condition> {
    let depth = deeper(depth)?;
    let Value::Object(entries) = source else {
        return Err(invalid("filter", "an object", source));
    };
    all(entries, |key, operand| match key {
        "$and" => Ok(Condition::And(filters(key, operand, depth)?)),
        "$or" => Ok(Condition::Or(filters(key, operand, depth)?)),
        "$not" => Ok(Condition::Not(Box::new(filter(operand, depth)?))),
        _ if key.starts_with('$') => Err(unknown(key)),
        field => condition(field, operand, depth),
    })
}

fn filters(operator: &str, operand: &Value, depth: usize) -> Result<Vec<Condition>> {
    match operand {
        Value::Array(members) if !members.is_empty() => {
            members.iter().map(|member| filter(member, depth)).collect()
        }
        _ => Err(invalid(operator, "a list of filters", operand)),
    }
}

/// Parses a field's condition: an object of operators, or a value.
fn condition(field: &str, operand: &Value, depth: usize) -> Result<Condition> {
    match operand {
        Value::Object(operators) if !operators.is_empty() => {
            let depth = deeper(depth)?;
            all(operators, |operator, operand| {
                operation(field, operator, operand, depth)
            })
        }
        _ => Ok(among(field, vec![scalar(field, operand)?])),
    }
}

fn operation(field: &str, operator: &str, operand: &Value, depth: usize) -> Result<Condition> {
    let compare = |comparison| match operand.as_f64() {
        Some(number) => Ok(test(field, Test::Compare(comparison, number))),
        None => Err(invalid(operator, "a number", operand)),
    };
    match operator {
        "$eq" => Ok(among(field, vec![scalar(operator, operand)?])),
        "$ne" => Ok(not(among(field, vec![scalar(operator, operand)?]))),
        "$in" => Ok(among(field, scalars(operator, operand)?)),
        "$nin" => Ok(not(among(field, scalars(operator, operand)?))),
        "$gt" => compare(Comparison::Greater),
        "$gte" => compare(Comparison::GreaterOrEqual),
        "$lt" => compare(Comparison::Less),
        "$lte" => compare(Comparison::LessOrEqual),
        "$exists" => match operand {
            Value::Bool(true) => Ok(test(field, Test::Exists)),
            Value::Bool(false) => Ok(not(test(field, Test::Exists))),
            _ => Err(invalid(operator, "a boolean", operand)),
        },
        "$not" => match operand {
            Value::Object(operators) if !operators.is_empty() => {
                Ok(not(condition(field, operand, depth)?))
            }
            _ => Err(invalid(operator, "an object of operators", operand)),
        },
        _ => Err(unknown(operator)),
    }
}

fn all(
    entries: &Map<String, Value>,
    mut condition: impl FnMut(&str, &Value) -> Result<Condition>,
) -> Result<Condition> {
    let mut conditions = entries
        .iter()
        .map(|(key, operand)| condition(key, operand))
        .collect::<Result<Vec<_>>>()?;
    match conditions.len() {
        1 => Ok(conditions.remove(0)),
        _ => Ok(Condition::And(conditions)),
    }
}

fn scalars(operator: &str, operand: &Value) -> Result<Vec<Scalar>> {
    let Value::Array(members) = operand else {
        return Err(invalid(operator, "a list of values", operand));
    };
    if members.len() > FILTER_VALUES_LIMIT {
        return Err(Error::TooManyFilterValues {
            place: operator.to_owned(),
            got: members.len(),
        });
    }
    members
        .iter()
        .map(|member| scalar(operator, member))
        .collect()
}

fn scalar(place: &str, operand: &Value) -> Result<Scalar> {
    match operand {
        Value::String(text) => Ok(Scalar::String(text.clone())),
        Value::Bool(boolean) => Ok(Scalar::Boolean(*boolean)),
        Value::Number(number) => number
            .as_f64()
            .map(Scalar::Number)
            .ok_or_else(|| invalid(place, "a number", operand)),
        _ => Err(invalid(place, "a string, a number or a boolean", operand)),
    }
}

fn among(field: &str, scalars: Vec<Scalar>) -> Condition {
    test(field, Test::Among(scalars))
}

fn test(field: &str, test: Test) -> Condition {
    Condition::Field {
        field: field.to_owned(),
        test,
    }
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn deeper(depth: usize) -> Result<usize> {
    if depth < FILTER_DEPTH_LIMIT {
        Ok(depth + 1)
    } else {
        Err(Error::FilterTooDeep)
    }
}

fn unknown(operator: &str) -> Error {
    Error::UnknownOperator {
        operator: operator.to_owned(),
    }
}

fn invalid(place: &str, expected: &'static str, got: &Value) -> Error {
    Error::InvalidFilter {
        place: place.to_owned(),
        expected,
        got: kind_of(got),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in a table")]
    fn case(source: Value, expected: &str) {
        assert_eq!(filter(&source, 0).unwrap_err().to_string(), expected);
    }

    #[test]
    fn errors() {
        case(
            json!([]),
            "filter `filter` expects an object, not an empty list",
        );
        case(
            json!({"a": {"$gt": "x"}}),
            "filter `$gt` expects a number, not a string",
        );
        case(
            json!({"a": ["x"]}),
            "filter `a` expects a string, a number or a boolean, not a list",
        );
        case(
            json!({"a": null}),
            "filter `a` expects a string, a number or a boolean, not null",
        );
        case(
            json!({"a": {}}),
            "filter `a` expects a string, a number or a boolean, not an empty object",
        );
        case(
            json!({"a": {"$in": "x"}}),
            "filter `$in` expects a list of values, not a string",
        );
        case(
            json!({"$or": []}),
            "filter `$or` expects a list of filters, not an empty list",
        );
        case(
            json!({"$and": {"a": 1}}),
            "filter `$and` expects a list of filters, not an object",
        );
        case(
            json!({"a": {"$exists": 1}}),
            "filter `$exists` expects a boolean, not a number",
        );
        case(
            json!({"a": {"$not": 1}}),
            "filter `$not` expects an object of operators, not a number",
        );
        case(
            json!({"a": {"$in": vec![1; 10_001]}}),
            "filter `$in` lists 10001 values, the limit is 10000",
        );
        case(
            json!({"a": {"$like": "x"}}),
            "filter operator `$like` is unknown: expected `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, \
             `$lte`, `$in`, `$nin`, `$exists`, `$and`, `$or` or `$not`",
        );
        assert!(matches!(
            filter(&json!({"$nor": []}), 0),
            Err(Error::UnknownOperator { operator }) if operator == "$nor"
        ));
    }

    #[test]
    fn depth() {
        let nested = |levels| {
            (0..levels).fold(json!({"a": 1}), |inner, level| match level % 3 {
                0 => json!({"$not": inner}),
                1 => json!({"$and": [inner]}),
                _ => json!({"$or": [inner]}),
            })
        };
        assert!(filter(&nested(FILTER_DEPTH_LIMIT - 1), 0).is_ok());
        assert!(matches!(
            filter(&nested(FILTER_DEPTH_LIMIT), 0),
            Err(Error::FilterTooDeep)
        ));
        assert!(matches!(filter(&nested(500), 0), Err(Error::FilterTooDeep)));
        let field = (0..1_000).fold(json!({"$gt": 1}), |inner, _| json!({"$not": inner}));
        assert!(matches!(
            filter(&json!({"a": field}), 0),
            Err(Error::FilterTooDeep)
        ));
    }
}
