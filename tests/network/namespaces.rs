//! Machines of a network, as network namespaces around one with a bridge: the test's own is not touched.

use std::io::{Write as _, stderr};
use std::process::Command;

use super::place::Place;

/// Namespaces `PREFIX-0` and so on, with the addresses 10.77.0.1 and so on; removed when dropped.
pub(crate) struct Namespaces {
    prefix: String,
    machines: usize,
}

fn ip(arguments: &str) -> Result<(), String> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &str) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {arguments}: {}", said.trim()))
}

impl Namespaces {
    /// So many machines, each 20 ms away from the others and with 1 % loss, where there is `tc netem`.
    pub(crate) fn make(machines: usize) -> Result<Self, String> {
        let prefix = format!("hd{}", std::process::id());
        let namespaces = Self { prefix, machines };
        let hub = namespaces.hub();
        ip(&format!("netns add {hub}"))?;
        ip(&format!("-n {hub} link add bridge type bridge"))?;
        ip(&format!("-n {hub} link set bridge up"))?;
        for at in 0..machines {
            let name = namespaces.name(at);
            ip(&format!("netns add {name}"))?;
            ip(&format!(
                "-n {hub} link add m{at} type veth peer name eth0 netns {name}"
            ))?;
            ip(&format!("-n {hub} link set m{at} master bridge up"))?;
            ip(&format!("-n {name} link set lo up"))?;
            ip(&format!("-n {name} addr add {}/24 dev eth0", address(at)))?;
            ip(&format!("-n {name} link set eth0 up"))?;
            let netem = format!("-n {name} qdisc add dev eth0 root netem delay 20ms loss 1%");
            if let Err(why) = run("tc", &netem) {
                let _ = writeln!(stderr(), "without delay and loss: {why}");
            }
        }
        Ok(namespaces)
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.prefix)
    }

    fn name(&self, at: usize) -> String {
        format!("{}-{at}", self.prefix)
    }

    /// A port of a machine.
    pub(crate) fn place(&self, at: usize, port: u16) -> Place {
        Place {
            address: format!("{}:{port}", address(at)),
            namespace: Some(self.name(at)),
        }
    }

    /// Plugs a machine in, or out.
    pub(crate) fn connect(&self, at: usize, connected: bool) {
        let state = if connected { "up" } else { "down" };
        ip(&format!("-n {} link set m{at} {state}", self.hub())).expect("it is switched");
    }
}

fn address(at: usize) -> String {
    format!("10.77.0.{}", at + 1)
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for at in 0..self.machines {
            let _ = ip(&format!("netns del {}", self.name(at)));
        }
        let _ = ip(&format!("netns del {}", self.hub()));
    }
}
