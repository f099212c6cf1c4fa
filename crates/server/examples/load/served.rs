use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Result;

/// A server in a process of its own.
pub(crate) struct Served {
    process: Child,
    /// The address that it serves at.
    pub(crate) control: String,
}

impl Served {
    pub(crate) fn start(program: &str, store: &Path, options: &[&str]) -> Result<Self> {
        let mut process = Command::new(program)
            .arg("--store")
            .arg(store)
            .args(["serve", "--bind", "127.0.0.1:0", "--log", "off"])
            .args(options)
            .env_remove("CLIPSEEK_API_KEYS")
            .env_remove("CLIPSEEK_READ_ONLY_KEYS")
            .stderr(Stdio::piped())
            .spawn()?;
        let said = process.stderr.take().ok_or("no standard error")?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        let words = line.split_whitespace();
        let control = words
            .map(|word| word.trim_end_matches(';'))
            .find(|word| word.starts_with("http"))
            .ok_or_else(|| format!("it does not serve: {line}"))?;
        Ok(Self {
            control: control.to_owned(),
            process,
        })
    }

    /// The processor time that it took so far, as Linux says: in hundredths of a second.
    pub(crate) fn busy(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()));
        let stat = stat.unwrap_or_default();
        // Behind the name in brackets; user's and system's time are the 14th and 15th field of all.
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let hundredths: u64 = fields
            .skip(11)
            .take(2)
            .filter_map(|it| it.parse::<u64>().ok())
            .sum();
        Duration::from_millis(10 * hundredths)
    }

    /// The most memory that it had, as the system says.
    pub(crate) fn peak(&self) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.map_or("unknown".to_owned(), |peak| peak.trim().to_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
