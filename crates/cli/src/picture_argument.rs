//! Pictures that are named on the command line.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clipseek::{Clipseek, GivenPicture, PictureInput};
use picture::Limits;

use crate::error::Error;

/// What stands for standard input.
const STANDARD_INPUT: &str = "-";

/// The picture at a path or a URL, or with `-` that of standard input, which is read now.
pub(crate) fn given(at: &Path) -> Result<GivenPicture> {
    if at == Path::new(STANDARD_INPUT) {
        return of_standard_input().map(GivenPicture::Read);
    }
    Ok(GivenPicture::At(at.to_owned()))
}

/// Those of several, apart: files, which may be sources, and what is received.
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
        .context("standard input could not be read")?;
    match bytes.len() as u64 {
        0 => Err(Error::NoInput.into()),
        length if length > limit => Err(Error::InputTooLarge { limit }.into()),
        _ => Ok(PictureInput::Bytes {
            name: "standard input".to_owned(),
            bytes,
        }),
    }
}
