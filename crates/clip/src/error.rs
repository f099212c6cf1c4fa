use std::{fmt::Display, io, path::PathBuf};

/// What can go wrong between a checkpoint and a vector.
///
/// The cause, where there is one, is the [`source`](std::error::Error::source); a way out, where one is known,
/// is the [`hint`](Error::hint).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The place given for a checkpoint is not a directory that can be read.
    #[error("`{}` is not a readable model directory", directory.display())]
    Directory {
        /// The place that was given.
        directory: PathBuf,
        /// Why it cannot be read.
        #[source]
        source: io::Error,
    },
    /// A file that the checkpoint needs is not there.
    #[error("`{file}` is missing from the model `{checkpoint}`")]
    MissingFile {
        /// The checkpoint's directory or name.
        checkpoint: String,
        /// The file, or the alternatives, that were looked for.
        file: String,
    },
    /// A model in open_clip's form whose tokenizer is the one inside open_clip.
    #[error(
        "the model `{checkpoint}` has no tokenizer: by its `{config}` it is the one inside open_clip"
    )]
    NoTokenizer {
        /// The checkpoint's directory or name.
        checkpoint: String,
        /// The file that says so.
        config: &'static str,
    },
    /// A file of the checkpoint cannot be read.
    #[error("cannot read `{file}`")]
    ReadFile {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file is larger than anything of its name should be.
    #[error("`{file}` has {bytes} bytes, expected at most {limit}")]
    LargeFile {
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// A file does not hold the JSON that it should.
    #[error("`{file}` is not valid")]
    Json {
        /// The file.
        file: String,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A setting has a value that cannot be used.
    #[error("`{setting}` in `{file}` is {found}, expected {expected}")]
    Setting {
        /// The file.
        file: String,
        /// The setting's name, with dots between levels.
        setting: String,
        /// Its value.
        found: String,
        /// What it can be.
        expected: String,
    },
    /// The checkpoint is of a kind that is not supported.
    #[error("model type `{found}` in `{file}` is not supported, expected one of {supported}")]
    ModelType {
        /// The file that names the type.
        file: String,
        /// The type it names.
        found: String,
        /// The types that are supported.
        supported: String,
    },
    /// A text model that is none of sentence-transformers, which alone share the space of a CLIP model.
    #[error(
        "`{file}` describes a plain `{model_type}`, expected a text model of sentence-transformers, with a `modules.json`"
    )]
    PlainText {
        /// The file that names the type.
        file: String,
        /// The type it names.
        model_type: String,
    },
    /// Weights, token ids or tensors cannot be used.
    #[error(transparent)]
    Nn(#[from] nn::Error),
    /// The tokenizer's files cannot be used.
    #[error("`{file}` does not describe a usable tokenizer")]
    Tokenizer {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        source: tokenizers::Error,
    },
    /// A text could not be tokenized.
    #[error("cannot tokenize a text of {bytes} bytes")]
    Tokenize {
        /// The text's length.
        bytes: usize,
        /// Why not.
        #[source]
        source: tokenizers::Error,
    },
    /// A file that is not a picture, or not one within the limits.
    #[error(transparent)]
    Picture(#[from] picture::Error),
    /// Pixels of another size than the model takes.
    #[error(
        "pixels of {found_width} x {found_height}, expected {expected_width} x {expected_height}"
    )]
    PixelSize {
        /// Width that was given.
        found_width: usize,
        /// Height that was given.
        found_height: usize,
        /// Width that the model takes.
        expected_width: usize,
        /// Height that the model takes.
        expected_height: usize,
    },
    /// Pixels that are not patches of the size that the model takes.
    #[error("pixels of {width} x {height}, expected multiples of {patch}")]
    PixelPatches {
        /// Width that was given.
        width: usize,
        /// Height that was given.
        height: usize,
        /// Width and height of a patch.
        patch: usize,
    },
    /// Not as many values as the pixels of a picture need.
    #[error("{found} values for {width} x {height} pixels, expected 3 for each")]
    PixelCount {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// How many values there were.
        found: usize,
    },
    /// The device is not compiled in.
    #[error("this build cannot compute on `{device}`")]
    DeviceNotBuilt {
        /// The device that was asked for.
        device: &'static str,
    },
    /// The device is not there, or refuses to work.
    #[error("cannot compute on `{device}`")]
    Device {
        /// The device that was asked for.
        device: &'static str,
        /// Why not.
        #[source]
        source: candle_core::Error,
    },
    /// A vector that cannot be scaled to unit length: the weights or the input hold infinities or nothing but zeros.
    #[error("the model gave a vector of length {length}, expected a finite one above 0")]
    Degenerate {
        /// The vector's length.
        length: f32,
    },
    /// A picture for a model that has no vision tower.
    #[error("the model `{model}` is for texts alone, it cannot see pictures")]
    TextsAlone {
        /// The checkpoint's directory or name.
        model: String,
    },
    /// A text model over another space than the pictures' model.
    #[error(
        "the text model `{model}` gives vectors of {found} numbers, expected {expected}, as many as the pictures' model"
    )]
    TextModel {
        /// The text model's directory or name.
        model: String,
        /// Length of its vectors.
        found: usize,
        /// Length of those of the pictures' model.
        expected: usize,
    },
    /// A model that can't be trained: its weights are quantised, or it has one tower.
    #[error("models of the kind {family} can't be trained")]
    NotTrainable {
        /// The kind of model.
        family: &'static str,
    },
    /// A file of a checkpoint can't be written.
    #[error("cannot write `{file}`")]
    WriteFile {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A template without a place for the label.
    #[error("template `{template}` has no place for the label")]
    Template {
        /// The template.
        template: String,
    },
    /// Zero-shot classification without labels.
    #[error("no labels to choose from")]
    NoLabels,
    /// Zero-shot classification without a sentence to put labels into.
    #[error("no templates to put labels into")]
    NoTemplates,
}

/// The hint for a file whose contents make no sense.
const DAMAGED_FILE: &str =
    "the file may be cut off or belong to another model: copy it again from the model's repository";

impl Error {
    /// The value `found` of `setting`, in `file`, cannot be used.
    pub(crate) fn setting(file: &str, setting: &str, found: impl Display, expected: &str) -> Self {
        Self::Setting {
            file: file.to_owned(),
            setting: setting.to_owned(),
            found: found.to_string(),
            expected: expected.to_owned(),
        }
    }

    /// Whether a file of the checkpoint is damaged, or is not that of this model.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Json { .. } | Self::Tokenizer { .. } => true,
            Self::Nn(error) => error.is_damage(),
            _ => false,
        }
    }

    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Directory { .. } => Some(
                "give a directory that holds a model in Hugging Face form: `config.json`, `model.safetensors`, \
                 tokenizer and preprocessor files",
            ),
            Self::NoTokenizer { .. } => Some(
                "copy `vocab.json`, `merges.txt`, `tokenizer_config.json` and `special_tokens_map.json` of \
                 `openai/clip-vit-base-patch32` into the directory",
            ),
            Self::MissingFile { .. } => {
                Some("copy the file from the model's repository into the directory")
            }
            Self::Json { .. } => Some(DAMAGED_FILE),
            Self::Nn(error) => weights_hint(error),
            Self::PlainText { .. } => Some(
                "take a text model that shares a CLIP model's space: `sentence-transformers/clip-ViT-B-32-multilingual-v1`",
            ),
            Self::DeviceNotBuilt { device: "cuda" } => Some("build with `--features cuda`"),
            Self::DeviceNotBuilt { .. } => Some("build with `--features metal`"),
            Self::Template { .. } => {
                Some("write `{}` where the label goes, as in `a photo of a {}`")
            }
            Self::TextsAlone { .. } => Some(
                "take it as the text model of the CLIP model in whose space it puts texts, and that for the pictures",
            ),
            Self::TextModel { .. } => {
                Some("a text model goes with the one CLIP model in whose space it puts texts")
            }
            Self::NotTrainable { .. } => Some(
                "begin with a model of the kind CLIP, Chinese CLIP or SigLIP, or with a transformer of open_clip",
            ),
            Self::NoLabels => Some("give at least one label"),
            _ => None,
        }
    }
}

fn weights_hint(error: &nn::Error) -> Option<&'static str> {
    match error {
        nn::Error::Pointer { .. } => Some("run `git lfs pull` in the model's directory"),
        nn::Error::TensorType { .. } => Some("save the weights as float32, float16 or bfloat16"),
        error if error.is_damage() => Some(DAMAGED_FILE),
        _ => None,
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        nn::Error::from(error).into()
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
