//! The metrics page, in Prometheus's text form.

use std::fmt::Write as _;

use crate::metrics::{Counters, Durations, FamilyName, HistogramReading, LabelValues};
use crate::orderer::OrdererReading;
use crate::peer::RunnerReport;

/// What belongs to no channel.
#[derive(Debug, Clone, Default)]
pub struct ProcessMetrics {
    /// CPU time of the process, in microseconds.
    pub cpu_us: u64,
    /// Resident memory, in bytes.
    pub memory_bytes: u64,
    /// Days until certificates expire, by what they are for.
    pub certificate_days: Vec<(String, i64)>,
}

/// What one channel's part of the page is made of.
#[derive(Debug, Clone)]
pub struct ChannelMetrics {
    /// Its pipeline.
    pub report: RunnerReport,
    /// Its height.
    pub height: u64,
    /// Where its blocks come from; `None` before that was opened.
    pub orderer: Option<OrdererReading>,
}

/// What a service read of itself, to be shown as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readings {
    /// Whether the numbers only grow.
    pub kind: SeriesKind,
    /// What they are of.
    pub name: FamilyName,
    /// The numbers by their labels' values.
    pub values: Vec<(LabelValues, u64)>,
}

/// What may become of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesKind {
    /// It only grows.
    Counter,
    /// It may be anything at any time.
    Gauge,
}

/// What services tell of themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServiceMetrics<'m> {
    /// What they count.
    pub counters: &'m [&'m Counters],
    /// How long it takes.
    pub durations: &'m [&'m Durations],
    /// What they have read.
    pub readings: &'m [Readings],
}

/// A page that is being written.
#[derive(Debug, Default)]
pub struct MetricsPage(String);

impl MetricsPage {
    /// The page of these channels, and of what services count.
    #[must_use]
    pub fn of(
        process: &ProcessMetrics,
        channels: &[ChannelMetrics],
        services: ServiceMetrics<'_>,
    ) -> String {
        let mut page = Self::default();
        page.metric("fabric_version", "gauge", "The active version of heddle.");
        let version = env!("CARGO_PKG_VERSION");
        page.line("fabric_version", &[("version", version)], 1);
        page.ledgers(channels);
        page.stages(channels);
        page.queues(channels);
        page.orderers(channels);
        for counters in services.counters {
            page.counters(counters);
        }
        for durations in services.durations {
            page.durations(durations);
        }
        for readings in services.readings {
            page.readings(readings);
        }
        page.process(process);
        page.0
    }

    fn ledgers(&mut self, channels: &[ChannelMetrics]) {
        let name = "ledger_blockchain_height";
        self.metric(name, "gauge", "Height of the chain in blocks.");
        self.of_channels(name, channels, |channel| Some(channel.height));
        let name = "heddle_transactions_committed";
        let help = "Transactions committed since the start.";
        self.metric(name, "counter", help);
        self.of_channels(name, channels, |channel| Some(channel.report.transactions));
        let name = "ledger_blockstorage_commit_time";
        let help = "Time in seconds to append a group of blocks to the block file, and to sync it.";
        self.metric(name, "histogram", help);
        for channel in channels {
            let stages = channel.report.pipeline.iter().flat_map(|it| &it.stages);
            let id = channel.report.channel.to_string();
            for commit in stages.filter(|stage| stage.name == "commit") {
                self.histogram(name, &[("channel", &id)], &commit.latency);
            }
        }
    }

    fn of_channels(
        &mut self,
        name: &str,
        channels: &[ChannelMetrics],
        value: impl Fn(&ChannelMetrics) -> Option<u64>,
    ) {
        for channel in channels {
            if let Some(value) = value(channel) {
                let id = channel.report.channel.to_string();
                self.line(name, &[("channel", &id)], value);
            }
        }
    }

    fn stages(&mut self, channels: &[ChannelMetrics]) {
        let stages = || {
            channels.iter().flat_map(|channel| {
                let stages = channel.report.pipeline.iter().flat_map(|it| &it.stages);
                stages.map(|stage| (channel.report.channel.to_string(), stage))
            })
        };
        let name = "heddle_stage_cpu_microseconds";
        self.metric(name, "counter", "CPU time that a stage has spent.");
        for (channel, stage) in stages() {
            let labels = [("channel", channel.as_str()), ("stage", stage.name)];
            self.line(name, &labels, stage.cpu_ns / 1000);
        }
        let name = "heddle_stage_block_seconds";
        self.metric(name, "histogram", "How long a block was in a stage.");
        for (channel, stage) in stages() {
            let labels = [("channel", channel.as_str()), ("stage", stage.name)];
            self.histogram(name, &labels, &stage.latency);
        }
    }

    fn queues(&mut self, channels: &[ChannelMetrics]) {
        let queues = || {
            channels.iter().flat_map(|channel| {
                let queues = channel.report.pipeline.iter().flat_map(|it| &it.queues);
                queues.map(|queue| (channel.report.channel.to_string(), queue))
            })
        };
        let name = "heddle_queue_depth";
        self.metric(name, "gauge", "Blocks that wait between two stages.");
        for (channel, queue) in queues() {
            let labels = [("channel", channel.as_str()), ("queue", queue.name)];
            self.line(name, &labels, queue.depth as u64);
        }
        let name = "heddle_queue_full";
        let help = "How often a stage had to wait for room in the queue behind it.";
        self.metric(name, "counter", help);
        for (channel, queue) in queues() {
            let labels = [("channel", channel.as_str()), ("queue", queue.name)];
            self.line(name, &labels, queue.full);
        }
    }

    fn orderers(&mut self, channels: &[ChannelMetrics]) {
        let name = "heddle_orderer_lag_blocks";
        let help = "Blocks that an orderer has shown and the ledger has not.";
        self.metric(name, "gauge", help);
        self.of_channels(name, channels, |channel| {
            let next = channel.orderer.as_ref()?.next;
            Some(next.saturating_sub(channel.height))
        });
        type Read = fn(&OrdererReading) -> u64;
        let counters: [(&str, &str, Read); 5] = [
            (
                "heddle_orderer_blocks",
                "Blocks that orderers sent.",
                |it| it.blocks,
            ),
            ("heddle_orderer_bytes", "Bytes of these blocks.", |it| {
                it.bytes
            }),
            (
                "heddle_orderer_streams",
                "Streams opened to orderers.",
                |it| it.streams,
            ),
            (
                "heddle_orderer_failures",
                "Streams that could not be opened, or broke.",
                |it| it.failures,
            ),
            (
                "heddle_orderer_offences",
                "Blocks of orderers that were refused, or withheld.",
                |it| it.offences,
            ),
        ];
        for (name, help, read) in counters {
            self.metric(name, "counter", help);
            self.of_channels(name, channels, |channel| channel.orderer.as_ref().map(read));
        }
    }

    fn counters(&mut self, counters: &Counters) {
        let name = counters.name();
        self.metric(name.name, "counter", name.help);
        for (values, count) in counters.read() {
            self.line(name.name, &labels(name.labels, &values), count);
        }
    }

    fn readings(&mut self, readings: &Readings) {
        let name = readings.name;
        let kind = match readings.kind {
            SeriesKind::Counter => "counter",
            SeriesKind::Gauge => "gauge",
        };
        self.metric(name.name, kind, name.help);
        for (values, value) in &readings.values {
            self.line(name.name, &labels(name.labels, values), *value);
        }
    }

    fn durations(&mut self, durations: &Durations) {
        let name = durations.name();
        self.metric(name.name, "histogram", name.help);
        for (values, reading) in durations.read() {
            self.histogram(name.name, &labels(name.labels, &values), &reading);
        }
    }

    fn process(&mut self, process: &ProcessMetrics) {
        self.metric(
            "process_cpu_seconds_total",
            "counter",
            "User and system CPU time in seconds.",
        );
        let cpu = seconds(process.cpu_us);
        let _ = writeln!(self.0, "process_cpu_seconds_total {cpu}");
        self.metric(
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory size in bytes.",
        );
        self.line("process_resident_memory_bytes", &[], process.memory_bytes);
        self.metric(
            "heddle_certificate_days_left",
            "gauge",
            "Days until a certificate expires.",
        );
        for (role, days) in &process.certificate_days {
            self.start("heddle_certificate_days_left", &[("certificate", role)]);
            let _ = writeln!(self.0, " {days}");
        }
    }

    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A histogram's lines. Every other bucket is enough: each is a power of four of microseconds.
    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], reading: &HistogramReading) {
        let bucket = format!("{name}_bucket");
        let (mut below, last) = (0, reading.buckets.len() - 1);
        for (at, count) in reading.buckets.iter().enumerate() {
            below += count;
            if at % 2 == 0 && at < last {
                let bound = seconds(1 << at);
                let labels: Vec<_> = labels.iter().copied().chain([("le", &*bound)]).collect();
                self.line(&bucket, &labels, below);
            }
        }
        let all: Vec<_> = labels.iter().copied().chain([("le", "+Inf")]).collect();
        self.line(&bucket, &all, below);
        self.start(&format!("{name}_sum"), labels);
        let _ = writeln!(self.0, " {}", seconds(reading.sum_us));
        self.line(&format!("{name}_count"), labels, below);
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.start(name, labels);
        let _ = writeln!(self.0, " {value}");
    }

    /// A line up to its value.
    fn start(&mut self, name: &str, labels: &[(&str, &str)]) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"");
            for letter in text.chars() {
                match letter {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    letter => self.0.push(letter),
                }
            }
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
    }
}

fn labels<'a>(names: &[&'a str], values: &'a [String]) -> Vec<(&'a str, &'a str)> {
    let values = values.iter().map(String::as_str);
    names.iter().copied().zip(values).collect()
}

/// Microseconds, written in seconds.
fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    //! What Prometheus reads.

    use super::{MetricsPage, ProcessMetrics, Readings, SeriesKind, ServiceMetrics};
    use crate::metrics::{Counters, Durations, FamilyName};

    #[test]
    fn families_are_written_with_their_labels() {
        let counters = Counters::new(FamilyName {
            name: "ledger_transaction_count",
            help: "Transactions.",
            labels: &["channel", "chaincode"],
        });
        counters.add(&["one", "odd \"name\"\\\n"], 3);
        let durations = Durations::new(FamilyName {
            name: "endorser_proposal_duration",
            help: "Time.",
            labels: &["success"],
        });
        for us in [3, 900, 2_000_000] {
            durations.record_us(&["true"], us);
        }
        let readings = Readings {
            kind: SeriesKind::Gauge,
            name: FamilyName {
                name: "gossip_state_height",
                help: "Height.",
                labels: &["channel"],
            },
            values: vec![(vec!["one".to_owned()], 7)],
        };
        let services = ServiceMetrics {
            counters: &[&counters],
            durations: &[&durations],
            readings: &[readings],
        };
        let page = MetricsPage::of(&ProcessMetrics::default(), &[], services);
        for line in [
            r#"ledger_transaction_count{channel="one",chaincode="odd \"name\"\\\n"} 3"#,
            r#"endorser_proposal_duration_bucket{success="true",le="0.000004"} 1"#,
            r#"endorser_proposal_duration_bucket{success="true",le="0.001024"} 2"#,
            r#"endorser_proposal_duration_bucket{success="true",le="+Inf"} 3"#,
            r#"endorser_proposal_duration_sum{success="true"} 2.000903"#,
            r#"endorser_proposal_duration_count{success="true"} 3"#,
            "# TYPE endorser_proposal_duration histogram",
            r#"gossip_state_height{channel="one"} 7"#,
            "# TYPE gossip_state_height gauge",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
