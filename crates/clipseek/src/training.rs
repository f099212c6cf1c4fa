use std::path::Path;

use dataset::{Address, Listing};
use train::Example;

use crate::error::Result;
use crate::evaluate::check_captions;

/// The training examples of a listing: its picture files with captions. `listing` is that of `source`.
///
/// # Errors
/// [`Error::NoCaptions`](crate::Error::NoCaptions), [`Error::PicturesNotHere`](crate::Error::PicturesNotHere), and errors of the
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
