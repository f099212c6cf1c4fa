//! Where data goes: standard output, or a file that is there whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anstream::adapter::strip_bytes;
use anstream::{AutoStream, ColorChoice};
use anyhow::Result;
use dataset::Unfinished;

use crate::error::Error;

/// Hands `write` what it should write to: standard output, or the file `to`.
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

/// What has that name and can be written to, but is no file: a device, a pipe.
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

/// Refuses a file whose folder is not there, before there is something to write.
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

/// Refuses to write something else over a picture: it would be meant by nobody.
pub(crate) fn spare_picture(to: &Path) -> Result<(), Error> {
    // What is no file, such as a pipe, is not read.
    if to.is_file() && clipseek::is_picture(to) {
        return Err(Error::OutputIsPicture {
            path: to.to_owned(),
        });
    }
    Ok(())
}

/// What a file's name ends in, in small letters.
pub(crate) fn ending(path: &Path) -> String {
    let ending = path.extension().unwrap_or_default();
    ending.to_string_lossy().to_lowercase()
}

/// Refuses to write over what the command reads.
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

/// As [`write()`], for text with styles: they are taken out where they would not show.
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

/// Whether styles would not show on standard output, or are not wanted.
pub(crate) fn is_plain() -> bool {
    AutoStream::choice(&io::stdout()) == ColorChoice::Never
}
