//! Which model is meant: the bundled one, a directory, or one of the hub.

use std::path::Path;

use anyhow::Result;
use clap::{Args, ValueEnum};
use clip::{Checkpoint, Device, Model};
use hub::Snapshot;
use search::ModelIdentity;

use crate::environment;
use crate::error::Error;
use crate::hub_model::HubModel;
use crate::terminal::message;

/// The name of the bundled model.
pub(crate) const MINI: &str = "mini";

/// The model that is used where none is named.
pub(crate) const DEFAULT: &str = "openai/clip-vit-base-patch32";

/// How many digits of a commit are shown.
pub(crate) const SHOWN_DIGITS: usize = 7;

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
    /// The model: `mini` (bundled, for trying out), a directory with a model's files, or an id of the Hugging Face
    /// hub, OWNER/NAME or OWNER/NAME@REVISION, which is downloaded once [default: the one that made the collection,
    /// else CLIPSEEK_MODEL, else openai/clip-vit-base-patch32]
    #[arg(short, long, value_name = "MODEL")]
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
        let variable = environment::text(environment::MODEL);
        let name = self.name().or(variable.as_deref()).unwrap_or(DEFAULT);
        let model = NamedModel::load(name, self.device)?;
        match &self.text_model {
            Some(text) => model.with_text(text, self.device),
            None => Ok(model),
        }
    }

    /// The models of a collection, wherever is quickest.
    pub(crate) fn of_collection(made_with: &ModelIdentity) -> Result<NamedModel> {
        let unnamed = Self {
            model: None,
            text_model: None,
            device: DeviceChoice::default(),
        };
        unnamed.load_for(made_with)
    }

    /// The models that were named, or those which made the collection.
    pub(crate) fn load_for(&self, made_with: &ModelIdentity) -> Result<NamedModel> {
        let model = self.load_pictures_for(made_with)?;
        // A model that is not the collection's is refused for that, not for how its texts go with it.
        let is_own = model.model.fingerprint() == made_with.fingerprint;
        match (&self.text_model, &made_with.text) {
            (Some(text), _) => model.with_text(text, self.device),
            (None, Some(text)) if is_own => {
                let (reference, fingerprint) = (&text.reference, &text.fingerprint);
                let texts = NamedModel::load_remembered(reference, fingerprint, self.device)?;
                model.with_texts_of(texts)
            }
            _ => Ok(model),
        }
    }

    /// The same where there are no words.
    pub(crate) fn load_pictures_for(&self, made_with: &ModelIdentity) -> Result<NamedModel> {
        match self.name() {
            Some(name) => NamedModel::load(name, self.device),
            None => NamedModel::load_remembered(
                &made_with.reference,
                &made_with.fingerprint,
                self.device,
            ),
        }
    }

    /// An empty one names none.
    fn name(&self) -> Option<&str> {
        self.model.as_deref().filter(|name| !name.is_empty())
    }
}

/// A model, and what leads to it.
pub(crate) struct NamedModel {
    pub(crate) model: Model,
    pub(crate) reference: String,
    /// The same for ever: of the hub with the commit, as its branches move.
    lasting: String,
    /// What leads to the model of its texts, where that was named.
    pub(crate) text_reference: Option<String>,
    text_lasting: Option<String>,
}

impl NamedModel {
    /// Loads the model that `name` leads to.
    pub(crate) fn load(name: &str, device: DeviceChoice) -> Result<NamedModel> {
        Self::load_from(name, device, |model| obtain(model, true))
    }

    /// Loads the model that a collection remembers by `reference`: `mini`, a directory's whole path, or an id with a
    /// commit, which no directory of that name stands for.
    fn load_remembered(
        reference: &str,
        fingerprint: &str,
        device: DeviceChoice,
    ) -> Result<NamedModel> {
        let directory = Path::new(reference);
        if directory.is_absolute() && !directory.is_dir() {
            return Err(Error::ModelMoved {
                path: reference.to_owned(),
            }
            .into());
        }
        match HubModel::parse(reference) {
            Some(model) if !directory.is_absolute() => {
                let found = Self::of_hub(&model, &obtain(&model, false)?, device)?;
                if found.model.fingerprint() == fingerprint {
                    return Ok(found);
                }
                let earlier = Self::of_earlier_commit(&model, fingerprint, device)?;
                Ok(earlier.unwrap_or(found))
            }
            _ => Self::load(reference, device),
        }
    }

    /// The commit with that fingerprint, of those that are here. Collections of earlier versions remember an id alone.
    fn of_earlier_commit(
        model: &HubModel,
        fingerprint: &str,
        device: DeviceChoice,
    ) -> Result<Option<NamedModel>> {
        for snapshot in model.commits()? {
            let loaded = Self::of_hub(&model.at(&snapshot.commit)?, &snapshot, device);
            match loaded {
                Ok(loaded) if loaded.model.fingerprint() == fingerprint => return Ok(Some(loaded)),
                // What is damaged is not the one.
                _ => {}
            }
        }
        Ok(None)
    }

    /// Loads the model that `name` leads to, if it is on this machine.
    pub(crate) fn load_local(name: &str) -> Result<NamedModel> {
        Self::load_from(name, DeviceChoice::Cpu, HubModel::find)
    }

    fn load_from(
        name: &str,
        choice: DeviceChoice,
        find: impl FnOnce(&HubModel) -> Result<Snapshot>,
    ) -> Result<NamedModel> {
        let device = choice.device(name);
        if name == MINI {
            let model = Model::load_on(Checkpoint::bundled(MINI_FILES)?, device)?;
            return Ok(Self::new(model, MINI.to_owned()));
        }
        if Path::new(name).is_dir() {
            let directory = std::path::absolute(name)?;
            let model = Model::load_on(Checkpoint::open(&directory)?, device)?;
            return Ok(Self::new(model, directory.to_string_lossy().into_owned()));
        }
        let model = HubModel::parse(name).ok_or_else(|| Error::NoModelDirectory {
            path: name.to_owned(),
        })?;
        Self::of_hub(&model, &find(&model)?, choice)
    }

    fn new(model: Model, reference: String) -> NamedModel {
        NamedModel {
            model,
            lasting: reference.clone(),
            reference,
            text_reference: None,
            text_lasting: None,
        }
    }

    /// The model of the hub with these files.
    fn of_hub(model: &HubModel, files: &Snapshot, device: DeviceChoice) -> Result<NamedModel> {
        let reference = model.to_string();
        let lasting = model.at(&files.commit)?.to_string();
        let loaded = Checkpoint::open(&files.directory)
            .and_then(|checkpoint| Model::load_on(checkpoint, device.device(&reference)));
        match loaded {
            Ok(model) => Ok(NamedModel {
                lasting,
                ..Self::new(model, reference)
            }),
            Err(source) => Err(Error::HubModel {
                name: reference,
                source: Box::new(source),
            }
            .into()),
        }
    }

    /// The same with the texts of the model that `name` leads to.
    fn with_text(self, name: &str, device: DeviceChoice) -> Result<NamedModel> {
        let text = NamedModel::load(name, device)?;
        let (has_pictures, is_same) = (
            text.model.description().image_size.is_some(),
            text.model.fingerprint() == self.model.fingerprint(),
        );
        if has_pictures && !is_same {
            message!(
                "note: {} has pictures of its own; its words are comparable with the pictures of {} only if it was \
                 taught their space",
                text.reference,
                self.reference
            );
        }
        self.with_texts_of(text)
    }

    fn with_texts_of(self, text: NamedModel) -> Result<NamedModel> {
        Ok(NamedModel {
            model: self.model.with_text(text.model)?,
            text_reference: Some(text.reference),
            text_lasting: Some(text.lasting),
            ..self
        })
    }

    /// What to call it.
    pub(crate) fn name(&self) -> String {
        let pictures = shown(&self.reference);
        match &self.text_reference {
            Some(text) => format!("{pictures}, words by {}", shown(text)),
            None => pictures.to_owned(),
        }
    }

    /// What a collection remembers of it.
    pub(crate) fn identity(&self) -> ModelIdentity {
        let identity = ModelIdentity::of(&self.model, &self.lasting);
        match &self.text_lasting {
            Some(text) => identity.with_text(&self.model, text),
            None => identity,
        }
    }
}

/// What a collection remembers a model by, for people: of a commit the first digits.
pub(crate) fn shown(reference: &str) -> &str {
    let is_commit = HubModel::parse(reference).is_some_and(|model| model.revision.is_commit());
    let digits = reference.rfind('@').filter(|_| is_commit);
    // A commit has more digits than these.
    digits.map_or(reference, |at| &reference[..=at + SHOWN_DIGITS])
}

/// The files of a model of the hub, downloaded if they are not here; `is_choice` when another could be named instead.
fn obtain(model: &HubModel, is_choice: bool) -> Result<Snapshot> {
    let found = model.obtain();
    found.map_err(|error| match error.downcast::<hub::Error>() {
        Ok(source) => Error::ModelNotHad {
            name: model.to_string(),
            is_choice,
            source: Box::new(source),
        }
        .into(),
        Err(error) => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_shown_by_their_first_digits() {
        let commit = "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268";
        assert_eq!(shown(&format!("owner/name@{commit}")), "owner/name@3d74acf");
        for reference in ["mini", "owner/name", "owner/name@v1", "/models/a@b/clip"] {
            assert_eq!(shown(reference), reference);
        }
        let directory = format!("/models/name@{commit}");
        assert_eq!(shown(&directory), directory);
    }
}
