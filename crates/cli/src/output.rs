//! Where data goes: standard output, or a file that is there whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anstream::adapter::strip_bytes;
use anstream::{AutoStream, ColorChoice};
use anyhow::Result;

use crate::error::Error;

/// Hands `write` what it should write to: standard output, or the file `to`. A file is written
/// beside its place and renamed when it is whole.
pub(crate) fn write(
    to: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    match to {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            write(&mut out)?;
            Ok(out.flush()?)
        }
        Some(path) => write_file(path, write),
    }
}

/// As [`write`], for text with styles: they are taken out where they would not show.
pub(crate) fn write_styled(
    to: Option<&Path>,
    text: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let plain = to.is_some() || AutoStream::choice(&io::stdout()) == ColorChoice::Never;
    write(to, |out| {
        let mut styled = Vec::new();
        text(&mut styled)?;
        Ok(if plain {
            out.write_all(&strip_bytes(&styled).into_vec())?
        } else {
            out.write_all(&styled)?
        })
    })
}

fn write_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let at = |source: io::Error| Error::Write {
        path: path.to_owned(),
        source,
    };
    let beside = beside(path);
    let mut out = BufWriter::new(fs::File::create(&beside).map_err(at)?);
    let written = write(&mut out).and_then(|()| Ok(out.flush().map_err(at)?));
    drop(out);
    match written {
        Ok(()) => Ok(fs::rename(&beside, path).map_err(at)?),
        Err(error) => {
            // The half-written file is of no use; that it stays is no worse than the error told.
            let _ = fs::remove_file(&beside);
            Err(error)
        }
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}
