use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use dataset::{Address, FetchOptions};
use picture::{Format, Limits};

use crate::error::{Error, Result};
use crate::runtime::block_on;

/// A picture given by the user: a local file or bytes.
#[derive(Clone, PartialEq, Eq)]
pub enum PictureInput {
    /// A file, read when needed.
    File(PathBuf),
    /// The encoded bytes of a picture.
    Bytes {
        /// Its name: the URL without a password, `standard input`, the name of an upload.
        name: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

/// A picture as given: a location or the picture itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenPicture {
    /// A path or URL.
    At(PathBuf),
    /// The picture itself.
    Read(PictureInput),
}

/// Whether a file begins like a picture.
pub fn is_picture(file: &Path) -> bool {
    let mut start = [0; 64];
    let read = File::open(file).and_then(|mut file| file.read(&mut start));
    Format::of(&start[..read.unwrap_or(0)]).is_some()
}

impl PictureInput {
    /// The picture at a path or URL. A URL is fetched now.
    ///
    /// # Errors
    /// [`Error::Fetch`] for a URL that is invalid or cannot be fetched.
    pub fn at(location: &Path, options: &FetchOptions) -> Result<PictureInput> {
        let address = location.to_str().map(Address::of).transpose()?.flatten();
        Ok(match address {
            None | Some(Address::Inside(_)) => PictureInput::File(location.to_owned()),
            Some(Address::File(path)) => PictureInput::File(path),
            Some(Address::Web(address)) => PictureInput::Bytes {
                bytes: block_on(dataset::fetch(&address, options))??,
                name: address.to_string(),
            },
        })
    }

    /// Its encoded bytes.
    ///
    /// # Errors
    /// [`Error::Picture`] if the file cannot be read or is too large, with `purpose` as the verb of its message.
    pub fn read(&self, purpose: &'static str) -> Result<Cow<'_, [u8]>> {
        match self {
            PictureInput::Bytes { bytes, .. } => Ok(bytes.into()),
            PictureInput::File(path) => {
                let bytes = picture::read_within(path, &Limits::default());
                let bytes = bytes.map_err(|source| self.unusable(purpose, source))?;
                Ok(bytes.into())
            }
        }
    }

    /// The error of an unusable picture.
    pub(crate) fn unusable(&self, purpose: &'static str, source: picture::Error) -> Error {
        Error::Picture {
            name: self.to_string(),
            purpose,
            source: Box::new(source),
        }
    }

    /// The path, if it is a file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            PictureInput::File(path) => Some(path),
            PictureInput::Bytes { .. } => None,
        }
    }
}

/// The path or the name of the picture.
impl fmt::Display for PictureInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PictureInput::File(path) => path.display().fmt(f),
            PictureInput::Bytes { name, .. } => f.write_str(name),
        }
    }
}

impl fmt::Debug for PictureInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PictureInput({self})")
    }
}
