//! Classifies a picture: `cargo run --example classify -- PICTURE LABEL…`.

use std::path::Path;

use clipseek::{
    Classifier, Clipseek, MINI, ModelChoice, PictureInput, Settings, Template, check_labels,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Enables decoding of AVIF and JPEG XL, in child processes.
    clipseek::picture::decoder_process::serve_if_asked();
    let mut arguments = std::env::args().skip(1);
    let picture = arguments.next().ok_or("usage: classify PICTURE LABEL…")?;
    let labels = check_labels(&arguments.collect::<Vec<_>>())?;
    // The bundled model needs no store.
    let clipseek = Clipseek::new(Settings::in_directory(Path::new("unused")));
    let model = clipseek.models().load(&ModelChoice::named(MINI))?.model;
    let classifier = Classifier::new(&model, &labels, &[Template::default()])?;
    let classified = classifier.picture(&PictureInput::File(picture.into()))?;
    for label in classified.labels {
        println!("{:5.1} %  {}", 100.0 * label.probability, label.label);
    }
    Ok(())
}
