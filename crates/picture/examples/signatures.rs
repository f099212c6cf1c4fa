//! Finds versions of the same picture by their signatures.
//!
//!     cargo run --release -p picture --example signatures -- FOLDER
//!
//! Prints every pair of files in the folder within `Signature::SAME`, the nearest pairs beyond it, and the number and
//! time of comparisons. `tools/fixtures/picture/documents.py` renders similar documents and versions of photographs.

use std::{error::Error, fs, time::Instant};

use picture::{Limits, Picture, Signature, read_within};

fn main() -> Result<(), Box<dyn Error>> {
    picture::decoder_process::serve_if_asked();
    let folder = std::env::args().nth(1).ok_or("usage: signatures FOLDER")?;
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let start = Instant::now();
    let mut signatures = Vec::new();
    for file in &files {
        let bytes = read_within(file, &Limits::default())?;
        let reduced = Picture::decode_reduced(&bytes, &Limits::default(), 224)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        signatures.push((name.into_owned(), reduced.signature()));
    }
    println!("read {} files in {:.1?}", files.len(), start.elapsed());
    let start = Instant::now();
    let mut pairs = Vec::new();
    for (index, (name, signature)) in signatures.iter().enumerate() {
        for (other, other_signature) in &signatures[..index] {
            pairs.push((signature.distance(other_signature), other, name));
        }
    }
    println!("compared {} pairs in {:.1?}", pairs.len(), start.elapsed());
    pairs.sort_by(|left, right| left.0.total_cmp(&right.0));
    let same = pairs.partition_point(|pair| pair.0 <= Signature::SAME);
    for (distance, first, second) in &pairs[..same] {
        println!("same\t{distance:.2}\t{first}\t{second}");
    }
    for (distance, first, second) in pairs[same..].iter().take(20) {
        println!("different\t{distance:.2}\t{first}\t{second}");
    }
    Ok(())
}
