//! Filters built by a program instead of parsed from JSON.

use serde_json::{Number, Value, json};

use super::{Comparison, Condition, Filter, Scalar, Test};

impl Filter {
    /// Matches if `field` is a number of at least `number`: `{"field": {"$gte": number}}`.
    ///
    /// A field's name must not begin with `$`, here and below: in JSON it would be an operator.
    pub fn at_least(field: &str, number: impl Into<Number>) -> Self {
        Self::compare(field, Comparison::GreaterOrEqual, number.into())
    }

    /// Matches if `field` is a number below `number`: `{"field": {"$lt": number}}`.
    pub fn below(field: &str, number: impl Into<Number>) -> Self {
        Self::compare(field, Comparison::Less, number.into())
    }

    /// Matches if `field` is `text` or a list that contains it: `{"field": {"$in": [text]}}`.
    pub fn contains(field: &str, text: &str) -> Self {
        Self {
            source: json!({field: {"$in": [text]}}),
            condition: Condition::Field {
                field: field.to_owned(),
                test: Test::Among(vec![Scalar::String(text.to_owned())]),
            },
        }
    }

    /// Matches if all of `filters` do: `{"$and": [filter, …]}`. A single filter stays as given; without
    /// filters, the result is `None`.
    ///
    /// ```
    /// use index::Filter;
    ///
    /// let filters = [Filter::at_least("year", 2019), Filter::contains("folders", "/photos")];
    /// let both = Filter::all(filters).ok_or("there are two")?;
    /// assert_eq!(
    ///     both.as_json().to_string(),
    ///     r#"{"$and":[{"year":{"$gte":2019}},{"folders":{"$in":["/photos"]}}]}"#
    /// );
    /// # Ok::<(), &str>(())
    /// ```
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut filters: Vec<Self> = filters.into_iter().collect();
        if filters.len() < 2 {
            return filters.pop();
        }
        let (conditions, sources): (Vec<_>, Vec<_>) = filters
            .into_iter()
            .map(|filter| (filter.condition, filter.source))
            .unzip();
        Some(Self {
            condition: Condition::And(conditions),
            source: json!({"$and": sources}),
        })
    }

    /// Matches if at least one of two filters does.
    pub fn either(one: Self, other: Self) -> Self {
        Self {
            source: json!({"$or": [one.source, other.source]}),
            condition: Condition::Or(vec![one.condition, other.condition]),
        }
    }

    fn compare(field: &str, comparison: Comparison, number: Number) -> Self {
        // Every JSON number has a nearest float; no value compares with NaN.
        let operand = number.as_f64().unwrap_or(f64::NAN);
        Self {
            source: json!({field: {comparison.operator(): Value::Number(number)}}),
            condition: Condition::Field {
                field: field.to_owned(),
                test: Test::Compare(comparison, operand),
            },
        }
    }
}

impl Comparison {
    fn operator(self) -> &'static str {
        match self {
            Self::Greater => "$gt",
            Self::GreaterOrEqual => "$gte",
            Self::Less => "$lt",
            Self::LessOrEqual => "$lte",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares a built filter with its parsed JSON, and checks what it matches.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in a table")]
    fn case(filter: Filter, source: Value, matched: Value, other: Value) {
        assert_eq!(filter, Filter::parse(&source).unwrap());
        assert_eq!(filter.as_json().to_string(), source.to_string());
        assert!(filter.matches(matched.as_object().unwrap()), "{matched}");
        assert!(!filter.matches(other.as_object().unwrap()), "{other}");
    }

    #[test]
    fn conditions_are_as_if_parsed() {
        case(
            Filter::either(Filter::at_least("a", 2), Filter::contains("b", "x")),
            json!({"$or": [{"a": {"$gte": 2}}, {"b": {"$in": ["x"]}}]}),
            json!({"b": ["x"]}),
            json!({"a": 1}),
        );
        case(
            Filter::at_least("a", 2),
            json!({"a": {"$gte": 2}}),
            json!({"a": 2}),
            json!({"a": 1.9}),
        );
        case(
            Filter::below("a", -3),
            json!({"a": {"$lt": -3}}),
            json!({"a": -4}),
            json!({"a": -3}),
        );
        case(
            Filter::below("a", Number::from_f64(0.5).unwrap()),
            json!({"a": {"$lt": 0.5}}),
            json!({"a": 0}),
            json!({"a": "0"}),
        );
        case(
            Filter::contains("a", "x"),
            json!({"a": {"$in": ["x"]}}),
            json!({"a": ["y", "x"]}),
            json!({"a": ["y"]}),
        );
    }

    #[test]
    fn combinations_are_as_if_parsed() {
        assert_eq!(Filter::all([]), None);
        let one = Filter::contains("a", "x");
        assert_eq!(Filter::all([one.clone()]), Some(one.clone()));
        let written = Filter::parse(&json!({"b": 1, "$or": [{"c": 2}, {"d": 3}]})).unwrap();
        case(
            Filter::all([written, one, Filter::at_least("e", 5)]).unwrap(),
            json!({"$and": [
                {"b": 1, "$or": [{"c": 2}, {"d": 3}]},
                {"a": {"$in": ["x"]}},
                {"e": {"$gte": 5}},
            ]}),
            json!({"a": "x", "b": 1, "d": 3, "e": 5}),
            json!({"a": "x", "b": 1, "d": 3, "e": 4}),
        );
    }
}
