//! Decodes untrusted bytes to upright RGB pictures.
//!
//! Reads JPEG, PNG, WebP, GIF, BMP, PNM, TIFF, HEIC, AVIF, JPEG XL and camera raw files, recognised by content, not by
//! name. Every [`Picture`] has the same form: eight bits each of red, green and blue, upright as its EXIF says.
//! [`Limits`] on bytes and pixels bound the cost before it arises. A file that is not a picture, damaged, truncated,
//! too large or unsupported is an [`Error`] with a short [`reason`](Error::reason), never a panic.
//!
//! A picture can be [resampled](Picture::resample) bit-exactly like Pillow, as models trained with Pillow expect;
//! reduced to a [thumbnail](Picture::thumbnail); and written as JPEG or PNG. A [`ContentHash`] identifies a file's
//! bytes, a [`Signature`] recognises versions of a picture, and [`Metadata`] holds its EXIF, XMP and IPTC.
//!
//! ```
//! use picture::{Filter, Limits, Picture, Size, Window};
//!
//! // A drawing of two pixels, white and black, written to PNG and read back.
//! let drawing = Picture::from_rgb(2, 1, vec![255, 255, 255, 0, 0, 0])?;
//! let picture = Picture::decode(&drawing.to_png(), &Limits::default())?;
//! assert_eq!(picture.pixels(), drawing.pixels());
//!
//! // Enlarge it twofold, but compute only the left half.
//! let full = Size { width: 4, height: 2 };
//! let window = Window { left: 0, top: 0, width: 2, height: 2 };
//! let half = picture.resample(full, window, Filter::Box);
//! assert_eq!(half.pixels(), [255; 12]);
//!
//! let error = Picture::decode(b"not a picture", &Limits::default()).unwrap_err();
//! assert_eq!(error.reason(), "not a picture");
//! # Ok::<(), picture::Error>(())
//! ```

mod container;
mod content_hash;
mod decode;
pub mod decoder_process;
mod error;
mod file;
mod filter;
mod format;
mod geometry;
mod limits;
mod metadata;
mod picture;
mod raw_file;
mod reduced;
mod resample;
mod scale;
mod signature;

pub use content_hash::ContentHash;
pub use decode::{decoding_cost, holds_more};
pub use error::{Error, Result};
pub use file::{open_within, read_within};
pub use filter::Filter;
pub use format::Format;
pub use geometry::{Size, Window};
pub use limits::Limits;
pub use metadata::Metadata;
pub use picture::Picture;
pub use reduced::Reduced;
pub use signature::Signature;
