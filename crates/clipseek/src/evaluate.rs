use std::path::Path;

use clip::Model;
use dataset::Listing;
use search::{Evaluation, Failure};

use crate::embed::embed_listing;
use crate::error::{Error, Result};

/// Measures how well captions find their pictures with `model`, and pictures their captions. `listing` is that of `source`.
/// Calls `seen` for each picture, with its failure if it is unreadable. Also returns the number of failures.
///
/// # Errors
/// [`Error::NoCaptions`], [`Error::NothingReadable`], and the errors of [`embed_listing`].
pub fn evaluate(
    model: &Model,
    source: &Path,
    listing: &Listing,
    seen: impl Fn(Option<&Failure>),
) -> Result<(Evaluation, usize)> {
    check_captions(source, listing)?;
    let (mut images, mut captions, mut picture_of) = (Vec::new(), Vec::new(), Vec::new());
    let visit = |embedding: search::Embedding| {
        seen(None);
        picture_of.extend(std::iter::repeat_n(images.len(), embedding.captions.len()));
        captions.extend(embedding.captions);
        images.push(embedding.image);
        Ok(())
    };
    let failed = embed_listing(model, listing, visit, |failure| seen(Some(failure)))?;
    if images.is_empty() || captions.is_empty() {
        return Err(Error::NothingReadable);
    }
    let evaluation = search::evaluate(&images, &captions, &picture_of);
    Ok((evaluation, failed))
}

/// Checks that a listing has captions, before a model is loaded for it.
///
/// # Errors
/// [`Error::NoCaptions`], [`Error::PicturesNotHere`].
pub fn check_captions(source: &Path, listing: &Listing) -> Result<()> {
    for record in listing.files() {
        if !record?.captions.is_empty() {
            return Ok(());
        }
    }
    let path = source.to_owned();
    if listing.file_count() == 0 && listing.web().next().is_some() {
        return Err(Error::PicturesNotHere { path });
    }
    Err(Error::NoCaptions { path })
}
