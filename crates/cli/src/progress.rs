use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error with rate and time left. Nothing is drawn where that is no terminal.
pub(crate) fn bar(total: usize, doing: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total as u64).with_message(doing);
    let template = "{msg} {wide_bar:.cyan} {human_pos}/{human_len}  {per_sec}  {eta} left ";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.tick();
    bar
}
