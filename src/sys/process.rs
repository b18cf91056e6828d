//! What this process has used so far: CPU time and memory.
#![expect(unsafe_code, reason = "getrusage fills a C struct")]

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the process has used since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in user mode, of all threads.
    pub user: Duration,
    /// CPU time in the kernel, of all threads.
    pub system: Duration,
    /// The largest resident set so far, in bytes.
    pub resident_bytes_peak: u64,
}

impl Usage {
    /// CPU time in both modes.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

/// Asks the system what this process has used. All zero where it does not say.
#[must_use]
pub fn usage() -> Usage {
    let mut raw = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `raw` is valid for writing one `rusage`, which is all that the call does with it.
    let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, raw.as_mut_ptr()) };
    if status != 0 {
        return Usage::default();
    }
    // SAFETY: `rusage` is plain integers, for which zeroes are a value; the call filled them in.
    let raw = unsafe { raw.assume_init() };
    // Linux counts in KiB.
    let peak = u64::try_from(raw.ru_maxrss).unwrap_or(0) << 10;
    Usage {
        user: duration(raw.ru_utime),
        system: duration(raw.ru_stime),
        resident_bytes_peak: peak,
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

/// Bytes of memory that are this process's own now: resident, and of no file. `None` where the system does
/// not say.
#[must_use]
pub fn own_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// CPU time that the calling thread has used, in nanoseconds; 0 where the system does not say.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    let mut raw = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `raw` is valid for writing one `timespec`, which is all that the call does with it.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, raw.as_mut_ptr()) };
    if status != 0 {
        return 0;
    }
    // SAFETY: `timespec` is plain integers, for which zeroes are a value; the call filled them in.
    let raw = unsafe { raw.assume_init() };
    let seconds = u64::try_from(raw.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(raw.tv_nsec).unwrap_or(0)
}

/// Adds up the CPU time of pieces of work on any thread.
#[derive(Debug, Default)]
pub struct CpuMeter {
    total_ns: AtomicU64,
    serial_ns: AtomicU64,
}

impl CpuMeter {
    /// Does `work` and counts the CPU time that the calling thread spends on it. Work that itself
    /// waits on the workers must not be counted: the thread may do other work meanwhile.
    pub fn count<R>(&self, work: impl FnOnce() -> R) -> R {
        self.timed(work).0
    }

    /// Like [`Self::count`], for work that no other thread can share: one chain of a block.
    pub fn count_serial<R>(&self, work: impl FnOnce() -> R) -> R {
        let (result, spent_ns) = self.timed(work);
        self.serial_ns.fetch_add(spent_ns, Ordering::Relaxed);
        result
    }

    fn timed<R>(&self, work: impl FnOnce() -> R) -> (R, u64) {
        let start = thread_cpu_ns();
        let result = work();
        let spent_ns = thread_cpu_ns().saturating_sub(start);
        // Ordering: statistics.
        self.total_ns.fetch_add(spent_ns, Ordering::Relaxed);
        (result, spent_ns)
    }

    /// What was counted since the last call, in nanoseconds.
    pub fn take_ns(&self) -> u64 {
        self.total_ns.swap(0, Ordering::Relaxed)
    }

    /// How much of it was serial, since the last call of this.
    pub fn take_serial_ns(&self) -> u64 {
        self.serial_ns.swap(0, Ordering::Relaxed)
    }
}
