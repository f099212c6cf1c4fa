//! Decodes the hostile pictures of `tools/corpus/make.py`, or any others, in one process.
//!
//!     cargo run --release -p picture --example corpus -- FOLDER
//!
//! If the folder has a `cases.tsv`, fails when an outcome differs from it. Otherwise decodes every file under the
//! folder. Also fails when it catches a panic, a file takes more than ten seconds, or memory exceeds a gigabyte.

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use picture::{Error, Format, Limits, Metadata, Picture, decoding_cost, read_within};

const LONGEST: Duration = Duration::from_secs(10);
const MOST_MEMORY: u64 = 1_500_000_000;

fn main() -> Result<ExitCode, Box<dyn StdError>> {
    picture::decoder_process::serve_if_asked();
    let folder = std::env::args().nth(1).ok_or("usage: corpus FOLDER")?;
    let cases = cases(Path::new(&folder))?;
    let mut table = Table::default();
    for case in &cases {
        table.add(case, &case.run());
    }
    table.print();
    let memory = most_memory();
    if let Some(memory) = memory {
        println!("peak memory {:.0} MB", memory as f64 / 1e6);
    }
    let passed = table.failures == 0 && memory.is_none_or(|memory| memory <= MOST_MEMORY);
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A file and its expected outcome.
struct Case {
    file: PathBuf,
    format: String,
    kind: String,
    expected: String,
}

struct Outcome {
    /// `indexed`, or the error's reason.
    name: String,
    panicked: bool,
    time: Duration,
}

impl Case {
    fn run(&self) -> Outcome {
        let start = Instant::now();
        let picture = read_within(&self.file, &Limits::default()).and_then(|bytes| {
            let _ = Metadata::of(&bytes);
            let _ = decoding_cost(&bytes, &Limits::default(), 224);
            Picture::decode_reduced(&bytes, &Limits::default(), 224)?;
            Picture::decode(&bytes, &Limits::default())
        });
        Outcome {
            name: match &picture {
                Ok(_) => "indexed".to_owned(),
                Err(error) => error.reason().to_owned(),
            },
            // These decoders are known to fail, and run in child processes.
            panicked: matches!(picture, Err(Error::DecoderFailed { format, .. }) if !matches!(format, Format::Avif | Format::Jxl)),
            time: start.elapsed(),
        }
    }

    fn allows(&self, outcome: &Outcome) -> bool {
        let is_expected = self.expected == "any"
            || self
                .expected
                .split(',')
                .any(|expected| expected == outcome.name);
        is_expected && !outcome.panicked && outcome.time <= LONGEST
    }
}

/// The cases of the table, or every file under `folder`.
fn cases(folder: &Path) -> Result<Vec<Case>, Box<dyn StdError>> {
    let table = folder.join("cases.tsv");
    if !table.exists() {
        let mut cases = Vec::new();
        find(folder, &mut cases)?;
        return Ok(cases);
    }
    let line = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[file, format, kind, expected] = &fields[..] else {
            return Err(format!("`{line}`, expected four columns").into());
        };
        Ok(Case {
            file: folder.join(file),
            format: format.to_owned(),
            kind: kind.to_owned(),
            expected: expected.to_owned(),
        })
    };
    fs::read_to_string(table)?.lines().map(line).collect()
}

fn find(folder: &Path, cases: &mut Vec<Case>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, cases)?;
        } else {
            let extension = path.extension().unwrap_or_default().to_string_lossy();
            cases.push(Case {
                format: extension.to_lowercase(),
                kind: "found".to_owned(),
                expected: "any".to_owned(),
                file: path,
            });
        }
    }
    Ok(())
}

/// Outcomes by format and kind.
#[derive(Default)]
struct Table {
    rows: BTreeMap<(String, String), BTreeMap<String, usize>>,
    slowest: Option<(Duration, PathBuf)>,
    cases: usize,
    failures: usize,
}

impl Table {
    fn add(&mut self, case: &Case, outcome: &Outcome) {
        let row = (case.format.clone(), case.kind.clone());
        let outcomes = self.rows.entry(row).or_default();
        *outcomes.entry(outcome.name.clone()).or_default() += 1;
        self.cases += 1;
        if !case.allows(outcome) {
            self.failures += 1;
            println!(
                "{}: {}{} in {:.1?}, expected {}",
                case.file.display(),
                outcome.name,
                if outcome.panicked { ", by a panic" } else { "" },
                outcome.time,
                case.expected
            );
        }
        let slowest = Some((outcome.time, case.file.clone()));
        self.slowest = self.slowest.take().max(slowest);
    }

    fn print(&self) {
        for ((format, kind), outcomes) in &self.rows {
            let count: usize = outcomes.values().sum();
            let outcomes: Vec<_> = outcomes
                .iter()
                .map(|(outcome, count)| format!("{count} {outcome}"))
                .collect();
            println!("{format:8} {kind:10} {count:5}  {}", outcomes.join(", "));
        }
        println!(
            "{} files, {} unexpected outcomes",
            self.cases, self.failures
        );
        if let Some((time, file)) = &self.slowest {
            println!("slowest {time:.1?}, {}", file.display());
        }
    }
}

/// The process's peak memory in bytes, if the system reports it.
fn most_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
