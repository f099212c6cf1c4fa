use anyhow::Result;
use clap::{Args, ValueEnum};
use clipseek::Clipseek;
use search::{CheckOptions, CheckReport, FaultKind};

use crate::collection_argument::CollectionArgument;
use crate::exit::Outcome;
use crate::interrupt;
use crate::output;
use crate::progress;
use crate::terminal::{count, message, visible};

/// The number of faults shown one by one; the rest are only counted.
const SHOWN: usize = 20;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    collection: CollectionArgument,

    /// Read every file and compare it with what was indexed
    #[arg(long)]
    read: bool,

    /// Repair what can be repaired
    #[arg(long)]
    repair: bool,

    /// Print the report in this format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Human-readable text
    Table,
    /// JSON
    Json,
}

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    let name = clipseek.collection_name(arguments.collection.name())?;
    let store = clipseek.existing_store()?;
    let collection = if arguments.repair {
        store.collection_to_fill(&name, None)?
    } else {
        store.collection(&name)?
    };
    let info = collection.info();
    let options = CheckOptions {
        read: arguments.read,
        repair: arguments.repair,
        stop: interrupt::flag()?,
        waiting: &|| {
            message!("waiting for another clipseek process that is adding to this collection");
        },
    };
    let bar = progress::bar((info.pictures + info.missing) as usize, "checking");
    let report = collection.check(&options, |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let report = report?;
    match arguments.format {
        Format::Json => output::write(None, |out| {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            Ok(writeln!(out)?)
        })?,
        Format::Table => print(&report, arguments.repair),
    }
    if report.stopped {
        return Ok(Outcome::Interrupted);
    }
    let is_in_order = report.is_clean() && lacking(&report) + report.unreadable == 0;
    Ok(Outcome::of(is_in_order))
}

/// The number of pictures that must be embedded again, which no repair does.
fn lacking(report: &CheckReport) -> usize {
    let kinds = report.faults.iter().map(|fault| fault.kind);
    let lacking =
        |kind: &FaultKind| matches!(kind, FaultKind::NoVectors | FaultKind::DamagedVector);
    kinds.filter(lacking).count()
}

fn print(report: &CheckReport, repair: bool) {
    for fault in report.faults.iter().take(SHOWN) {
        let done = if repair {
            format!(": {}", fault.kind.remedy())
        } else {
            String::new()
        };
        message!(
            "{}: {}{done}",
            visible(&fault.subject),
            fault.kind.describe()
        );
    }
    if report.faults.len() > SHOWN {
        message!(
            "{} more; --format json lists them all",
            report.faults.len() - SHOWN
        );
    }
    for (number, what) in [
        (
            report.missing - report.unreadable,
            "missing; searches find it again once its file is back",
        ),
        (
            report.unreadable,
            "unreadable; searches find it again once its file can be read",
        ),
        (
            report.unfinished,
            "incomplete; add the source again to finish",
        ),
        (
            report.changed.len(),
            "changed or back; add the source again to update",
        ),
    ] {
        if number > 0 {
            message!("{}: {what}", count(number, "picture"));
        }
    }
    let is_plain = report.missing + report.unfinished + report.changed.len() == 0;
    let pictures = count(report.pictures, "picture");
    match (report.faults.len(), repair) {
        (0, _) if is_plain => message!("{pictures}, no faults"),
        (0, _) => message!("{pictures}, no other faults"),
        (faults, true) if lacking(report) == 0 => {
            message!("{pictures}, {} repaired", count(faults, "fault"));
        }
        (faults, true) => message!(
            "{pictures}, {}: {} repaired; add the sources again for the other {}",
            count(faults, "fault"),
            faults - lacking(report),
            lacking(report)
        ),
        (faults, false) => message!(
            "{pictures}, {}; to repair: --repair",
            count(faults, "fault")
        ),
    }
}
