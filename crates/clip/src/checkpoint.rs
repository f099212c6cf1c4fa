mod file;
mod module;
mod weights_form;

use std::{collections::BTreeSet, fmt, path::Path, sync::Arc};

use candle_core::Device;
use nn::{Contents, Weights, WeightsFile};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

pub(crate) use self::module::{MODULES, Module};
use self::weights_form::{
    MODULE_WEIGHTS, OPEN_CLIP_WEIGHTS_FORMS, ShardIndex, WEIGHTS_FORMS, WeightsForm,
};
use crate::{Error, Result};

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const PREPROCESSOR: &str = "preprocessor_config.json";
pub(crate) const PROCESSOR: &str = "processor_config.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const VOCABULARY: &str = "vocab.json";
pub(crate) const MERGES: &str = "merges.txt";
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(crate) const SPECIAL_TOKENS: &str = "special_tokens_map.json";
pub(crate) const OPEN_CLIP_CONFIG: &str = "open_clip_config.json";
pub(crate) const SENTENCEPIECE: &str = "spiece.model";
pub(crate) const WORD_PIECES: &str = "vocab.txt";
pub(crate) const SENTENCE_CONFIG: &str = "sentence_bert_config.json";

/// Files that are read whole when opening a checkpoint, in the order in which the fingerprint hashes them.
pub(crate) const SMALL_FILES: [&str; 12] = [
    CONFIG,
    PREPROCESSOR,
    TOKENIZER,
    VOCABULARY,
    MERGES,
    TOKENIZER_CONFIG,
    SPECIAL_TOKENS,
    OPEN_CLIP_CONFIG,
    SENTENCEPIECE,
    WORD_PIECES,
    SENTENCE_CONFIG,
    PROCESSOR,
];

/// Files of sentence-transformers that are always in the directory itself.
const ROOT_FILES: [&str; 2] = [MODULES, PROMPTS];
pub(crate) const PROMPTS: &str = "config_sentence_transformers.json";

/// The files of a model, laid out like a Hugging Face repository.
///
/// | file | contents |
/// |---|---|
/// | `config.json`, or `open_clip_config.json` | the model family and its sizes |
/// | `model.safetensors`, `pytorch_model.bin`, either of them in shards with an index, `open_clip_model.safetensors` or `open_clip_pytorch_model.bin` | the weights, in float32, float16 or bfloat16 |
/// | `tokenizer.json`, or `vocab.json` and `merges.txt`, or `spiece.model` | the vocabulary |
/// | `preprocessor_config.json`, or `processor_config.json` of transformers 5 | the picture preprocessing |
/// | `tokenizer_config.json`, `special_tokens_map.json` | optional: the special tokens |
///
/// A sentence-transformers checkpoint has a `modules.json` that lists folders: the transformer's, with the files
/// above, and those of later modules, with a `config.json` and weights each.
///
/// Opening reads the small files and maps the weights. [Loading](crate::Model::load) checks that all required files
/// exist.
pub struct Checkpoint {
    name: String,
    /// By their paths relative to the directory.
    files: Vec<(String, Arc<Contents>)>,
    modules: Vec<Module>,
}

/// The part of `config.json` that determines the family.
#[derive(Deserialize)]
pub(crate) struct Kind {
    pub(crate) model_type: Option<String>,
    /// The transformers classes that it was saved from.
    pub(crate) architectures: Option<Vec<String>>,
}

/// The part of `processor_config.json` in use: since transformers 5, it contains the picture processor's settings.
#[derive(Deserialize)]
struct Processor {
    image_processor: Option<Map<String, Value>>,
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
            modules: Vec::new(),
        };
        for name in ROOT_FILES {
            checkpoint.read(directory, name.to_owned())?;
        }
        checkpoint.modules = checkpoint.listed_modules()?;
        for name in small_files() {
            checkpoint.read(directory, checkpoint.in_folder(name))?;
        }
        checkpoint.drop_idle_processor();
        for config in checkpoint.module_files(CONFIG) {
            checkpoint.read(directory, config)?;
        }
        for name in checkpoint.possible_weights()? {
            if let Some(contents) = file::map(&directory.join(&name))? {
                checkpoint.files.push((name, Arc::new(contents)));
            }
        }
        Ok(checkpoint)
    }

    /// Opens a model whose files, as (name, bytes), are compiled into the program.
    ///
    /// # Errors
    /// When they do not include `config.json`.
    pub fn bundled(files: &'static [(&'static str, &'static [u8])]) -> Result<Self> {
        let files = files
            .iter()
            .map(|&(name, bytes)| (name.to_owned(), Arc::new(bytes.into())))
            .collect();
        let checkpoint = Self {
            name: "bundled".to_owned(),
            files,
            modules: Vec::new(),
        };
        checkpoint.require(CONFIG)?;
        Ok(checkpoint)
    }

    /// The directory, or `bundled`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Selects from a repository's file `names` all that this crate needs except the weights.
    ///
    /// To download a model, fetch these first, open the directory, and ask it for the
    /// [`weight_files`](Self::weight_files).
    pub fn description_files<'a>(names: &[&'a str]) -> Vec<&'a str> {
        let small = |name: &str| small_files().any(|small| small == name);
        // Configurations of modules. Other folders may contain other formats of the model and are ignored.
        let of_module = |name: &str| {
            name.split_once('/').is_some_and(|(folder, name)| {
                folder.starts_with(|first: char| first.is_ascii_digit()) && small(name)
            })
        };
        let wanted = |name: &&&str| small(name) || ROOT_FILES.contains(name) || of_module(name);
        names.iter().filter(wanted).copied().collect()
    }

    /// All names that a [`description_file`](Self::description_files) can have.
    ///
    /// The fingerprint depends on which of them exist, so it is final only once the existence of each is known.
    pub fn possible_description_files() -> Vec<&'static str> {
        small_files().chain(ROOT_FILES).collect()
    }

    /// Selects from a repository's file `names` those with the weights. Prefers safetensors, then unsharded files.
    ///
    /// # Errors
    /// When there are none, a shard is missing, or the index of shards is malformed.
    pub fn weight_files(&self, names: &[&str]) -> Result<Vec<String>> {
        let forms = if self.is_open_clip(names)? {
            &OPEN_CLIP_WEIGHTS_FORMS[..]
        } else {
            &WEIGHTS_FORMS[..]
        };
        let there = |name: &str| names.contains(&name);
        let of_form = |form: &&WeightsForm| there(&self.in_folder(form.first_file()));
        let mut files = match forms.iter().find(of_form) {
            None => return Err(self.missing(forms[0].first_file())),
            Some(WeightsForm::Whole(name)) => vec![self.in_folder(name)],
            Some(WeightsForm::Sharded(index)) => self.shards(index)?,
        };
        for module in self.steps().filter(|module| !module.path.is_empty()) {
            let mut forms = MODULE_WEIGHTS.iter().map(|form| module.file(form));
            files.extend(forms.find(|file| there(file)));
        }
        match files.iter().find(|file| !names.contains(&file.as_str())) {
            Some(file) => Err(self.missing(file)),
            None => Ok(files),
        }
    }

    /// Reads the headers of the weights, for tensors on `device`.
    pub(crate) fn weights(&self, device: &Device) -> Result<Weights<'_>> {
        let names = self.weight_files(&self.names())?;
        let files = names.iter().map(|name| {
            Ok(WeightsFile {
                path: self.path_of(name),
                contents: self.contents(name)?,
                format: weights_form::format(name),
                prefix: self.step_of(name),
            })
        });
        Ok(Weights::open(&files.collect::<Result<Vec<_>>>()?, device)?)
    }

    /// Whether to read the checkpoint, whose repository has `names`, as an open_clip repository. A complete
    /// transformers checkpoint takes precedence.
    pub(crate) fn is_open_clip(&self, names: &[&str]) -> Result<bool> {
        if self.file(OPEN_CLIP_CONFIG).is_none() {
            return Ok(false);
        }
        let kind: Option<Kind> = self.json(CONFIG)?;
        let of_transformers = kind.is_some_and(|kind| kind.model_type.is_some());
        let weights =
            |form: &WeightsForm| names.contains(&self.in_folder(form.first_file()).as_str());
        Ok(!of_transformers || !WEIGHTS_FORMS.iter().any(weights))
    }

    /// The names of all opened files.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.files.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The files in an index of shards, without duplicates.
    fn shards(&self, index: &str) -> Result<Vec<String>> {
        let ShardIndex { weight_map } = self.require_json(index)?;
        let files: BTreeSet<String> = weight_map.into_values().collect();
        // The names come from a file, so they must not leave the directory.
        match files.iter().find(|file| file.contains(['/', '\\'])) {
            Some(file) => Err(Error::setting(
                &self.path_of(index),
                "weight_map",
                format!("`{file}`"),
                "names of files in the same folder",
            )),
            None => Ok(files.iter().map(|file| self.in_folder(file)).collect()),
        }
    }

    /// The modules in `modules.json`, if it exists.
    fn listed_modules(&self) -> Result<Vec<Module>> {
        let modules: Vec<Module> = self.json(MODULES)?.unwrap_or_default();
        match modules.iter().find(|module| !module.is_inside()) {
            None => Ok(modules),
            Some(module) => Err(Error::setting(
                &self.path_of(MODULES),
                "path",
                format!("`{}`", module.path),
                "the name of a subfolder",
            )),
        }
    }

    /// The sentence-transformers modules of the model; empty for other models.
    pub(crate) fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The modules after the transformer.
    fn steps(&self) -> impl Iterator<Item = &Module> {
        self.modules.iter().skip(1)
    }

    /// The paths of the files `name` of the modules after the transformer that have a folder.
    fn module_files(&self, name: &str) -> Vec<String> {
        let steps = self.steps().filter(|module| !module.path.is_empty());
        steps.map(|module| module.file(name)).collect()
    }

    /// The path of the transformer's file `name`.
    fn in_folder(&self, name: &str) -> String {
        match self.modules.first() {
            Some(module) => module.file(name),
            None => name.to_owned(),
        }
    }

    /// The folder of `file` if it belongs to a module after the transformer.
    fn step_of(&self, file: &str) -> Option<&str> {
        let (folder, _) = file.split_once('/')?;
        let mut steps = self.steps().map(|module| module.path.as_str());
        steps.find(|path| *path == folder)
    }

    /// The kind of every module after the transformer, and its `config.json`.
    pub(crate) fn step_contents(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.steps().map(|module| {
            let config = (!module.path.is_empty()).then(|| self.file(&module.file(CONFIG)));
            (
                module.kind().unwrap_or_default(),
                config.flatten().unwrap_or_default(),
            )
        })
    }

    /// The error for a module of an unsupported class.
    pub(crate) fn unsupported_module(&self, module: &Module, expected: &str) -> Error {
        let found = format!("`{}`", module.class);
        Error::setting(&self.path_of(MODULES), "type", found, expected)
    }

    /// Reads a small file, if it exists.
    fn read(&mut self, directory: &Path, name: String) -> Result<()> {
        if let Some(contents) = file::read(&directory.join(&name))? {
            self.files.push((name, Arc::new(contents)));
        }
        Ok(())
    }

    /// Drops a `processor_config.json` without picture settings, as written by older versions of transformers. It does
    /// not affect vectors and so must not affect the fingerprint.
    fn drop_idle_processor(&mut self) {
        if let Ok(Some(Processor {
            image_processor: None,
        })) = self.json(PROCESSOR)
        {
            let name = self.in_folder(PROCESSOR);
            self.files.retain(|(file, _)| *file != name);
        }
    }

    /// The picture preprocessing and its file. The newer format wins, as in transformers.
    pub(crate) fn picture_settings(&self) -> Result<(&'static str, Map<String, Value>)> {
        match self.json(PROCESSOR)? {
            Some(Processor {
                image_processor: Some(settings),
            }) => Ok((PROCESSOR, settings)),
            _ => Ok((PREPROCESSOR, self.require_json(PREPROCESSOR)?)),
        }
    }

    /// All names that weights can have in this checkpoint.
    fn possible_weights(&self) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for form in WEIGHTS_FORMS.iter().chain(&OPEN_CLIP_WEIGHTS_FORMS) {
            match form {
                WeightsForm::Whole(name) => {
                    names.insert(self.in_folder(name));
                }
                WeightsForm::Sharded(index) if self.file(index).is_some() => {
                    names.extend(self.shards(index)?);
                }
                WeightsForm::Sharded(_) => {}
            }
        }
        for form in MODULE_WEIGHTS {
            names.extend(self.module_files(form));
        }
        Ok(names)
    }

    /// The bytes of the file `name`, if it exists: the transformer's, or with a folder.
    pub(crate) fn file(&self, name: &str) -> Option<&[u8]> {
        let found = |wanted: &str| self.files.iter().find(|(file, _)| file == wanted);
        let file = found(&self.in_folder(name)).or_else(|| found(name));
        file.map(|(_, contents)| &***contents)
    }

    /// The bytes of the file `name`.
    pub(crate) fn require(&self, name: &str) -> Result<&[u8]> {
        self.file(name).ok_or_else(|| self.missing(name))
    }

    /// The shared contents of the file `name`.
    fn contents(&self, name: &str) -> Result<&Arc<Contents>> {
        let file = self.files.iter().find(|(file, _)| file == name);
        file.map(|(_, contents)| contents)
            .ok_or_else(|| self.missing(name))
    }

    /// The error for missing files, described in words.
    pub(crate) fn missing(&self, file: &str) -> Error {
        Error::MissingFile {
            checkpoint: self.name.clone(),
            file: self.whole_name(file),
        }
    }

    /// `name` with the transformer's folder, unless it has a folder or belongs to the directory itself.
    fn whole_name(&self, name: &str) -> String {
        let at_root = name.contains('/') || self.files.iter().any(|(file, _)| file == name);
        if at_root {
            name.to_owned()
        } else {
            self.in_folder(name)
        }
    }

    /// The JSON in the file `name`, if it exists.
    pub(crate) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(bytes) = self.file(name) else {
            return Ok(None);
        };
        // Some editors write a byte order mark at the beginning.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(text)
            .map(Some)
            .map_err(|source| Error::Json {
                file: self.path_of(name),
                source,
            })
    }

    /// The JSON in the file `name`.
    pub(crate) fn require_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.json(name)?.ok_or_else(|| self.missing(name))
    }

    /// The path of the file `name`, for error messages.
    pub(crate) fn path_of(&self, name: &str) -> String {
        format!("{}/{}", self.name, self.whole_name(name))
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

/// All files that are read whole: those of the fingerprint, and the indices of shards.
fn small_files() -> impl Iterator<Item = &'static str> {
    let lists = WEIGHTS_FORMS.iter().filter_map(|form| match form {
        WeightsForm::Sharded(index) => Some(*index),
        WeightsForm::Whole(_) => None,
    });
    SMALL_FILES.into_iter().chain(lists)
}
