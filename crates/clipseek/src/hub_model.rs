use std::fmt;

use hub::{Repository, Revision};

/// The id and revision of a model, written `owner/name` or `owner/name@revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    /// The repository, `owner/name`.
    pub repository: Repository,
    /// A branch, a tag or a commit.
    pub revision: Revision,
}

impl HubModel {
    /// Parses a model id. Returns `None` for other names, such as paths.
    pub fn parse(name: &str) -> Option<HubModel> {
        let (id, revision) = name.split_once('@').unwrap_or((name, "main"));
        if !id.contains('/') {
            return None;
        }
        Some(HubModel {
            repository: Repository::model(id).ok()?,
            revision: Revision::new(revision).ok()?,
        })
    }

    /// The same model at one commit.
    ///
    /// # Errors
    /// The error of the hub for an invalid commit.
    pub fn at(&self, commit: &str) -> hub::Result<HubModel> {
        Ok(HubModel {
            repository: self.repository.clone(),
            revision: Revision::new(commit)?,
        })
    }
}

impl fmt::Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.repository.id())?;
        if self.revision == Revision::main() {
            return Ok(());
        }
        write!(f, "@{}", self.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_paths() {
        for id in [
            "openai/clip-vit-base-patch32",
            "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
            "openai/clip-vit-base-patch32@refs/pr/15",
        ] {
            assert_eq!(HubModel::parse(id).unwrap().to_string(), id);
        }
        assert_eq!(HubModel::parse("a/b@main").unwrap().to_string(), "a/b");
        for path in [
            "./model",
            "/models/clip",
            "models/openai/clip",
            "../clip",
            "clip",
            "a/",
            "/b",
            "a/b@",
            "a/b@../c",
        ] {
            assert_eq!(HubModel::parse(path), None, "{path}");
        }
    }
}
