//! Compares vectors of full-size models with reference vectors: `cargo run --release -p clip --example parity --
//! DIR…`.
//!
//! The recipes in `tools/fixtures/clip/` write a model, its inputs and its results into each DIR with `--full DIR`.
//! Fails if a difference exceeds its tolerance.

use std::{env, error::Error, fmt::Display, fs, path::Path, process::ExitCode};

use clip::{Checkpoint, Model, Pixels};
use picture::{Limits, Picture};
use safetensors::{SafeTensors, tensor::TensorView};

/// The tolerance for a number of a unit vector, given equal pixels or token ids.
const TOLERANCE: f32 = 1e-5;
/// The tolerance for residual networks, in which rounding errors accumulate over many more layers.
const RESIDUAL_TOLERANCE: f32 = 1e-4;
/// The lowest cosine of two vectors of a JPEG file, which different libraries decode.
const LEAST_COSINE: f32 = 0.9999;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let directories: Vec<_> = env::args_os().skip(1).collect();
    if directories.is_empty() {
        return Err("usage: parity DIR…".into());
    }
    println!(
        "{:16} {:>14} {:>14} {:>16} {:>18}",
        "model", "pictures off", "texts off", "from JPEG, cos", "other token ids"
    );
    let mut passed = true;
    for directory in &directories {
        let row = Row::measure(Path::new(directory))?;
        println!("{row}");
        passed &= row.passes();
    }
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The measurements of one model.
struct Row {
    name: String,
    tolerance: f32,
    /// The largest difference in vectors of pixels, and of token ids.
    pictures: f32,
    texts: f32,
    /// The lowest cosine.
    jpeg: Option<f32>,
    /// The number of strings with different token ids, and of all strings.
    strings: Option<(usize, usize)>,
}

impl Row {
    fn measure(directory: &Path) -> Result<Self, Box<dyn Error>> {
        let model = Model::load(Checkpoint::open(directory)?)?;
        let expected = fs::read(directory.join("expected.safetensors"))?;
        let expected = SafeTensors::deserialize(&expected)?;
        let floats = |name| -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
            Ok(rows(&expected.tensor(name)?, f32::from_le_bytes))
        };
        let size = model.description().image_size;
        let size = size.ok_or("a text-only model")?;
        let pixels = floats("pixel_values")?.into_iter();
        let pixels = pixels
            .map(|values| Pixels::new(size, size, values))
            .collect::<Result<Vec<_>, _>>()?;
        let tokens = rows(&expected.tensor("input_ids")?, |bytes| {
            i64::from_le_bytes(bytes) as u32
        });
        let jpeg = match expected.tensor("jpeg_embeds") {
            Ok(_) => Some(lowest(
                &embed_files(&model, &directory.join("jpeg"))?,
                &floats("jpeg_embeds")?,
            )),
            Err(_) => None,
        };
        let name = directory.file_name().unwrap_or(directory.as_os_str());
        Ok(Self {
            name: name.display().to_string(),
            tolerance: tolerance(directory)?,
            pictures: farthest(&model.embed_pixels(&pixels)?, &floats("image_embeds")?),
            texts: farthest(&model.embed_tokens(&tokens)?, &floats("text_embeds")?),
            jpeg,
            strings: compare_strings(&model, &directory.join("strings/strings.jsonl"))?,
        })
    }

    fn passes(&self) -> bool {
        self.pictures <= self.tolerance
            && self.texts <= TOLERANCE
            && self.jpeg.is_none_or(|cosine| cosine >= LEAST_COSINE)
            && self.strings.is_none_or(|(wrong, _)| wrong == 0)
    }
}

impl Display for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let jpeg = self
            .jpeg
            .map_or("-".to_owned(), |cosine| format!("{cosine:.6}"));
        let strings = match self.strings {
            Some((wrong, count)) => format!("{wrong} of {count}"),
            None => "-".to_owned(),
        };
        write!(
            formatter,
            "{:16} {:>14.1e} {:>14.1e} {jpeg:>16} {strings:>18}",
            self.name, self.pictures, self.texts
        )?;
        if self.passes() {
            Ok(())
        } else {
            write!(formatter, "  TOO FAR")
        }
    }
}

/// A residual network is recognised by its list of stages.
fn tolerance(directory: &Path) -> Result<f32, Box<dyn Error>> {
    let Ok(config) = fs::read(directory.join("open_clip_config.json")) else {
        return Ok(TOLERANCE);
    };
    let config: serde_json::Value = serde_json::from_slice(&config)?;
    if config["model_cfg"]["vision_cfg"]["layers"].is_array() {
        Ok(RESIDUAL_TOLERANCE)
    } else {
        Ok(TOLERANCE)
    }
}

/// The vectors of the files in `directory`, sorted by name.
fn embed_files(model: &Model, directory: &Path) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let files = fs::read_dir(directory)?.map(|file| file.map(|file| file.path()));
    let mut files = files.collect::<Result<Vec<_>, _>>()?;
    files.sort();
    let pictures = files
        .iter()
        .map(|file| Picture::open(file, &Limits::default()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(model.embed_pictures(&pictures)?)
}

/// The number of strings whose token ids differ from the file, and of all strings; `None` without a file.
fn compare_strings(model: &Model, file: &Path) -> Result<Option<(usize, usize)>, Box<dyn Error>> {
    if !file.exists() {
        return Ok(None);
    }
    let (mut count, mut wrong) = (0, 0);
    for line in fs::read_to_string(file)?.split_terminator('\n') {
        // CLIP's vocabulary comes in two files; the first list of ids is for that form.
        let row: Vec<serde_json::Value> = serde_json::from_str(line)?;
        let expected: Vec<u32> = serde_json::from_value(row[1].clone())?;
        count += 1;
        wrong += usize::from(model.tokenize(row[0].as_str().unwrap_or_default())? != expected);
    }
    Ok(Some((wrong, count)))
}

/// The rows of a tensor, along its first dimension.
fn rows<const BYTES: usize, T: Clone>(
    tensor: &TensorView<'_>,
    number: impl Fn([u8; BYTES]) -> T,
) -> Vec<Vec<T>> {
    let numbers = tensor.data().as_chunks().0.iter();
    let numbers: Vec<T> = numbers.map(|&bytes| number(bytes)).collect();
    numbers
        .chunks(numbers.len() / tensor.shape()[0])
        .map(<[T]>::to_vec)
        .collect()
}

fn farthest(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    assert_eq!(found.len(), expected.len(), "as many vectors");
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    pairs
        .map(|(one, other)| (one - other).abs())
        .fold(0.0, f32::max)
}

/// The lowest cosine between vectors of unit length.
fn lowest(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    assert_eq!(found.len(), expected.len(), "as many vectors");
    let cosines = found.iter().zip(expected).map(|(one, other)| {
        let products = one.iter().zip(other).map(|(one, other)| one * other);
        products.sum::<f32>()
    });
    cosines.fold(1.0, f32::min)
}
