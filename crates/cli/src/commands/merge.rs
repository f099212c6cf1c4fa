use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use search::{AddOptions, Collection, Failure, MergeEvent, MergeReport, Store};

use super::add::tell_of_waiting;
use crate::engines::tell_of_late;
use crate::error::Error;
use crate::exit::Outcome;
use crate::interrupt;
use crate::progress;
use crate::sources::place;
use crate::terminal::{message, visible};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The collections to take from
    #[arg(required = true, value_name = "FROM")]
    from: Vec<String>,

    /// The collection to take them into
    #[arg(long, value_name = "NAME")]
    into: String,

    /// The store of the collections to take from [default: the same]
    #[arg(long, value_name = "DIR")]
    from_store: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, store: &Store) -> Result<Outcome> {
    Store::check_name(&arguments.into)?;
    let other_store = arguments.open_from()?;
    let from_store = other_store.as_ref().unwrap_or(store);
    let mut from = Vec::new();
    for name in &arguments.from {
        if other_store.is_none() && *name == arguments.into {
            return Err(Error::MergeIntoItself { name: name.clone() }.into());
        }
        from.push(from_store.collection(name)?);
    }
    // Before anything is made: they have to be of one model.
    if let [first, others @ ..] = from.as_slice() {
        for other in others {
            first
                .accept(other.model())
                .map_err(|error| explained(error, other.name(), first.name()))?;
        }
    }
    let stop = interrupt::flag()?;
    let options = AddOptions {
        stop,
        waiting: &tell_of_waiting,
        ..AddOptions::default()
    };
    let mut well = true;
    for other in &from {
        let into = store
            .collection_or_new(&arguments.into, other.model())
            .map_err(|error| explained(error, other.name(), &arguments.into))?;
        let folder = dataset::absolute(&store.downloads(into.name()))?;
        let (report, without_files) = merge(&into, other, &folder, &options)?;
        summarise(&report, without_files, other.name(), into.name());
        if report.stopped {
            message!("stopped; the same command goes on from here");
            return Ok(Outcome::Interrupted);
        }
        well &= report.failed == 0 && report.incomplete == 0 && without_files == 0;
    }
    Ok(Outcome::of(well))
}

impl Arguments {
    fn open_from(&self) -> Result<Option<Store>> {
        let Some(directory) = &self.from_store else {
            return Ok(None);
        };
        match Store::is_at(directory) {
            true => Ok(Some(Store::open(directory)?)),
            false => {
                let store = directory.clone();
                Err(Error::NoCollections { store }.into())
            }
        }
    }
}

/// An error of two collections that do not go together.
fn explained(error: search::Error, name: &str, into: &str) -> anyhow::Error {
    match error {
        search::Error::OtherModel { .. } | search::Error::OtherTextModel { .. } => {
            let (name, into) = (name.to_owned(), into.to_owned());
            Error::MergeOfModels { name, into }.into()
        }
        error => error.into(),
    }
}

/// Merges, and counts the pictures of URLs whose files are gone.
fn merge(
    into: &Collection<'_>,
    other: &Collection<'_>,
    folder: &Path,
    options: &AddOptions<'_>,
) -> Result<(MergeReport, usize)> {
    let bar = progress::bar(usize::try_from(other.pictures())?, "merging");
    let mut without_files = 0;
    let copy = |file: &str| {
        let copy = copied(Path::new(file), folder)?;
        without_files += usize::from(!copy.exists());
        anyhow::Ok(place(&copy))
    };
    let report = into.merge(other, options, copy, |event| match event {
        MergeEvent::Progress(report) => {
            bar.set_position((report.added + report.present) as u64);
        }
        MergeEvent::Failed(failure) => bar.suspend(|| tell_of_failure(failure)),
    });
    bar.finish_and_clear();
    Ok((report?, without_files))
}

/// The copy of a fetched picture among those of another collection: a link to the same content where that
/// can be. One that is gone has no copy, and is found to be missing there as well.
fn copied(file: &Path, folder: &Path) -> Result<PathBuf> {
    let name = file.file_name().unwrap_or_default();
    let group = file.parent().and_then(Path::file_name).unwrap_or_default();
    let copy = folder.join("images").join(group).join(name);
    if copy.exists() || !file.exists() {
        return Ok(copy);
    }
    let copying = || {
        fs::create_dir_all(copy.parent().unwrap_or(folder))?;
        if fs::hard_link(file, &copy).is_ok() {
            return Ok(());
        }
        // Renamed when it is whole.
        let beside = copy.with_extension("part");
        fs::copy(file, &beside)?;
        fs::rename(&beside, &copy)
    };
    copying().with_context(|| format!("cannot copy `{}`", file.display()))?;
    Ok(copy)
}

fn summarise(report: &MergeReport, without_files: usize, from: &str, into: &str) {
    let mut parts = vec![format!("added {}", report.added)];
    for (number, word) in [
        (report.present, "already there"),
        (report.incomplete, "without vectors, left out"),
        (report.failed, "failed"),
        (without_files, "whose files are gone"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    message!("{from} into {into}: {}", parts.join(", "));
    if report.late {
        tell_of_late();
    }
}

fn tell_of_failure(failure: &Failure) {
    message!(
        "skipped {}: {}",
        visible(&failure.place),
        visible(&failure.message)
    );
}
