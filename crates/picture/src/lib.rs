//! Untrusted bytes in, upright RGB pictures out.
//!
//! JPEG, PNG, WebP, GIF, BMP, PNM, TIFF, HEIC, AVIF, JPEG XL and the raw files of cameras, recognised by their content and never by a name, become one form: eight bits a channel, red, green and blue, turned upright as the file's EXIF says. What
//! this costs is bounded before it is spent, by [`Limits`] on bytes and on pixels. A file that is
//! no picture, damaged, cut off, too large or of a kind nobody can read is an [`Error`] with a
//! short [`reason`](Error::reason), never a panic.
//!
//! A [`Picture`] can be [resampled](Picture::resample) as Pillow does it, to the bit, which is what
//! models trained behind Pillow expect; made into a [thumbnail](Picture::thumbnail); and written
//! as JPEG or PNG. A [`ContentHash`] names a file by its bytes, a
//! [`Signature`] tells versions of one picture from different ones, and [`Metadata`] is what cameras and people noted in it.
//!
//! ```
//! use picture::{Filter, Limits, Picture, Size, Window};
//!
//! // A drawing of two pixels, white and black, written to PNG and read back.
//! let drawing = Picture::from_rgb(2, 1, vec![255, 255, 255, 0, 0, 0])?;
//! let picture = Picture::decode(&drawing.to_png(), &Limits::default())?;
//! assert_eq!(picture.pixels(), drawing.pixels());
//!
//! // Twice as large, of which only the left half is computed.
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
