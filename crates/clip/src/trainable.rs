use std::{collections::BTreeMap, fs, path::Path};

use candle_core::{D, Tensor, Var};
use nn::Weights;

use crate::{
    Error, Model, Pixels, Result, Scoring,
    architecture::{TextTower, VisionTower},
    checkpoint::{OPEN_CLIP_CONFIG, SMALL_FILES},
};

/// One of a model's two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tower {
    /// The one for pictures.
    Vision,
    /// The one for texts.
    Text,
}

/// A model whose weights are variables: gradients flow to them, and a step changes what it computes.
///
/// Both towers are those of [`Model`], computed by candle's differentiable operations. [`save`](Self::save) writes a
/// checkpoint of the form that the model was read in.
pub struct Trainable {
    model: Model,
    vision: VisionTower,
    text: TextTower,
    towers: BTreeMap<Tower, BTreeMap<String, Var>>,
    /// `logit_scale`, the natural logarithm of what cosines are multiplied by, and SigLIP's `logit_bias`.
    scoring: BTreeMap<String, Var>,
}

const BIAS: &str = "logit_bias";

impl Trainable {
    /// The name of the scale's logarithm in a checkpoint.
    pub const SCALE: &str = "logit_scale";

    /// The same model, to be trained where it computes.
    ///
    /// # Errors
    /// [`Error::NotTrainable`] for kinds that can't be trained, or when weights are missing or malformed.
    pub fn new(model: Model) -> Result<Self> {
        model.check_trainable()?;
        let weights =
            || -> Result<Weights<'_>> { Ok(model.checkpoint.weights(&model.device)?.trainable()) };
        let (seen, read, shared) = (weights()?, weights()?, weights()?);
        let vision = model.architecture.vision_tower(&seen)?;
        let text = model.architecture.text_tower(&read)?;
        shared.tensor(Self::SCALE, &[])?;
        if let Scoring::Sigmoid { .. } = model.scoring() {
            shared.tensor(BIAS, &[])?;
        }
        let towers = BTreeMap::from([
            (Tower::Vision, seen.variables()),
            (Tower::Text, read.variables()),
        ]);
        let scoring = shared.variables();
        drop((seen, read, shared));
        Ok(Self {
            model,
            vision,
            text,
            towers,
            scoring,
        })
    }

    /// The model as it was before training: its tokenizer, its preprocessing, its size.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Unit vectors of pictures of one size: (pictures, dimension), differentiable.
    ///
    /// # Errors
    /// As [`Model::embed_pixels`]; also when the pictures are not of one size.
    pub fn embed_pixels(&self, pixels: &[&Pixels]) -> Result<Tensor> {
        let size = pixels.first().map(|first| (first.width(), first.height()));
        let batch = self
            .model
            .batch(size.unwrap_or_default(), pixels.iter().copied())?;
        unit(&self.vision.forward(&batch)?)
    }

    /// Unit vectors of texts, given as token ids: (texts, dimension), differentiable.
    ///
    /// # Errors
    /// As [`Model::embed_tokens`].
    pub fn embed_tokens(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        unit(&self.text.forward(texts)?)
    }

    /// The variables of a tower, by their names in the checkpoint.
    pub fn variables(&self, tower: Tower) -> impl Iterator<Item = (&str, &Var)> {
        let variables = self.towers.get(&tower).into_iter().flatten();
        variables.map(|(name, variable)| (name.as_str(), variable))
    }

    /// The natural logarithm of what cosines are multiplied by, of no dimension.
    pub fn scale(&self) -> &Var {
        &self.scoring[Self::SCALE]
    }

    /// What SigLIP adds to scaled cosines, of no dimension.
    pub fn bias(&self) -> Option<&Var> {
        self.scoring.get(BIAS)
    }

    /// Scale and bias, by their names in the checkpoint.
    pub fn scoring(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.scoring
            .iter()
            .map(|(name, variable)| (name.as_str(), variable))
    }

    /// All variables, by their names in the checkpoint.
    pub fn all_variables(&self) -> BTreeMap<&str, &Var> {
        let towers = self.towers.values().flatten();
        let all = towers.chain(&self.scoring);
        all.map(|(name, variable)| (name.as_str(), variable))
            .collect()
    }

    /// Writes a checkpoint into the folder `to`, made if need be: weights in one safetensors file, and the small files as
    /// they were. transformers or open_clip load it as they loaded the model.
    ///
    /// A `share` below 1 mixes trained weights with those before training, number by number
    /// ([WiSE-FT, Wortsman et al. 2021](https://arxiv.org/abs/2109.01903)): 0 is the model before.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn save(&self, to: &Path, share: f64) -> Result<()> {
        let checkpoint = &self.model.checkpoint;
        let write = |name: &str, contents: &[u8]| {
            let file = to.join(name);
            fs::write(&file, contents).map_err(|source| Error::WriteFile {
                file: file.display().to_string(),
                source,
            })
        };
        fs::create_dir_all(to).map_err(|source| Error::WriteFile {
            file: to.display().to_string(),
            source,
        })?;
        for name in SMALL_FILES {
            if let Some(contents) = checkpoint.file(name) {
                write(name, contents)?;
            }
        }
        let is_open_clip = checkpoint.is_open_clip(&checkpoint.names())?;
        let file = if is_open_clip && checkpoint.file(OPEN_CLIP_CONFIG).is_some() {
            "open_clip_model.safetensors"
        } else {
            "model.safetensors"
        };
        Ok(nn::write_tensors(&to.join(file), &self.mixed(share)?)?)
    }

    /// All tensors of the checkpoint; of variables `share`, and the rest of what they were.
    fn mixed(&self, share: f64) -> Result<BTreeMap<String, Tensor>> {
        let before = self.model.checkpoint.weights(&candle_core::Device::Cpu)?;
        let variables = self.all_variables();
        let mut tensors = BTreeMap::new();
        for (name, stored) in before.tensors() {
            let own = Tensor::from_vec(
                stored.floats(name)?,
                stored.shape(),
                &candle_core::Device::Cpu,
            )?;
            let tensor = match variables.get(name) {
                Some(variable) => {
                    let trained = variable.to_device(&candle_core::Device::Cpu)?;
                    let trained = trained.reshape(own.shape())?;
                    if share == 1.0 {
                        trained
                    } else {
                        ((trained * share)? + (own * (1.0 - share))?)?
                    }
                }
                None => own,
            };
            tensors.insert(name.to_owned(), tensor);
        }
        Ok(tensors)
    }
}

/// Rows scaled to unit length.
fn unit(rows: &Tensor) -> Result<Tensor> {
    let lengths = rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
    Ok(rows.broadcast_div(&lengths)?)
}
