use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clipseek::{Clipseek, MergeRequest, Merged};
use search::{Collection, MergeEvent};

use crate::engine_arguments::note_delay;
use crate::exit::Outcome;
use crate::interrupt;
use crate::progress;
use crate::sources::SkippedReport;
use crate::terminal::message;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Collections to copy from
    #[arg(required = true, value_name = "FROM")]
    from: Vec<String>,

    /// Copy into this collection
    #[arg(long, value_name = "NAME")]
    into: String,

    /// Copy from collections in this store [default: the same store]
    #[arg(long, value_name = "DIR")]
    from_store: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    let request = MergeRequest {
        from: arguments.from.clone(),
        from_store: arguments.from_store.clone(),
        into: arguments.into.clone(),
    };
    let bar = progress::bar(0, "merging");
    let skipped = SkippedReport::all();
    let progress = |from: &Collection<'_>, event: MergeEvent<'_>| match event {
        MergeEvent::Progress(report) => {
            bar.set_length(from.pictures());
            bar.set_position((report.added + report.completed + report.present) as u64);
        }
        MergeEvent::Failed(failure) => skipped.add_picture(&bar, failure),
    };
    let merged = clipseek.merge(&request, interrupt::flag()?, progress, |merged| {
        bar.suspend(|| summarise(merged, &arguments.into));
    });
    bar.finish_and_clear();
    let mut well = true;
    for merged in merged? {
        let report = &merged.report;
        if report.stopped {
            message!("stopped; run the same command to resume");
            return Ok(Outcome::Interrupted);
        }
        well &= report.failed == 0 && report.incomplete == 0 && merged.without_files == 0;
    }
    Ok(Outcome::of(well))
}

fn summarise(merged: &Merged, into: &str) {
    let (from, report) = (&merged.name, &merged.report);
    let mut parts = vec![format!("added {}", report.added)];
    for (number, word) in [
        (
            report.completed,
            "already there, with new captions or metadata",
        ),
        (report.present, "already there"),
        (report.incomplete, "left out without embeddings"),
        (report.failed, "failed"),
        (merged.without_files, "with missing files"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    message!("{from} into {into}: {}", parts.join(", "));
    if report.late {
        note_delay();
    }
}
