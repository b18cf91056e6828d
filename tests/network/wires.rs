//! The wires between machines: packets come out of one machine's network device and go into another's, late,
//! and some not at all. So the kernel needs no `netem`.
#![expect(unsafe_code, reason = "a network device is asked for with an ioctl")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// The largest packet: that of the devices' MTU.
const PACKET_BYTES_MAX: usize = 1500;

/// Packets under way; a wire with more loses them.
const PACKETS_UNDER_WAY: usize = 10_000;

/// How far apart machines are, one way.
pub(crate) const DELAY: Duration = Duration::from_millis(20);

/// One packet of so many is lost.
pub(crate) const LOST_OF: u64 = 100;

/// The machines' devices, and what passes between them.
#[derive(Debug, Default)]
pub(crate) struct Wires {
    devices: Vec<File>,
    unplugged: Vec<AtomicBool>,
    carried: AtomicU64,
    lost: AtomicU64,
}

struct Packet {
    to: usize,
    due: Instant,
    bytes: Vec<u8>,
}

impl Wires {
    /// Begins to carry packets between these devices: that of the machine `n` has the address `10.77.0.(n+1)`.
    pub(crate) fn start(devices: Vec<File>) -> Arc<Self> {
        let wires = Arc::new(Self {
            unplugged: devices.iter().map(|_| AtomicBool::default()).collect(),
            devices,
            ..Self::default()
        });
        let (sender, receiver) = sync_channel(PACKETS_UNDER_WAY);
        for from in 0..wires.devices.len() {
            let (wires, sender) = (Arc::clone(&wires), sender.clone());
            thread::spawn(move || wires.read(from, &sender));
        }
        let carrying = Arc::clone(&wires);
        thread::spawn(move || carrying.carry(&receiver));
        wires
    }

    /// Plugs a machine in, or out.
    pub(crate) fn plug(&self, at: usize, plugged: bool) {
        self.unplugged[at].store(!plugged, Ordering::Relaxed);
    }

    /// How many packets arrived, and how many were lost on the way.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        (count(&self.carried), count(&self.lost))
    }

    /// Reads what a machine sends, until its device is gone.
    #[expect(clippy::disallowed_methods, reason = "the packets' own time")]
    fn read(&self, from: usize, sender: &SyncSender<Packet>) {
        let mut buffer = [0; PACKET_BYTES_MAX];
        // Each machine loses other packets, and the same ones each time.
        let mut chance = 0x9e37_79b9_7f4a_7c15 ^ (from as u64 + 1);
        while let Ok(count) = (&self.devices[from]).read(&mut buffer) {
            let packet = &buffer[..count];
            let to = self.machine_of(packet);
            let Some(to) = to.filter(|_| !self.unplugged[from].load(Ordering::Relaxed)) else {
                continue;
            };
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            let is_lost = chance.is_multiple_of(LOST_OF);
            let due = Instant::now() + DELAY;
            let bytes = packet.to_vec();
            if is_lost || sender.try_send(Packet { to, due, bytes }).is_err() {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Which machine an IPv4 packet is for.
    fn machine_of(&self, packet: &[u8]) -> Option<usize> {
        let [10, 77, 0, number] = *packet.get(16..20)? else {
            return None;
        };
        let at = usize::from(number).checked_sub(1)?;
        (packet[0] >> 4 == 4 && at < self.devices.len()).then_some(at)
    }

    /// Gives packets to their machines when they are due.
    #[expect(clippy::disallowed_methods, reason = "the packets' own time")]
    fn carry(&self, packets: &Receiver<Packet>) {
        while let Ok(packet) = packets.recv() {
            thread::sleep(packet.due.saturating_duration_since(Instant::now()));
            let is_unplugged = self.unplugged[packet.to].load(Ordering::Relaxed);
            if !is_unplugged && (&self.devices[packet.to]).write_all(&packet.bytes).is_ok() {
                self.carried.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// A network device in this process's namespace, whose packets are read from and written to the file.
#[expect(clippy::disallowed_methods, reason = "a device, no file of a peer")]
pub(crate) fn device(name: &str) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")?;
    // SAFETY: `ifreq` is plain bytes and integers, for which zeroes are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(15)) {
        *to = from.cast_signed();
    }
    let flags = libc::IFF_TUN | libc::IFF_NO_PI;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open, and `request` is the structure that this request reads and writes.
    let status = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if status == 0 {
        Ok(file)
    } else {
        Err(io::Error::last_os_error())
    }
}
