//! Output to standard output, or to a file that is replaced as a whole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anstream::adapter::strip_bytes;
use anstream::{AutoStream, ColorChoice};
use anyhow::Result;
use dataset::Unfinished;

use crate::error::Error;

/// Calls `write` with the file `to` or with standard output.
pub(crate) fn write(
    to: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let Some(path) = to else {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        return Ok(out.flush()?);
    };
    if let Some(device) = device(path)? {
        let mut out = BufWriter::new(device);
        write(&mut out)?;
        return Ok(out.flush()?);
    }
    let mut out = BufWriter::new(Unfinished::create(path)?);
    write(&mut out)?;
    let file = out.into_inner().map_err(|error| Error::Write {
        path: path.to_owned(),
        source: error.into_error(),
    })?;
    Ok(file.finish()?)
}

/// Opens `path` if it is a device or a pipe, which cannot be replaced.
fn device(path: &Path) -> Result<Option<File>, Error> {
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
            let device = File::options().write(true).open(path);
            device.map(Some).map_err(|source| Error::Write {
                path: path.to_owned(),
                source,
            })
        }
        _ => Ok(None),
    }
}

/// Refuses a file whose folder does not exist, before the work begins.
pub(crate) fn check_folder(to: &Path) -> Result<(), Error> {
    let folder = to.parent().filter(|it| !it.as_os_str().is_empty());
    match folder.map_or(Ok(()), |folder| folder.metadata().map(drop)) {
        Ok(()) => Ok(()),
        Err(source) => Err(Error::Write {
            path: to.to_owned(),
            source,
        }),
    }
}

/// Refuses to overwrite a picture with something else, which is surely a mistake.
pub(crate) fn spare_picture(to: &Path) -> Result<(), Error> {
    // Pipes and devices must not be read.
    if to.is_file() && clipseek::is_picture(to) {
        return Err(Error::OutputIsPicture {
            path: to.to_owned(),
        });
    }
    Ok(())
}

/// The extension of a file name in lower case.
pub(crate) fn ending(path: &Path) -> String {
    let ending = path.extension().unwrap_or_default();
    ending.to_string_lossy().to_lowercase()
}

/// Refuses to overwrite an input of the command.
pub(crate) fn spare(input: &Path, to: &Path) -> Result<(), Error> {
    let same = match (input.canonicalize(), to.canonicalize()) {
        (Ok(input), Ok(to)) => input == to,
        _ => false,
    };
    if same {
        return Err(Error::OutputIsInput {
            path: to.to_owned(),
        });
    }
    Ok(())
}

/// Like [`write()`] for text with styles, which are removed unless the output shows them.
pub(crate) fn write_styled(
    to: Option<&Path>,
    text: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let plain = to.is_some() || is_plain();
    write(to, |out| {
        let mut styled = Vec::new();
        text(&mut styled)?;
        if plain {
            styled = strip_bytes(&styled).into_vec();
        }
        Ok(out.write_all(&styled)?)
    })
}

/// Whether standard output gets no styles.
pub(crate) fn is_plain() -> bool {
    AutoStream::choice(&io::stdout()) == ColorChoice::Never
}
