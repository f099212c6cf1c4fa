//! How files are put together: the pieces of each format, found without decoding anything.
//!
//! Nothing here copies what it can borrow. A piece that reaches beyond the end of the file ends there, or is left out.

pub(crate) mod directory;
pub(crate) mod gif;
pub(crate) mod heif;
pub(crate) mod jpeg;
pub(crate) mod jxl;
pub(crate) mod png;
pub(crate) mod riff;
