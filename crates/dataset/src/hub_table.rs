//! Tables of data sets on the Hugging Face Hub, read remotely: only the needed columns of the wanted row
//! groups are fetched.

use std::io::Cursor as IoCursor;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hub::{Hub, Kind, Listing, Repository, Revision};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Runtime;

use crate::strict::Strict;
use crate::{Error, Result};

/// The revision with the Hub's Parquet conversion of each data set
/// (<https://huggingface.co/docs/dataset-viewer/parquet>).
const CONVERTED: &str = "refs/convert/parquet";
/// Bytes read at once if it's unknown what is needed. At a file's end, this covers the footer.
const AHEAD: u64 = 64 << 10;
/// Ranges with smaller gaps are read as one.
const GAP: u64 = 64 << 10;

/// A data set on the Hub: `owner/name` or `owner/name@revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubDataset {
    repository: Repository,
    /// The revision, if one is named: its own Parquet files are read then.
    revision: Option<Revision>,
    /// The configuration. Defaults to the only one or `default`.
    pub config: Option<String>,
    /// The split. Defaults to the only one or `train`.
    pub split: Option<String>,
}

/// A Parquet file of a repository.
#[derive(Debug, PartialEq, Eq)]
struct SplitFile<'a> {
    config: &'a str,
    split: &'a str,
    name: &'a str,
}

impl HubDataset {
    /// Parses a data set's name.
    ///
    /// # Errors
    /// [`Error::Hub`] if the name is invalid.
    pub fn parse(text: &str) -> Result<Self> {
        let (id, revision) = match text.split_once('@') {
            Some((id, revision)) => (id, Some(Revision::new(revision)?)),
            None => (text, None),
        };
        Ok(Self {
            repository: Repository::new(Kind::Dataset, id)?,
            revision,
            config: None,
            split: None,
        })
    }

    /// Asks the Hub for the files of the split. Without a revision, uses the Hub's conversion, or else the
    /// repository's own Parquet files.
    pub(crate) fn open(&self, hub: Arc<Hub>) -> Result<HubTable> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::read(self.repository.id().as_ref()))?;
        let listing = |revision: &Revision| {
            runtime.block_on(hub.listing(&self.repository, revision, &|_| {}))
        };
        let listing = match &self.revision {
            Some(revision) => listing(revision)?,
            None => match listing(&Revision::new(CONVERTED)?) {
                Err(hub::Error::NoRevision { .. }) => listing(&Revision::main())?,
                converted => converted?,
            },
        };
        let names: Vec<&str> = listing.names().collect();
        let files: Vec<SplitFile<'_>> = names
            .iter()
            .filter_map(|name| SplitFile::of(name))
            .collect();
        let split = self.split.as_deref();
        if let Some(split) = split {
            let there = files.iter().map(|file| file.split);
            self.chosen("split", split, Some(split), there)?;
        }
        // Only those with the requested split, if any.
        let configs = files
            .iter()
            .filter(|file| split.is_none_or(|split| file.split == split));
        let configs = configs.map(|file| file.config);
        let config = self.chosen("configuration", "default", self.config.as_deref(), configs)?;
        let of_config = files.iter().filter(|file| file.config == config);
        let splits = of_config.clone().map(|file| file.split);
        let split = self.chosen("split", "train", split, splits)?;
        let mut names: Vec<String> = of_config
            .filter(|file| file.split == split)
            .map(|file| file.name.to_owned())
            .collect();
        names.sort_unstable();
        let title = format!("hf:{}/{config}/{split}", self.repository.id());
        Ok(HubTable {
            title,
            names,
            shared: Arc::new(Shared {
                hub,
                listing,
                runtime: Mutex::new(runtime),
            }),
        })
    }

    /// Chooses the requested item, or the default.
    fn chosen<'a>(
        &self,
        what: &'static str,
        usual: &str,
        wanted: Option<&str>,
        there: impl Iterator<Item = &'a str>,
    ) -> Result<&'a str> {
        let mut there: Vec<&str> = there.collect();
        there.sort_unstable();
        there.dedup();
        let found = match wanted {
            Some(wanted) => there.iter().find(|name| **name == wanted),
            None if there.len() == 1 => there.first(),
            None => there.iter().find(|name| **name == usual),
        };
        found.copied().ok_or_else(|| Error::NoSuchPart {
            repository: self.repository.id().to_owned(),
            what,
            wanted: wanted.map(str::to_owned),
            there: there.iter().map(ToString::to_string).collect(),
        })
    }
}

impl<'a> SplitFile<'a> {
    /// The file with this name, if it belongs to a split: `config/split/0000.parquet`, as in the Hub's
    /// conversion, or `config/split-00000-of-00002.parquet`, `data/…` or without a folder, as people upload
    /// them.
    fn of(name: &'a str) -> Option<Self> {
        let stem = name.strip_suffix(".parquet")?;
        let parts: Vec<&str> = stem.split('/').collect();
        let split_of = |file: &'a str| file.split_once('-').map_or(file, |(split, _)| split);
        let (config, split) = match parts.as_slice() {
            [config, split, _] => (*config, *split),
            [config, file] if *config != "data" => (*config, split_of(file)),
            [.., file] => ("default", split_of(file)),
            [] => return None,
        };
        Some(Self {
            config,
            // Splits too large to convert are converted in part; that part is read.
            split: split.strip_prefix("partial-").unwrap_or(split),
            name,
        })
    }
}

/// The Parquet files of a split.
#[derive(Clone, Debug)]
pub(crate) struct HubTable {
    /// Its name in messages.
    pub(crate) title: String,
    names: Vec<String>,
    shared: Arc<Shared>,
}

struct Shared {
    hub: Arc<Hub>,
    listing: Listing,
    runtime: Mutex<Runtime>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Shared").field(&self.listing).finish()
    }
}

impl HubTable {
    /// Its files, in order.
    pub(crate) fn files(&self) -> impl Iterator<Item = HubFile> {
        self.names.iter().map(|name| HubFile {
            shared: Arc::clone(&self.shared),
            name: name.clone(),
            length: self
                .shared
                .listing
                .file(name)
                .and_then(|file| file.size)
                .unwrap_or_default(),
            parts: Arc::default(),
        })
    }
}

/// A file on the Hub that is read in ranges.
#[derive(Clone, Debug)]
pub(crate) struct HubFile {
    shared: Arc<Shared>,
    name: String,
    length: u64,
    /// The bytes read so far, with their offsets.
    parts: Arc<Mutex<Vec<(u64, Bytes)>>>,
}

impl HubFile {
    /// Reads these ranges, and drops the bytes read before.
    pub(crate) fn load(&self, mut ranges: Vec<Range<u64>>) -> Result<(), ParquetError> {
        ranges.sort_unstable_by_key(|range| range.start);
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(GAP) => {
                    last.end = last.end.max(range.end);
                }
                _ => joined.push(range),
            }
        }
        let parts = joined.into_iter().map(|range| self.read(range));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        *self.parts.lock().unwrap_or_else(PoisonError::into_inner) = parts;
        Ok(())
    }

    fn read(&self, range: Range<u64>) -> Result<(u64, Bytes), ParquetError> {
        let range = range.start.min(self.length)..range.end.min(self.length);
        let Shared {
            hub,
            listing,
            runtime,
        } = &*self.shared;
        let runtime = runtime.lock().unwrap_or_else(PoisonError::into_inner);
        let read = hub.read_range(listing, &self.name, range.clone(), &|_| {});
        let bytes = runtime.block_on(read);
        let bytes = bytes.map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok((range.start, bytes.into()))
    }

    /// The bytes from `start` on: at least `least`, unless the file ends.
    fn from(&self, start: u64, least: u64) -> Result<Bytes, ParquetError> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let least = least.min(self.length.saturating_sub(start));
        let holds = |(first, bytes): &&(u64, Bytes)| {
            *first <= start && start + least <= first + bytes.len() as u64
        };
        if let Some((first, bytes)) = parts.iter().find(holds) {
            return Ok(bytes.slice(usize::try_from(start - first)?..));
        }
        // A read near the end is the footer, so read more of it at once.
        let first = start.min(self.length.saturating_sub(AHEAD));
        let part = self.read(first..start + least.max(AHEAD))?;
        let bytes = part.1.slice(usize::try_from(start - first)?..);
        parts.push(part);
        Ok(bytes)
    }
}

impl Length for HubFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for HubFile {
    type T = Strict<IoCursor<Bytes>>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(Strict(IoCursor::new(self.from(start, 1)?)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start, length as u64)?;
        if bytes.len() >= length {
            Ok(bytes.slice(..length))
        } else {
            Err(ParquetError::EOF("file ends too early".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_splits() {
        for (name, config, split) in [
            ("unlabeled/train/0000.parquet", "unlabeled", "train"),
            ("default/partial-train/0003.parquet", "default", "train"),
            (
                "unlabeled/train-00000-of-00002.parquet",
                "unlabeled",
                "train",
            ),
            (
                "data/validation-00000-of-00001.parquet",
                "default",
                "validation",
            ),
            ("test.parquet", "default", "test"),
        ] {
            let expected = SplitFile {
                config,
                split,
                name,
            };
            assert_eq!(SplitFile::of(name), Some(expected));
        }
        assert_eq!(SplitFile::of("README.md"), None);
    }
}
