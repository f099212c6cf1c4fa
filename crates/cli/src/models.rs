//! Which model is meant: the bundled one, a directory, or one of the hub.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use clip::{Checkpoint, Device, Model};
use search::ModelIdentity;

use crate::environment;
use crate::error::Error;
use crate::hub_model::HubModel;

/// The name of the bundled model.
pub(crate) const MINI: &str = "mini";

/// The model that is used where none is named.
pub(crate) const DEFAULT: &str = "openai/clip-vit-base-patch32";

/// The files of the bundled model.
const MINI_FILES: &[(&str, &[u8])] = &[
    (
        "config.json",
        include_bytes!("../../../models/mini/config.json"),
    ),
    (
        "model.safetensors",
        include_bytes!("../../../models/mini/model.safetensors"),
    ),
    (
        "preprocessor_config.json",
        include_bytes!("../../../models/mini/preprocessor_config.json"),
    ),
    (
        "tokenizer.json",
        include_bytes!("../../../models/mini/tokenizer.json"),
    ),
];

/// How many bytes the bundled model has.
pub(crate) fn mini_size() -> u64 {
    MINI_FILES.iter().map(|(_, bytes)| bytes.len() as u64).sum()
}

/// The choice of a model.
#[derive(Args, Debug)]
pub(crate) struct ModelArguments {
    /// The model: `mini` (bundled, for trying out), a directory in Hugging Face form, or an id of the Hugging
    /// Face hub, OWNER/NAME or OWNER/NAME@REVISION, which is downloaded once [default:
    /// openai/clip-vit-base-patch32]
    #[arg(short, long, value_name = "MODEL", env = environment::MODEL, hide_env_values = true)]
    pub(crate) model: Option<String>,

    /// The model of the words and captions, where that is another than MODEL: one of many languages over its space
    #[arg(long, value_name = "MODEL")]
    pub(crate) text_model: Option<String>,

    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceChoice {
    /// The quickest there is
    #[default]
    Auto,
    /// The processor, on all its cores
    Cpu,
    /// NVIDIA's, in builds with --features cuda
    Cuda,
    /// Apple's, in builds with --features metal
    Metal,
}

impl DeviceChoice {
    /// The device for the model called `name`. The bundled one is quickest on the processor.
    fn device(self, name: &str) -> Device {
        match self {
            Self::Auto if name == MINI => Device::Cpu,
            Self::Auto => Device::best(),
            Self::Cpu => Device::Cpu,
            Self::Cuda => Device::Cuda,
            Self::Metal => Device::Metal,
        }
    }
}

impl ModelArguments {
    /// The model that was named, or the default one.
    pub(crate) fn load(&self) -> Result<NamedModel> {
        let model = NamedModel::load(self.name().unwrap_or(DEFAULT), self.device)?;
        match &self.text_model {
            Some(text) => model.with_text(text, self.device),
            None => Ok(model),
        }
    }

    /// The models that were named, or those which made the collection.
    pub(crate) fn load_for(&self, made_with: &ModelIdentity) -> Result<NamedModel> {
        let model = self.load_pictures_for(made_with)?;
        // A model that is not the collection's is refused for that, not for how its texts go with it.
        let is_own = model.model.fingerprint() == made_with.fingerprint;
        match (&self.text_model, &made_with.text) {
            (Some(text), _) => model.with_text(text, self.device),
            (None, Some(text)) if is_own => model.with_text(&text.reference, self.device),
            _ => Ok(model),
        }
    }

    /// The same where there are no words.
    pub(crate) fn load_pictures_for(&self, made_with: &ModelIdentity) -> Result<NamedModel> {
        NamedModel::load(self.name().unwrap_or(&made_with.reference), self.device)
    }

    /// An empty variable names none.
    fn name(&self) -> Option<&str> {
        self.model.as_deref().filter(|name| !name.is_empty())
    }
}

/// A model, and what leads to it.
pub(crate) struct NamedModel {
    pub(crate) model: Model,
    pub(crate) reference: String,
    /// What leads to the model of its texts, where that was named.
    pub(crate) text_reference: Option<String>,
}

impl NamedModel {
    /// Loads the model that `name` leads to.
    pub(crate) fn load(name: &str, device: DeviceChoice) -> Result<NamedModel> {
        Self::load_from(name, device, |model| {
            let found = model.obtain();
            found.map_err(|error| match error.downcast::<hub::Error>() {
                Ok(source) => Error::ModelNotHad {
                    name: model.to_string(),
                    source: Box::new(source),
                }
                .into(),
                Err(error) => error,
            })
        })
    }

    /// Loads the model that `name` leads to, if it is on this machine.
    pub(crate) fn load_local(name: &str) -> Result<NamedModel> {
        Self::load_from(name, DeviceChoice::Cpu, HubModel::find)
    }

    fn load_from(
        name: &str,
        device: DeviceChoice,
        of_hub: impl FnOnce(&HubModel) -> Result<PathBuf>,
    ) -> Result<NamedModel> {
        let device = device.device(name);
        if name == MINI {
            let model = Model::load_on(Checkpoint::bundled(MINI_FILES)?, device)?;
            return Ok(NamedModel {
                model,
                reference: MINI.to_owned(),
                text_reference: None,
            });
        }
        let (directory, reference) = if Path::new(name).is_dir() {
            let directory = std::path::absolute(name)?;
            let reference = directory.to_string_lossy().into_owned();
            (directory, reference)
        } else {
            let model = HubModel::parse(name).ok_or_else(|| Error::NoModelDirectory {
                path: name.to_owned(),
            })?;
            (of_hub(&model)?, model.to_string())
        };
        let model = Model::load_on(Checkpoint::open(&directory)?, device)?;
        Ok(NamedModel {
            model,
            reference,
            text_reference: None,
        })
    }

    /// The same with the texts of the model that `name` leads to.
    fn with_text(self, name: &str, device: DeviceChoice) -> Result<NamedModel> {
        let text = NamedModel::load(name, device)?;
        Ok(NamedModel {
            model: self.model.with_text(text.model)?,
            text_reference: Some(text.reference),
            ..self
        })
    }

    /// What to call it.
    pub(crate) fn name(&self) -> String {
        match &self.text_reference {
            Some(text) => format!("{}, words by {text}", self.reference),
            None => self.reference.clone(),
        }
    }

    /// What a collection remembers of it.
    pub(crate) fn identity(&self) -> ModelIdentity {
        let identity = ModelIdentity::of(&self.model, &self.reference);
        match &self.text_reference {
            Some(text) => identity.with_text(&self.model, text),
            None => identity,
        }
    }
}
