//! What a run took: time, CPU time, memory, and how busy the machine was.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::sys::clock::{Clock, Instant};
use crate::sys::machine::{Load, MachineReading};
use crate::sys::process::{Usage, usage};

/// Runs from its making to [`RunMeter::read`].
#[derive(Debug)]
pub(super) struct RunMeter {
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    start: Instant,
    usage: Usage,
    machine: MachineReading,
}

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    pub(super) wall: Duration,
    /// Of all threads, in both modes.
    pub(super) cpu: Duration,
    /// The largest resident set, mapped files included.
    pub(super) memory_bytes_peak: u64,
    /// Of the whole machine.
    pub(super) load: Load,
}

impl RunMeter {
    /// Starts; `dir` is on the disk that the run writes to.
    pub(super) fn start(clock: &Arc<dyn Clock>, dir: &Path) -> Self {
        Self {
            clock: Arc::clone(clock),
            dir: dir.to_owned(),
            start: clock.now(),
            usage: usage(),
            machine: MachineReading::now(dir),
        }
    }

    /// When it started.
    pub(super) fn started(&self) -> Instant {
        self.start
    }

    /// What was spent so far.
    pub(super) fn read(&self) -> Spent {
        let wall = self.clock.now().since(self.start);
        let usage = usage();
        Spent {
            wall,
            cpu: usage.cpu().saturating_sub(self.usage.cpu()),
            memory_bytes_peak: usage.resident_bytes_peak,
            load: MachineReading::now(&self.dir).load_since(&self.machine, wall),
        }
    }
}
