use std::fmt;

use crate::{Error, Result};

/// The kinds of repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A model.
    Model,
    /// A data set.
    Dataset,
}

impl Kind {
    /// `models` or `datasets`: the kind's name in the API and the cache.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
        })
    }
}

/// A repository on the Hub, by its id: `openai/clip-vit-base-patch32`, or `gpt2` for a few old ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    kind: Kind,
    id: String,
}

/// The Hub's own limit, which `huggingface_hub` checks too.
const LONGEST_PART: usize = 96;

impl Repository {
    /// The model with this id.
    ///
    /// # Errors
    /// [`Error::RepositoryId`] if the id is invalid.
    pub fn model(id: &str) -> Result<Self> {
        Self::new(Kind::Model, id)
    }

    /// The repository of this kind with this id.
    ///
    /// # Errors
    /// [`Error::RepositoryId`] if the id is invalid.
    pub fn new(kind: Kind, id: &str) -> Result<Self> {
        let well_formed = id.split('/').count() <= 2 && id.split('/').all(is_part);
        if !well_formed || id.contains("--") || id.contains("..") || id.ends_with(".git") {
            return Err(Error::RepositoryId { id: id.to_owned() });
        }
        Ok(Self {
            kind,
            id: id.to_owned(),
        })
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its folder's name in the cache: `models--openai--clip-vit-base-patch32`.
    pub(crate) fn folder(&self) -> String {
        format!("{}--{}", self.kind.plural(), self.id.replace('/', "--"))
    }
}

/// Whether a text is a valid owner or name: letters, digits, `-`, `_` and `.`; no `-` or `.` at the ends.
fn is_part(part: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let at_end = |c: char| c == '-' || c == '.';
    (1..=LONGEST_PART).contains(&part.len())
        && part.chars().all(inner)
        && !part.starts_with(at_end)
        && !part.ends_with(at_end)
}

/// For example ``model `openai/clip-vit-base-patch32` ``.
impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} `{}`", self.kind, self.id)
    }
}

impl Repository {
    /// The beginning of its URLs' paths, after the endpoint's.
    pub(crate) fn path_parts(&self) -> impl Iterator<Item = &str> {
        let datasets = (self.kind() == Kind::Dataset).then_some("datasets");
        datasets.into_iter().chain(self.id().split('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_hub() {
        for id in ["gpt2", "openai/clip-vit-base-patch32", "a_b/c.d-e", "1/2"] {
            assert_eq!(Repository::model(id).unwrap().id(), id);
        }
        for id in [
            "", "/", "a/", "/b", "a/b/c", "a--b", "a..b", "../b", "a/b.git", "-a", "a.", "a b",
            "a\\b",
        ] {
            assert!(Repository::model(id).is_err(), "{id}");
        }
        assert!(Repository::model(&"a".repeat(97)).is_err());
    }

    #[test]
    fn folders_are_named_as_python_names_them() {
        let model = Repository::model("openai/clip-vit-base-patch32").unwrap();
        assert_eq!(model.folder(), "models--openai--clip-vit-base-patch32");
        let dataset = Repository::new(Kind::Dataset, "squad").unwrap();
        assert_eq!(dataset.folder(), "datasets--squad");
    }
}
