use std::{fmt::Display, io, path::PathBuf};

/// An error on the way from a checkpoint to an embedding.
///
/// Its cause, if any, is the [`source`](std::error::Error::source); a remedy, if known, is the [`hint`](Error::hint).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The path of a checkpoint is not a readable directory.
    #[error("`{}` is not a readable model directory", directory.display())]
    Directory {
        /// The path.
        directory: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A required file of the checkpoint is missing.
    #[error("`{file}` is missing from the model `{checkpoint}`")]
    MissingFile {
        /// The checkpoint's directory or name.
        checkpoint: String,
        /// The missing file, or alternatives.
        file: String,
    },
    /// An open_clip model relies on the tokenizer built into open_clip.
    #[error(
        "the model `{checkpoint}` has no tokenizer: its `{config}` relies on the one built into open_clip"
    )]
    NoTokenizer {
        /// The checkpoint's directory or name.
        checkpoint: String,
        /// The file that refers to it.
        config: &'static str,
    },
    /// A file of the checkpoint cannot be read.
    #[error("cannot read `{file}`")]
    ReadFile {
        /// The file.
        file: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file is larger than plausible for its name.
    #[error("`{file}` has {bytes} bytes, expected at most {limit}")]
    LargeFile {
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The largest accepted size.
        limit: u64,
    },
    /// A file does not contain the expected JSON.
    #[error("`{file}` is not valid")]
    Json {
        /// The file.
        file: String,
        /// Position and cause.
        #[source]
        source: serde_json::Error,
    },
    /// A setting has an unsupported value.
    #[error("`{setting}` in `{file}` is {found}, expected {expected}")]
    Setting {
        /// The file.
        file: String,
        /// The setting's name, with dots between levels.
        setting: String,
        /// Its value.
        found: String,
        /// The supported values.
        expected: String,
    },
    /// The model type is not supported.
    #[error("model type `{found}` in `{file}` is not supported, expected one of {supported}")]
    ModelType {
        /// The file that names the type.
        file: String,
        /// The type it names.
        found: String,
        /// The supported types.
        supported: String,
    },
    /// A text model that is not from sentence-transformers. Only those share the embedding space of a CLIP model.
    #[error(
        "`{file}` describes a plain `{model_type}`, expected a sentence-transformers model with a `modules.json`"
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
        /// The cause.
        #[source]
        source: tokenizers::Error,
    },
    /// A text could not be tokenized.
    #[error("cannot tokenize a text of {bytes} bytes")]
    Tokenize {
        /// The text's length.
        bytes: usize,
        /// The cause.
        #[source]
        source: tokenizers::Error,
    },
    /// A file is not a picture, or exceeds the limits.
    #[error(transparent)]
    Picture(#[from] picture::Error),
    /// The pixels do not have the model's input size.
    #[error(
        "pixels of {found_width} x {found_height}, expected {expected_width} x {expected_height}"
    )]
    PixelSize {
        /// The given width.
        found_width: usize,
        /// The given height.
        found_height: usize,
        /// The model's input width.
        expected_width: usize,
        /// The model's input height.
        expected_height: usize,
    },
    /// The pixels' size is not a multiple of the model's patch size.
    #[error("pixels of {width} x {height}, expected multiples of {patch}")]
    PixelPatches {
        /// The given width.
        width: usize,
        /// The given height.
        height: usize,
        /// The patch's width and height.
        patch: usize,
    },
    /// The number of values does not match the number of pixels.
    #[error("{found} values for {width} x {height} pixels, expected 3 for each")]
    PixelCount {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// The given number of values.
        found: usize,
    },
    /// This build does not support the device.
    #[error("this build cannot compute on `{device}`")]
    DeviceNotBuilt {
        /// The requested device.
        device: &'static str,
    },
    /// The device does not exist or fails.
    #[error("cannot compute on `{device}`")]
    Device {
        /// The requested device.
        device: &'static str,
        /// The cause.
        #[source]
        source: candle_core::Error,
    },
    /// A vector that cannot be normalised, because the weights or the input contain infinities or only zeros.
    #[error("the model returned a vector of length {length}, expected a finite length above 0")]
    Degenerate {
        /// The vector's length.
        length: f32,
    },
    /// A picture was given to a model without a vision tower.
    #[error("the model `{model}` embeds only texts, not pictures")]
    TextsAlone {
        /// The checkpoint's directory or name.
        model: String,
    },
    /// A text model has another embedding space than the pictures' model.
    #[error(
        "the text model `{model}` has {found} dimensions, expected {expected} as in the pictures' model"
    )]
    TextModel {
        /// The text model's directory or name.
        model: String,
        /// Length of its embeddings.
        found: usize,
        /// Length of the pictures' model's embeddings.
        expected: usize,
    },
    /// The model cannot be trained, because its weights are quantised or it has only one tower.
    #[error("{family} models cannot be trained")]
    NotTrainable {
        /// The model family.
        family: &'static str,
    },
    /// A file of the checkpoint cannot be written.
    #[error("cannot write `{file}`")]
    WriteFile {
        /// The file.
        file: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A template has no placeholder for the label.
    #[error("template `{template}` has no placeholder for the label")]
    Template {
        /// The template.
        template: String,
    },
    /// Zero-shot classification needs labels.
    #[error("no labels to choose from")]
    NoLabels,
    /// Zero-shot classification needs templates.
    #[error("no templates for the labels")]
    NoTemplates,
}

/// The hint for a file with invalid contents.
const DAMAGED_FILE: &str = "the file may be truncated or belong to another model: copy it again from the model's repository";

impl Error {
    /// An unsupported value `found` of `setting` in `file`.
    pub(crate) fn setting(file: &str, setting: &str, found: impl Display, expected: &str) -> Self {
        Self::Setting {
            file: file.to_owned(),
            setting: setting.to_owned(),
            found: found.to_string(),
            expected: expected.to_owned(),
        }
    }

    /// Whether a file of the checkpoint is damaged or belongs to another model.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Json { .. } | Self::Tokenizer { .. } => true,
            Self::Nn(error) => error.is_damage(),
            _ => false,
        }
    }

    /// A remedy, if one is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Directory { .. } => Some(
                "pass a directory with a Hugging Face model: `config.json`, `model.safetensors`, \
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
                "use a text model that shares a CLIP model's embedding space: `sentence-transformers/clip-ViT-B-32-multilingual-v1`",
            ),
            Self::DeviceNotBuilt { device: "cuda" } => Some("build with `--features cuda`"),
            Self::DeviceNotBuilt { .. } => Some("build with `--features metal`"),
            Self::Template { .. } => {
                Some("write `{}` where the label goes, as in `a photo of a {}`")
            }
            Self::TextsAlone { .. } => {
                Some("use it as the text model of the CLIP model whose embedding space it shares")
            }
            Self::TextModel { .. } => {
                Some("use a text model with the CLIP model whose embedding space it shares")
            }
            Self::NotTrainable { .. } => Some(
                "start from a CLIP, Chinese CLIP or SigLIP model, or from a transformer of open_clip",
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
