use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::refusal::Reason;

/// The upper bounds of the histogram's buckets, in seconds.
const BOUNDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The counts since the server started.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    in_flight: AtomicU64,
    connections: AtomicU64,
    refused: [AtomicU64; Reason::ALL.len()],
    routes: Mutex<BTreeMap<String, Route>>,
}

#[derive(Debug, Default)]
struct Route {
    /// By method and status.
    answered: BTreeMap<(&'static str, u16), u64>,
    /// The number of responses between each bound and the one before.
    buckets: [u64; BOUNDS.len()],
    seconds: f64,
    count: u64,
}

/// Counts one in a gauge until it is dropped.
#[derive(Debug)]
pub(crate) struct InGauge<'a>(&'a AtomicU64);

impl Drop for InGauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Counts an open connection.
    pub(crate) fn connection(&self) -> InGauge<'_> {
        Self::one_more(&self.connections)
    }

    /// Counts a request in progress.
    pub(crate) fn request(&self) -> InGauge<'_> {
        Self::one_more(&self.in_flight)
    }

    fn one_more(gauge: &AtomicU64) -> InGauge<'_> {
        gauge.fetch_add(1, Ordering::Relaxed);
        InGauge(gauge)
    }

    pub(crate) fn refused(&self, reason: Reason) {
        self.refused[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, time: Duration) {
        let seconds = time.as_secs_f64();
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if !routes.contains_key(route) {
            routes.insert(route.to_owned(), Route::default());
        }
        let Some(route) = routes.get_mut(route) else {
            return;
        };
        *route.answered.entry((method, status)).or_default() += 1;
        if let Some(bucket) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            route.buckets[bucket] += 1;
        }
        route.seconds += seconds;
        route.count += 1;
    }

    /// The counts in the text format of Prometheus, with the number of vectors of each index.
    pub(crate) fn text(&self, indexes: &[(String, u64)]) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text, indexes);
        text
    }

    fn write(&self, to: &mut String, indexes: &[(String, u64)]) -> std::fmt::Result {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        head(
            to,
            "clipseek_requests_total",
            "counter",
            "Answered requests",
        )?;
        for (name, route) in routes.iter() {
            for ((method, status), count) in &route.answered {
                let labels = format!("method=\"{method}\",route=\"{name}\",status=\"{status}\"");
                writeln!(to, "clipseek_requests_total{{{labels}}} {count}")?;
            }
        }
        head(
            to,
            "clipseek_request_seconds",
            "histogram",
            "Response time in seconds",
        )?;
        for (name, route) in routes.iter() {
            route.write(to, name)?;
        }
        head(
            to,
            "clipseek_requests_in_flight",
            "gauge",
            "Requests in progress",
        )?;
        writeln!(to, "clipseek_requests_in_flight {}", load(&self.in_flight))?;
        head(to, "clipseek_connections", "gauge", "Open connections")?;
        writeln!(to, "clipseek_connections {}", load(&self.connections))?;
        head(
            to,
            "clipseek_refused_total",
            "counter",
            "Refused requests and connections by reason",
        )?;
        for reason in Reason::ALL {
            let (name, count) = (reason.name(), load(&self.refused[reason as usize]));
            writeln!(to, "clipseek_refused_total{{reason=\"{name}\"}} {count}")?;
        }
        head(to, "clipseek_index_vectors", "gauge", "Vectors in an index")?;
        for (name, count) in indexes {
            writeln!(to, "clipseek_index_vectors{{index=\"{name}\"}} {count}")?;
        }
        Ok(())
    }
}

impl Route {
    fn write(&self, to: &mut String, name: &str) -> std::fmt::Result {
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(self.buckets) {
            below += count;
            let labels = format!("route=\"{name}\",le=\"{bound}\"");
            writeln!(to, "clipseek_request_seconds_bucket{{{labels}}} {below}")?;
        }
        let Self { seconds, count, .. } = self;
        let labels = format!("route=\"{name}\",le=\"+Inf\"");
        writeln!(to, "clipseek_request_seconds_bucket{{{labels}}} {count}")?;
        writeln!(
            to,
            "clipseek_request_seconds_sum{{route=\"{name}\"}} {seconds}"
        )?;
        writeln!(
            to,
            "clipseek_request_seconds_count{{route=\"{name}\"}} {count}"
        )
    }
}

fn head(to: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(to, "# HELP {name} {help}.\n# TYPE {name} {kind}")
}

fn load(number: &AtomicU64) -> u64 {
    number.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let metrics = Metrics::default();
        for milliseconds in [1, 3, 40_000] {
            metrics.answered("GET", "/indexes", 200, Duration::from_millis(milliseconds));
        }
        let text = metrics.text(&[("animals".to_owned(), 3)]);
        for line in [
            "clipseek_requests_total{method=\"GET\",route=\"/indexes\",status=\"200\"} 3",
            "clipseek_request_seconds_bucket{route=\"/indexes\",le=\"0.001\"} 1",
            "clipseek_request_seconds_bucket{route=\"/indexes\",le=\"0.005\"} 2",
            "clipseek_request_seconds_bucket{route=\"/indexes\",le=\"30\"} 2",
            "clipseek_request_seconds_bucket{route=\"/indexes\",le=\"+Inf\"} 3",
            "clipseek_request_seconds_count{route=\"/indexes\"} 3",
            "clipseek_index_vectors{index=\"animals\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
