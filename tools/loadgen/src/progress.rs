//! The progress bar while blocks are made, and one line when they are.

use std::io::Write as _;

use heddle::sys::clock::{Clock, Instant, SystemClock};
use heddle::sys::process::usage;
use heddle::testing::workload::MadeBlock;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What was written so far.
pub(crate) struct Progress {
    bar: ProgressBar,
    quiet: bool,
    clock: SystemClock,
    start: Instant,
    blocks: u64,
    transactions: u64,
    bytes: u64,
}

impl Progress {
    /// A bar for about so many blocks; none where `quiet` or where standard error is no terminal.
    pub(crate) fn new(blocks: u64, quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let bar = ProgressBar::with_draw_target(Some(blocks.max(1)), target);
        let template = "making [{bar:40}] {percent:>3}%  {msg}  {elapsed} elapsed, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        let clock = SystemClock::new();
        Self {
            bar,
            quiet,
            start: clock.now(),
            clock,
            blocks: 0,
            transactions: 0,
            bytes: 0,
        }
    }

    /// A block was written.
    pub(crate) fn wrote(&mut self, block: &MadeBlock) {
        self.blocks += 1;
        self.transactions += block.labels.len() as u64;
        self.bytes += block.bytes.len() as u64;
        if !self.bar.is_hidden() {
            let message = format!("block {}, {:.0} tx/s", block.number, self.rate());
            self.bar.set_message(message);
            self.bar.set_position(self.blocks);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn rate(&self) -> f64 {
        self.transactions as f64 / self.seconds().max(1e-6)
    }

    fn seconds(&self) -> f64 {
        self.clock.now().since(self.start).as_secs_f64()
    }

    /// Takes the bar away and says what was made, at which cost.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
        if self.quiet {
            return;
        }
        let used = usage();
        let each = |seconds: f64| seconds * 1e6 / self.transactions.max(1) as f64;
        let _ = writeln!(
            std::io::stderr(),
            "{} blocks, {} transactions, {:.1} MB; {:.2} s, {:.0} tx/s, {:.1} + {:.1} CPU-us per \
             transaction (user + system)",
            self.blocks,
            self.transactions,
            self.bytes as f64 / 1e6,
            self.seconds(),
            self.rate(),
            each(used.user.as_secs_f64()),
            each(used.system.as_secs_f64()),
        );
    }
}
