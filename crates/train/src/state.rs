use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Settings, optimizer::Moments, trainer::Trainer};

/// What a run is of. A folder with another one is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunIdentity {
    /// The fingerprint of the model before training.
    pub(crate) model: String,
    pub(crate) settings: Settings,
    /// A hash of the examples.
    pub(crate) examples: String,
}

/// The files of a run in its folder.
pub(crate) struct State {
    folder: PathBuf,
}

const STEP: &str = "step";

impl State {
    /// Opens the run in `folder`, or begins one there.
    ///
    /// # Errors
    /// [`Error::Occupied`] if the folder holds anything but a run, and [`Error::OtherRun`] if it holds another run, unless
    /// `restart`.
    pub(crate) fn open(folder: &Path, identity: &RunIdentity, restart: bool) -> Result<Self> {
        let state = Self {
            folder: folder.to_owned(),
        };
        fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
        let mut entries = fs::read_dir(folder).map_err(|source| failed(folder, source))?;
        if !state.path("training.json").exists() && entries.next().is_some() {
            // Pictures, or the model itself.
            return Err(Error::Occupied {
                folder: folder.to_owned(),
            });
        }
        if restart {
            state.remove()?;
        }
        let path = state.path("training.json");
        match fs::read(&path) {
            Ok(bytes) => state.check(&bytes, identity)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = serde_json::to_string_pretty(identity).unwrap_or_default();
                fs::write(&path, text).map_err(|source| failed(&path, source))?;
            }
            Err(source) => return Err(failed(&path, source)),
        }
        Ok(state)
    }

    fn check(&self, bytes: &[u8], identity: &RunIdentity) -> Result<()> {
        let other = |what| {
            Err(Error::OtherRun {
                folder: self.folder.clone(),
                what,
            })
        };
        let Ok(found) = serde_json::from_slice::<RunIdentity>(bytes) else {
            return other("files");
        };
        if found.model != identity.model {
            return other("weights");
        }
        if found.settings != identity.settings {
            return other("settings");
        }
        if found.examples != identity.examples {
            return other("examples");
        }
        Ok(())
    }

    /// Forgets a run.
    pub(crate) fn remove(&self) -> Result<()> {
        for name in ["training.json", "training.safetensors", "metrics.jsonl"] {
            let path = self.path(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(&path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes weights, moments and the number of steps. An earlier state is there until this one is whole.
    pub(crate) fn save(&self, trainer: &mut Trainer) -> Result<()> {
        let mut tensors = BTreeMap::new();
        for (name, variable) in trainer.model().all_variables() {
            tensors.insert(format!("weight.{name}"), variable.as_tensor().clone());
        }
        for (name, moments) in trainer.optimizer().moments() {
            tensors.insert(format!("first.{name}"), moments.first.clone());
            tensors.insert(format!("second.{name}"), moments.second.clone());
        }
        let step = trainer.step_count() as f32;
        tensors.insert(STEP.to_owned(), Tensor::new(step, &Device::Cpu)?);
        let written = nn::write_tensors(&self.path("training.safetensors"), &tensors);
        Ok(written.map_err(clip::Error::from)?)
    }

    /// Continues from the state on disk, if there is one.
    pub(crate) fn load(&self, trainer: &mut Trainer) -> Result<()> {
        let path = self.path("training.safetensors");
        if !path.exists() {
            return Ok(());
        }
        let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu)?;
        let mut moments = BTreeMap::new();
        for (name, variable) in trainer.model().all_variables() {
            let mut take = |kind: &str| tensors.remove(&format!("{kind}.{name}"));
            if let Some(weight) = take("weight") {
                variable.set(&weight.to_device(variable.device())?)?;
            }
            if let (Some(first), Some(second)) = (take("first"), take("second")) {
                let first = first.to_device(variable.device())?;
                let second = second.to_device(variable.device())?;
                moments.insert(name.to_owned(), Moments { first, second });
            }
        }
        trainer.optimizer().set_moments(moments);
        let step = match tensors.remove(STEP) {
            Some(step) => step.to_scalar::<f32>()? as usize,
            None => 0,
        };
        trainer.set_step_count(step);
        Ok(())
    }
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        source,
    }
}
