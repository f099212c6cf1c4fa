use std::fmt::Write;

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};

/// A bar on standard error with rate and time left. Nothing is drawn where that is no terminal.
pub(crate) fn bar(total: usize, doing: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total as u64).with_message(doing);
    let template = "{msg} {wide_bar:.cyan} {human_pos}/{human_len}  {rate}{left} ";
    if let Ok(style) = ProgressStyle::with_template(template) {
        let style = style.with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
            // A failure to draw is no failure of the work.
            let _ = write!(text, "{:.1}/s", state.per_sec());
        });
        let style = style.with_key("left", |state: &ProgressState, text: &mut dyn Write| {
            // Nothing is known before the first one.
            if state.pos() > 0 {
                let _ = write!(text, "  {:#} left", HumanDuration(state.eta()));
            }
        });
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.tick();
    bar
}
