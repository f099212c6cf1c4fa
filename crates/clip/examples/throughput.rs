//! Times a model for `tools/bench_encoder.py`, which asks in turn for this one and for its peers:
//! `cargo run --release -p clip --example throughput -- DIR`.
//!
//! Each line of the input is a precision, `pictures` or `texts`, and how many at once; `texts` are followed by how many
//! tokens each has. The answer is the seconds that it took. A `vector` in place of a number of pictures is answered with the
//! vector of the picture in the file that follows, in little-endian f32 of (3, height, width).

use std::{
    collections::HashMap,
    error::Error,
    io::{self, BufRead, Write},
    path::Path,
    time::Instant,
};

use clip::{Arithmetic, Checkpoint, Model, Pixels, Precision};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).ok_or("usage: throughput DIR")?;
    let mut models = HashMap::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [precision, what, rest @ ..] = words.as_slice() else {
            continue;
        };
        if !models.contains_key(*precision) {
            models.clear();
            models.insert(
                (*precision).to_owned(),
                load(Path::new(&directory), precision)?,
            );
        }
        let answer = answer(&models[*precision], what, rest)?;
        println!("{answer}");
        io::stdout().flush()?;
    }
    Ok(())
}

fn load(directory: &Path, precision: &str) -> Result<Model, Box<dyn Error>> {
    let precision = match precision {
        "f32" => Precision::F32,
        "bf16" => Precision::Bf16,
        "int8" => Precision::Int8,
        other => return Err(format!("no precision `{other}`").into()),
    };
    let model = Model::load(Checkpoint::open(directory)?)?;
    Ok(model.computed_by(Arithmetic {
        precision,
        ..Arithmetic::default()
    }))
}

fn answer(model: &Model, what: &str, rest: &[&str]) -> Result<String, Box<dyn Error>> {
    let size = model.description().image_size.unwrap_or_default();
    match (what, rest) {
        ("vector", [file]) => {
            let bytes = std::fs::read(file)?;
            let (numbers, _) = bytes.as_chunks::<4>();
            let numbers = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes));
            let pixels = Pixels::new(size, size, numbers.collect())?;
            Ok(format!("{:?}", model.embed_pixels(&[pixels])?[0]))
        }
        ("pictures", [count]) => {
            let values = (0..3 * size * size).map(|place| (place as f32 * 0.1).sin());
            let pixels = Pixels::new(size, size, values.collect())?;
            let pixels = vec![pixels; count.parse()?];
            seconds(|| model.embed_pixels(&pixels))
        }
        ("texts", [count, tokens]) => {
            let (count, tokens): (u32, u32) = (count.parse()?, tokens.parse()?);
            let text = |text: u32| {
                let words = (0..tokens - 2).map(|place| 320 + 7 * place + 131 * text);
                let ends = (49_406, 49_407);
                std::iter::once(ends.0)
                    .chain(words)
                    .chain([ends.1])
                    .collect()
            };
            let texts: Vec<Vec<u32>> = (0..count).map(text).collect();
            seconds(|| model.embed_tokens(&texts))
        }
        _ => Err(format!("what is `{what} {}`?", rest.join(" ")).into()),
    }
}

fn seconds<T>(work: impl FnOnce() -> clip::Result<T>) -> Result<String, Box<dyn Error>> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64().to_string())
}
