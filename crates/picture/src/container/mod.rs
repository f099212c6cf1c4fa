//! Parsers of file structure: they find the parts of each format without decoding pixels.
//!
//! Parts are borrowed if possible. A part that reaches beyond the end of the file is cut short or skipped.

pub(crate) mod directory;
pub(crate) mod gif;
pub(crate) mod heif;
pub(crate) mod jpeg;
pub(crate) mod jxl;
pub(crate) mod png;
pub(crate) mod riff;
