//! Pictures given on the command line.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clipseek::{Clipseek, GivenPicture, PictureInput};
use picture::Limits;

use crate::error::Error;

/// The argument that means standard input.
const STANDARD_INPUT: &str = "-";

/// The picture at a path or URL; `-` reads one from standard input.
pub(crate) fn given(at: &Path) -> Result<GivenPicture> {
    if at == Path::new(STANDARD_INPUT) {
        return of_standard_input().map(GivenPicture::Read);
    }
    Ok(GivenPicture::At(at.to_owned()))
}

/// Splits arguments into files, which may be sources, and pictures from URLs or standard input.
pub(crate) fn pictures(
    clipseek: &Clipseek,
    all: &[PathBuf],
) -> Result<(Vec<PathBuf>, Vec<PictureInput>)> {
    let (mut files, mut received) = (Vec::new(), Vec::new());
    for at in all {
        match clipseek.picture(&given(at)?)? {
            PictureInput::File(path) => files.push(path),
            picture => received.push(picture),
        }
    }
    Ok((files, received))
}

fn of_standard_input() -> Result<PictureInput> {
    let (limit, mut bytes) = (Limits::default().bytes, Vec::new());
    let mut input = std::io::stdin().lock().take(limit + 1);
    input
        .read_to_end(&mut bytes)
        .context("could not read standard input")?;
    match bytes.len() as u64 {
        0 => Err(Error::NoInput.into()),
        length if length > limit => Err(Error::InputTooLarge { limit }.into()),
        _ => Ok(PictureInput::Bytes {
            name: "standard input".to_owned(),
            bytes,
        }),
    }
}
