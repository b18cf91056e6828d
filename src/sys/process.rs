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
pub struct CpuMeter(AtomicU64);

impl CpuMeter {
    /// Does `work` and counts the CPU time that the calling thread spends on it. Work that itself
    /// waits on the workers must not be counted: the thread may do other work meanwhile.
    pub fn count<R>(&self, work: impl FnOnce() -> R) -> R {
        let start = thread_cpu_ns();
        let result = work();
        // Ordering: statistics.
        self.0
            .fetch_add(thread_cpu_ns().saturating_sub(start), Ordering::Relaxed);
        result
    }

    /// What was counted since the last call, in nanoseconds.
    pub fn take_ns(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}
