use std::fmt::Write;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};

/// The shortest time to measure a rate over.
const SHORT: Duration = Duration::from_millis(500);

/// A progress bar on standard error with rate and remaining time. Nothing is drawn unless that is a terminal.
pub(crate) fn bar(total: usize, doing: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total as u64).with_message(doing);
    let template = "{msg} {wide_bar:.cyan} {human_pos}/{human_len}{rate} ";
    if let Ok(style) = ProgressStyle::with_template(template) {
        let style = style.with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
            if let Some((rate, left)) = rate(state.pos(), state.len(), state.elapsed()) {
                // Failing to draw is no reason to stop the work.
                let _ = write!(text, "  {rate:.1}/s  {:#} left", HumanDuration(left));
            }
        });
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.tick();
    bar
}

/// The rate per second and the remaining time, once they can be measured.
fn rate(done: u64, total: Option<u64>, took: Duration) -> Option<(f64, Duration)> {
    if done == 0 || took < SHORT {
        return None;
    }
    let rate = done as f64 / took.as_secs_f64();
    let left = total?.saturating_sub(done) as f64 / rate;
    Some((rate, Duration::try_from_secs_f64(left).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_before_something_is_done() {
        let second = Duration::from_secs(1);
        assert_eq!(rate(0, Some(10), second), None);
        assert_eq!(rate(32, Some(984), Duration::from_micros(90)), None);
        assert_eq!(rate(4, Some(10), 2 * second), Some((2.0, 3 * second)));
    }
}
