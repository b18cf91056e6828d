//! A progress bar with rate and time left, for people: on standard error, and only on a terminal.

use std::io::Write;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Steps of the bar: progress is a share of the source, not a count.
const STEPS: u64 = 10_000;

/// A bar, or nothing where nobody looks.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar titled `what`; hidden where `quiet` or where standard error is no terminal.
    pub(crate) fn new(what: &'static str, quiet: bool) -> Self {
        let template = "{prefix} [{bar:40}] {percent:>3}%  {msg}  {elapsed} elapsed, {eta} left";
        Self::with_template(what, quiet, template)
    }

    /// A line titled `what` for work without a known end.
    pub(crate) fn open_ended(what: &'static str, quiet: bool) -> Self {
        Self::with_template(what, quiet, "{prefix}: {msg}  {elapsed} elapsed")
    }

    fn with_template(what: &'static str, quiet: bool, template: &str) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let bar = ProgressBar::with_draw_target(Some(STEPS), target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(what);
        Self { bar }
    }

    /// Moves the bar to `share` (0 to 1) and says what was done so far.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of the bar's steps, clamped"
    )]
    pub(crate) fn at(&self, share: f64, message: impl Into<String>) {
        self.bar
            .set_position((share.clamp(0.0, 1.0) * STEPS as f64) as u64);
        self.bar.set_message(message.into());
    }

    /// Prints a line above the bar.
    pub(crate) fn line(&self, line: &str) {
        if self.bar.is_hidden() {
            let _ = writeln!(std::io::stderr(), "{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Has `write` use standard output, with the bar out of its way.
    pub(crate) fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
