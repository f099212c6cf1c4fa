use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use crate::{Error, Result};

/// A picture and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The picture's file.
    pub file: PathBuf,
    /// At least one caption. Each epoch takes one at random.
    pub captions: Vec<String>,
}

impl Example {
    /// A number of a text, the same for equal texts.
    pub(crate) fn key(text: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        text.trim().to_lowercase().hash(&mut hasher);
        hasher.finish()
    }

    /// Refuses examples between which there is nothing to tell apart.
    pub(crate) fn check(examples: &[Example]) -> Result<()> {
        let too_few = |what, found| Err(Error::TooFew { what, found });
        let pictures: HashSet<_> = examples.iter().map(|it| &it.file).collect();
        if pictures.len() < 2 {
            return too_few("pictures", pictures.len());
        }
        let captions = examples.iter().flat_map(|example| &example.captions);
        let captions: HashSet<u64> = captions.map(|text| Example::key(text)).collect();
        if captions.len() < 2 {
            return too_few("captions", captions.len());
        }
        Ok(())
    }
}
