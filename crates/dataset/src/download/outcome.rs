use std::path::Path;
use std::time::SystemTime;

use picture::{ContentHash, Limits};

use super::inspection::{Inspected, inspect};
use super::keeping::Keeping;
use super::reason::Reason;

/// The outcome of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The picture, or why it failed.
    pub result: Result<FetchedPicture, Reason>,
    /// The status of the last response, if any.
    pub status: Option<u16>,
    /// The time of the outcome.
    pub time: SystemTime,
}

/// A downloaded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPicture {
    /// The number of bytes that the server sent.
    pub bytes: u64,
    /// The width in pixels, upright, before resizing.
    pub width: u32,
    /// The height in pixels, upright, before resizing.
    pub height: u32,
    /// The hash of the bytes that the server sent.
    pub sha256: ContentHash,
    /// The file, if it was stored.
    pub file: Option<KeptFile>,
}

/// A picture's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    /// The path relative to the download's folder, with `/` as separator. A local file named by the list has
    /// its own absolute path.
    pub path: String,
    /// The length in bytes.
    pub length: u64,
}

impl Outcome {
    /// The outcome of a local file named by a list.
    pub(super) fn of_file(path: &Path, limits: &Limits) -> Self {
        let picture = picture::read_within(path, limits).and_then(|bytes| {
            let length = bytes.len() as u64;
            let Inspected { size, sha256, .. } = inspect(bytes, limits, Keeping::Nothing)?;
            Ok(FetchedPicture {
                bytes: length,
                width: size.width,
                height: size.height,
                sha256,
                file: Some(KeptFile {
                    path: path.to_string_lossy().into_owned(),
                    length,
                }),
            })
        });
        Self {
            result: picture.map_err(|error| Reason::of_decoding(&error)),
            status: None,
            time: SystemTime::now(),
        }
    }

    pub(super) fn failed(reason: Reason, status: Option<u16>) -> Self {
        Self {
            result: Err(reason),
            status,
            time: SystemTime::now(),
        }
    }
}
