use std::fmt::Write;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};

/// A rate over less than this says nothing.
const SHORT: Duration = Duration::from_millis(500);

/// A bar on standard error with rate and time left. Nothing is drawn where that is no terminal.
pub(crate) fn bar(total: usize, doing: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total as u64).with_message(doing);
    let template = "{msg} {wide_bar:.cyan} {human_pos}/{human_len}{rate} ";
    if let Ok(style) = ProgressStyle::with_template(template) {
        let style = style.with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
            if let Some((rate, left)) = rate(state.pos(), state.len(), state.elapsed()) {
                // A failure to draw is no failure of the work.
                let _ = write!(text, "  {rate:.1}/s  {:#} left", HumanDuration(left));
            }
        });
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.tick();
    bar
}

/// How many are done a second, and how long the rest takes, once that can be known.
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
