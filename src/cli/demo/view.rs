//! The stages at work: a live table on a terminal, a line now and then elsewhere. On standard error.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::metrics::StageReading;
use crate::pipeline::{Gauges, Report};
use crate::queue::{Inbox, Outbox, queue};
use crate::sys::clock::{Clock, Instant};

/// How often the table is drawn anew.
const FRAME: Duration = Duration::from_millis(100);

/// How many frames pass between two lines where there is no terminal.
const FRAMES_PER_LINE: u64 = 20;

/// Characters of a bar.
const BAR: usize = 20;

/// Nothing comes through it; once its outer side is dropped, whoever watches the inner side ends.
pub(super) fn door() -> (Outbox<()>, Inbox<()>) {
    queue("demo_view", 1)
}

/// Shows a run.
pub(super) struct View {
    gauges: Gauges,
    clock: Arc<dyn Clock>,
    blocks: u64,
    cores: usize,
    start: Instant,
}

impl View {
    /// Shows the run of so many blocks on so many cores.
    pub(super) fn new(gauges: Gauges, clock: &Arc<dyn Clock>, blocks: u64, cores: usize) -> Self {
        Self {
            gauges,
            clock: Arc::clone(clock),
            blocks,
            cores,
            start: clock.now(),
        }
    }

    /// Draws until the door is shut.
    pub(super) fn show(&self, door: &Inbox<()>) {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let mut before = (self.start, self.gauges.read());
        let mut frames = 0_u64;
        while door.receive_within(FRAME).is_ok() {
            frames += 1;
            let now = (self.clock.now(), self.gauges.read());
            if is_terminal {
                bar.set_message(self.table(&before, &now));
                before = now;
            } else if frames.is_multiple_of(FRAMES_PER_LINE) {
                // Whoever reads this may be gone; the run goes on.
                let _ = writeln!(std::io::stderr(), "{}", self.line(&now));
            }
        }
        bar.finish_and_clear();
    }

    /// How far the run is.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn line(&self, (now, report): &(Instant, Report)) -> String {
        let (blocks, transactions) = committed(report);
        let seconds = now.since(self.start).as_secs_f64();
        format!(
            "{seconds:5.1} s   {blocks} of {} blocks   {transactions} transactions   {:.0} tx/s",
            self.blocks,
            transactions as f64 / seconds.max(1e-6)
        )
    }

    fn table(&self, before: &(Instant, Report), now: &(Instant, Report)) -> String {
        let mut table = self.line(now);
        let wall = now.0.since(before.0);
        let mut put = |line: String| {
            // A string takes everything.
            let _ = write!(table, "\n{line}");
        };
        put(format!(
            "  {:<12} {:<width$}  waiting for it",
            "stage",
            "share of the cores",
            width = BAR + 8
        ));
        for (stage, earlier) in now.1.stages.iter().zip(&before.1.stages) {
            let share = self.share(stage, earlier, wall);
            let queue = now.1.queues.iter().find(|queue| {
                let (_, consumer) = queue.name.split_once('_').unwrap_or_default();
                consumer == stage.name
            });
            let waiting = queue.map(|queue| match queue.depth {
                0 => String::new(),
                1 => "1 block".to_owned(),
                depth => format!("{depth} blocks"),
            });
            let waiting = waiting.unwrap_or_default();
            let percent = share * 100.0;
            let line = format!(
                "  {:<12} {} {percent:3.0} %  {waiting}",
                stage.name,
                bar(share)
            );
            put(line.trim_end().to_owned());
        }
        table
    }

    /// Of all cores' time, what the stage used.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn share(&self, stage: &StageReading, before: &StageReading, wall: Duration) -> f64 {
        let used = stage.cpu_ns.saturating_sub(before.cpu_ns) as f64;
        let all = wall.as_nanos() as f64 * self.cores as f64;
        (used / all.max(1.0)).min(1.0)
    }
}

/// Blocks and transactions that are durable.
fn committed(report: &Report) -> (u64, u64) {
    let commit = report.stages.iter().find(|stage| stage.name == "commit");
    commit.map_or((0, 0), |stage| (stage.blocks, stage.transactions))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of the bar's length, from 0 to 1"
)]
fn bar(share: f64) -> String {
    let full = (share * BAR as f64).round() as usize;
    format!("[{:<BAR$}]", "=".repeat(full.min(BAR)))
}
