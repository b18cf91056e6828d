//! The built program: what it writes is what a peer reads, and what is wrong is said in one line.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "netgen/layout.rs"]
mod layout;
#[path = "netgen/refusals.rs"]
mod refusals;
#[path = "netgen/roles.rs"]
mod roles;
#[path = "netgen/updates.rs"]
mod updates;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use heddle::channel::{Bundle, ConfigBlock};

/// A network with something of everything.
const NETWORK: &str = "
organizations:
  - name: Org1
    domain: org1.example.com
    peers: 2
    anchor_peers: ['peer0.org1.example.com:7051']
    policies: {Clients: \"OR('Org1MSP.client')\"}
  - name: Org2
    domain: org2.example.com
    msp_id: SecondMSP
    peers: [{name: solo, sans: [10.0.0.1], address: '10.0.0.1:9051'}]
    users: 2
    subject: {country: DE, province: Bayern, locality: Hof}
orderers:
  - name: Orderer
    domain: example.com
    nodes: [{name: orderer, address: '127.0.0.1:7050'}]
    policies: {Nodes: \"OR('OrdererMSP.orderer')\"}
channels:
  - name: first
    batch: {timeout: 500ms, max_messages: 10, absolute_bytes: 1 MB, preferred_bytes: 512 KB}
    acls: {qscc/GetChainInfo: /Channel/Application/Writers}
  - name: second
    organizations: [Org2]
    capabilities: {channel: V2_0, application: V2_0}
";

const TIME: &str = "2026-01-31T12:00:00Z";

/// A folder with a network in it.
struct Made {
    folder: tempfile::TempDir,
}

impl Made {
    /// The network of this YAML, from a seed.
    #[track_caller]
    fn new(yaml: &str, seed: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Self { folder };
        made.write("network.yaml", yaml);
        made.run(&[
            "--config",
            "network.yaml",
            "--out",
            "net",
            "--seed",
            seed,
            "--not-before",
            TIME,
        ]);
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netgen"));
        command.args(arguments).current_dir(self.folder.path());
        command.output().expect("the built program runs")
    }

    /// Runs and expects success. Returns standard error.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        errors
    }

    /// Runs and expects a refusal in one line.
    #[track_caller]
    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines: Vec<&str> = errors.lines().collect();
        assert_eq!(lines.len(), 1, "{errors}");
        errors.trim().trim_start_matches("netgen: ").to_owned()
    }

    fn block(&self, channel: &str) -> Vec<u8> {
        fs::read(self.path(&format!("net/{channel}.block"))).expect("a genesis block")
    }

    #[track_caller]
    fn bundle(&self, channel: &str) -> Bundle {
        bundle(&self.block(channel))
    }

    /// The MSP folder of somebody, by the path below `crypto-config`.
    fn msp(&self, member: &str) -> PathBuf {
        self.path(&format!("net/crypto-config/{member}/msp"))
    }
}

/// What a peer makes of a config block.
#[track_caller]
fn bundle(block: &[u8]) -> Bundle {
    let block = ConfigBlock::read(block).expect("a config block");
    Bundle::from_genesis(&block.channel_id, block.config_envelope).expect("a good configuration")
}

/// All files below a folder, by their paths.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below").to_string_lossy();
                files.insert(name.into_owned(), fs::read(&path).expect("a file"));
            }
        }
    }
    files
}
