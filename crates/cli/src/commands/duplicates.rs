use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use clipseek::Clipseek;
use search::{DuplicateOptions, Duplicates};

use super::search::cosine;
use crate::collection_argument::CollectionArgument;
use crate::error::Error;
use crate::exit::Outcome;
use crate::filter_arguments::FilterArguments;
use crate::output;
use crate::progress;
use crate::render::{Groups, duplicates};
use crate::terminal::{count, message};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    collection: CollectionArgument,

    /// Compare the pixels of pictures from this cosine similarity on
    ///
    /// Above 0 and at most 1; 1 finds only exact copies. The default is 0.85 with the model mini and 0.93 with others.
    #[arg(short, long, value_name = "COSINE", value_parser = cosine, allow_negative_numbers = true)]
    threshold: Option<f32>,

    #[command(flatten)]
    filters: FilterArguments,

    /// Write this format [default: from the extension of --to, else table]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    /// With --format paths or paths0, list near-duplicates too
    #[arg(long)]
    near: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Human-readable groups
    Table,
    /// One JSON object
    Json,
    /// One JSON object per group and line
    Jsonl,
    /// A self-contained page with the pictures side by side
    Html,
    /// The paths of the copies that can be deleted, one per line
    Paths,
    /// The same paths, each followed by a zero byte, for `xargs -0`
    Paths0,
}

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    let format = arguments.format()?;
    if let Some(to) = &arguments.to {
        output::check_folder(to)?;
        output::spare_picture(to)?;
    }
    let collection = clipseek.collection(arguments.collection.name())?;
    let filter = arguments.filters.conditions().filter(&collection)?;
    let default = DuplicateOptions::of_model(collection.model());
    let options = DuplicateOptions {
        threshold: arguments.threshold.unwrap_or(default.threshold),
        filter,
    };
    let bar = progress::bar(0, "comparing pairs");
    let found = collection.duplicates(&options, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let groups = Groups {
        collection: collection.name().to_owned(),
        model: collection.model().reference.clone(),
        threshold: options.threshold,
        found: found?,
    };
    explain(&groups.found);
    if !arguments.near && matches!(format, Format::Paths | Format::Paths0) {
        note_near_duplicates(&groups.found);
    }
    show(&groups, format, arguments)?;
    Ok(Outcome::of(!groups.found.groups.is_empty()))
}

/// Reports what was left out, and that there are no duplicates.
fn explain(found: &Duplicates) {
    if found.left_out > 0 {
        let reasons = [
            (found.gone, "gone"),
            (found.changed, "changed"),
            (
                found.left_out - found.gone - found.changed,
                "without an embedding",
            ),
        ];
        let reasons = reasons.iter().filter(|(number, _)| *number > 0);
        let reasons: Vec<String> = reasons
            .map(|(number, reason)| format!("{number} {reason}"))
            .collect();
        message!(
            "left out {} ({}); add their sources again to compare them too",
            count(found.left_out, "picture"),
            reasons.join(", ")
        );
    }
    if found.groups.is_empty() {
        message!("no duplicates among {}", count(found.pictures, "picture"));
    }
}

/// Reports how many near-duplicates are not listed.
fn note_near_duplicates(found: &Duplicates) {
    let others = found.groups.iter().flat_map(|group| &group.duplicates);
    let near = others.filter(|other| !other.is_copy).count();
    if near > 0 {
        message!(
            "{} not listed; to list them too: --near",
            count(near, "near-duplicate")
        );
    }
}

fn show(groups: &Groups, format: Format, arguments: &Arguments) -> Result<()> {
    let (to, near) = (arguments.to.as_deref(), arguments.near);
    if format == Format::Table {
        if groups.found.groups.is_empty() {
            return Ok(());
        }
        return output::write_styled(to, |out| duplicates::table(groups, out));
    }
    output::write(to, |out| match format {
        Format::Table => duplicates::table(groups, out),
        Format::Json => duplicates::json(groups, out),
        Format::Jsonl => duplicates::json_lines(groups, out),
        Format::Html => Ok(out.write_all(duplicates::page(groups).as_bytes())?),
        Format::Paths => duplicates::paths(groups, near, "\n", out),
        Format::Paths0 => duplicates::paths(groups, near, "\0", out),
    })
}

impl Arguments {
    fn format(&self) -> Result<Format, Error> {
        let format = match (self.format, &self.to) {
            (Some(format), _) => format,
            (None, Some(path)) => Format::of_file(path)?,
            (None, None) => Format::Table,
        };
        if format == Format::Html && self.to.is_none() && std::io::stdout().is_terminal() {
            return Err(Error::NotForATerminal { format: "HTML" });
        }
        Ok(format)
    }
}

impl Format {
    fn of_file(path: &Path) -> Result<Format, Error> {
        match output::ending(path).as_str() {
            "html" | "htm" => Ok(Format::Html),
            "json" => Ok(Format::Json),
            "jsonl" | "ndjson" => Ok(Format::Jsonl),
            "txt" => Ok(Format::Table),
            _ => Err(Error::UnknownExtension {
                path: path.to_owned(),
                expected: "use .html, .json, .jsonl or .txt, or --format",
            }),
        }
    }
}
