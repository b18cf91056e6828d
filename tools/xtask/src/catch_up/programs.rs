//! Programs at work, and what they cost.

use std::fs;
use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A peer at work.
pub(super) struct Node {
    pub(super) child: Running,
    pub(super) clients: String,
    pub(super) operations: u16,
}

impl Node {
    /// How high its channel is, as its health says; 0 without one.
    pub(super) fn height(&self) -> io::Result<u64> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.operations))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let height = answer.split("\"height\":").nth(1);
        let digits = height.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        Ok(digits.and_then(|digits| digits.parse().ok()).unwrap_or(0))
    }
}

/// A program at work; killed when it is dropped.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// CPU time of a process, of all its threads.
pub(super) fn cpu_seconds(process: &Running) -> io::Result<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.0.id()))?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

pub(super) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The first block of a file of length-delimited blocks.
#[expect(
    clippy::disallowed_methods,
    reason = "a tool that only starts other programs"
)]
pub(super) fn first_block(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = BufReader::new(fs::File::open(path)?);
    let (mut length, mut shift) = (0_u64, 0);
    loop {
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        let [byte] = byte;
        length |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 || shift > 56 {
            break;
        }
    }
    let mut block = Vec::new();
    file.take(length).read_to_end(&mut block)?;
    Ok(block)
}

pub(super) fn succeed(command: &mut Command) -> io::Result<()> {
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("failed: {command:?}")))
    }
}
