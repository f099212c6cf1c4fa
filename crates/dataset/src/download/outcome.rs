use std::path::Path;
use std::time::SystemTime;

use picture::{ContentHash, Limits};

use super::inspection::{Inspected, inspect};
use super::keeping::Keeping;
use super::reason::Reason;

/// What came of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The picture, or why there is none.
    pub result: Result<FetchedPicture, Reason>,
    /// The status of the last answer, where there was one.
    pub status: Option<u16>,
    /// When it was known.
    pub time: SystemTime,
}

/// A picture that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPicture {
    /// Its length in bytes, as the server sent it.
    pub bytes: u64,
    /// Its width, upright, as the server sent it.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Of the bytes that the server sent.
    pub sha256: ContentHash,
    /// The file, where it was kept.
    pub file: Option<KeptFile>,
}

/// A picture's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    /// Its path from the download's folder, with `/` between its parts. A file that the list itself
    /// names has its own, absolute path.
    pub path: String,
    /// Its length in bytes.
    pub length: u64,
}

impl Outcome {
    /// What comes of a file that a list names.
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
