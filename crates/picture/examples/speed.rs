//! Times each step from a file to a model's input, on one thread.
//!
//!     cargo run --release -p picture --example speed -- [FILE...]
//!
//! Without files, resamples generated drawings. With files, reads, decodes and resamples each, and compares decoding
//! with the `image` crate.

use std::{path::Path, time::Instant};

use picture::{ContentHash, Filter, Limits, Picture, Size, Window, read_within};

fn main() -> picture::Result<()> {
    picture::decoder_process::serve_if_asked();
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        for (width, height) in [
            (640, 480),
            (480, 640),
            (1920, 1080),
            (4000, 3000),
            (1, 10_000),
        ] {
            time_steps(&drawing(width, height)?);
        }
    }
    for file in files {
        let bytes = read_within(Path::new(&file), &Limits::default())?;
        println!("{file}");
        time("content hash", || ContentHash::of(&bytes));
        let picture = time("decode", || Picture::decode(&bytes, &Limits::default()))?;
        for (name, shortest) in [("a half", 2), ("a quarter", 4), ("an eighth", 8)] {
            let shortest = picture.width().min(picture.height()) / shortest;
            time(&format!("decode at {name}"), || {
                Picture::decode_reduced(&bytes, &Limits::default(), shortest)
            })?;
        }
        let peer = time("decode, image crate", || image::load_from_memory(&bytes));
        if let Err(error) = peer {
            println!("  the image crate: {error}");
        }
        time_steps(&picture);
    }
    Ok(())
}

fn time_steps(picture: &Picture) {
    println!("{}x{}", picture.width(), picture.height());
    let (full, window) = middle(picture, 224);
    for filter in [Filter::Bicubic, Filter::Lanczos3, Filter::Nearest] {
        time(&format!("{filter:?} to 224"), || {
            picture.resample(full, window, filter)
        });
    }
    let thumbnail = time("thumbnail of 320", || picture.thumbnail(320, 320));
    time("thumbnail to JPEG", || thumbnail.to_jpeg(85));
}

/// CLIP's preprocessing: the shortest edge resized to `edge`, then a centre crop.
fn middle(picture: &Picture, edge: u32) -> (Size, Window) {
    let shortest = u64::from(picture.width().min(picture.height()));
    let side = |side: u32| (u64::from(edge) * u64::from(side) / shortest) as u32;
    let full = Size {
        width: side(picture.width()),
        height: side(picture.height()),
    };
    let (left, top) = ((full.width - edge) / 2, (full.height - edge) / 2);
    (
        full,
        Window {
            left,
            top,
            width: edge,
            height: edge,
        },
    )
}

fn drawing(width: u32, height: u32) -> picture::Result<Picture> {
    let samples = u64::from(width) * u64::from(height) * 3;
    Picture::from_rgb(
        width,
        height,
        (0..samples)
            .map(|index| ((index * index) >> 7) as u8)
            .collect(),
    )
}

/// Prints the shortest of several runs and returns the last result.
fn time<T>(name: &str, mut work: impl FnMut() -> T) -> T {
    let mut best = f64::INFINITY;
    let mut runs = 0;
    loop {
        let start = Instant::now();
        let result = std::hint::black_box(work());
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
        if runs == 20 {
            println!("  {name:<20} {:>8.2} ms", best * 1000.0);
            return result;
        }
    }
}
