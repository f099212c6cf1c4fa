use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var, backprop::GradStore};
use clip::{Pixels, Tower, Trainable};

use crate::{
    Error, Result, Settings,
    loss::{self, Gradients, Pairs},
    optimizer::AdamW,
};

/// What cosines are multiplied by at most, as CLIP was trained.
const GREATEST_SCALE: f32 = 100.0;

/// Pictures with a text each.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The pictures.
    pub pictures: Vectors<Pixels>,
    /// Their texts, as token ids.
    pub texts: Vectors<Vec<u32>>,
    /// For each pair a number of its picture, and one of its text, the same for equal ones. Equal ones aren't told apart.
    pub keys: Vec<(u64, u64)>,
}

/// What a tower gets, or gave.
#[derive(Clone, Debug)]
pub enum Vectors<T> {
    /// Inputs of a tower that is trained.
    Trained(Vec<T>),
    /// Unit vectors of a tower that stays as it is.
    Fixed(Vec<Vec<f32>>),
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The loss of its batch, before it.
    pub loss: f64,
    /// The length of the gradient, before it was clipped.
    pub gradient: f64,
    /// What cosines are multiplied by, after it.
    pub scale: f32,
}

/// A model, and what its training remembers from step to step.
pub struct Trainer {
    model: Trainable,
    settings: Settings,
    optimizer: AdamW,
    /// Steps that were done.
    step: usize,
}

impl Trainer {
    /// A trainer that begins.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn new(model: Trainable, settings: Settings) -> Result<Self> {
        settings.check(1.0)?;
        Ok(Self {
            optimizer: AdamW::new(settings.weight_decay),
            model,
            settings,
            step: 0,
        })
    }

    /// The model, as it is now.
    pub fn model(&self) -> &Trainable {
        &self.model
    }

    pub(crate) fn optimizer(&mut self) -> &mut AdamW {
        &mut self.optimizer
    }

    pub(crate) fn step_count(&self) -> usize {
        self.step
    }

    pub(crate) fn set_step_count(&mut self, step: usize) {
        self.step = step;
    }

    /// The loss of a batch, and the gradients with respect to all variables that are trained, by their names.
    ///
    /// # Errors
    /// Those of the towers.
    pub fn gradients(&self, batch: &Batch) -> Result<(f64, BTreeMap<String, Tensor>)> {
        let size = self.settings.micro_batch;
        let images = vectors(&batch.pictures, size, |pixels| self.embed_pixels(pixels))?;
        let texts = vectors(&batch.texts, size, |texts| {
            Ok(self.model.embed_tokens(texts)?)
        })?;
        let scale = self.model.scale().to_scalar::<f32>()?.exp();
        let pairs = Pairs {
            images: &images,
            texts: &texts,
            keys: &batch.keys,
            scale,
        };
        let found = match self.model.bias() {
            None => loss::contrastive(&pairs)?,
            Some(bias) => loss::sigmoid(&pairs, bias.to_scalar()?)?,
        };
        let mut gradients = self.of_scoring(&found, scale)?;
        if let Vectors::Trained(pixels) = &batch.pictures {
            let embed = |pixels: &[Pixels]| self.embed_pixels(pixels);
            let parts = pixels.chunks(size);
            self.send_back(Tower::Vision, parts, &found.images, embed, &mut gradients)?;
        }
        if let Vectors::Trained(texts) = &batch.texts {
            let embed = |texts: &[Vec<u32>]| Ok(self.model.embed_tokens(texts)?);
            let parts = texts.chunks(size);
            self.send_back(Tower::Text, parts, &found.texts, embed, &mut gradients)?;
        }
        Ok((found.loss, gradients))
    }

    /// Moves the weights by a batch.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss or the gradient isn't finite, before anything is moved; and those of the towers.
    pub fn step(&mut self, batch: &Batch, learning_rate: f64) -> Result<Step> {
        let (loss, gradients) = self.gradients(batch)?;
        let number = self.step + 1;
        let expect_finite = |value: f64, what| {
            if value.is_finite() {
                Ok(())
            } else {
                Err(Error::Diverged { step: number, what })
            }
        };
        expect_finite(loss, "loss")?;
        let mut squares = 0.0;
        for gradient in gradients.values() {
            squares += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
        let length = squares.sqrt();
        expect_finite(length, "gradient")?;
        let share = (self.settings.clip_gradient / (length + 1e-6)).min(1.0);
        for (name, variable) in self.model.all_variables() {
            if let Some(gradient) = gradients.get(name) {
                let gradient = (gradient * share)?;
                self.optimizer
                    .move_by(name, variable, &gradient, learning_rate, number)?;
            }
        }
        self.step = number;
        Ok(Step {
            loss,
            gradient: length,
            scale: self.bound_scale()?,
        })
    }

    fn embed_pixels(&self, pixels: &[Pixels]) -> Result<Tensor> {
        let pixels: Vec<&Pixels> = pixels.iter().collect();
        Ok(self.model.embed_pixels(&pixels)?)
    }

    /// Scale and bias: the scale is kept as its logarithm.
    fn of_scoring(&self, found: &Gradients, scale: f32) -> Result<BTreeMap<String, Tensor>> {
        let mut gradients = BTreeMap::new();
        for (name, variable) in self.model.scoring() {
            let gradient = if name == clip::Trainable::SCALE {
                found.scale * f64::from(scale)
            } else {
                found.bias
            };
            let gradient = Tensor::full(gradient as f32, variable.shape(), variable.device())?;
            gradients.insert(name.to_owned(), gradient);
        }
        Ok(gradients)
    }

    /// Sends gradients with respect to vectors back through a tower, a part of its inputs at a time.
    fn send_back<'a, T: 'a>(
        &self,
        tower: Tower,
        parts: impl Iterator<Item = &'a [T]>,
        wanted: &Tensor,
        embed: impl Fn(&'a [T]) -> Result<Tensor>,
        gradients: &mut BTreeMap<String, Tensor>,
    ) -> Result<()> {
        let mut start = 0;
        for part in parts {
            let vectors = embed(part)?;
            let wanted = wanted.narrow(0, start, part.len())?;
            let wanted = wanted.to_device(vectors.device())?;
            // Its gradient with respect to the vectors is what is wanted.
            let found = (vectors * wanted)?.sum_all()?.backward()?;
            for (name, variable) in self.model.variables(tower) {
                add(gradients, name, variable, &found)?;
            }
            start += part.len();
        }
        Ok(())
    }

    /// Keeps the scale between 1 and [`GREATEST_SCALE`]; SigLIP's isn't bounded.
    fn bound_scale(&self) -> Result<f32> {
        let variable = self.model.scale();
        let own = variable.to_scalar::<f32>()?;
        if self.model.bias().is_some() {
            return Ok(own.exp());
        }
        let bounded = own.clamp(0.0, GREATEST_SCALE.ln());
        if bounded != own {
            variable.set(&Tensor::full(bounded, variable.shape(), variable.device())?)?;
        }
        Ok(bounded.exp())
    }
}

fn add(
    gradients: &mut BTreeMap<String, Tensor>,
    name: &str,
    variable: &Var,
    found: &GradStore,
) -> Result<()> {
    let Some(found) = found.get(variable) else {
        return Ok(());
    };
    let sum = match gradients.get(name) {
        Some(sum) => (sum + found)?,
        None => found.clone(),
    };
    gradients.insert(name.to_owned(), sum.detach());
    Ok(())
}

/// Unit vectors in the CPU's memory, without the graph that they come from: (inputs, dimension).
fn vectors<T>(
    side: &Vectors<T>,
    size: usize,
    embed: impl Fn(&[T]) -> Result<Tensor>,
) -> Result<Tensor> {
    match side {
        Vectors::Fixed(rows) => {
            let dimension = rows.first().map_or(0, Vec::len);
            let numbers = rows.concat();
            Ok(Tensor::from_vec(
                numbers,
                (rows.len(), dimension),
                &Device::Cpu,
            )?)
        }
        Vectors::Trained(inputs) => {
            let parts = inputs.chunks(size);
            let parts = parts.map(|part| Ok(embed(part)?.detach().to_device(&Device::Cpu)?));
            let parts = parts.collect::<Result<Vec<Tensor>>>()?;
            Ok(Tensor::cat(&parts, 0)?)
        }
    }
}
