//! Decodes damaged copies of files for a while and reports panics and the slowest.
//!
//!     cargo run --release -p picture --example fuzz -- SECONDS SEED FILE...

use std::{
    fs,
    time::{Duration, Instant},
};

use picture::{Error, Exif, Limits, Picture, decoding_cost};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seconds, seed, files @ ..] = &arguments[..] else {
        panic!("expected a number of seconds, a seed and files")
    };
    let end = Instant::now() + Duration::from_secs(seconds.parse().expect("a number of seconds"));
    let mut random = Random(seed.parse::<u64>().expect("a seed").max(1));
    let files: Vec<_> = files
        .iter()
        .map(|file| fs::read(file).expect("a file"))
        .collect();

    let (mut runs, mut pictures, mut panics) = (0, 0, 0);
    let mut slowest = (Duration::ZERO, String::new());
    while Instant::now() < end {
        let original = random.below(files.len());
        let bytes = damaged(&files[original], &mut random);
        let start = Instant::now();
        let _ = Exif::of(&bytes);
        let _ = decoding_cost(&bytes, &Limits::default(), 224);
        let result = Picture::decode(&bytes, &Limits::default());
        let outcome = (
            start.elapsed(),
            format!("{}: {result:?}", arguments[2 + original]),
        );
        match result {
            Ok(_) => pictures += 1,
            Err(Error::DecoderFailed { .. }) => {
                panics += 1;
                println!("{}", outcome.1);
            }
            Err(_) => {}
        }
        slowest = slowest.max(outcome);
        runs += 1;
    }
    println!("{runs} runs, {pictures} pictures, {panics} panics, slowest {slowest:?}");
}

/// A copy with a few changes, half of them near the start, where the headers are.
fn damaged(file: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..=random.below(6) {
        let reach = if random.below(2) == 0 {
            bytes.len()
        } else {
            bytes.len().min(200)
        };
        let place = random.below(reach);
        let end = bytes.len().min(place + 1 + random.below(16));
        match random.below(5) {
            0 => bytes[place] ^= 1 << random.below(8),
            1 => bytes[place] = random.below(256) as u8,
            2 => bytes[place..end.min(place + 4)].fill([0, 1, 127, 128, 255][random.below(5)]),
            3 => drop(bytes.drain(place..end)),
            _ => {
                let part = bytes[place..end].to_vec();
                bytes.splice(place..place, part);
            }
        }
        if bytes.is_empty() {
            return bytes;
        }
    }
    bytes
}

/// Xorshift: never zero, and the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
