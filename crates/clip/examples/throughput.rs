//! Measures pictures and texts a second with the model in a directory, in each precision: `cargo run --release -p clip
//! --example throughput -- DIR`. Reports the best of five runs, because other work on the machine only adds time.
//!
//! With `--asked` after DIR, it serves `tools/bench_encoder.py`, which times it and other libraries in turn. Each
//! input line is a precision, `pictures` or `texts`, and a batch size; `texts` also has the tokens of each text. The
//! answer is the time in seconds. `vector` and a file instead of a batch size are answered with the embedding of the
//! file's pixels, little-endian f32 of (3, height, width).

use std::{
    collections::HashMap,
    error::Error,
    io::{self, BufRead, Write},
    path::Path,
    time::Instant,
};

use clip::{Arithmetic, Checkpoint, Model, Pixels, Precision};

const TEXT: &str = "a photo of two dogs that play in the snow";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = arguments.next().ok_or("usage: throughput DIR [--asked]")?;
    let directory = Path::new(&directory);
    match arguments.next() {
        None => table(directory),
        Some(_) => answers(directory),
    }
}

fn table(directory: &Path) -> Result<(), Box<dyn Error>> {
    for precision in Precision::ALL.map(Precision::name) {
        let model = load(directory, precision)?;
        if let Some(size) = model.description().image_size {
            for batch in [1, 8] {
                let pixels = Pixels::new(size, size, vec![0.5; 3 * size * size])?;
                let pixels = vec![pixels; batch];
                let rate = batch as f64 / best_of_five(|| model.embed_pixels(&pixels))?;
                println!("{precision}: pictures, {batch:2} at once: {rate:6.1} a second");
            }
        }
        for batch in [1, 32] {
            let rate = batch as f64 / best_of_five(|| model.embed_texts(&vec![TEXT; batch]))?;
            println!("{precision}: texts,    {batch:2} at once: {rate:6.1} a second");
        }
    }
    Ok(())
}

fn best_of_five<T>(mut work: impl FnMut() -> clip::Result<T>) -> clip::Result<f64> {
    // The first use reads the weights.
    work()?;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn answers(directory: &Path) -> Result<(), Box<dyn Error>> {
    let mut models = HashMap::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [precision, what, rest @ ..] = words.as_slice() else {
            continue;
        };
        if !models.contains_key(*precision) {
            models.clear();
            models.insert((*precision).to_owned(), load(directory, precision)?);
        }
        let answer = answer(&models[*precision], what, rest)?;
        println!("{answer}");
        io::stdout().flush()?;
    }
    Ok(())
}

fn load(directory: &Path, precision: &str) -> Result<Model, Box<dyn Error>> {
    let precision =
        Precision::named(precision).ok_or_else(|| format!("no precision `{precision}`"))?;
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
            let ends = model.tokenize("")?;
            let (first, last) = ends.split_at(ends.len() / 2);
            let text = |text: u32| {
                let words = (0..tokens - 2).map(|place| 320 + 7 * place + 131 * text);
                let words: Vec<u32> = words.collect();
                [first, &words, last].concat()
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
