use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use clipseek::Clipseek;
use dataset::{Address, Row};
use serde_json::{Value, json};

use crate::exit::Outcome;
use crate::output;
use crate::sources::TableArguments;
use crate::terminal::{count, visible};

/// The number of hosts shown.
const SHOWN: usize = 10;

/// Inspect a table, a folder of tables or a Hugging Face data set
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the first rows
    #[command(after_help = "Examples:
  clipseek dataset head Train_GCC-training.tsv
  clipseek dataset head hf:google-research-datasets/conceptual_captions --rows 3
  clipseek dataset head urls.parquet --sample 5 --format jsonl")]
    Head(Head),
    /// Count rows, pictures, captions and hosts
    #[command(after_help = "Examples:
  clipseek dataset stats Train_GCC-training.tsv
  clipseek dataset stats urls.parquet --format json")]
    Stats(Stats),
}

#[derive(Args, Debug)]
pub(crate) struct Head {
    /// Table, folder of tables, or hf:OWNER/NAME
    source: PathBuf,

    /// Print this many rows
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5)]
    rows: usize,

    /// Print the result in this format
    #[arg(long, value_enum, default_value_t = HeadFormat::Text)]
    format: HeadFormat,

    #[command(flatten)]
    table: TableArguments,
}

#[derive(Args, Debug)]
pub(crate) struct Stats {
    /// Table, folder of tables, or hf:OWNER/NAME
    source: PathBuf,

    /// Print the result in this format
    #[arg(long, value_enum, default_value_t = StatsFormat::Text)]
    format: StatsFormat,

    #[command(flatten)]
    table: TableArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HeadFormat {
    /// Human-readable text
    Text,
    /// One JSON object per line
    Jsonl,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StatsFormat {
    /// Human-readable text
    Text,
    /// JSON
    Json,
}

pub(crate) fn run(command: &Command, clipseek: &Clipseek) -> Result<Outcome> {
    match command {
        Command::Head(arguments) => head(arguments, clipseek),
        Command::Stats(arguments) => stats(arguments, clipseek),
    }
}

fn head(arguments: &Head, clipseek: &Clipseek) -> Result<Outcome> {
    let source = clipseek.table(&arguments.source, &arguments.table.options())?;
    let mut rows = Vec::new();
    if arguments.rows > 0 {
        source.rows(|_, line, row| {
            rows.push((line, row));
            if rows.len() < arguments.rows {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
    }
    output::write(None, |out| {
        for (line, row) in &rows {
            match arguments.format {
                HeadFormat::Jsonl => {
                    let row = match row {
                        Ok(row) => object(*line, row),
                        Err(reason) => json!({"line": line, "error": reason.to_string()}),
                    };
                    writeln!(out, "{row}")?;
                }
                HeadFormat::Text => match row {
                    Ok(row) => text(*line, row, out)?,
                    Err(reason) => writeln!(out, "{line}: {}", visible(&reason.to_string()))?,
                },
            }
        }
        Ok(())
    })?;
    Ok(Outcome::of(!rows.is_empty()))
}

fn object(line: u64, row: &Row) -> Value {
    json!({
        "line": line,
        "id": row.id,
        "image": row.path,
        "captions": row.captions,
        "metadata": row.metadata,
    })
}

fn text(line: u64, row: &Row, out: &mut dyn std::io::Write) -> Result<()> {
    writeln!(out, "{line}: {}", visible(&row.path))?;
    for caption in &row.captions {
        writeln!(out, "    {}", visible(caption))?;
    }
    if let Some(id) = &row.id {
        writeln!(out, "    id: {}", visible(id))?;
    }
    for (name, value) in &row.metadata {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        writeln!(out, "    {}: {}", visible(name), visible(&value))?;
    }
    Ok(())
}

/// The counts of `dataset stats`.
#[derive(Default)]
struct Counts {
    rows: u64,
    /// Unreadable rows by reason.
    unread: BTreeMap<&'static str, u64>,
    urls: u64,
    paths: u64,
    captions: u64,
    /// Words of all captions.
    words: u64,
    longest: usize,
    hosts: HashMap<String, u64>,
    columns: BTreeMap<String, u64>,
}

impl Counts {
    fn add(&mut self, row: Result<Row, dataset::ProblemReason>) {
        self.rows += 1;
        let row = match row {
            Ok(row) => row,
            Err(reason) => return *self.unread.entry(reason.summary()).or_default() += 1,
        };
        let path = row.path.trim();
        match Address::of(path) {
            Ok(Some(Address::Web(url))) => {
                self.urls += 1;
                *self.hosts.entry(url.host().to_owned()).or_default() += 1;
            }
            _ if path.is_empty() => *self.unread.entry("no path").or_default() += 1,
            Err(_) => *self.unread.entry("not a URL").or_default() += 1,
            Ok(_) => self.paths += 1,
        }
        for caption in &row.captions {
            self.captions += 1;
            self.words += caption.split_whitespace().count() as u64;
            self.longest = self.longest.max(caption.chars().count());
        }
        for name in row.metadata.keys() {
            match self.columns.get_mut(name) {
                Some(number) => *number += 1,
                None => drop(self.columns.insert(name.clone(), 1)),
            }
        }
    }

    /// The most frequent hosts.
    fn common_hosts(&self) -> Vec<(&str, u64)> {
        let mut hosts: Vec<(&str, u64)> = self
            .hosts
            .iter()
            .map(|(host, number)| (host.as_str(), *number))
            .collect();
        hosts.sort_by_key(|&(host, number)| (std::cmp::Reverse(number), host));
        hosts.truncate(SHOWN);
        hosts
    }

    fn words_a_caption(&self) -> f64 {
        self.words as f64 / self.captions.max(1) as f64
    }

    fn to_json(&self) -> Value {
        let hosts: Vec<Value> = self
            .common_hosts()
            .into_iter()
            .map(|(host, rows)| json!({"host": host, "rows": rows}))
            .collect();
        json!({
            "rows": self.rows,
            "urls": self.urls,
            "paths": self.paths,
            "unread": self.unread,
            "captions": self.captions,
            "words_per_caption": self.words_a_caption(),
            "longest_caption": self.longest,
            "hosts": self.hosts.len(),
            "common_hosts": hosts,
            "other_columns": self.columns,
        })
    }

    fn write(&self, out: &mut dyn std::io::Write) -> Result<()> {
        writeln!(out, "{} rows", self.rows)?;
        if self.urls > 0 {
            writeln!(
                out,
                "{} URLs at {}",
                self.urls,
                count(self.hosts.len(), "host")
            )?;
        }
        if self.paths > 0 {
            writeln!(out, "{} paths", self.paths)?;
        }
        writeln!(
            out,
            "{} captions, of {:.1} words on average, at most {} characters",
            self.captions,
            self.words_a_caption(),
            self.longest
        )?;
        for (reason, number) in &self.unread {
            writeln!(out, "not read: {reason}: {number}")?;
        }
        for (name, number) in &self.columns {
            writeln!(out, "column {}: {number} values", visible(name))?;
        }
        for (host, number) in self.common_hosts() {
            writeln!(out, "host {}: {number}", visible(host))?;
        }
        Ok(())
    }
}

fn stats(arguments: &Stats, clipseek: &Clipseek) -> Result<Outcome> {
    let source = clipseek.table(&arguments.source, &arguments.table.options())?;
    let mut counts = Counts::default();
    source.rows(|_, _, row| {
        counts.add(row);
        ControlFlow::Continue(())
    })?;
    output::write(None, |out| match arguments.format {
        StatsFormat::Text => counts.write(out),
        StatsFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, &counts.to_json())?;
            Ok(writeln!(out)?)
        }
    })?;
    Ok(Outcome::of(counts.rows > 0))
}
