use std::{
    fmt,
    fs::File,
    io::{self, Read},
    ops::Deref,
    path::Path,
};

use memmap2::Mmap;
use serde::de::DeserializeOwned;

use crate::{Error, Result, mapping};

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const PREPROCESSOR: &str = "preprocessor_config.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const VOCABULARY: &str = "vocab.json";
pub(crate) const MERGES: &str = "merges.txt";
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(crate) const SPECIAL_TOKENS: &str = "special_tokens_map.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// Files that are read whole when a checkpoint is opened, in the order in which the fingerprint takes them.
pub(crate) const SMALL_FILES: [&str; 7] = [
    CONFIG,
    PREPROCESSOR,
    TOKENIZER,
    VOCABULARY,
    MERGES,
    TOKENIZER_CONFIG,
    SPECIAL_TOKENS,
];

/// The largest of them known, a tokenizer of 250,000 tokens, has 17 MB.
const SMALL_FILE_LIMIT: u64 = 64 << 20;

/// The named files of a model, in the form of a Hugging Face repository.
///
/// | file | what it holds |
/// |---|---|
/// | `config.json` | the kind of model and its sizes |
/// | `model.safetensors` | the weights, in float32, float16 or bfloat16 |
/// | `tokenizer.json`, or `vocab.json` and `merges.txt` | the vocabulary |
/// | `preprocessor_config.json` | how pictures become pixels |
/// | `tokenizer_config.json`, `special_tokens_map.json` | optional: the special tokens |
///
/// Opening reads the small files and maps the weights; which files a model needs is found out when it is
/// [loaded](crate::Model::load).
pub struct Checkpoint {
    name: String,
    files: Vec<(&'static str, Contents)>,
}

enum Contents {
    Read(Vec<u8>),
    Mapped(Mmap),
    Bundled(&'static [u8]),
}

impl Deref for Contents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Mapped(map) => map,
            Self::Bundled(bytes) => bytes,
        }
    }
}

impl Checkpoint {
    /// Opens the model in `directory`.
    ///
    /// # Errors
    /// When `directory` is not a directory, or a file in it cannot be read.
    pub fn open(directory: &Path) -> Result<Self> {
        let listing = directory.read_dir();
        listing.map_err(|source| Error::Directory {
            directory: directory.to_path_buf(),
            source,
        })?;
        let mut files = Vec::new();
        for name in SMALL_FILES {
            if let Some(bytes) = read_small(&directory.join(name))? {
                files.push((name, Contents::Read(bytes)));
            }
        }
        if let Some(map) = map_whole(&directory.join(WEIGHTS))? {
            files.push((WEIGHTS, Contents::Mapped(map)));
        }
        Ok(Self {
            name: directory.display().to_string(),
            files,
        })
    }

    /// A model whose files, as (name, bytes), are compiled into the program.
    ///
    /// # Errors
    /// When there is no `config.json` among them.
    pub fn bundled(files: &'static [(&'static str, &'static [u8])]) -> Result<Self> {
        let files = files
            .iter()
            .map(|&(name, bytes)| (name, Contents::Bundled(bytes)))
            .collect();
        let checkpoint = Self {
            name: "bundled".to_owned(),
            files,
        };
        checkpoint.require(CONFIG)?;
        Ok(checkpoint)
    }

    /// The directory, or `bundled`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes of the file called `name`, where there is one.
    pub(crate) fn file(&self, name: &str) -> Option<&[u8]> {
        self.files
            .iter()
            .find(|(file, _)| *file == name)
            .map(|(_, contents)| &**contents)
    }

    /// The bytes of the file called `name`.
    pub(crate) fn require(&self, name: &str) -> Result<&[u8]> {
        self.file(name).ok_or_else(|| self.missing(name))
    }

    /// The error for files, named in words, that are not there.
    pub(crate) fn missing(&self, file: &str) -> Error {
        Error::MissingFile {
            checkpoint: self.name.clone(),
            file: file.to_owned(),
        }
    }

    /// The JSON in the file called `name`, where there is one.
    pub(crate) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(bytes) = self.file(name) else {
            return Ok(None);
        };
        // Some editors leave a byte order mark at the beginning.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(text)
            .map(Some)
            .map_err(|source| Error::Json {
                file: self.place(name),
                source,
            })
    }

    /// The JSON in the file called `name`.
    pub(crate) fn require_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.json(name)?.ok_or_else(|| self.missing(name))
    }

    /// How errors call the file called `name`.
    pub(crate) fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self
            .files
            .iter()
            .map(|(name, contents)| (name, contents.len()));
        formatter
            .debug_struct("Checkpoint")
            .field("name", &self.name)
            .field("files", &Sizes(sizes.collect()))
            .finish()
    }
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown by `Debug`")]
struct Sizes<'a>(Vec<(&'a &'static str, usize)>);

/// Opens the file at `path`; `None` when there is none.
fn open_file(path: &Path) -> Result<Option<(File, u64)>> {
    let failed = |source| Error::ReadFile {
        file: path.display().to_string(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        )));
    }
    Ok(Some((file, metadata.len())))
}

fn read_small(path: &Path) -> Result<Option<Vec<u8>>> {
    let Some((file, bytes)) = open_file(path)? else {
        return Ok(None);
    };
    let name = || path.display().to_string();
    if bytes > SMALL_FILE_LIMIT {
        return Err(Error::LargeFile {
            file: name(),
            bytes,
            limit: SMALL_FILE_LIMIT,
        });
    }
    let mut contents = Vec::new();
    let read = file.take(SMALL_FILE_LIMIT).read_to_end(&mut contents);
    read.map_err(|source| Error::ReadFile {
        file: name(),
        source,
    })?;
    Ok(Some(contents))
}

fn map_whole(path: &Path) -> Result<Option<Mmap>> {
    let Some((file, _)) = open_file(path)? else {
        return Ok(None);
    };
    let map = mapping::map(&file);
    map.map(Some).map_err(|source| Error::ReadFile {
        file: path.display().to_string(),
        source,
    })
}
