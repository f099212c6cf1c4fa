use std::time::Duration;

/// Prints how many there were in this time, and how long they took.
pub(crate) fn say_latencies(what: &str, times: &mut [Duration], time: Duration) {
    times.sort_unstable();
    let Some(longest) = times.last() else {
        return println!("{what}: none");
    };
    let at = |part: f64| times[((times.len() as f64 * part) as usize).min(times.len() - 1)];
    let shown = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{what}: {:.0}/s; ms p50 {:.1}, p90 {:.1}, p99 {:.1}, max {:.1} ({} in all)",
        times.len() as f64 / time.as_secs_f64(),
        shown(at(0.5)),
        shown(at(0.9)),
        shown(at(0.99)),
        shown(*longest),
        times.len()
    );
}
