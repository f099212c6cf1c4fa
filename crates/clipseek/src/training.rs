use std::path::Path;

use dataset::{Address, Listing};
use train::Example;

use crate::error::Result;
use crate::evaluate::check_captions;

/// The pictures of a listing that are files and have captions, to train on. The listing is that of `source`.
///
/// # Errors
/// [`Error::NoCaptions`](crate::Error::NoCaptions), [`Error::PicturesNotHere`](crate::Error::PicturesNotHere), and those of the
/// listing.
pub fn examples(source: &Path, listing: &Listing) -> Result<Vec<Example>> {
    check_captions(source, listing)?;
    let mut examples = Vec::new();
    for record in listing.files() {
        let record = record?;
        if let Address::File(file) = record.address
            && !record.captions.is_empty()
        {
            let captions = record.captions;
            examples.push(Example { file, captions });
        }
    }
    Ok(examples)
}
