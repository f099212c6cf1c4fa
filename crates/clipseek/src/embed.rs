//! Embeddings of pictures and of whole sources, without a collection.

use clip::Model;
use dataset::Listing;
use picture::{Limits, Picture};
use search::{Embedding, Failure};

use crate::error::{Error, Result};
use crate::picture_input::PictureInput;
use crate::sources::new_record;

impl PictureInput {
    /// Checks that the picture can be decoded, before a model is loaded for it.
    ///
    /// # Errors
    /// [`Error::Picture`], with `purpose` as the verb of its message.
    pub fn check(&self, purpose: &'static str) -> Result<()> {
        let decoded = Picture::decode_reduced(&self.read(purpose)?, &Limits::default(), 1);
        decoded.map_err(|source| self.unusable(purpose, source))?;
        Ok(())
    }

    /// Embeds the picture. Returns a unit vector with the dimension of `model`.
    ///
    /// # Errors
    /// [`Error::Picture`], with `purpose` as the verb of its message, and errors of the model.
    pub fn embed(&self, model: &Model, purpose: &'static str) -> Result<Vec<f32>> {
        let bytes = self.read(purpose)?;
        let embedded = model.embed_bytes(&bytes, &Limits::default());
        embedded.map_err(|error| match error {
            clip::Error::Picture(source) => self.unusable(purpose, source),
            error => error.into(),
        })
    }
}

/// Embeds the picture files of a listing and their captions, in order. Calls `failed` for unreadable pictures and returns
/// their number.
///
/// # Errors
/// Errors of the listing, of the model and of `visit`.
pub fn embed_listing(
    model: &Model,
    listing: &Listing,
    mut visit: impl FnMut(Embedding) -> Result<()>,
    mut failed: impl FnMut(&Failure),
) -> Result<usize> {
    let records = listing.files();
    let records = records.map(|record| Ok::<_, Error>(new_record(record?)));
    let mut failures = 0;
    search::embed(
        model,
        records,
        &Limits::default(),
        |embedded| match embedded {
            Ok(embedding) => visit(embedding),
            Err(failure) => {
                failures += 1;
                failed(&failure);
                Ok(())
            }
        },
    )?;
    Ok(failures)
}
