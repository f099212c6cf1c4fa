use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clipseek::{Clipseek, Forgotten};

use crate::environment;
use crate::exit::Outcome;
use crate::interrupt;
use crate::terminal::{count, message, visible};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Files, URLs or ids of pictures; folders; or tables
    ///
    /// A folder stands for all pictures below it, a table for the pictures that only it lists.
    #[arg(required = true, value_name = "PATH|URL|ID")]
    paths: Vec<PathBuf>,

    /// Use this collection [default: `default`, or the only one]
    ///
    /// CLIPSEEK_COLLECTION sets another default.
    #[arg(short, long, value_name = "NAME", env = environment::COLLECTION, hide_env = true)]
    collection: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    let collection = clipseek.collection(arguments.collection.as_deref())?;
    let stop = interrupt::flag()?;
    let mut all = true;
    for path in &arguments.paths {
        let Forgotten { location, pictures } = clipseek.forget(&collection, path, stop)?;
        match pictures {
            0 => message!(
                "no picture at {} in collection {}",
                visible(&location),
                collection.name()
            ),
            _ => message!(
                "forgot {} at {}",
                count(pictures, "picture"),
                visible(&location)
            ),
        }
        all &= pictures > 0;
    }
    Ok(Outcome::of(all))
}
