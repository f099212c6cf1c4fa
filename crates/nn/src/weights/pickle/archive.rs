use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive};

use super::{
    dictionary::{Origin, Tensors, tensors},
    machine::Machine,
};
use crate::PickleError;

/// Reads a file of PyTorch 1.6 or newer.
pub(super) fn read<'a>(origin: Origin<'a, '_>) -> Result<Tensors<'a>, PickleError> {
    let mut archive = Archive::open(origin.contents)?;
    archive.check_byte_order()?;
    let pickle = archive.entry("data.pkl")?;
    let mut machine = Machine::new(pickle);
    let root = machine.load()?;
    tensors(&machine, root, origin, |key| {
        archive.entry(&format!("data/{key}"))
    })
}

struct Archive<'a> {
    bytes: &'a [u8],
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// The top folder that holds all entries.
    folder: String,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, PickleError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| PickleError::Archive)?;
        let folder = zip
            .file_names()
            .find_map(|name| Some(name.ok()?.strip_suffix("/data.pkl")?.to_owned()))
            .ok_or_else(|| missing("data.pkl"))?;
        let constants = format!("{folder}/constants.pkl");
        if zip.index_for_name(&constants).is_some() {
            return Err(PickleError::TorchScript);
        }
        Ok(Self { bytes, zip, folder })
    }

    fn check_byte_order(&mut self) -> Result<(), PickleError> {
        match self.entry("byteorder") {
            Ok(order) if order != b"little" => Err(PickleError::BigEndian),
            Ok(_) | Err(PickleError::MissingEntry { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The bytes of an entry, borrowed from the file.
    fn entry(&mut self, name: &str) -> Result<&'a [u8], PickleError> {
        let name = format!("{}/{name}", self.folder);
        let index = self.zip.index_for_name(&name);
        let index = index.ok_or_else(|| missing(&name))?;
        let entry = self.zip.by_index_raw(index);
        let entry = entry.map_err(|_| PickleError::Archive)?;
        if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
            return Err(PickleError::Compressed { entry: name });
        }
        let range = entry.data_start().and_then(|start| {
            let start = usize::try_from(start).ok()?;
            let length = usize::try_from(entry.size()).ok()?;
            Some(start..start.checked_add(length)?)
        });
        let bytes = range.and_then(|range| self.bytes.get(range));
        bytes.ok_or(PickleError::Archive)
    }
}

fn missing(entry: &str) -> PickleError {
    PickleError::MissingEntry {
        entry: entry.to_owned(),
    }
}
