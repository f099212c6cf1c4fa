//! Indexes a folder or a table and shows progress: `cargo run --example ingest -- STORE SOURCE`.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use clipseek::{AddProgress, AddRequest, Clipseek, MINI, ModelChoice, Settings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Enables decoding of AVIF and JPEG XL, in child processes.
    clipseek::picture::decoder_process::serve_if_asked();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [store, source] = arguments.as_slice() else {
        return Err("usage: ingest STORE SOURCE".into());
    };
    let clipseek = Clipseek::new(Settings::in_directory(Path::new(store)));
    let request = AddRequest {
        sources: vec![source.into()],
        model: ModelChoice::named(MINI),
        ..AddRequest::default()
    };
    // A program with a button to stop would set this.
    let stop = AtomicBool::new(false);
    let report = clipseek.add(request, &stop, &|progress| match progress {
        AddProgress::Indexing { done, total, .. } => println!("{done} of {total}"),
        AddProgress::Failed(failure) => println!("{}: {}", failure.location, failure.message),
        _ => {}
    })?;
    println!("added {} in {:.1} s", report.counts.added, report.took);
    Ok(())
}
