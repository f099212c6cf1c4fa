//! Loads `clipseek serve` and says how it held up.
//!
//! `load vectors CLIPSEEK [OPTION VALUE]… [--beyond]`: vectors are asked for and written through Pinecone's API. Options:
//! `--vectors`, `--dimension`, `--clients`, `--seconds`, `--many` (clients beyond capacity), `--batch` (vectors in their
//! upserts).
//!
//! `load words CLIPSEEK [OPTION VALUE]…`: a collection is searched by words through the JSON API. Options: `--pictures`,
//! `--clients`, `--queries` (how many different ones), `--seconds`, and `--store`, a folder that keeps the collection for the
//! next time.

mod latencies;
mod random;
mod served;
mod vectors;
mod words;

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// What the command line says.
struct Options {
    program: String,
    numbers: HashMap<String, usize>,
    store: Option<PathBuf>,
    beyond: bool,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            program: arguments.next().ok_or("the path of clipseek is missing")?,
            numbers: HashMap::new(),
            store: None,
            beyond: false,
        };
        while let Some(name) = arguments.next() {
            if name == "--beyond" {
                options.beyond = true;
                continue;
            }
            let value = arguments
                .next()
                .ok_or_else(|| format!("{name} lacks a value"))?;
            match name.as_str() {
                "--store" => options.store = Some(PathBuf::from(value)),
                _ => drop(options.numbers.insert(name, value.parse()?)),
            }
        }
        Ok(options)
    }

    fn number(&self, name: &str, otherwise: usize) -> usize {
        self.numbers.get(name).copied().unwrap_or(otherwise)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let options = Options::read(arguments)?;
    match what.as_str() {
        "vectors" => vectors::run(&options).await,
        "words" => words::run(&options).await,
        _ => Err(format!("`{what}`: expected `vectors` or `words`").into()),
    }
}
