//! Finds pictures of a store with words: `cargo run --example search -- STORE "a dog on the beach"`.

use std::path::Path;

use clipseek::{Clipseek, SearchRequest, Settings, similarity};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Enables decoding of AVIF and JPEG XL, in child processes.
    clipseek::picture::decoder_process::serve_if_asked();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [store, words] = arguments.as_slice() else {
        return Err("usage: search STORE WORDS".into());
    };
    let clipseek = Clipseek::new(Settings::in_directory(Path::new(store)));
    let answer = clipseek.search(&SearchRequest::words(words))?;
    for hit in &answer.found.hits {
        let shown = hit.similarity.map(similarity).unwrap_or_default();
        println!("{shown}  {}", hit.path().display());
    }
    Ok(())
}
