//! int8 on a vision transformer with outliers: some activations are 20 to 60 times as large as the others, as in
//! trained models ([Dettmers et al. 2022](https://arxiv.org/abs/2208.07339), [Sun et al.
//! 2024](https://arxiv.org/abs/2402.17762)).

use std::{cell::Cell, collections::HashMap, fs, path::Path};

use candle_core::{D, Device, Result, Tensor};
use clip::{Arithmetic, Checkpoint, Instructions, Model, Pixels, Precision};
use serde_json::json;

const WIDTH: usize = 384;
const INNER: usize = 4 * WIDTH;
const HEADS: usize = 6;
const LAYERS: usize = 4;
const IMAGE: usize = 112;
const PATCH: usize = 16;
const DIMENSION: usize = 128;

/// The outlier channels, in the residual stream and in each product's input, and their factors.
const OUTLIERS: [(usize, f32); 6] = [
    (5, 60.0),
    (77, 25.0),
    (130, -40.0),
    (200, 20.0),
    (311, -30.0),
    (383, 50.0),
];

/// Pseudo-random numbers, deterministic and nearly normal with variance 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        let mut sum = 0.0;
        for _ in 0..12 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
            sum += (self.0 >> 40) as f32 / (1 << 24) as f32;
        }
        sum - 6.0
    }

    fn numbers(&mut self, count: usize, mean: f32, deviation: f32) -> Vec<f32> {
        let numbers = (0..count).map(|_| mean + deviation * self.next());
        numbers.collect()
    }
}

/// The weights of a CLIP with random towers.
struct Weights {
    random: Random,
    tensors: HashMap<String, Tensor>,
}

impl Weights {
    fn new() -> Self {
        let mut weights = Self {
            random: Random(1),
            tensors: HashMap::new(),
        };
        weights.insert("logit_scale", vec![4.6], &[]);
        weights.vision();
        weights.tower("text_model", 32, 64, 1);
        weights.normal("text_model.embeddings.token_embedding.weight", &[3, 32]);
        weights.normal("text_model.embeddings.position_embedding.weight", &[8, 32]);
        weights.norm("text_model.final_layer_norm", 32);
        weights.normal("text_projection.weight", &[DIMENSION, 32]);
        weights
    }

    fn insert(&mut self, name: &str, numbers: Vec<f32>, shape: &[usize]) {
        let tensor = Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap();
        self.tensors.insert(name.to_owned(), tensor);
    }

    fn normal(&mut self, name: &str, shape: &[usize]) {
        let inputs: usize = shape[1..].iter().product();
        let deviation = (inputs as f32).powf(-0.5);
        let numbers = self.random.numbers(shape.iter().product(), 0.0, deviation);
        self.insert(name, numbers, shape);
    }

    fn norm(&mut self, name: &str, width: usize) {
        let weight = self.random.numbers(width, 1.0, 0.1);
        self.insert(&format!("{name}.weight"), weight, &[width]);
        let bias = self.random.numbers(width, 0.0, 0.1);
        self.insert(&format!("{name}.bias"), bias, &[width]);
    }

    fn linear(&mut self, name: &str, outputs: usize, inputs: usize) {
        self.normal(&format!("{name}.weight"), &[outputs, inputs]);
        let bias = self.random.numbers(outputs, 0.0, 0.02);
        self.insert(&format!("{name}.bias"), bias, &[outputs]);
    }

    fn tower(&mut self, tower: &str, width: usize, inner: usize, layers: usize) {
        for layer in 0..layers {
            let name = format!("{tower}.encoder.layers.{layer}");
            for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                self.linear(&format!("{name}.self_attn.{part}"), width, width);
            }
            self.norm(&format!("{name}.layer_norm1"), width);
            self.norm(&format!("{name}.layer_norm2"), width);
            self.linear(&format!("{name}.mlp.fc1"), inner, width);
            self.linear(&format!("{name}.mlp.fc2"), width, inner);
        }
    }

    fn vision(&mut self) {
        let tokens = 1 + (IMAGE / PATCH).pow(2);
        self.tower("vision_model", WIDTH, INNER, LAYERS);
        let embeddings = "vision_model.embeddings";
        let patches = format!("{embeddings}.patch_embedding.weight");
        self.normal(&patches, &[WIDTH, 3, PATCH, PATCH]);
        let positions = format!("{embeddings}.position_embedding.weight");
        self.normal(&positions, &[tokens, WIDTH]);
        self.normal(&format!("{embeddings}.class_embedding"), &[WIDTH]);
        self.norm("vision_model.pre_layrnorm", WIDTH);
        self.norm("vision_model.post_layernorm", WIDTH);
        self.normal("visual_projection.weight", &[DIMENSION, WIDTH]);
        self.plant();
    }

    /// Adds outliers to the inputs of each of a layer's products, and to the residual stream.
    fn plant(&mut self) {
        // In the stream: by the biases of the first norm and of the perceptrons.
        self.change("vision_model.pre_layrnorm.bias", |channel, bias| {
            bias + factor(channel).map_or(0.0, |factor| factor / 10.0)
        });
        for layer in 0..LAYERS {
            let name = format!("vision_model.encoder.layers.{layer}");
            self.change(&format!("{name}.mlp.fc2.bias"), |channel, bias| {
                bias + factor(channel).map_or(0.0, |factor| factor / 40.0)
            });
            // In the inputs of attention and perceptron: by the norms' gains. As in trained models, the columns for
            // outliers are small.
            for (norm, products) in [
                (
                    "layer_norm1",
                    &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"][..],
                ),
                ("layer_norm2", &["mlp.fc1"]),
            ] {
                self.change(&format!("{name}.{norm}.weight"), |channel, gain| {
                    gain * factor(channel).map_or(1.0, |factor| factor / 3.0)
                });
                for product in products {
                    self.change(&format!("{name}.{product}.weight"), |place, weight| {
                        weight * factor(place % WIDTH).map_or(1.0, |factor| 4.0 / factor)
                    });
                }
            }
            // Inside attention and perceptron: by biases.
            for (inner, outer, inputs) in [
                ("self_attn.v_proj", "self_attn.out_proj", WIDTH),
                ("mlp.fc1", "mlp.fc2", INNER),
            ] {
                self.change(&format!("{name}.{inner}.bias"), |channel, bias| {
                    bias + factor(channel).map_or(0.0, f32::abs)
                });
                self.change(&format!("{name}.{outer}.weight"), |place, weight| {
                    weight * factor(place % inputs).map_or(1.0, |factor| 4.0 / factor)
                });
            }
        }
    }

    fn change(&mut self, name: &str, change: impl Fn(usize, f32) -> f32) {
        let tensor = &self.tensors[name];
        let numbers = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let numbers = numbers.into_iter().enumerate();
        let numbers = numbers.map(|(place, number)| change(place, number));
        let shape = tensor.dims().to_vec();
        self.insert(name, numbers.collect(), &shape);
    }

    /// Writes a checkpoint in Hugging Face form. Texts do not matter here.
    fn write(&self, directory: &Path) {
        let config = json!({
            "model_type": "clip",
            "projection_dim": DIMENSION,
            "vision_config": {
                "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
                "num_attention_heads": HEADS, "image_size": IMAGE, "patch_size": PATCH, "hidden_act": "quick_gelu",
            },
            "text_config": {
                "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
                "hidden_act": "quick_gelu", "vocab_size": 3, "max_position_embeddings": 8, "eos_token_id": 2,
            },
        });
        let preprocessor = json!({
            "crop_size": IMAGE, "size": IMAGE, "do_center_crop": true, "do_resize": true, "resample": 3,
            "do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        });
        let vocabulary = json!({"<|startoftext|>": 1, "<|endoftext|>": 2});
        let write = |name, contents: String| fs::write(directory.join(name), contents).unwrap();
        write("config.json", config.to_string());
        write("preprocessor_config.json", preprocessor.to_string());
        write("vocab.json", vocabulary.to_string());
        write("merges.txt", "#version: 0.2\n".to_owned());
        let file = directory.join("model.safetensors");
        candle_core::safetensors::save(&self.tensors, file).unwrap();
    }

    fn tensor(&self, name: &str) -> &Tensor {
        &self.tensors[name]
    }
}

/// The factor of an outlier channel.
fn factor(channel: usize) -> Option<f32> {
    let outlier = OUTLIERS.iter().find(|(outlier, _)| *outlier == channel);
    outlier.map(|(_, factor)| *factor)
}

/// The vision tower with candle's functions, and with products by `product(input, weight)`.
struct Reference<'a> {
    weights: &'a Weights,
    product: fn(&Tensor, &Tensor) -> Result<Tensor>,
    /// The ratio of the largest to the median input, in the product where it is lowest.
    outliers: Cell<f32>,
}

impl Reference<'_> {
    fn linear(&self, name: &str, input: &Tensor) -> Result<Tensor> {
        let weight = self.weights.tensor(&format!("{name}.weight"));
        self.look(input)?;
        (self.product)(input, weight)?.broadcast_add(self.weights.tensor(&format!("{name}.bias")))
    }

    /// Records how much the largest input stands out.
    fn look(&self, input: &Tensor) -> Result<()> {
        let mut largest = input.abs()?.max(0)?.to_vec1::<f32>()?;
        largest.sort_by(f32::total_cmp);
        let ratio = largest[largest.len() - 1] / largest[largest.len() / 2];
        self.outliers.set(self.outliers.get().min(ratio));
        Ok(())
    }

    fn norm(&self, name: &str, input: &Tensor) -> Result<Tensor> {
        let centred = input.broadcast_sub(&input.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        centred
            .broadcast_div(&(variance + 1e-5)?.sqrt()?)?
            .broadcast_mul(self.weights.tensor(&format!("{name}.weight")))?
            .broadcast_add(self.weights.tensor(&format!("{name}.bias")))
    }

    fn attention(&self, name: &str, hidden: &Tensor) -> Result<Tensor> {
        let heads = |part: &str| {
            self.linear(&format!("{name}.{part}"), hidden)?
                .reshape(((), HEADS, WIDTH / HEADS))?
                .transpose(0, 1)?
                .contiguous()
        };
        let (query, key, value) = (heads("q_proj")?, heads("k_proj")?, heads("v_proj")?);
        let scores = (query.matmul(&key.t()?)? * ((WIDTH / HEADS) as f64).powf(-0.5))?;
        let powers = scores
            .broadcast_sub(&scores.max_keepdim(D::Minus1)?)?
            .exp()?;
        let shares = powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)?;
        let mixed = shares
            .matmul(&value)?
            .transpose(0, 1)?
            .reshape(((), WIDTH))?;
        self.linear(&format!("{name}.out_proj"), &mixed)
    }

    /// (3 · image · image) → (dimension), not normalised.
    fn embed(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        let embeddings = "vision_model.embeddings";
        let pixels = Tensor::new(pixels, &Device::Cpu)?.reshape((1, 3, IMAGE, IMAGE))?;
        let patches = self
            .weights
            .tensor(&format!("{embeddings}.patch_embedding.weight"));
        let patches = pixels
            .conv2d(patches, 0, PATCH, 1, 1)?
            .flatten(2, 3)?
            .get(0)?
            .t()?;
        let class = self
            .weights
            .tensor(&format!("{embeddings}.class_embedding"));
        let positions = self
            .weights
            .tensor(&format!("{embeddings}.position_embedding.weight"));
        let hidden = (Tensor::cat(&[&class.unsqueeze(0)?, &patches], 0)? + positions)?;
        let mut hidden = self.norm("vision_model.pre_layrnorm", &hidden)?;
        for layer in 0..LAYERS {
            let name = format!("vision_model.encoder.layers.{layer}");
            let normed = self.norm(&format!("{name}.layer_norm1"), &hidden)?;
            hidden = (&hidden + self.attention(&format!("{name}.self_attn"), &normed)?)?;
            let normed = self.norm(&format!("{name}.layer_norm2"), &hidden)?;
            let inner = self.linear(&format!("{name}.mlp.fc1"), &normed)?;
            let inner = (&inner / ((&inner * -1.702)?.exp()? + 1.0)?)?;
            hidden = (&hidden + self.linear(&format!("{name}.mlp.fc2"), &inner)?)?;
        }
        let pooled = self.norm("vision_model.post_layernorm", &hidden.narrow(0, 0, 1)?)?;
        let projection = self.weights.tensor("visual_projection.weight");
        (self.product)(&pooled, projection)?.get(0)?.to_vec1()
    }
}

fn exact(input: &Tensor, weight: &Tensor) -> Result<Tensor> {
    input.matmul(&weight.t()?)
}

/// int8 with one scale and zero point a row of inputs, and one scale an output, without special treatment of outliers.
fn plain_int8(input: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let zeros = input.narrow(1, 0, 1)?.zeros_like()?;
    let low = input.min_keepdim(1)?.minimum(&zeros)?;
    let high = input.max_keepdim(1)?.maximum(&zeros)?;
    let scale = ((high - &low)? / 255.0)?;
    let zero = low.neg()?.div(&scale)?.round()?;
    let bytes = input.broadcast_div(&scale)?.broadcast_add(&zero)?.round()?;
    let input = bytes
        .clamp(0.0, 255.0)?
        .broadcast_sub(&zero)?
        .broadcast_mul(&scale)?;
    let scale = (weight.abs()?.max_keepdim(1)? / 127.0)?;
    let weight = weight
        .broadcast_div(&scale)?
        .round()?
        .broadcast_mul(&scale)?;
    exact(&input, &weight)
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let product = |one: &[f32], other: &[f32]| -> f64 {
        let products = one.iter().zip(other);
        products
            .map(|(one, other)| f64::from(*one) * f64::from(*other))
            .sum()
    };
    product(one, other) / (product(one, one) * product(other, other)).sqrt()
}

#[test]
fn outliers_do_not_spoil_int8() {
    let directory = tempfile::tempdir().unwrap();
    let mut weights = Weights::new();
    weights.write(directory.path());
    let pictures: Vec<Vec<f32>> = (0..2)
        .map(|_| weights.random.numbers(3 * IMAGE * IMAGE, 0.0, 1.0))
        .collect();
    let model = |precision, instructions| {
        let model = Model::load(Checkpoint::open(directory.path()).unwrap()).unwrap();
        model.computed_by(Arithmetic {
            precision,
            instructions,
        })
    };
    let embed = |model: &Model| {
        let pixels = pictures.iter().cloned();
        let pixels = pixels.map(|values| Pixels::new(IMAGE, IMAGE, values).unwrap());
        model.embed_pixels(&pixels.collect::<Vec<_>>()).unwrap()
    };
    let reference = |product| Reference {
        weights: &weights,
        product,
        outliers: Cell::new(f32::INFINITY),
    };
    let lowest = |found: &[Vec<f32>], expected: &[Vec<f32>]| {
        let cosines = found.iter().zip(expected);
        let cosines = cosines.map(|(one, other)| cosine(one, other));
        cosines.fold(1.0, f64::min)
    };
    let expected = embed(&model(Precision::F32, Instructions::best()));

    let exactly = reference(exact);
    let same: Vec<Vec<f32>> = pictures
        .iter()
        .map(|it| exactly.embed(it).unwrap())
        .collect();
    let cosine = lowest(&same, &expected);
    assert!(
        cosine > 0.999_999,
        "the reference is another model: {cosine}"
    );
    let stands_out = exactly.outliers.get();
    assert!(stands_out > 10.0, "no outliers were planted: {stands_out}");

    let naive = reference(plain_int8);
    let naive: Vec<Vec<f32>> = pictures.iter().map(|it| naive.embed(it).unwrap()).collect();
    let cosine = lowest(&naive, &expected);
    assert!(
        cosine < 0.999,
        "these outliers are none that matter: {cosine}"
    );

    for instructions in Instructions::available() {
        let found = embed(&model(Precision::Int8, instructions));
        let cosine = lowest(&found, &expected);
        assert!(cosine >= 0.999, "{instructions:?}: {cosine}");
    }
}
