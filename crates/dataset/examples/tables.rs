//! Reads the hostile tables that `tools/corpus/tables.py` creates, in one process.
//!
//!     cargo run --release -p dataset --example tables -- FOLDER
//!
//! Fails if an outcome differs from the folder's `cases.tsv`, if a table takes more than ten seconds, or if
//! the process uses more than a gigabyte of memory. A panic ends it.

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    fs,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use dataset::{Error, Listing, Source, SourceOptions};

const LONGEST: Duration = Duration::from_secs(10);
const MOST_MEMORY: u64 = 1_000_000_000;

fn main() -> Result<ExitCode, Box<dyn StdError>> {
    let folder = std::env::args().nth(1).ok_or("usage: tables FOLDER")?;
    let folder = Path::new(&folder);
    let mut outcomes: BTreeMap<(String, String), BTreeMap<String, usize>> = BTreeMap::new();
    let (mut cases, mut failures, mut slowest) = (0, 0, Duration::ZERO);
    for line in fs::read_to_string(folder.join("cases.tsv"))?.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[file, format, kind, expected] = &fields[..] else {
            return Err(format!("`{line}`, expected four columns").into());
        };
        let start = Instant::now();
        let outcome = outcome(&folder.join(file));
        let time = start.elapsed();
        cases += 1;
        slowest = slowest.max(time);
        if time > LONGEST || expected != "any" && expected != outcome {
            failures += 1;
            println!("{file}: {outcome} in {time:.1?}, expected {expected}");
        }
        let row = outcomes.entry((format.to_owned(), kind.to_owned()));
        *row.or_default().entry(outcome).or_default() += 1;
    }
    for ((format, kind), outcomes) in &outcomes {
        let outcomes: Vec<_> = outcomes
            .iter()
            .map(|(outcome, count)| format!("{count} x {outcome}"))
            .collect();
        println!("{format:8} {kind:10} {}", outcomes.join("; "));
    }
    println!("{cases} tables, {failures} not as expected, slowest {slowest:.1?}");
    let memory = most_memory();
    if let Some(memory) = memory {
        println!("most memory {:.0} MB", memory as f64 / 1e6);
    }
    let passed = failures == 0 && memory.is_none_or(|memory| memory <= MOST_MEMORY);
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The outcome of a table, in a few words.
fn outcome(table: &Path) -> String {
    let listing = Source::open(table, SourceOptions::default()).and_then(|source| source.read());
    match listing {
        Ok(listing) => contents(&listing).unwrap_or_else(|error| error.to_string()),
        Err(Error::Read { .. }) => "unreadable".to_owned(),
        Err(Error::UnknownKind { .. }) => "unknown kind".to_owned(),
        Err(Error::Utf16 { .. }) => "UTF-16".to_owned(),
        Err(Error::HeaderNotUtf8 { .. }) => "header is not UTF-8".to_owned(),
        Err(Error::RepeatedColumn { .. }) => "repeated column".to_owned(),
        Err(Error::NoPathColumn { .. }) => "no path column".to_owned(),
        Err(Error::EmptyTable { .. }) => "empty".to_owned(),
        Err(Error::Parquet { .. }) => "Parquet".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn contents(listing: &Listing) -> Result<String, Error> {
    let mut records = 0;
    for record in listing.records() {
        record?;
        records += 1;
    }
    let mut words = vec![format!(
        "{records} record{}",
        if records == 1 { "" } else { "s" }
    )];
    let mut problems: BTreeMap<String, usize> = BTreeMap::new();
    for problem in listing.listed_problems() {
        *problems.entry(problem?.summary).or_default() += 1;
    }
    words.extend(
        problems
            .iter()
            .map(|(reason, count)| format!("{count} {reason}")),
    );
    Ok(words.join(", "))
}

/// The peak memory of this process in bytes, if the system reports it.
fn most_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
