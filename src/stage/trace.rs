//! Which block was in which stage when: shows how far blocks overlap.
//!
//! Bounded: the last [`crate::limits::TRACE_ENTRIES`] visits are kept.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::limits;
use crate::sys::clock::Instant;
use crate::types::BlockNumber;

/// A block's visit to a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceEntry {
    /// The stage.
    pub stage: &'static str,
    /// The block.
    pub number: BlockNumber,
    /// When work on it began.
    pub start: Instant,
    /// When work on it ended.
    pub end: Instant,
}

/// The visits, if they are wanted, and how many blocks are in flight.
#[derive(Debug, Default)]
pub struct Trace {
    wanted: AtomicBool,
    entries: Mutex<VecDeque<TraceEntry>>,
    in_flight: AtomicUsize,
    in_flight_max: AtomicUsize,
}

impl Trace {
    /// A trace that keeps visits only where `wanted`.
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        Self {
            wanted: AtomicBool::new(wanted),
            ..Self::default()
        }
    }

    /// Notes a visit.
    pub fn note(&self, entry: TraceEntry) {
        // Ordering: set once before the stages start.
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(mut entries) = self.entries.lock() {
            if entries.len() == limits::TRACE_ENTRIES {
                entries.pop_front();
            }
            entries.push_back(entry);
        }
    }

    /// A run begins: what the last one left behind is not in flight.
    pub fn begin_run(&self) {
        // Ordering: statistics.
        self.in_flight.store(0, Ordering::Relaxed);
    }

    /// A block has entered the pipeline.
    pub fn entered(&self) {
        // Ordering: statistics.
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.in_flight_max.fetch_max(now, Ordering::Relaxed);
    }

    /// A block has left the pipeline.
    pub fn left(&self) {
        // Ordering: statistics.
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// The most blocks that were in the pipeline at once.
    pub fn in_flight_max(&self) -> usize {
        self.in_flight_max.load(Ordering::Relaxed)
    }

    /// The visits of one block, which are not kept any more.
    pub fn take(&self, number: BlockNumber) -> Vec<TraceEntry> {
        let mut taken = Vec::new();
        if let Ok(mut entries) = self.entries.lock() {
            entries.retain(|entry| {
                let keep = entry.number != number;
                if !keep {
                    taken.push(*entry);
                }
                keep
            });
        }
        taken
    }

    /// The visits so far, in the order in which they ended.
    pub fn entries(&self) -> Vec<TraceEntry> {
        self.entries
            .lock()
            .map(|entries| entries.iter().copied().collect())
            .unwrap_or_default()
    }
}
