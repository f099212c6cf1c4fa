//! Pictures and texts a second with the model in a directory: `cargo run --release -p clip --example throughput -- DIR`.
//!
//! Each figure is the best of five, as other work on the machine only ever adds time.

use std::{env, error::Error, path::Path, time::Instant};

use clip::{Checkpoint, Model, Pixels};

const TEXT: &str = "a photo of two dogs that play in the snow";

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args_os().nth(1).ok_or("usage: throughput DIR")?;
    let model = Model::load(Checkpoint::open(Path::new(&directory))?)?;
    if let Some(size) = model.description().image_size {
        pictures(&model, size)?;
    }
    for batch in [1, 32] {
        let seconds = best_of_five(|| model.embed_texts(&vec![TEXT; batch]))?;
        println!(
            "texts,    {batch:2} at once: {:6.1} a second",
            batch as f64 / seconds
        );
    }
    Ok(())
}

fn pictures(model: &Model, size: usize) -> clip::Result<()> {
    for batch in [1, 8] {
        let pixels = vec![Pixels::new(size, size, vec![0.5; 3 * size * size])?; batch];
        let seconds = best_of_five(|| model.embed_pixels(&pixels))?;
        println!(
            "pictures, {batch:2} at once: {:6.1} a second",
            batch as f64 / seconds
        );
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
