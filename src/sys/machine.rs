//! How busy the machine is, all its programs together: cores and the disk under a directory.
//!
//! Linux says it in `/proc`; elsewhere, and where a file system has no disk of its own, nothing is known.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// The counters of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MachineReading {
    /// Of all cores together.
    cores: Option<CoreTicks>,
    /// How long the disk has had something to do.
    disk: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CoreTicks {
    busy: u64,
    idle: u64,
}

/// How busy the machine was between two readings; 1 is all the time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// The cores, on average.
    pub cores: Option<f64>,
    /// The disk: the share of the time in which it had something to do.
    pub disk: Option<f64>,
}

/// From here on a core or a disk counts as full: the last few percent are the price of measuring.
const FULL: f64 = 0.95;

impl Load {
    /// What could not have been busier.
    #[must_use]
    pub fn limit(&self) -> &'static str {
        let is_full = |share: Option<f64>| share.is_some_and(|share| share >= FULL);
        match (is_full(self.cores), is_full(self.disk)) {
            (true, _) => "cores",
            (false, true) => "disk",
            (false, false) => "neither",
        }
    }
}

impl MachineReading {
    /// The counters now, with those of the disk under `dir`.
    #[must_use]
    pub fn now(dir: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let device = fs::metadata(dir).ok().map(|found| found.dev());
        Self {
            cores: core_ticks(&text("/proc/stat")),
            disk: device.and_then(|device| disk_busy(&text("/proc/diskstats"), device)),
        }
    }

    /// How busy the machine was since `before`, `wall` ago.
    #[must_use]
    pub fn load_since(&self, before: &Self, wall: Duration) -> Load {
        let cores = self.cores.zip(before.cores).and_then(|(after, before)| {
            let busy = after.busy.checked_sub(before.busy)?;
            let idle = after.idle.checked_sub(before.idle)?;
            (busy + idle > 0).then(|| share(busy, busy + idle))
        });
        let disk = self.disk.zip(before.disk).map(|(after, before)| {
            let busy = after.saturating_sub(before).as_secs_f64();
            (busy / wall.as_secs_f64().max(1e-9)).min(1.0)
        });
        Load { cores, disk }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal. What the
/// hypervisor stole was neither busy nor idle.
fn core_ticks(stat: &str) -> Option<CoreTicks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let numbers = line.split_whitespace().map(str::parse);
    let numbers: Vec<u64> = numbers.collect::<Result<_, _>>().ok()?;
    let [user, nice, system, idle, iowait, irq, softirq, ..] = *numbers else {
        return None;
    };
    Some(CoreTicks {
        busy: user + nice + system + irq + softirq,
        idle: idle + iowait,
    })
}

/// The device's line of `/proc/diskstats`: major, minor, name, eleven counters or more, of which the
/// tenth is the milliseconds with something to do.
fn disk_busy(diskstats: &str, device: u64) -> Option<Duration> {
    let (major, minor) = (libc::major(device), libc::minor(device));
    let of_device = |line: &&str| {
        let mut words = line.split_whitespace().map(str::parse::<u32>);
        words.next() == Some(Ok(major)) && words.next() == Some(Ok(minor))
    };
    let line = diskstats.lines().find(of_device)?;
    let busy = line.split_whitespace().nth(12)?.parse().ok()?;
    Some(Duration::from_millis(busy))
}

#[cfg(test)]
mod tests {
    //! The system's texts, read; and what follows from two readings.

    use super::{CoreTicks, Load, MachineReading, core_ticks, disk_busy};
    use std::time::Duration;

    const STAT: &str = "cpu  100 20 30 800 50 5 5 7 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
    const DISKSTATS: &str = " 252       0 vda 63 0 8048 48 9 1 2 3 0 1250 60 0 0 0 0 12 11
 252       1 vda1 63 0 8048 48 9 1 2 3 0 77 60 0 0 0 0 12 11\n";

    #[test]
    fn the_texts_are_read() {
        let ticks = CoreTicks {
            busy: 160,
            idle: 850,
        };
        assert_eq!(core_ticks(STAT), Some(ticks));
        assert_eq!(core_ticks("cpu 1 2 3\n"), None);
        assert_eq!(core_ticks("cpu a b c d e f g h\n"), None);
        let busy = |minor| disk_busy(DISKSTATS, libc::makedev(252, minor));
        assert_eq!(busy(0), Some(Duration::from_millis(1250)));
        assert_eq!(busy(1), Some(Duration::from_millis(77)));
        assert_eq!(busy(2), None);
        assert_eq!(disk_busy("252 0 vda 1\n", libc::makedev(252, 0)), None);
    }

    #[test]
    fn the_load_is_what_two_readings_differ_by() {
        let reading = |busy, idle, disk| MachineReading {
            cores: Some(CoreTicks { busy, idle }),
            disk: Some(Duration::from_millis(disk)),
        };
        let wall = Duration::from_secs(1);
        let before = reading(100, 100, 500);
        let load = reading(297, 103, 700).load_since(&before, wall);
        assert_eq!(load.limit(), "cores");
        assert!(load.cores.is_some_and(|cores| (cores - 0.985).abs() < 1e-9));
        assert!(load.disk.is_some_and(|disk| (disk - 0.2).abs() < 1e-9));
        assert_eq!(
            reading(150, 150, 1480).load_since(&before, wall).limit(),
            "disk"
        );
        assert_eq!(
            reading(150, 150, 600).load_since(&before, wall).limit(),
            "neither"
        );
        let nothing = MachineReading::default();
        assert_eq!(nothing.load_since(&before, wall), Load::default());
        assert_eq!(Load::default().limit(), "neither");
    }

    #[test]
    fn this_machine_can_be_asked() {
        let reading = MachineReading::now(std::path::Path::new("/"));
        assert!(reading.cores.is_some());
    }
}
