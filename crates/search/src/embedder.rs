use clip::Model;
use picture::Limits;

use crate::error::Result;

/// A model for those who have words and pictures and want vectors.
pub struct Embedder(Model);

impl Embedder {
    /// One that embeds by `model`.
    pub fn new(model: Model) -> Self {
        Self(model)
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.0
    }

    /// The unit vector of words.
    ///
    /// # Errors
    /// `Clip` if they cannot be embedded.
    pub fn text(&self, words: &str) -> Result<Vec<f32>> {
        Ok(self.0.embed_text(words)?)
    }

    /// The unit vector of a picture's file, which is read as those of a source are.
    ///
    /// # Errors
    /// `Picture` if it is none, or larger than the limits.
    pub fn picture(&self, bytes: &[u8]) -> Result<Vec<f32>> {
        Ok(self.0.embed_bytes(bytes, &Limits::default())?)
    }
}
