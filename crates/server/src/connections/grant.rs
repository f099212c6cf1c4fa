use std::collections::BTreeSet;

/// The permissions of a request. The default allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) is_read_only: bool,
    names: Option<BTreeSet<String>>,
    columns: Columns,
}

/// The columns of metadata that a key sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns(Option<BTreeSet<String>>);

/// A request uses a column that its key does not see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this API key cannot access the column `{0}`")]
pub(crate) struct HiddenColumn(pub(crate) String);

/// Metadata names that have the content of another column.
const SAME_AS: [(&str, &str); 4] = [
    ("caption", "captions"),
    ("record", "captions"),
    ("places", "folders"),
    ("taken_at", "taken"),
];

impl Grant {
    pub(crate) fn read_only() -> Self {
        Self {
            is_read_only: true,
            ..Self::default()
        }
    }

    /// The same, limited to these collections and columns, if given.
    pub(crate) fn within(
        self,
        names: Option<BTreeSet<String>>,
        columns: Option<BTreeSet<String>>,
    ) -> Self {
        self.and(Self {
            names,
            columns: Columns(columns),
            ..Self::default()
        })
    }

    /// What both grants allow.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            is_read_only: self.is_read_only || other.is_read_only,
            names: both(self.names, other.names),
            columns: Columns(both(self.columns.0, other.columns.0)),
        }
    }

    /// Whether it includes the collection or index `name`.
    pub(crate) fn sees(&self, name: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.contains(name))
    }

    /// Whether it is limited to some collections or columns.
    pub(crate) fn is_limited(&self) -> bool {
        self.names.is_some() || self.columns.0.is_some()
    }

    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }
}

fn both(
    one: Option<BTreeSet<String>>,
    other: Option<BTreeSet<String>>,
) -> Option<BTreeSet<String>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.intersection(&other).cloned().collect()),
        (one, other) => one.or(other),
    }
}

impl Columns {
    /// Whether the column `name` is visible.
    pub(crate) fn shows(&self, name: &str) -> bool {
        let same = SAME_AS.iter().find(|(other, _)| *other == name);
        let name = same.map_or(name, |(_, column)| column);
        self.0.as_ref().is_none_or(|columns| columns.contains(name))
    }

    /// Whether all columns are visible.
    pub(crate) fn are_all(&self) -> bool {
        self.0.is_none()
    }

    /// Refuses hidden columns, whether they exist or not.
    pub(crate) fn check<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), HiddenColumn> {
        match names.into_iter().find(|name| !self.shows(name)) {
            Some(hidden) => Err(HiddenColumn(hidden.to_owned())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> Option<BTreeSet<String>> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn bounds_meet() {
        let one = Grant::default().within(set(&["a", "b"]), None);
        let other = Grant::read_only().within(set(&["b", "c"]), set(&["brand"]));
        let both = one.clone().and(other.clone());
        assert_eq!(both, other.and(one));
        let seen = ["a", "b", "c"].map(|name| both.sees(name));
        assert_eq!((seen, both.is_read_only), ([false, true, false], true));
        assert!(both.columns().shows("brand") && !both.columns().shows("price"));
        assert!(both.is_limited() && !Grant::read_only().is_limited());
    }

    #[test]
    fn what_tells_of_a_hidden_column_is_hidden() {
        let hidden = Grant::default().within(None, set(&["brand", "captions"]));
        let hidden = hidden.columns();
        for (name, is_shown) in [
            ("brand", true),
            ("caption", true),
            ("taken", false),
            ("taken_at", false),
            ("places", false),
        ] {
            assert_eq!(hidden.shows(name), is_shown, "{name}");
        }
        let error = hidden.check(["brand", "price"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this API key cannot access the column `price`"
        );
        assert!(Columns::default().check(["price"]).is_ok());
    }
}
