use std::fmt;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The maximum number of lines that wait for a slow writer. Excess lines are dropped and counted, so that no request waits
/// for the log.
const WAITING: usize = 4096;

/// How long shutdown waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A log with a JSON line per request.
pub struct Log {
    lines: Option<SyncSender<String>>,
    written: Mutex<Receiver<()>>,
    left_out: AtomicU64,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

/// The text of an internal error, for the log. Responses carry it in their extensions.
#[derive(Clone, Debug)]
pub(crate) struct Fault(pub(crate) String);

/// The data of a log line.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) id: &'a str,
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    pub(crate) index: Option<&'a str>,
    pub(crate) status: u16,
    pub(crate) refused: Option<&'static str>,
    /// The internal error, if there was one.
    pub(crate) error: Option<&'a str>,
    pub(crate) time: Duration,
}

impl Log {
    /// A log to `writer`, written by a separate thread.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn to(mut writer: impl Write + Send + 'static) -> std::io::Result<Log> {
        let (sender, lines) = sync_channel::<String>(WAITING);
        let (done, written) = sync_channel(1);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                for line in lines {
                    // A failure to write the log cannot be reported.
                    let _ = writer.write_all(line.as_bytes());
                }
                let _ = writer.flush();
                let _ = done.send(());
            })?;
        Ok(Log {
            lines: Some(sender),
            written: Mutex::new(written),
            left_out: AtomicU64::new(0),
        })
    }

    pub(crate) fn write(&self, line: &Line<'_>) {
        let mut value = line.to_json();
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            value["left_out"] = left_out.into();
        }
        let sent = self
            .lines
            .as_ref()
            .map(|lines| lines.try_send(format!("{value}\n")));
        if !matches!(sent, Some(Ok(()))) {
            self.left_out.fetch_add(left_out + 1, Ordering::Relaxed);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines = None;
        if let Ok(written) = self.written.get_mut() {
            let _ = written.recv_timeout(LAST_LINES);
        }
    }
}

impl Line<'_> {
    fn to_json(&self) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_millis() as f64 / 1e3;
        let microseconds = self.time.as_micros() as f64;
        let mut value = json!({
            "time": now,
            "id": self.id,
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "milliseconds": microseconds / 1e3,
        });
        if let Some(index) = self.index {
            value["index"] = index.into();
        }
        if let Some(reason) = self.refused {
            value["refused"] = reason.into();
        }
        if let Some(error) = self.error {
            value["error"] = error.into();
        }
        value
    }
}
