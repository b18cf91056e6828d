//! The metrics page, in Prometheus's text form.

use std::fmt::Write as _;

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

/// A page that is being written.
#[derive(Debug, Default)]
pub struct MetricsPage(String);

impl MetricsPage {
    /// The page of these channels, each with its height.
    #[must_use]
    pub fn of(process: &ProcessMetrics, channels: &[(RunnerReport, u64)]) -> String {
        let mut page = Self::default();
        page.metric("fabric_version", "gauge", "The active version of heddle.");
        let version = env!("CARGO_PKG_VERSION");
        page.line("fabric_version", &[("version", version)], 1);
        page.metric(
            "ledger_blockchain_height",
            "gauge",
            "Height of the chain in blocks.",
        );
        for (report, height) in channels {
            let channel = report.channel.to_string();
            page.line(
                "ledger_blockchain_height",
                &[("channel", &channel)],
                *height,
            );
        }
        page.metric(
            "heddle_transactions_committed",
            "counter",
            "Transactions committed since the start.",
        );
        for (report, _) in channels {
            let channel = report.channel.to_string();
            let labels = [("channel", channel.as_str())];
            page.line(
                "heddle_transactions_committed",
                &labels,
                report.transactions,
            );
        }
        page.stages(channels);
        page.process(process);
        page.0
    }

    fn stages(&mut self, channels: &[(RunnerReport, u64)]) {
        let pipelines = || {
            channels.iter().filter_map(|(report, _)| {
                let pipeline = report.pipeline.as_ref()?;
                Some((report.channel.to_string(), pipeline))
            })
        };
        self.metric(
            "heddle_stage_cpu_microseconds",
            "counter",
            "CPU time that a stage has spent.",
        );
        for (channel, pipeline) in pipelines() {
            for stage in &pipeline.stages {
                let labels = [("channel", channel.as_str()), ("stage", stage.name)];
                self.line(
                    "heddle_stage_cpu_microseconds",
                    &labels,
                    stage.cpu_ns / 1000,
                );
            }
        }
        self.metric(
            "heddle_queue_depth_max",
            "gauge",
            "The most blocks that a queue held.",
        );
        for (channel, pipeline) in pipelines() {
            for queue in &pipeline.queues {
                let labels = [("channel", channel.as_str()), ("queue", queue.name)];
                self.line("heddle_queue_depth_max", &labels, queue.depth_max as u64);
            }
        }
    }

    fn process(&mut self, process: &ProcessMetrics) {
        self.metric(
            "process_cpu_seconds_total",
            "counter",
            "User and system CPU time in seconds.",
        );
        let (seconds, micros) = (process.cpu_us / 1_000_000, process.cpu_us % 1_000_000);
        let _ = writeln!(self.0, "process_cpu_seconds_total {seconds}.{micros:06}");
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
            let _ = writeln!(
                self.0,
                "heddle_certificate_days_left{{certificate=\"{role}\"}} {days}"
            );
        }
    }

    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            // Neither channels nor stages have characters that would have to be escaped.
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }
}
