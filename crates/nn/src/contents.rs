mod mapping;

use std::{fs::File, io, ops::Deref};

use memmap2::Mmap;

/// The bytes of a file: read, mapped into memory, or compiled into the program.
pub struct Contents(Bytes);

enum Bytes {
    Read(Vec<u8>),
    Mapped(Mmap),
    Bundled(&'static [u8]),
}

impl Contents {
    /// Maps `file` into memory, so that the system reads only the parts in use.
    ///
    /// The file must not be changed in place or shortened while these contents exist; replacing it by renaming is
    /// safe.
    ///
    /// # Errors
    /// When the system cannot map the file.
    pub fn map(file: &File) -> io::Result<Self> {
        Ok(Self(Bytes::Mapped(mapping::map(file)?)))
    }

    /// Tells the system that all of `part`, a part of these bytes, is about to be read.
    pub(crate) fn will_need(&self, part: &[u8]) {
        if let Bytes::Mapped(map) = &self.0 {
            mapping::will_need(map, part);
        }
    }

    /// Tells the system that `part`, a part of these bytes, has been copied and may leave memory.
    pub(crate) fn release(&self, part: &[u8]) {
        if let Bytes::Mapped(map) = &self.0 {
            mapping::release(map, part);
        }
    }
}

impl From<Vec<u8>> for Contents {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Bytes::Read(bytes))
    }
}

impl From<&'static [u8]> for Contents {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Bytes::Bundled(bytes))
    }
}

impl Deref for Contents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Read(bytes) => bytes,
            Bytes::Mapped(map) => map,
            Bytes::Bundled(bytes) => bytes,
        }
    }
}
