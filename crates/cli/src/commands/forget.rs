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
    /// Pictures' files, URLs or ids; folders, for all pictures below them; tables, for what only they name
    #[arg(required = true, value_name = "PATH|URL|ID")]
    paths: Vec<PathBuf>,

    /// The collection [default: `default`, or the only one there is]
    #[arg(short, long, value_name = "NAME", env = environment::COLLECTION, hide_env_values = true)]
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
                "collection {} has no picture at {}",
                collection.name(),
                visible(&location)
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
