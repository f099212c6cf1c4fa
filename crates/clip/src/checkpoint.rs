use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::File,
    io::{self, Read},
    ops::Deref,
    path::Path,
};

use memmap2::Mmap;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Error, Result, mapping};

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const PREPROCESSOR: &str = "preprocessor_config.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const VOCABULARY: &str = "vocab.json";
pub(crate) const MERGES: &str = "merges.txt";
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(crate) const SPECIAL_TOKENS: &str = "special_tokens_map.json";
pub(crate) const OPEN_CLIP_CONFIG: &str = "open_clip_config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// Files that are read whole when a checkpoint is opened, in the order in which the fingerprint takes them.
pub(crate) const SMALL_FILES: [&str; 8] = [
    CONFIG,
    PREPROCESSOR,
    TOKENIZER,
    VOCABULARY,
    MERGES,
    TOKENIZER_CONFIG,
    SPECIAL_TOKENS,
    OPEN_CLIP_CONFIG,
];

/// The forms that transformers keeps weights in, the preferred one first.
const WEIGHTS_FORMS: [WeightsForm; 4] = [
    WeightsForm::Whole(WEIGHTS),
    WeightsForm::Sharded("model.safetensors.index.json"),
    WeightsForm::Whole("pytorch_model.bin"),
    WeightsForm::Sharded("pytorch_model.bin.index.json"),
];

/// Those of open_clip.
const OPEN_CLIP_WEIGHTS_FORMS: [WeightsForm; 2] = [
    WeightsForm::Whole("open_clip_model.safetensors"),
    WeightsForm::Whole("open_clip_pytorch_model.bin"),
];

#[derive(Clone, Copy)]
enum WeightsForm {
    /// One file.
    Whole(&'static str),
    /// Several, and this one that lists them.
    Sharded(&'static str),
}

impl WeightsForm {
    const fn first_file(self) -> &'static str {
        match self {
            Self::Whole(name) | Self::Sharded(name) => name,
        }
    }
}

/// The list of a sharded checkpoint's files.
#[derive(Deserialize)]
struct ShardIndex {
    /// The file of each tensor.
    weight_map: BTreeMap<String, String>,
}

/// The largest of them known, a tokenizer of 250,000 tokens, has 17 MB.
const SMALL_FILE_LIMIT: u64 = 64 << 20;

/// The named files of a model, in the form of a Hugging Face repository.
///
/// | file | what it holds |
/// |---|---|
/// | `config.json`, or `open_clip_config.json` | the kind of model and its sizes |
/// | `model.safetensors`, `pytorch_model.bin`, either of them in shards with an index, `open_clip_model.safetensors` or `open_clip_pytorch_model.bin` | the weights, in float32, float16 or bfloat16 |
/// | `tokenizer.json`, or `vocab.json` and `merges.txt` | the vocabulary |
/// | `preprocessor_config.json` | how pictures become pixels |
/// | `tokenizer_config.json`, `special_tokens_map.json` | optional: the special tokens |
///
/// Opening reads the small files and maps the weights; which files a model needs is found out when it is
/// [loaded](crate::Model::load).
pub struct Checkpoint {
    name: String,
    files: Vec<(String, Contents)>,
}

/// What `config.json` says of the kind of model.
#[derive(Deserialize)]
pub(crate) struct Kind {
    pub(crate) model_type: Option<String>,
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
        let mut checkpoint = Self {
            name: directory.display().to_string(),
            files: Vec::new(),
        };
        for name in small_files() {
            if let Some(bytes) = read_small(&directory.join(name))? {
                checkpoint
                    .files
                    .push((name.to_owned(), Contents::Read(bytes)));
            }
        }
        for name in checkpoint.possible_weights()? {
            if let Some(map) = map_whole(&directory.join(&name))? {
                checkpoint.files.push((name, Contents::Mapped(map)));
            }
        }
        Ok(checkpoint)
    }

    /// A model whose files, as (name, bytes), are compiled into the program.
    ///
    /// # Errors
    /// When there is no `config.json` among them.
    pub fn bundled(files: &'static [(&'static str, &'static [u8])]) -> Result<Self> {
        let files = files
            .iter()
            .map(|&(name, bytes)| (name.to_owned(), Contents::Bundled(bytes)))
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

    /// Of the files called `names` in a repository, those that say what the model is and where its weights are: all
    /// but the weights. A program that downloads models fetches these first, opens the directory, and asks it for the
    /// [`weight_files`](Self::weight_files).
    pub fn description_files<'a>(names: &[&'a str]) -> Vec<&'a str> {
        let wanted = |name: &&&str| small_files().any(|small| small == **name);
        names.iter().filter(wanted).copied().collect()
    }

    /// Of the files called `names`, those that hold the weights. Where there are several forms of them, safetensors
    /// are preferred, then files that are whole.
    ///
    /// # Errors
    /// When there are none, when a file of several is missing, or when the list of them is malformed.
    pub fn weight_files(&self, names: &[&str]) -> Result<Vec<String>> {
        let forms = match self.is_open_clip(names)? {
            true => &OPEN_CLIP_WEIGHTS_FORMS[..],
            false => &WEIGHTS_FORMS[..],
        };
        let there = |form: &&WeightsForm| names.contains(&form.first_file());
        let files = match forms.iter().find(there) {
            None => return Err(self.missing(forms[0].first_file())),
            Some(WeightsForm::Whole(name)) => vec![(*name).to_owned()],
            Some(WeightsForm::Sharded(index)) => self.shards(index)?,
        };
        match files.iter().find(|file| !names.contains(&file.as_str())) {
            Some(file) => Err(self.missing(file)),
            None => Ok(files),
        }
    }

    /// Whether the checkpoint, whose repository holds `names`, is to be read in open_clip's form: transformers' own
    /// form goes first where it is whole.
    pub(crate) fn is_open_clip(&self, names: &[&str]) -> Result<bool> {
        if self.file(OPEN_CLIP_CONFIG).is_none() {
            return Ok(false);
        }
        let kind: Option<Kind> = self.json(CONFIG)?;
        let of_transformers = kind.is_some_and(|kind| kind.model_type.is_some());
        let weights = |form: &WeightsForm| names.contains(&form.first_file());
        Ok(!of_transformers || !WEIGHTS_FORMS.iter().any(weights))
    }

    /// The names of all files that are here.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.files.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The files that an index of shards lists, each once.
    fn shards(&self, index: &str) -> Result<Vec<String>> {
        let ShardIndex { weight_map } = self.require_json(index)?;
        let files: BTreeSet<String> = weight_map.into_values().collect();
        // They come from a file: nothing outside the directory is read.
        match files.iter().find(|file| file.contains(['/', '\\'])) {
            Some(file) => Err(Error::setting(
                &self.place(index),
                "weight_map",
                format!("`{file}`"),
                "names of files beside it",
            )),
            None => Ok(files.into_iter().collect()),
        }
    }

    /// The names that weights can have here.
    fn possible_weights(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for form in WEIGHTS_FORMS.iter().chain(&OPEN_CLIP_WEIGHTS_FORMS) {
            match form {
                WeightsForm::Whole(name) => names.push((*name).to_owned()),
                WeightsForm::Sharded(index) if self.file(index).is_some() => {
                    names.extend(self.shards(index)?);
                }
                WeightsForm::Sharded(_) => {}
            }
        }
        Ok(names)
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
struct Sizes<'a>(Vec<(&'a String, usize)>);

/// All files that are read whole: those of the fingerprint, and the lists of shards.
fn small_files() -> impl Iterator<Item = &'static str> {
    let lists = WEIGHTS_FORMS.iter().filter_map(|form| match form {
        WeightsForm::Sharded(index) => Some(*index),
        WeightsForm::Whole(_) => None,
    });
    SMALL_FILES.into_iter().chain(lists)
}

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
