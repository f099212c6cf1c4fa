use candle_core::Tensor;
use nn::{Arithmetic, Precision, Weights};
use picture::{Limits, Picture, Reduced};
use rayon::prelude::*;

use crate::{
    Checkpoint, Device, Error, Pixels, Result, Scoring,
    architecture::{Architecture, TextTower, VisionTower},
    fingerprint::fingerprint,
    lazy::Lazy,
    modules,
    preprocessor::Preprocessor,
    tokenizer::Tokenizer,
};

/// The most pictures in one pass through the vision tower. More are not faster and need more memory.
const PICTURES_AT_ONCE: usize = 8;
/// The most texts in one pass through the text tower.
const TEXTS_AT_ONCE: usize = 32;

/// A model that embeds pictures and texts in a common space.
///
/// All embeddings have unit length, so their dot product is the cosine. An embedding does not depend, up to rounding,
/// on the rest of its batch. Loading reads only the configuration. Tokenizer, text tower and vision tower are read on
/// first use, so a text query never touches the vision tower's weights.
pub struct Model {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) architecture: Architecture,
    /// `None` without a vision tower.
    preprocessor: Option<Preprocessor>,
    pub(crate) device: candle_core::Device,
    arithmetic: Arithmetic,
    streamed: bool,
    scoring: Scoring,
    parameters: u64,
    fingerprint: String,
    tokenizer: Lazy<Tokenizer>,
    vision: Lazy<VisionTower>,
    text: Lazy<TextTower>,
    /// Another model that embeds the texts.
    other_texts: Option<Box<Self>>,
}

/// Properties of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The model family's name for people, such as `CLIP`.
    pub family: &'static str,
    /// The checkpoint's directory or name.
    pub checkpoint: String,
    /// Length of its embeddings.
    pub dimension: usize,
    /// The input width and height in pixels; `None` for a text-only model.
    pub image_size: Option<usize>,
    /// The context length in tokens.
    pub context: usize,
    /// The number of parameters.
    pub parameters: u64,
}

/// A picture, decoded and preprocessed for one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// Width in pixels of the whole upright picture, not of a reduced copy.
    pub width: u32,
    /// Height in pixels of the whole upright picture.
    pub height: u32,
    /// The dominant colour: see [`Picture::dominant_colour`].
    pub colour: [u8; 3],
    /// The vision tower's input, (3, height, width).
    pub pixels: Pixels,
}

impl Model {
    /// Loads `checkpoint` to compute on the CPU.
    ///
    /// # Errors
    /// Those of [`load_on`](Self::load_on).
    pub fn load(checkpoint: Checkpoint) -> Result<Self> {
        Self::load_on(checkpoint, Device::Cpu)
    }

    /// Loads `checkpoint` to compute on `device`. Reads the configuration and the headers of the weights.
    ///
    /// # Errors
    /// When a file is missing or malformed, the model family is not supported, or the device is unavailable.
    pub fn load_on(checkpoint: Checkpoint, device: Device) -> Result<Self> {
        let device = device.open()?;
        let architecture = Architecture::read(&checkpoint)?;
        let preprocessor = architecture.preprocessor(&checkpoint)?;
        if preprocessor.is_some() {
            modules::reject_relevant_modules(&checkpoint)?;
        }
        architecture.check_tokenizer(&checkpoint)?;
        let weights = checkpoint.weights(&device)?;
        let (scoring, parameters) = (architecture.scoring(&weights)?, weights.parameters());
        let fingerprint = fingerprint(&checkpoint, &weights);
        drop(weights);
        Ok(Self {
            checkpoint,
            architecture,
            preprocessor,
            device,
            arithmetic: Arithmetic::default(),
            streamed: false,
            scoring,
            parameters,
            fingerprint,
            tokenizer: Lazy::new(),
            vision: Lazy::new(),
            text: Lazy::new(),
            other_texts: None,
        })
    }

    /// Sets precision and instructions of computation on the CPU, also for [another text model](Self::with_text).
    pub fn computed_by(mut self, arithmetic: Arithmetic) -> Self {
        self.arithmetic = arithmetic;
        self.vision = Lazy::new();
        self.text = Lazy::new();
        self.other_texts = self
            .other_texts
            .map(|text| Box::new(text.computed_by(arithmetic)));
        self
    }

    /// Optimises for one or a few queries: weights are read from the checkpoint's files at each use instead of being
    /// packed in memory at the first.
    ///
    /// A query takes longer, but the first one takes less time and memory. Embeddings are the same. Also applies to
    /// [another text model](Self::with_text), and only to the CPU.
    pub fn streamed(mut self) -> Self {
        self.streamed = true;
        self.vision = Lazy::new();
        self.text = Lazy::new();
        self.other_texts = self.other_texts.map(|text| Box::new(text.streamed()));
        self
    }

    /// The precision of computation; always f32 on devices other than the CPU.
    pub fn precision(&self) -> Precision {
        if self.device.is_cpu() {
            self.arithmetic.precision
        } else {
            Precision::F32
        }
    }

    fn weights(&self) -> Result<Weights<'_>> {
        let weights = self.checkpoint.weights(&self.device)?;
        let weights = weights.packed_for(self.arithmetic);
        Ok(if self.streamed {
            weights.streamed()
        } else {
            weights
        })
    }

    /// Embeds texts with another model, `text`, and pictures with this one.
    ///
    /// A multilingual text model such as `sentence-transformers/clip-ViT-B-32-multilingual-v1` shares the embedding
    /// space of one CLIP model, `openai/clip-vit-base-patch32`, and has no vision tower. The files do not tell which
    /// models belong together.
    ///
    /// # Errors
    /// When this is a text-only model, or the two models' embeddings differ in length.
    pub fn with_text(mut self, text: Self) -> Result<Self> {
        self.check_pictures()?;
        if text.dimension() != self.dimension() {
            return Err(Error::TextModel {
                model: text.checkpoint.name().to_owned(),
                found: text.dimension(),
                expected: self.dimension(),
            });
        }
        self.other_texts = Some(Box::new(text));
        Ok(self)
    }

    /// Checks that this model can embed pictures.
    ///
    /// # Errors
    /// When there is no vision tower.
    pub fn check_pictures(&self) -> Result<()> {
        if self.architecture.sees_pictures() {
            Ok(())
        } else {
            Err(self.texts_alone())
        }
    }

    fn texts_alone(&self) -> Error {
        Error::TextsAlone {
            model: self.checkpoint.name().to_owned(),
        }
    }

    /// Embeds a text and, with a vision tower, a picture, so that errors in the files surface now.
    ///
    /// # Errors
    /// Those of [`embed_texts`](Self::embed_texts) and [`embed_pixels`](Self::embed_pixels).
    pub fn check(&self) -> Result<()> {
        self.embed_text("a photo")?;
        if self.architecture.sees_pictures() {
            let colours = vec![200, 40, 90, 30, 160, 220];
            self.embed_picture(&Picture::from_rgb(2, 1, colours)?)?;
        }
        Ok(())
    }

    /// Length of the embeddings.
    pub fn dimension(&self) -> usize {
        self.architecture.dimension()
    }

    /// 64 hexadecimal digits that identify this model.
    ///
    /// The SHA-256 of `config.json`, the preprocessor and tokenizer files, the names and shapes of the weights, and
    /// samples of each tensor. It does not depend on the model's path or the format of its weights.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The fingerprint of the model that embeds texts: this one, or [another](Self::with_text).
    pub fn text_fingerprint(&self) -> &str {
        match &self.other_texts {
            Some(text) => text.text_fingerprint(),
            None => &self.fingerprint,
        }
    }

    /// This model's properties. The context length is that of the model that embeds texts.
    pub fn description(&self) -> Description {
        Description {
            family: self.architecture.family(),
            checkpoint: self.checkpoint.name().to_owned(),
            dimension: self.dimension(),
            image_size: self
                .architecture
                .sees_pictures()
                .then(|| self.architecture.image_size()),
            context: match &self.other_texts {
                Some(text) => text.description().context,
                None => self.architecture.context(),
            },
            parameters: self.parameters,
        }
    }

    /// How the model converts cosines to probabilities. A text-only model has no learned scale, so cosines are used
    /// unscaled.
    pub fn scoring(&self) -> Scoring {
        self.scoring
    }

    /// Tokenizes `text`. The ids include the beginning and end tokens, and are truncated to the context length. Models
    /// that were trained with padding, such as SigLIP, get padding.
    ///
    /// # Errors
    /// When the tokenizer's files are malformed.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>> {
        if let Some(other) = &self.other_texts {
            return other.tokenize(text);
        }
        let read = || self.architecture.tokenizer(&self.checkpoint);
        self.tokenizer.get_or_make(read)?.encode(text)
    }

    /// Embeds `text`.
    ///
    /// # Errors
    /// Those of [`embed_texts`](Self::embed_texts).
    pub fn embed_text(&self, text: &str) -> Result<Vec<f32>> {
        self.embed_texts(&[text])
            .map(|mut vectors| vectors.remove(0))
    }

    /// Embeds `texts`, in their order.
    ///
    /// White space around a text is ignored, even if the tokenizer would keep it, so that a query and a table's cell
    /// with the same words have the same embedding.
    ///
    /// # Errors
    /// When the tokenizer's files or the text tower's weights are malformed.
    pub fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        let tokens = texts.iter().map(|text| self.tokenize(text.trim()));
        self.embed_tokens(&tokens.collect::<Result<Vec<_>>>()?)
    }

    /// Embeds texts given as token ids, including the beginning and end tokens.
    ///
    /// # Errors
    /// When a text is empty or too long or has an unknown id, and those of [`embed_texts`](Self::embed_texts).
    pub fn embed_tokens(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>> {
        if let Some(other) = &self.other_texts {
            return other.embed_tokens(texts);
        }
        let make = || {
            let weights = self.weights()?;
            Ok(self.architecture.text_tower(&weights)?)
        };
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let tower = self.text.get_or_make(make)?;
        let parts = self.in_parts(texts, TEXTS_AT_ONCE, |texts| {
            unit_rows(&tower.forward(texts)?)
        })?;
        Ok(parts.concat())
    }

    /// Applies `compute` to chunks of `inputs` of at most `most`. On the CPU, each core works on its own chunks, so
    /// that it does not wait for others after each operation.
    fn in_parts<I: Sync, T: Send>(
        &self,
        inputs: &[I],
        most: usize,
        compute: impl Fn(&[I]) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        if !self.device.is_cpu() {
            return inputs.chunks(most).map(compute).collect();
        }
        let threads = rayon::current_num_threads();
        if inputs.len() < threads {
            // Too few chunks for all cores, which share each operation instead.
            return nn::with_awake_threads(|| inputs.chunks(most).map(&compute).collect());
        }
        let share = inputs.len().div_ceil(threads);
        let parts = inputs.par_chunks(share.clamp(1, most)).with_max_len(1);
        parts.map(&compute).collect()
    }

    /// Decodes the picture file in `bytes` and preprocesses it for the vision tower. Can be called from many threads.
    ///
    /// A large JPEG is decoded at a reduced size, because the model's input is so much smaller. The embedding of the
    /// reduced copy is close, but not equal, to that of the whole picture. So every caller that has a file's bytes
    /// must use this method or [`embed_bytes`](Self::embed_bytes); otherwise one file gets two different embeddings.
    ///
    /// A text-only model returns empty pixels, which [`embed_pixels`](Self::embed_pixels) rejects.
    ///
    /// # Errors
    /// When `bytes` are not a picture that can be read within `limits`.
    pub fn prepare(&self, bytes: &[u8], limits: &Limits) -> picture::Result<Prepared> {
        let reduced = Picture::decode_reduced(bytes, limits, self.useful_side())?;
        Ok(Prepared {
            width: reduced.size.width,
            height: reduced.size.height,
            colour: reduced.picture.dominant_colour(),
            pixels: self.preprocess_reduced(&reduced),
        })
    }

    /// Embeds the picture file in `bytes`: a unit vector of [`dimension`](Self::dimension) numbers.
    ///
    /// # Errors
    /// [`Error::Picture`] when [`prepare`](Self::prepare) fails, and those of [`embed_pixels`](Self::embed_pixels).
    pub fn embed_bytes(&self, bytes: &[u8], limits: &Limits) -> Result<Vec<f32>> {
        let prepared = self.prepare(bytes, limits)?;
        self.embed_pixels(&[prepared.pixels])
            .map(|mut vectors| vectors.remove(0))
    }

    /// Embeds `picture`.
    ///
    /// The embedding of a wholly decoded picture differs slightly from that of its file by
    /// [`embed_bytes`](Self::embed_bytes).
    ///
    /// # Errors
    /// Those of [`embed_pixels`](Self::embed_pixels).
    pub fn embed_picture(&self, picture: &Picture) -> Result<Vec<f32>> {
        self.embed_pixels(&[self.preprocess(picture)])
            .map(|mut vectors| vectors.remove(0))
    }

    /// Embeds `pictures`, in their order.
    ///
    /// # Errors
    /// Those of [`embed_pixels`](Self::embed_pixels).
    pub fn embed_pictures(&self, pictures: &[Picture]) -> Result<Vec<Vec<f32>>> {
        let mut vectors = Vec::with_capacity(pictures.len());
        for pictures in pictures.chunks(PICTURES_AT_ONCE) {
            let pixels: Vec<Pixels> = pictures
                .par_iter()
                .map(|picture| self.preprocess(picture))
                .collect();
            vectors.extend(self.embed_pixels(&pixels)?);
        }
        Ok(vectors)
    }

    /// Preprocesses `picture` for the vision tower. Can be called from many threads.
    ///
    /// A text-only model returns empty pixels, which [`embed_pixels`](Self::embed_pixels) rejects.
    pub fn preprocess(&self, picture: &Picture) -> Pixels {
        match &self.preprocessor {
            Some(preprocessor) => preprocessor.apply(picture),
            None => Pixels::none(),
        }
    }

    /// Preprocesses a copy that was decoded with [`useful_side`](Self::useful_side): nearly the same result with much
    /// less work.
    pub fn preprocess_reduced(&self, reduced: &Reduced) -> Pixels {
        match &self.preprocessor {
            Some(preprocessor) => preprocessor.apply_to_reduced(reduced),
            None => Pixels::none(),
        }
    }

    /// The shortest side, in pixels, to pass to [`Picture::decode_reduced`].
    ///
    /// `u32::MAX`, for no reduction, if that depends on the picture's proportions, if every pixel may count, and for a
    /// text-only model.
    pub fn useful_side(&self) -> u32 {
        self.preprocessor
            .as_ref()
            .and_then(Preprocessor::useful_side)
            .unwrap_or(u32::MAX)
    }

    /// Embeds preprocessed pictures, in their order.
    ///
    /// # Errors
    /// When the pixels do not have the model's input shape, the vision tower's weights are malformed, or the model is
    /// text-only.
    pub fn embed_pixels(&self, pixels: &[Pixels]) -> Result<Vec<Vec<f32>>> {
        self.check_pictures()?;
        let make = || self.architecture.vision_tower(&self.weights()?);
        let size = |&index: &usize| (pixels[index].width(), pixels[index].height());
        let mut order: Vec<usize> = (0..pixels.len()).collect();
        // Pictures of equal size are computed together.
        order.sort_by_key(size);
        let mut vectors = vec![Vec::new(); pixels.len()];
        for equal in order.chunk_by(|one, other| size(one) == size(other)) {
            let tower = self.vision.get_or_make(make)?;
            let parts = self.in_parts(equal, PICTURES_AT_ONCE, |places| {
                let batch = places.iter().map(|&place| &pixels[place]);
                let batch = self.batch(size(&places[0]), batch)?;
                unit_rows(&tower.forward(&batch)?)
            })?;
            for (&place, row) in equal.iter().zip(parts.into_iter().flatten()) {
                vectors[place] = row;
            }
        }
        Ok(vectors)
    }

    /// Checks that this model can be [trained](crate::Trainable).
    ///
    /// # Errors
    /// [`Error::NotTrainable`] if its weights are quantised or it has only one tower.
    pub fn check_trainable(&self) -> Result<()> {
        if self.architecture.is_trainable() && self.other_texts.is_none() {
            Ok(())
        } else {
            Err(Error::NotTrainable {
                family: self.architecture.family(),
            })
        }
    }

    /// Pixels of equal width and height → (batch, 3, height, width).
    pub(crate) fn batch<'a>(
        &self,
        (width, height): (usize, usize),
        pixels: impl ExactSizeIterator<Item = &'a Pixels>,
    ) -> Result<Tensor> {
        let input_shape = self
            .architecture
            .input_shape()
            .ok_or_else(|| self.texts_alone())?;
        input_shape.check(width, height)?;
        let shape = (pixels.len(), 3, height, width);
        let mut values = Vec::with_capacity(pixels.len() * 3 * height * width);
        for pixels in pixels {
            values.extend_from_slice(pixels.values());
        }
        Ok(Tensor::from_vec(values, shape, &self.device)?)
    }
}

/// Scales the rows of `vectors` to unit length.
fn unit_rows(vectors: &Tensor) -> Result<Vec<Vec<f32>>> {
    let mut rows = vectors.to_vec2::<f32>()?;
    for row in &mut rows {
        let length = row.iter().map(|number| number * number).sum::<f32>().sqrt();
        if !length.is_finite() || length == 0.0 {
            return Err(Error::Degenerate { length });
        }
        row.iter_mut().for_each(|number| *number /= length);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use candle_core::Device;
    use safetensors::SafeTensors;

    use super::{Checkpoint, Model, Pixels, Tensor, unit_rows};

    /// Compares the towers' unscaled results with transformers' `get_image_features` and `get_text_features`. The
    /// integration tests compare unit vectors, which would hide a wrong factor.
    #[test]
    fn features_before_scaling_equal_transformers() {
        for name in [
            "quick-gelu",
            "gelu",
            "old-config",
            "open-clip-vit",
            "open-clip-custom",
            "open-clip-resnet",
            "open-clip-timm",
            "open-clip-head",
            "open-clip-pool",
            "open-clip-worldwide",
            "open-clip-siglip",
            "siglip",
            "siglip2",
            "siglip2-naflex",
        ] {
            let directory = Path::new("tests/fixtures").join(name);
            let model = Model::load(Checkpoint::open(&directory).unwrap()).unwrap();
            let weights = model.checkpoint.weights(&Device::Cpu).unwrap();
            let expected = std::fs::read(directory.join("expected.safetensors")).unwrap();
            let expected = SafeTensors::deserialize(&expected).unwrap();
            let floats = |name: &str| {
                let view = expected.tensor(name).unwrap();
                let numbers = view
                    .data()
                    .as_chunks()
                    .0
                    .iter()
                    .map(|&bytes| f32::from_le_bytes(bytes));
                Tensor::from_vec(numbers.collect(), view.shape(), &Device::Cpu).unwrap()
            };
            let tokens = |name: &str| -> Vec<Vec<u32>> {
                let ids = expected.tensor(name).unwrap();
                let rows = ids.data().chunks(8 * ids.shape()[1]);
                let id = |&bytes: &[u8; 8]| i64::from_le_bytes(bytes) as u32;
                rows.map(|row| row.as_chunks().0.iter().map(id).collect())
                    .collect()
            };

            let vision = model.architecture.vision_tower(&weights).unwrap();
            let text = model.architecture.text_tower(&weights).unwrap();
            let found = vision.forward(&floats("pixel_values")).unwrap();
            assert_close(&found, &floats("image_features"));
            let found = text.forward(&tokens("input_ids")).unwrap();
            assert_close(&found, &floats("text_features"));
            // The integration tests cannot load this fixture, because only these tests define its sizes.
            if ["open-clip-siglip", "open-clip-worldwide"].contains(&name) {
                let texts = std::fs::read(directory.join("texts.json")).unwrap();
                let texts: Vec<String> = serde_json::from_slice(&texts).unwrap();
                let found = texts.iter().map(|text| model.tokenize(text).unwrap());
                assert_eq!(found.collect::<Vec<_>>(), tokens("input_ids"));
            }
            // SigLIP's towers also accept rows without padding, and of several lengths at once.
            if name.starts_with("siglip") {
                let short = tokens("short_ids");
                let found = text.forward(&short).unwrap();
                assert_close(&found, &floats("short_features"));
                let mixed = [&short[..1], &tokens("input_ids")[1..2], &short[2..3]].concat();
                let found = text.forward(&mixed).unwrap();
                let row = |name: &str, row| floats(name).narrow(0, row, 1).unwrap();
                let expected = [
                    row("short_features", 0),
                    row("text_features", 1),
                    row("short_features", 2),
                ];
                assert_close(&found, &Tensor::cat(&expected, 0).unwrap());
            }
        }
    }

    /// Pictures of any proportions, separately and in one call.
    #[test]
    fn pictures_of_several_shapes_equal_transformers() {
        let directory = Path::new("tests/fixtures/siglip2-naflex");
        let model = Model::load(Checkpoint::open(directory).unwrap()).unwrap();
        let weights = model.checkpoint.weights(&Device::Cpu).unwrap();
        let vision = model.architecture.vision_tower(&weights).unwrap();
        let expected = std::fs::read(directory.join("expected.safetensors")).unwrap();
        let expected = candle_core::safetensors::load_buffer(&expected, &Device::Cpu).unwrap();
        let (mut pixels, mut vectors) = (Vec::new(), Vec::new());
        for shape in ["2x7", "5x3", "1x1", "1x16", "4x3"] {
            let values = &expected[&format!("pixel_values {shape}")];
            let features = &expected[&format!("image_features {shape}")];
            assert_close(&vision.forward(values).unwrap(), features);
            let (count, _, height, width) = values.dims4().unwrap();
            for picture in 0..count {
                let values = values.get(picture).unwrap().flatten_all().unwrap();
                let values = values.to_vec1().unwrap();
                pixels.push(Pixels::new(width, height, values).unwrap());
                vectors.push(features.get(picture).unwrap());
            }
        }
        // Equal sizes are not adjacent.
        let order: Vec<usize> = (0..pixels.len()).map(|place| place * 3 % 10).collect();
        let shuffled: Vec<Pixels> = order.iter().map(|&place| pixels[place].clone()).collect();
        let found = model.embed_pixels(&shuffled).unwrap();
        for (found, place) in found.into_iter().zip(order) {
            let expected = unit_rows(&vectors[place].unsqueeze(0).unwrap())
                .unwrap()
                .remove(0);
            let found = Tensor::new(found, &Device::Cpu).unwrap();
            assert_close(&found, &Tensor::new(expected, &Device::Cpu).unwrap());
        }
        for (width, height) in [(8, 0), (9, 8), (8, 12)] {
            let pixels = Pixels::new(width, height, vec![0.0; 3 * width * height]).unwrap();
            let error = model.embed_pixels(&[pixels]).unwrap_err();
            let expected = format!("pixels of {width} x {height}, expected multiples of 8");
            assert_eq!(error.to_string(), expected);
        }
    }

    /// Within 1e-5 of the largest number.
    #[track_caller]
    fn assert_close(found: &Tensor, expected: &Tensor) {
        let largest = |tensor: &Tensor| {
            tensor
                .abs()
                .unwrap()
                .max_all()
                .unwrap()
                .to_scalar::<f32>()
                .unwrap()
        };
        let off = largest(&(found - expected).unwrap());
        let limit = 1e-5 * largest(expected).max(1.0);
        assert!(off <= limit, "off by {off:e}, expected at most {limit:e}");
    }

    /// No trained weight may have a second copy, which an optimiser step would not update.
    #[test]
    fn gradients_reach_every_weight_and_each_step_counts() {
        for name in ["quick-gelu", "gelu", "open-clip-vit", "siglip"] {
            let directory = Path::new("tests/fixtures").join(name);
            let model = Model::load(Checkpoint::open(&directory).unwrap()).unwrap();
            let weights = || model.checkpoint.weights(&Device::Cpu).unwrap().trainable();
            let size = model.architecture.image_size();
            let pixels = Tensor::randn(0.0_f32, 1.0, (2, 3, size, size), &Device::Cpu).unwrap();
            let (seen, read) = (weights(), weights());
            let vision = model.architecture.vision_tower(&seen).unwrap();
            let text = model.architecture.text_tower(&read).unwrap();
            check_steps(name, &seen, || vision.forward(&pixels).unwrap());
            let ends = model.tokenize("a cat on a mat").unwrap();
            check_steps(name, &read, || {
                text.forward(std::slice::from_ref(&ends)).unwrap()
            });
        }
    }

    fn check_steps(model: &str, weights: &nn::Weights<'_>, forward: impl Fn() -> Tensor) {
        let before = forward();
        let gradients = before.sin().unwrap().sum_all().unwrap().backward().unwrap();
        let variables = weights.variables();
        assert!(variables.len() > 20, "{model} has {}", variables.len());
        for (name, variable) in variables {
            let gradient = gradients.get(&variable);
            let gradient = gradient.unwrap_or_else(|| panic!("{model} has none for {name}"));
            assert_eq!(gradient.dims(), variable.dims());
            let own = variable.as_tensor().copy().unwrap();
            let step = Tensor::randn(0.0_f32, 0.3, own.shape(), &Device::Cpu).unwrap();
            variable.set(&(&own + step).unwrap()).unwrap();
            let off = (forward() - &before)
                .unwrap()
                .abs()
                .unwrap()
                .max_all()
                .unwrap();
            // Adding the same number to all scores of a query does not change its softmax.
            let counts = !name.contains("k_proj.bias");
            assert_eq!(
                off.to_scalar::<f32>().unwrap() > 1e-4,
                counts,
                "{model}: a step of {name}"
            );
            variable.set(&own).unwrap();
        }
    }
}
