//! Machines of a network, as network namespaces with a wire between each two: the test's own is not touched.

use std::process::Command;
use std::sync::Arc;

use super::place::Place;
use super::wires::{Wires, device};

/// Namespaces `PREFIX-0` and so on, with the addresses 10.77.0.1 and so on; removed when dropped.
pub(crate) struct Namespaces {
    prefix: String,
    machines: usize,
    wires: Arc<Wires>,
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("ip {arguments}: {}", said.trim()))
}

impl Namespaces {
    /// So many machines, each as far away from the others as [`Wires`] are long.
    pub(crate) fn make(machines: usize) -> Result<Self, String> {
        let prefix = format!("hd{}", std::process::id());
        let mut namespaces = Self {
            prefix,
            machines,
            wires: Arc::default(),
        };
        let mut devices = Vec::new();
        for at in 0..machines {
            let name = namespaces.name(at);
            ip(&format!("netns add {name}"))?;
            let made = device(&name);
            devices.push(made.map_err(|error| format!("no network device: {error}"))?);
            ip(&format!("link set {name} netns {name}"))?;
            ip(&format!("-n {name} link set lo up"))?;
            ip(&format!("-n {name} addr add {}/24 dev {name}", address(at)))?;
            ip(&format!("-n {name} link set {name} up"))?;
        }
        namespaces.wires = Wires::start(devices);
        Ok(namespaces)
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

    /// The wires between the machines.
    pub(crate) fn wires(&self) -> &Wires {
        &self.wires
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
    }
}
