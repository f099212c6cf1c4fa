//! The metadata stored with a collection's vectors: those of the file and its source, the captions and the
//! path.
//!
//! Others may read them, as engines can be shared and servers show them. So the path is relative to the
//! folder that holds the source, and absolute paths are stored only as salted digests. The catalogue keeps
//! the salt. If a source uses one of these keys itself, ours takes precedence.

use std::fmt::Write;
use std::path::{Component, Path};

use index::{Filter, Metadata, Vector};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::address::Address;
use crate::keys::{CAPTION, CAPTIONS, FILE, FOLDERS, IMAGE, PLACES, RECORD};
use crate::record::{Record, caption_id};

/// The maximum size of all folder names in bytes: engines limit a vector's metadata.
const FOLDERS_ROOM: usize = 8 << 10;

/// The length of a digest in bytes. Among a million folders, two digests collide with a probability of 10^-7.
const DIGEST: usize = 8;

/// Whether a source's own value of this key is ignored because the key is reserved.
pub fn is_taken(key: &str) -> bool {
    [IMAGE, CAPTIONS, FOLDERS, PLACES].contains(&key)
}

/// How a collection's metadata identify locations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    /// The salt of the digests; `None` for a collection without digests.
    salt: Option<Vec<u8>>,
}

impl Labels {
    /// The labels of a collection with this salt.
    pub(crate) fn of_collection(salt: Option<Vec<u8>>) -> Labels {
        Labels { salt }
    }

    /// Checks that the engine accepts a record, since one bad record would fail its whole batch.
    pub(crate) fn check(&self, record: &Record) -> Result<(), index::Error> {
        Vector::check(&record.id, &self.of_picture(record))?;
        record
            .captions
            .iter()
            .enumerate()
            .try_for_each(|(n, caption)| {
                Vector::check(
                    &caption_id(&record.id, n),
                    &self.of_caption(record, caption),
                )
            })
    }

    /// The metadata of a record's image vector.
    pub(crate) fn of_picture(&self, record: &Record) -> Metadata {
        let mut metadata = self.of_record(record);
        metadata.insert(CAPTIONS.to_owned(), record.captions.clone().into());
        metadata
    }

    /// The metadata of a caption vector.
    pub(crate) fn of_caption(&self, record: &Record, caption: &str) -> Metadata {
        let mut metadata = self.of_record(record);
        metadata.insert(RECORD.to_owned(), record.id.clone().into());
        metadata.insert(CAPTION.to_owned(), caption.into());
        metadata
    }

    /// The metadata of the file and of its source, which takes precedence, and the path.
    fn of_record(&self, record: &Record) -> Metadata {
        let mut metadata = record.facts.clone();
        metadata.extend(record.metadata.clone());
        let image = relative(record);
        if record.file.is_none() {
            metadata.insert(FOLDERS.to_owned(), folders(&image).into());
        }
        metadata.insert(IMAGE.to_owned(), image.into());
        if self.salt.is_some() {
            metadata.insert(PLACES.to_owned(), self.locations(record).into());
        }
        metadata
    }

    /// The digests of a record's location and of its parent folders, as many as fit.
    fn locations(&self, record: &Record) -> Vec<String> {
        let location = Path::new(&record.location);
        let all = match record.file {
            Some(_) => 1,
            None => FOLDERS_ROOM / (2 * DIGEST + 3),
        };
        let locations = location.ancestors().take(all).filter_map(Path::to_str);
        locations.map(|location| self.digest(location)).collect()
    }

    fn digest(&self, location: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.salt.as_deref().unwrap_or_default());
        hasher.update(location.as_bytes());
        let mut text = String::new();
        for byte in &hasher.finalize()[..DIGEST] {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Whether a vector's metadata belong to the picture at a location.
    pub(crate) fn are_of(&self, metadata: &Metadata, location: &str) -> bool {
        match metadata.get(PLACES).and_then(Value::as_array) {
            Some(locations) => locations.first() == Some(&self.digest(location).into()),
            // Earlier versions stored absolute paths.
            None => metadata.get(IMAGE).and_then(Value::as_str) == Some(location),
        }
    }

    /// A filter for the pictures in a folder and its subfolders.
    pub(crate) fn below(&self, folder: &str) -> Filter {
        // Vectors of earlier versions have absolute paths until their source is added again.
        Filter::either(
            Filter::contains(PLACES, &self.digest(folder)),
            Filter::contains(FOLDERS, folder),
        )
    }
}

/// A picture's URL, or its path relative to the folder that holds its source, or else to its own folder.
pub(crate) fn relative(record: &Record) -> String {
    let location = Path::new(&record.location);
    match record.address() {
        Address::Web(url) => return url.to_owned(),
        Address::Inside(_) | Address::File(_) => {}
    }
    let source = record.source.as_deref().map(Path::new);
    let bases = source.into_iter().chain(source.and_then(Path::parent));
    let base = bases
        .filter(|base| location.starts_with(base) && *base != location)
        .chain(location.parent())
        .next();
    let from = base.and_then(Path::parent).unwrap_or(Path::new(""));
    let below = location.strip_prefix(from).unwrap_or(location);
    let parts = below.components().filter_map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The folders of a relative path, innermost first, as many as fit.
fn folders(image: &str) -> Vec<String> {
    let mut room = FOLDERS_ROOM;
    let ends = image.rmatch_indices('/').map(|(end, _)| &image[..end]);
    let fitting = ends.skip_while(|folder| folder.len() > FOLDERS_ROOM);
    let taken = fitting.take_while(|folder| {
        let fits = folder.len() <= room;
        room = room.saturating_sub(folder.len());
        fits
    });
    taken.map(str::to_owned).collect()
}

/// Removes our own keys from an image vector's metadata, leaving those of the file and its source. Returns
/// the path and the captions.
pub(crate) fn take_picture(metadata: &mut Metadata) -> (String, Vec<String>) {
    let image = metadata.shift_remove(IMAGE).and_then(text);
    let has_folders = metadata.shift_remove(FOLDERS).is_some();
    let has_locations = metadata.shift_remove(PLACES).is_some();
    // An earlier version stored the path of a downloaded file.
    if !has_folders && !has_locations {
        metadata.shift_remove(FILE);
    }
    let captions = match metadata.shift_remove(CAPTIONS) {
        Some(Value::Array(captions)) => captions.into_iter().filter_map(text).collect(),
        _ => Vec::new(),
    };
    (image.unwrap_or_default(), captions)
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(location: &str, source: Option<&str>, is_fetched: bool) -> Record {
        Record {
            location: location.to_owned(),
            source: source.map(str::to_owned),
            file: is_fetched.then(|| "/store/downloads/1.jpg".to_owned()),
            ..Record::default()
        }
    }

    #[test]
    fn paths_begin_with_the_folder_of_the_source() {
        for (location, source, is_fetched, expected) in [
            (
                "/home/a/Photos/b/c.jpg",
                Some("/home/a/Photos"),
                false,
                "Photos/b/c.jpg",
            ),
            (
                "/home/a/Photos/c.jpg",
                Some("/home/a/Photos/c.jpg"),
                false,
                "Photos/c.jpg",
            ),
            (
                "/d/images/c.jpg",
                Some("/d/list.csv"),
                false,
                "d/images/c.jpg",
            ),
            (
                "/e/images/c.jpg",
                Some("/d/list.csv"),
                false,
                "images/c.jpg",
            ),
            ("/e/images/c.jpg", None, false, "images/c.jpg"),
            ("/c.jpg", Some("/"), false, "c.jpg"),
            (
                "https://a/b/c.jpg",
                Some("/d/list.csv"),
                true,
                "https://a/b/c.jpg",
            ),
            (
                "/d/t.parquet#12",
                Some("/d/t.parquet"),
                true,
                "d/t.parquet#12",
            ),
        ] {
            let record = record(location, source, is_fetched);
            assert_eq!(relative(&record), expected, "{location}");
        }
        assert_eq!(folders("Photos/b/c.jpg"), ["Photos/b", "Photos"]);
    }

    #[test]
    fn metadata_name_no_whole_path() {
        let labels = Labels::of_collection(Some(b"salt".to_vec()));
        let record = record("/home/a/Photos/b/c.jpg", Some("/home/a/Photos"), false);
        let metadata = labels.of_picture(&record);
        let text = serde_json::to_string(&metadata).unwrap();
        assert!(!text.contains("home"), "{text}");
        assert!(labels.are_of(&metadata, &record.location));
        assert!(!labels.are_of(&metadata, "/home/a/Photos/b"));
        for folder in ["/home/a/Photos/b", "/home", "/"] {
            assert!(labels.below(folder).matches(&metadata), "{folder}");
        }
        assert!(!labels.below("/home/a/Photos/bc").matches(&metadata));
        let others = Labels::of_collection(Some(b"other".to_vec()));
        assert!(!others.below("/home").matches(&metadata));
    }
}
