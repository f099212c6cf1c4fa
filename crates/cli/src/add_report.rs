//! The JSON report of an `add`. Failures are kept in temporary files until the report is written, so that memory use is
//! bounded.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clipseek::AddReport;
use dataset::ListedProblem;
use search::Failure;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::output;

/// A report in progress.
pub(crate) struct ReportFile {
    path: PathBuf,
    failed: Lines,
    /// Files and rows that are not pictures.
    skipped: Lines,
}

#[derive(Serialize)]
struct Skipped<'a> {
    path: &'a str,
    line: Option<u64>,
    reason: &'a str,
    message: &'a str,
}

impl ReportFile {
    pub(crate) fn create(path: &Path) -> Result<ReportFile> {
        Ok(ReportFile {
            path: path.to_owned(),
            failed: Lines::new()?,
            skipped: Lines::new()?,
        })
    }

    pub(crate) fn skip(&mut self, problem: &ListedProblem) -> Result<()> {
        self.skipped.push(&Skipped {
            path: &problem.file,
            line: problem.line,
            reason: &problem.summary,
            message: &problem.message,
        })
    }

    pub(crate) fn fail(&mut self, failure: &Failure) -> Result<()> {
        self.failed.push(failure)
    }

    /// Writes the object: the counts and the two lists.
    pub(crate) fn finish(self, report: &AddReport) -> Result<()> {
        let mut counts: Map<String, Value> = serde_json::from_value(serde_json::to_value(report)?)?;
        // The lists replace these counts.
        for name in ["failed", "skipped", "reasons"] {
            counts.shift_remove(name);
        }
        output::write(Some(&self.path), |out| {
            writeln!(out, "{{")?;
            for (name, value) in &counts {
                writeln!(out, "  {}: {value},", Value::from(name.as_str()))?;
            }
            write!(out, "  \"failed\": ")?;
            self.failed.write(out)?;
            write!(out, ",\n  \"skipped\": ")?;
            self.skipped.write(out)?;
            Ok(writeln!(out, "\n}}")?)
        })
    }
}

/// JSON values in an unnamed temporary file, one per line.
struct Lines(BufWriter<File>);

impl Lines {
    fn new() -> Result<Lines> {
        let file = tempfile::tempfile().context("could not create a temporary file")?;
        Ok(Lines(BufWriter::new(file)))
    }

    fn push(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.0, value)?;
        Ok(self.0.write_all(b"\n")?)
    }

    /// Writes the values as a JSON array.
    fn write(self, out: &mut dyn Write) -> Result<()> {
        let mut file = self
            .0
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        file.rewind()?;
        let mut before = "\n    ";
        write!(out, "[")?;
        for line in BufReader::new(file).lines() {
            write!(out, "{before}{}", line?)?;
            before = ",\n    ";
        }
        Ok(write!(out, "\n  ]")?)
    }
}
