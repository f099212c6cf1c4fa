use clip::Model;
use picture::Limits;

use crate::error::Result;

/// Embeds words and pictures without a collection.
pub struct Embedder(Model);

impl Embedder {
    /// An embedder with `model`.
    pub fn new(model: Model) -> Self {
        Self(model)
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.0
    }

    /// Embeds words as a unit vector.
    ///
    /// # Errors
    /// [`Error::Clip`](crate::Error::Clip) if the model fails.
    pub fn text(&self, words: &str) -> Result<Vec<f32>> {
        Ok(self.0.embed_text(words)?)
    }

    /// Embeds a picture's file as a unit vector, decoded as the pictures of a source are.
    ///
    /// # Errors
    /// [`Error::Picture`](crate::Error::Picture) if it can't be decoded or exceeds the limits, and
    /// [`Error::Clip`](crate::Error::Clip) if the model fails.
    pub fn picture(&self, bytes: &[u8]) -> Result<Vec<f32>> {
        Ok(self.0.embed_bytes(bytes, &Limits::default())?)
    }
}
