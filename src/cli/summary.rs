//! The end of an import, for people and for machines.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::error::CliError;
use super::import::Tally;
use super::run_meter::Spent;
use crate::ingress::ingest::IngestTally;
use crate::metrics::StageReading;
use crate::pipeline::Report;
use crate::sys::file::create_for_writing;

/// Everything that an import ends with.
#[derive(Debug)]
pub(super) struct Summary<'s> {
    pub(super) channel: &'s str,
    pub(super) height: u64,
    pub(super) skipped: u64,
    pub(super) workers: usize,
    pub(super) tally: &'s Tally,
    pub(super) spent: Spent,
    pub(super) report: &'s Report,
    pub(super) durable_syncs: u64,
    pub(super) compared: bool,
    /// Of a server.
    pub(super) ingest: Option<&'s IngestTally>,
}

impl Summary<'_> {
    /// Prints it: as one JSON object, or as text.
    pub(super) fn print(&self, json: bool) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        let written = if json {
            self.write_json(&mut out)
        } else {
            self.write_text(&mut out)
        };
        written.and_then(|()| out.flush()).map_err(CliError::stdout)
    }

    /// As text.
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let tally = self.tally;
        writeln!(
            out,
            "channel {}: {} blocks with {} transactions committed, height {}",
            self.channel, tally.blocks, tally.transactions, self.height
        )?;
        if self.skipped > 0 {
            writeln!(
                out,
                "  {} blocks of the source were in the ledger already",
                self.skipped
            )?;
        }
        if let Some(ingest) = self.ingest {
            write_ingest(out, ingest)?;
        }
        for (code, count) in &tally.codes {
            writeln!(out, "  {:>8}  {:>3} {code}", count, code.number())?;
        }
        writeln!(
            out,
            "{:.2} s: {:.0} tx/s, {:.1} CPU-us per transaction, {:.0} % of one core busy, {} workers",
            self.spent.wall.as_secs_f64(),
            self.transactions_per_second(),
            self.cpu_us_per_transaction(),
            self.cpu_share() * 100.0,
            self.workers
        )?;
        let load = self.spent.load;
        let percent = |share: Option<f64>| {
            share.map_or_else(
                || "unknown".to_owned(),
                |share| format!("{:.1} %", share * 100.0),
            )
        };
        writeln!(
            out,
            "the whole machine: cores busy {}, disk busy {}; at its limit: {}",
            percent(load.cores),
            percent(load.disk),
            load.limit()
        )?;
        writeln!(
            out,
            "peak memory {} MB{}, {} durable syncs, at most {} blocks in flight",
            self.spent.memory_bytes_peak >> 20,
            tally
                .own_memory_bytes_peak
                .map_or_else(String::new, |own| format!(
                    " with mapped files, {} MB of its own",
                    own >> 20
                )),
            self.durable_syncs,
            self.report.blocks_in_flight_max
        )?;
        self.write_stages(out)?;
        self.write_queues(out)?;
        if self.compared {
            writeln!(
                out,
                "compared with the source: {}",
                match tally.differences_total {
                    0 => "no difference in codes or commit hashes".to_owned(),
                    count => format!("{count} differences"),
                }
            )?;
        }
        Ok(())
    }

    fn write_stages(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "  {:<12} {:>12} {:>12} {:>12} {:>12}",
            "stage", "CPU ms", "CPU-us/tx", "p50 us/block", "p99 us/block"
        )?;
        for stage in &self.report.stages {
            writeln!(
                out,
                "  {:<12} {:>12.1} {:>12.2} {:>12} {:>12}",
                stage.name,
                ms(stage),
                self.per_transaction(ms(stage) * 1000.0),
                stage.latency.quantile_us(0.5),
                stage.latency.quantile_us(0.99)
            )?;
        }
        Ok(())
    }

    fn write_queues(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "  {:<22} {:>9} {:>9} {:>9}",
            "queue", "capacity", "deepest", "was full"
        )?;
        for queue in &self.report.queues {
            writeln!(
                out,
                "  {:<22} {:>9} {:>9} {:>9}",
                queue.name, queue.capacity, queue.depth_max, queue.full
            )?;
        }
        Ok(())
    }

    /// As one JSON object.
    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let codes: serde_json::Map<String, Value> = self
            .tally
            .codes
            .iter()
            .map(|(code, count)| (code.name().to_owned(), (*count).into()))
            .collect();
        let stages: Vec<Value> = self
            .report
            .stages
            .iter()
            .map(|stage| self.stage(stage))
            .collect();
        let queues = self.report.queues.iter().map(|queue| {
            json!({
                "queue": queue.name, "capacity": queue.capacity, "depth_max": queue.depth_max,
                "passed": queue.passed, "full": queue.full,
            })
        });
        let mut object = json!({
            "channel": self.channel,
            "height": self.height,
            "blocks": self.tally.blocks,
            "transactions": self.tally.transactions,
            "blocks_skipped": self.skipped,
            "codes": codes,
            "workers": self.workers,
            "wall_s": self.spent.wall.as_secs_f64(),
            "cpu_s": self.spent.cpu.as_secs_f64(),
            "transactions_per_s": self.transactions_per_second(),
            "cpu_us_per_transaction": self.cpu_us_per_transaction(),
            "cores_busy": self.cpu_share(),
            "machine": {
                "cores_busy": self.spent.load.cores,
                "disk_busy": self.spent.load.disk,
                "limit": self.spent.load.limit(),
            },
            "peak_memory_bytes": self.spent.memory_bytes_peak,
            "own_memory_bytes_peak": self.tally.own_memory_bytes_peak,
            "durable_syncs": self.durable_syncs,
            "blocks_in_flight_max": self.report.blocks_in_flight_max,
            "stages": stages,
            "queues": queues.collect::<Vec<Value>>(),
        });
        if let (Some(ingest), Some(object)) = (self.ingest, object.as_object_mut()) {
            let refusals = ingest.refusals.iter();
            let refusals: serde_json::Map<String, Value> = refusals
                .map(|(kind, count)| (kind.name().to_owned(), (*count).into()))
                .collect();
            object.insert("feeders".to_owned(), ingest.feeders.into());
            object.insert("blocks_received".to_owned(), ingest.received.into());
            object.insert("blocks_doubled".to_owned(), ingest.doubles.into());
            object.insert("pipeline_restarts".to_owned(), ingest.restarts.into());
            object.insert("refusals".to_owned(), refusals.into());
        }
        if let (true, Some(object)) = (self.compared, object.as_object_mut()) {
            let lines = self.tally.differences.iter().map(ToString::to_string);
            object.insert(
                "differences".to_owned(),
                self.tally.differences_total.into(),
            );
            object.insert(
                "first_differences".to_owned(),
                lines.collect::<Vec<_>>().into(),
            );
        }
        writeln!(out, "{object}")
    }

    #[expect(clippy::cast_precision_loss, reason = "a duration for people")]
    fn stage(&self, stage: &StageReading) -> Value {
        json!({
            "stage": stage.name,
            "blocks": stage.blocks,
            "transactions": stage.transactions,
            "cpu_ms": ms(stage),
            "cpu_us_per_transaction": self.per_transaction(ms(stage) * 1000.0),
            "serial_us_per_transaction": self.per_transaction(stage.serial_ns as f64 / 1e3),
            "p50_us": stage.latency.quantile_us(0.5),
            "p99_us": stage.latency.quantile_us(0.99),
            "sum_us": stage.latency.sum_us,
        })
    }

    fn cpu_share(&self) -> f64 {
        self.spent.cpu.as_secs_f64() / self.spent.wall.as_secs_f64().max(1e-9)
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn transactions_per_second(&self) -> f64 {
        self.tally.transactions as f64 / self.spent.wall.as_secs_f64().max(1e-9)
    }

    fn cpu_us_per_transaction(&self) -> f64 {
        self.per_transaction(self.spent.cpu.as_secs_f64() * 1e6)
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn per_transaction(&self, sum: f64) -> f64 {
        sum / self.tally.transactions.max(1) as f64
    }
}

#[expect(clippy::cast_precision_loss, reason = "a duration for people")]
fn ms(stage: &StageReading) -> f64 {
    stage.cpu_ns as f64 / 1e6
}

fn write_ingest(out: &mut dyn Write, ingest: &IngestTally) -> io::Result<()> {
    writeln!(
        out,
        "  {} feeders sent {} blocks, {} of them doubles; the pipeline began anew {} times",
        ingest.feeders, ingest.received, ingest.doubles, ingest.restarts
    )?;
    for (kind, count) in &ingest.refusals {
        writeln!(out, "  {count:>8}  feeders refused: {}", kind.name())?;
    }
    Ok(())
}

/// Writes the trace, one visit a line, in microseconds since the start.
pub(super) fn write_trace(path: &Path, report: &Report) -> Result<(), CliError> {
    let failed = |source| CliError::Output {
        path: path.to_owned(),
        source,
    };
    let mut out = io::BufWriter::new(create_for_writing(path).map_err(failed)?);
    for visit in &report.trace {
        let line = json!({
            "stage": visit.stage,
            "block": visit.number.0,
            "start_us": visit.start.as_micros(),
            "end_us": visit.end.as_micros(),
        });
        writeln!(out, "{line}").map_err(failed)?;
    }
    out.flush().map_err(failed)
}
