//! Counters of the stages: how much went through, how long it took, what it cost.
//!
//! Wall time and CPU time are given by the caller in microseconds and nanoseconds: this module reads
//! no clock. Everything is lock-free and bounded.

mod family;

use std::sync::atomic::{AtomicU64, Ordering};

pub use family::{Count, Counters, Durations, Family, FamilyName, LabelValues};

/// Buckets of a histogram: powers of two of microseconds, the last one takes all that is longer.
pub const HISTOGRAM_BUCKETS: usize = 32;

/// A histogram of durations over powers of two of microseconds.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; HISTOGRAM_BUCKETS],
    sum_us: AtomicU64,
}

/// A reading of a [`Histogram`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistogramReading {
    /// How many durations lie below 1, 2, 4, 8 ... microseconds and not below the one before.
    pub buckets: [u64; HISTOGRAM_BUCKETS],
    /// The sum of all durations, in microseconds.
    pub sum_us: u64,
}

impl Histogram {
    /// Counts one duration in microseconds.
    pub fn record_us(&self, duration_us: u64) {
        let index = (u64::BITS - duration_us.leading_zeros()) as usize;
        if let Some(bucket) = self.buckets.get(index).or(self.buckets.last()) {
            // Ordering: statistics.
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(duration_us, Ordering::Relaxed);
    }

    /// The numbers now.
    pub fn read(&self) -> HistogramReading {
        let mut reading = HistogramReading::default();
        for (to, from) in reading.buckets.iter_mut().zip(&self.buckets) {
            *to = from.load(Ordering::Relaxed);
        }
        reading.sum_us = self.sum_us.load(Ordering::Relaxed);
        reading
    }
}

impl HistogramReading {
    /// How many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// An upper bound, in microseconds, of the `share` (0 to 1) shortest durations.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a quantile of statistics")]
    pub fn quantile_us(&self, share: f64) -> u64 {
        let wanted = self.count() as f64 * share;
        let mut seen = 0_u64;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen > 0 && seen as f64 >= wanted {
                return 1_u64 << index.min(63);
            }
        }
        0
    }
}

/// What one stage tells of itself.
#[derive(Debug)]
pub struct StageMetrics {
    name: &'static str,
    blocks: AtomicU64,
    transactions: AtomicU64,
    cpu_ns: AtomicU64,
    serial_ns: AtomicU64,
    latency: Histogram,
}

/// A reading of [`StageMetrics`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageReading {
    /// The stage's name.
    pub name: &'static str,
    /// Blocks that left the stage.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// CPU time of the stage's own thread and of its share of the workers, in nanoseconds.
    pub cpu_ns: u64,
    /// The part of it that no other thread can share: of a block, one thing after another.
    pub serial_ns: u64,
    /// Wall time per block within the stage.
    pub latency: HistogramReading,
}

impl StageMetrics {
    /// Counters for the stage `name`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            blocks: AtomicU64::new(0),
            transactions: AtomicU64::new(0),
            cpu_ns: AtomicU64::new(0),
            serial_ns: AtomicU64::new(0),
            latency: Histogram::default(),
        }
    }

    /// The stage's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Counts a block that left the stage after `wall_us` microseconds.
    pub fn block_done(&self, transactions: usize, wall_us: u64) {
        // Ordering: statistics.
        self.blocks.fetch_add(1, Ordering::Relaxed);
        self.transactions
            .fetch_add(transactions as u64, Ordering::Relaxed);
        self.latency.record_us(wall_us);
    }

    /// Adds CPU time, in nanoseconds.
    pub fn add_cpu_ns(&self, cpu_ns: u64) {
        self.cpu_ns.fetch_add(cpu_ns, Ordering::Relaxed);
    }

    /// Says that so much of the CPU time added was serial, in nanoseconds.
    pub fn note_serial_ns(&self, serial_ns: u64) {
        self.serial_ns.fetch_add(serial_ns, Ordering::Relaxed);
    }

    /// Adds CPU time of a stage's own thread: all of it is serial.
    pub fn add_serial_cpu_ns(&self, cpu_ns: u64) {
        self.add_cpu_ns(cpu_ns);
        self.note_serial_ns(cpu_ns);
    }

    /// The numbers now.
    pub fn read(&self) -> StageReading {
        StageReading {
            name: self.name,
            blocks: self.blocks.load(Ordering::Relaxed),
            transactions: self.transactions.load(Ordering::Relaxed),
            cpu_ns: self.cpu_ns.load(Ordering::Relaxed),
            serial_ns: self.serial_ns.load(Ordering::Relaxed),
            latency: self.latency.read(),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Buckets and quantiles.

    use super::{Histogram, StageMetrics};

    #[test]
    fn durations_fall_into_powers_of_two() {
        let histogram = Histogram::default();
        [0, 1, 2, 3, 4, u64::MAX / 2]
            .into_iter()
            .for_each(|us| histogram.record_us(us));
        let reading = histogram.read();
        assert_eq!(reading.buckets[..4], [1, 1, 2, 1]);
        assert_eq!(reading.buckets[31], 1);
        assert_eq!(reading.count(), 6);
        assert_eq!(reading.quantile_us(0.5), 4);
    }

    #[test]
    fn a_stage_counts_blocks_transactions_and_cpu() {
        let stage = StageMetrics::new("decode");
        stage.block_done(500, 7);
        stage.add_cpu_ns(2);
        stage.add_serial_cpu_ns(1);
        let reading = stage.read();
        assert_eq!(
            (reading.blocks, reading.transactions, reading.cpu_ns),
            (1, 500, 3)
        );
        assert_eq!(reading.serial_ns, 1);
        assert_eq!(reading.latency.sum_us, 7);
    }
}
