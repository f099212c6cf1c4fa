//! Loading of models: the bundled one, a directory, or one from the Hugging Face hub.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use clip::{Arithmetic, Checkpoint, Device, Instructions, Model, Precision};
use hub::{Hub, Snapshot};
use search::{Embedder, ModelIdentity};

use crate::error::{Error, Result};
use crate::event::{Listener, Note};
use crate::hub_model::HubModel;
use crate::mini::{self, MINI};
use crate::settings::Settings;

/// The model to use if none is named.
pub const DEFAULT_MODEL: &str = "openai/clip-vit-base-patch32";

/// The number of digits of a commit to show.
pub const SHOWN_DIGITS: usize = 7;

/// The choice of a model and its device.
#[derive(Clone, Debug, Default)]
pub struct ModelChoice {
    /// `mini`, a directory or a model id. `None` or an empty name means the model of the collection, else the default.
    pub model: Option<String>,
    /// Another model for words and captions, which shares the vector space of `model`.
    pub text_model: Option<String>,
    /// The device; `None` for the fastest available.
    pub device: Option<Device>,
    /// The precision on the processor; `None` for that of the collection, else f32.
    pub precision: Option<PrecisionChoice>,
}

/// The precision on the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrecisionChoice {
    /// The precision of the collection, else the [faster](Precision::quickest) of f32 and bf16.
    Auto,
    /// This precision. To add pictures, it must be that of the collection.
    Of(Precision),
}

impl ModelChoice {
    /// The model `name` on the fastest device.
    pub fn named(name: &str) -> ModelChoice {
        ModelChoice {
            model: Some(name.to_owned()),
            ..ModelChoice::default()
        }
    }

    /// The precision for a collection with precision `own`, or without a collection.
    fn precision(&self, own: Option<Precision>, instructions: Instructions) -> Precision {
        match self.precision {
            Some(PrecisionChoice::Of(precision)) => precision,
            Some(PrecisionChoice::Auto) => own.unwrap_or_else(|| Precision::quickest(instructions)),
            None => own.unwrap_or_default(),
        }
    }

    /// The name, unless it is empty.
    fn name(&self) -> Option<&str> {
        self.model.as_deref().filter(|name| !name.is_empty())
    }
}

/// The available models: the bundled one, directories, and those of the Hugging Face hub.
pub struct Models {
    default: String,
    instructions: Instructions,
    settings: Result<hub::Settings, Arc<hub::Error>>,
    hub: OnceLock<Arc<Hub>>,
    pub(crate) listener: Listener,
}

impl Models {
    pub(crate) fn new(settings: &Settings) -> Models {
        let default = settings.model.as_deref().filter(|name| !name.is_empty());
        Models {
            default: default.unwrap_or(DEFAULT_MODEL).to_owned(),
            instructions: settings.instructions.unwrap_or_else(Instructions::best),
            settings: settings.hub.clone(),
            hub: OnceLock::new(),
            listener: settings.listener.clone(),
        }
    }

    /// The hub of the settings.
    ///
    /// # Errors
    /// [`Error::HubSettings`] if the settings have no cache directory or are invalid.
    pub fn hub(&self) -> Result<&Arc<Hub>> {
        if let Some(hub) = self.hub.get() {
            return Ok(hub);
        }
        let mut settings = self.settings.clone().map_err(Error::HubSettings)?;
        settings.user_agent = concat!("clipseek/", env!("CARGO_PKG_VERSION")).to_owned();
        let hub = Arc::new(Hub::new(settings)?);
        Ok(self.hub.get_or_init(|| hub))
    }

    /// Loads the chosen or the default model. It is downloaded if needed.
    ///
    /// # Errors
    /// [`Error::NoModelDirectory`], [`Error::ModelDownload`], [`Error::HubModel`], and errors of the model.
    pub fn load(&self, choice: &ModelChoice) -> Result<NamedModel> {
        let name = choice.name().unwrap_or(&self.default);
        let model = self.load_named(name, choice.device)?;
        let model = match &choice.text_model {
            Some(text) => self.with_text(model, text, choice.device)?,
            None => model,
        };
        Ok(self.computed_in(model, choice.precision(None, self.instructions)))
    }

    /// Loads the chosen models or those of the collection.
    ///
    /// # Errors
    /// The errors of [`load`](Self::load), [`Error::OtherModel`] and [`Error::ModelMoved`].
    pub fn load_for(&self, choice: &ModelChoice, made_with: &ModelIdentity) -> Result<NamedModel> {
        let model = self.load_pictures_for(choice, made_with)?;
        // If the model is not that of the collection, the caller reports that, not a mismatch of the text model.
        let is_own = model.model.fingerprint() == made_with.fingerprint;
        let precision = model.model.precision();
        let model = match (&choice.text_model, &made_with.text) {
            (Some(text), _) => self.with_text(model, text, choice.device)?,
            (None, Some(text)) if is_own => {
                let (reference, fingerprint) = (&text.reference, &text.fingerprint);
                let texts = self.load_remembered(reference, fingerprint, choice.device)?;
                model.with_texts_of(texts)?
            }
            _ => model,
        };
        Ok(self.computed_in(model, precision))
    }

    /// The same without the text model.
    ///
    /// # Errors
    /// The errors of [`load_for`](Self::load_for).
    pub fn load_pictures_for(
        &self,
        choice: &ModelChoice,
        made_with: &ModelIdentity,
    ) -> Result<NamedModel> {
        let model = match choice.name() {
            Some(name) => {
                self.refuse_other(name, made_with)?;
                self.load_named(name, choice.device)?
            }
            None => {
                self.load_remembered(&made_with.reference, &made_with.fingerprint, choice.device)?
            }
        };
        let own = Precision::named(&made_with.precision);
        Ok(self.computed_in(model, choice.precision(own, self.instructions)))
    }

    /// Refuses a model that would be downloaded if its id shows that it is not that of the collection. The model of a
    /// directory may have any id.
    fn refuse_other(&self, name: &str, made_with: &ModelIdentity) -> Result<()> {
        let expected = &made_with.reference;
        let (named, own) = (HubModel::parse(name), HubModel::parse(expected));
        let Some(named) = named.filter(|_| !Path::new(name).is_dir()) else {
            return Ok(());
        };
        let is_other = match own.filter(|_| !Path::new(expected).is_absolute()) {
            Some(own) => own.repository != named.repository,
            None => expected == MINI,
        };
        if is_other && self.find(&named).is_err() {
            return Err(Error::OtherModel {
                named: name.to_owned(),
                expected: expected.clone(),
            });
        }
        Ok(())
    }

    /// Loads the models of a collection on `device`; `None` for the fastest available.
    ///
    /// # Errors
    /// The errors of [`load_for`](Self::load_for), and [`Error::ModelChanged`] if the model has changed.
    pub fn embedder(&self, made_with: &ModelIdentity, device: Option<Device>) -> Result<Embedder> {
        let choice = ModelChoice {
            device,
            ..ModelChoice::default()
        };
        let model = self.load_for(&choice, made_with)?.model;
        let texts = made_with.text.as_ref();
        let texts = texts.map_or(&made_with.fingerprint, |text| &text.fingerprint);
        if model.fingerprint() == made_with.fingerprint && model.text_fingerprint() == texts {
            Ok(Embedder::new(model))
        } else {
            Err(Error::ModelChanged)
        }
    }

    /// Whether the models of a collection are on this machine.
    pub fn are_here(&self, made_with: &ModelIdentity) -> bool {
        let is_here = |reference: &str| match HubModel::parse(reference) {
            Some(model) if !Path::new(reference).is_absolute() => self.find(&model).is_ok(),
            _ => reference == MINI || Path::new(reference).is_dir(),
        };
        is_here(&made_with.reference) && is_here(made_with.text_reference())
    }

    /// Loads the bundled model or a model in the hub cache, in f32. Downloads nothing and opens no directory.
    ///
    /// # Errors
    /// [`Error::NotAnId`], [`Error::ModelNotHere`], and errors of the model.
    pub fn load_cached(&self, name: &str, device: Option<Device>) -> Result<NamedModel> {
        let model = match (name, HubModel::parse(name)) {
            (MINI, _) => Self::load_bundled(device)?,
            (_, Some(model)) => NamedModel::of_hub(&model, &self.find(&model)?, device)?,
            (_, None) => {
                return Err(Error::NotAnId {
                    name: name.to_owned(),
                });
            }
        };
        Ok(self.computed_in(model, Precision::F32))
    }

    /// Loads a model that is on this machine. Downloads nothing.
    ///
    /// # Errors
    /// [`Error::ModelNotHere`], and the errors of [`load`](Self::load).
    pub fn load_local(&self, name: &str) -> Result<NamedModel> {
        self.load_from(name, Some(Device::Cpu), |model| self.find(model))
    }

    fn load_named(&self, name: &str, device: Option<Device>) -> Result<NamedModel> {
        self.load_from(name, device, |model| self.obtain_named(model, true))
    }

    /// Loads the model of a collection by `reference`: `mini`, an absolute path, or an id with a commit, which is never taken
    /// for a directory.
    fn load_remembered(
        &self,
        reference: &str,
        fingerprint: &str,
        device: Option<Device>,
    ) -> Result<NamedModel> {
        let directory = Path::new(reference);
        if directory.is_absolute() && !directory.is_dir() {
            return Err(Error::ModelMoved {
                path: reference.to_owned(),
            });
        }
        match HubModel::parse(reference) {
            Some(model) if !directory.is_absolute() => {
                let files = self.obtain_named(&model, false)?;
                let found = NamedModel::of_hub(&model, &files, device)?;
                if found.model.fingerprint() == fingerprint {
                    return Ok(found);
                }
                let earlier = self.of_earlier_commit(&model, fingerprint, device)?;
                Ok(earlier.unwrap_or(found))
            }
            _ => self.load_named(reference, device),
        }
    }

    /// The cached commit with that fingerprint. Collections of earlier versions store only an id.
    fn of_earlier_commit(
        &self,
        model: &HubModel,
        fingerprint: &str,
        device: Option<Device>,
    ) -> Result<Option<NamedModel>> {
        for snapshot in self.commits(model)? {
            let loaded = NamedModel::of_hub(&model.at(&snapshot.commit)?, &snapshot, device);
            match loaded {
                Ok(loaded) if loaded.model.fingerprint() == fingerprint => return Ok(Some(loaded)),
                // A damaged commit cannot be the one.
                _ => {}
            }
        }
        Ok(None)
    }

    fn load_from(
        &self,
        name: &str,
        device: Option<Device>,
        find: impl FnOnce(&HubModel) -> Result<Snapshot>,
    ) -> Result<NamedModel> {
        if name == MINI {
            return Self::load_bundled(device);
        }
        if Path::new(name).is_dir() {
            let directory = std::path::absolute(name).map_err(|source| Error::Read {
                path: name.into(),
                source,
            })?;
            let checkpoint = Checkpoint::open(&directory)?;
            let model = Model::load_on(checkpoint, device_for(name, device))?;
            let reference = directory.to_string_lossy().into_owned();
            return Ok(NamedModel::new(model, reference));
        }
        let model = HubModel::parse(name).ok_or_else(|| Error::NoModelDirectory {
            path: name.to_owned(),
        })?;
        NamedModel::of_hub(&model, &find(&model)?, device)
    }

    fn load_bundled(device: Option<Device>) -> Result<NamedModel> {
        let model = Model::load_on(mini::checkpoint()?, device_for(MINI, device))?;
        Ok(NamedModel::new(model, MINI.to_owned()))
    }

    /// The files of a model, downloaded if needed. `is_choice` says whether the user can choose another model.
    fn obtain_named(&self, model: &HubModel, is_choice: bool) -> Result<Snapshot> {
        self.obtain(model).map_err(|error| match error {
            Error::Hub(source) => Error::ModelDownload {
                name: model.to_string(),
                is_choice,
                source,
            },
            error => error,
        })
    }

    /// The same model with that precision and the instructions of the settings.
    fn computed_in(&self, model: NamedModel, precision: Precision) -> NamedModel {
        let arithmetic = Arithmetic {
            precision,
            instructions: self.instructions,
        };
        NamedModel {
            model: model.model.computed_by(arithmetic),
            ..model
        }
    }

    /// Combines a model with the text model `name`.
    fn with_text(
        &self,
        model: NamedModel,
        name: &str,
        device: Option<Device>,
    ) -> Result<NamedModel> {
        let text = self.load_named(name, device)?;
        let has_pictures = text.model.description().image_size.is_some();
        if has_pictures && text.model.fingerprint() != model.model.fingerprint() {
            self.listener.note(Note::TextModelHasPictures {
                text_model: &text.reference,
                model: &model.reference,
            });
        }
        model.with_texts_of(text)
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models")
            .field("default", &self.default)
            .finish_non_exhaustive()
    }
}

/// The device for the model `name`. The bundled model is fastest on the processor.
fn device_for(name: &str, device: Option<Device>) -> Device {
    match device {
        Some(device) => device,
        None if name == MINI => Device::Cpu,
        None => Device::best(),
    }
}

/// A model and the names to load it by.
pub struct NamedModel {
    /// The model.
    pub model: Model,
    /// `mini`, an absolute path, or a model id.
    pub reference: String,
    /// The same with a fixed commit: branches move.
    pinned: String,
    /// The name of the text model, if there is one.
    pub text_reference: Option<String>,
    text_pinned: Option<String>,
}

impl NamedModel {
    fn new(model: Model, reference: String) -> NamedModel {
        NamedModel {
            model,
            pinned: reference.clone(),
            reference,
            text_reference: None,
            text_pinned: None,
        }
    }

    /// The model of the hub from these files.
    fn of_hub(model: &HubModel, files: &Snapshot, device: Option<Device>) -> Result<NamedModel> {
        let reference = model.to_string();
        let pinned = model.at(&files.commit)?.to_string();
        let loaded = Checkpoint::open(&files.directory)
            .and_then(|checkpoint| Model::load_on(checkpoint, device_for(&reference, device)));
        match loaded {
            Ok(model) => Ok(NamedModel {
                pinned,
                ..Self::new(model, reference)
            }),
            Err(source) => Err(Error::HubModel {
                name: reference,
                source: Box::new(source),
            }),
        }
    }

    /// The same model, optimised for a single query.
    pub(crate) fn for_one_query(self) -> NamedModel {
        NamedModel {
            model: self.model.streamed(),
            ..self
        }
    }

    fn with_texts_of(self, text: NamedModel) -> Result<NamedModel> {
        Ok(NamedModel {
            model: self.model.with_text(text.model)?,
            text_reference: Some(text.reference),
            text_pinned: Some(text.pinned),
            ..self
        })
    }

    /// The name to show.
    pub fn name(&self) -> String {
        let pictures = shown(&self.reference);
        match &self.text_reference {
            Some(text) => format!("{pictures}, words by {}", shown(text)),
            None => pictures.to_owned(),
        }
    }

    /// The identity that a collection stores.
    pub fn identity(&self) -> ModelIdentity {
        let identity = ModelIdentity::of(&self.model, &self.pinned);
        match &self.text_pinned {
            Some(text) => identity.with_text(&self.model, text),
            None => identity,
        }
    }
}

impl fmt::Debug for NamedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedModel({})", self.name())
    }
}

/// Shortens a reference for people: only the first digits of a commit.
pub(crate) fn shown(reference: &str) -> &str {
    let is_commit = HubModel::parse(reference).is_some_and(|model| model.revision.is_commit());
    let digits = reference.rfind('@').filter(|_| is_commit);
    // A commit has more digits than these.
    digits.map_or(reference, |at| &reference[..=at + SHOWN_DIGITS])
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
