//! How far vectors are from transformers' at true size: `cargo run --release -p clip --example parity -- DIR`, where
//! `tools/fixtures/clip/make.py --full DIR` wrote the model, its inputs and results, and the strings.

use std::{env, error::Error, fs, path::Path};

use clip::{Checkpoint, Model, Pixels};
use safetensors::{SafeTensors, tensor::TensorView};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args_os().nth(1).ok_or("usage: parity DIR")?;
    let directory = Path::new(&directory);
    let model = Model::load(Checkpoint::open(directory)?)?;
    let expected = fs::read(directory.join("expected.safetensors"))?;
    let expected = SafeTensors::deserialize(&expected)?;

    let size = model
        .description()
        .image_size
        .ok_or("a model of texts alone")?;
    let pixels = rows(&expected.tensor("pixel_values")?, f32::from_le_bytes).into_iter();
    let pixels = pixels
        .map(|values| Pixels::new(size, size, values))
        .collect::<Result<Vec<_>, _>>()?;
    let vectors = rows(&expected.tensor("image_embeds")?, f32::from_le_bytes);
    println!(
        "pictures: off by {:.1e} at most",
        farthest(&model.embed_pixels(&pixels)?, &vectors)
    );

    let tokens = rows(&expected.tensor("input_ids")?, |bytes| {
        i64::from_le_bytes(bytes) as u32
    });
    let vectors = rows(&expected.tensor("text_embeds")?, f32::from_le_bytes);
    println!(
        "texts: off by {:.1e} at most",
        farthest(&model.embed_tokens(&tokens)?, &vectors)
    );

    let strings = fs::read_to_string(directory.join("strings/strings.jsonl"))?;
    let (mut count, mut wrong) = (0, 0);
    for line in strings.split_terminator('\n') {
        // The model's vocabulary is in two files, as that of the first list of ids.
        let row: Vec<serde_json::Value> = serde_json::from_str(line)?;
        let expected: Vec<u32> = serde_json::from_value(row[1].clone())?;
        count += 1;
        wrong += usize::from(model.tokenize(row[0].as_str().unwrap_or_default())? != expected);
    }
    println!("strings: {wrong} of {count} have other token ids");
    Ok(())
}

/// The rows of a tensor, along its first dimension.
fn rows<const BYTES: usize, T: Clone>(
    tensor: &TensorView<'_>,
    number: impl Fn([u8; BYTES]) -> T,
) -> Vec<Vec<T>> {
    let numbers: Vec<T> = tensor
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|&bytes| number(bytes))
        .collect();
    numbers
        .chunks(numbers.len() / tensor.shape()[0])
        .map(<[T]>::to_vec)
        .collect()
}

fn farthest(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    pairs
        .map(|(one, other)| (one - other).abs())
        .fold(0.0, f32::max)
}
