//! The programs and their folders.

mod operations;

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use heddle::proto::wire::put_varint;
use tempfile::TempDir;

use super::place::Place;

const HEDDLE: &str = env!("CARGO_BIN_EXE_heddle");

/// How often a height is asked for before it is given up: for a minute at least.
const ATTEMPTS: usize = 1000;

/// Programs of the workspace's tools, built where they are not there.
fn tool(name: &str) -> PathBuf {
    let folder = Path::new(HEDDLE).parent().expect("a folder");
    let program = folder.join(name);
    if !program.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "-p", name]);
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo").success(), "{name} builds");
    }
    program
}

fn succeed(command: &mut Command) -> String {
    let (ok, text) = outcome(&command.output().expect("it starts"));
    assert!(ok, "{command:?}: {text}");
    text
}

fn outcome(output: &Output) -> (bool, String) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}

/// Where a program says that it is ready.
#[derive(Clone, Copy, PartialEq)]
enum Says {
    /// On standard output.
    Results,
    /// On standard error.
    Messages,
}

/// A program at work; killed when it is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts a program, and waits until it says on which addresses it is.
    fn start(command: &mut Command, says: Says) -> (Self, String) {
        match says {
            Says::Results => command.stdout(Stdio::piped()),
            Says::Messages => command.stdout(Stdio::null()).stderr(Stdio::piped()),
        };
        let child = command.spawn();
        let mut running = Self(child.expect("it starts"));
        let output: Box<dyn Read + Send> = match says {
            Says::Results => Box::new(running.0.stdout.take().expect("a pipe")),
            Says::Messages => Box::new(running.0.stderr.take().expect("a pipe")),
        };
        let mut lines = BufReader::new(output);
        let mut text = String::new();
        while !text.contains(" on ") {
            let mut line = String::new();
            let read = lines.read_line(&mut line).expect("a line");
            assert!(read > 0, "{command:?} ended: {text}");
            text.push_str(&line);
        }
        // What it prints later goes nowhere, but must not block it.
        thread::spawn(move || drop(lines.read_to_end(&mut Vec::new())));
        (running, text)
    }
}

/// A program with mounts of its own.
fn private_mounts() -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--map-root-user"]);
    unshare
}

/// Whether this machine lets a program have mounts of its own.
pub(crate) fn has_private_mounts() -> bool {
    let mut unshare = private_mounts();
    unshare.args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    unshare.output().is_ok_and(|output| output.status.success())
}

/// `127.0.0.1:PORT` after a word in what a program printed.
fn address_after(text: &str, word: &str) -> String {
    let (_, rest) = text.split_once(word).expect("an address");
    let end = rest.find([',', '\n', ' ']).unwrap_or(rest.len());
    rest[..end].to_owned()
}

fn domain_of(org: &str) -> String {
    match org {
        "Orderer" => "example.com".to_owned(),
        org => format!("{}.example.com", org.to_lowercase()),
    }
}

pub(crate) struct Network {
    folder: TempDir,
    orderer: Place,
}

pub(crate) struct Orderer {
    _running: Running,
    address: String,
}

pub(crate) struct Peer {
    org: String,
    /// Its number in its organization.
    number: usize,
    /// `peer.gossip`, as YAML in one line.
    gossip: String,
    root: PathBuf,
    crypto: PathBuf,
    genesis: String,
    running: Option<Running>,
    /// For clients.
    place: Place,
    operations: String,
    /// Whether the operations service speaks TLS, to those who show a certificate.
    operations_tls: bool,
    /// How many MiB its disk has, where it is one of its own.
    disk: Option<u64>,
}

impl Network {
    /// Organizations 1 to 3 with a channel, and a fourth beside it.
    pub(crate) fn make() -> Self {
        let org = |n: usize| {
            format!("  - {{name: Org{n}, domain: org{n}.example.com, peers: 1, users: 1}}\n")
        };
        let network = Self::of(&(1..=3).map(org).collect::<String>(), &Place::here());
        let fourth = format!("organizations:\n{}", org(4));
        network.netgen("net4", &fourth, &[]);
        network
    }

    /// These organizations, a list in YAML, with a channel, and its orderer in a place.
    pub(crate) fn of(orgs: &str, orderer: &Place) -> Self {
        let network = Self {
            folder: tempfile::tempdir().expect("a folder"),
            orderer: orderer.clone(),
        };
        let (address, host) = (&orderer.address, orderer.host());
        let yaml = format!(
            "organizations:\n{orgs}orderers:\n  - name: Orderer\n    domain: example.com\n    \
             nodes: [{{name: orderer, address: \"{address}\"}}]\n    \
             sans: [localhost, \"{host}\"]\n\
             channels:\n  - {{name: mychannel, batch: {{timeout: 100ms}}}}\n"
        );
        network.netgen("net", &yaml, &["--seed", "1"]);
        network
    }

    fn netgen(&self, out: &str, yaml: &str, more: &[&str]) {
        let config = self.path(&format!("{out}.yaml"));
        fs::write(&config, yaml).expect("it is written");
        let mut netgen = Command::new(tool("netgen"));
        netgen.arg("--config").arg(config).args(more);
        succeed(netgen.arg("--out").arg(self.path(out)));
    }

    /// The same network again, with other keys or times: only its orderer is of use, by this name.
    pub(crate) fn again(&self, name: &str, more: &[&str]) {
        let yaml = fs::read_to_string(self.path("net.yaml")).expect("the network");
        self.netgen(name, &yaml, more);
    }

    /// A file or folder of the network's own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn genesis(&self) -> String {
        let path = self.path("net/mychannel.block");
        path.to_str().expect("UTF-8").to_owned()
    }

    fn crypto_of(&self, org: &str) -> PathBuf {
        let net = if org == "Org4" { "net4" } else { "net" };
        let kind = match org {
            "Orderer" => "ordererOrganizations",
            _ => "peerOrganizations",
        };
        let crypto = self.path(net).join("crypto-config");
        crypto.join(kind).join(domain_of(org))
    }

    /// The MSP folder of a user: `Admin` or `User1`.
    pub(crate) fn user_msp(&self, org: &str, who: &str) -> PathBuf {
        let user = format!("users/{who}@{}/msp", domain_of(org));
        self.crypto_of(org).join(user)
    }

    /// The MSP folder of an organization's peer.
    pub(crate) fn peer_msp(&self, org: &str) -> PathBuf {
        let peer = format!("peers/peer0.{}/msp", domain_of(org));
        self.crypto_of(org).join(peer)
    }

    /// The channel's orderer, at work.
    pub(crate) fn orderer(&self) -> Orderer {
        self.orderer_with_tls_of("net")
    }

    /// The channel's orderer with the TLS certificate that it has in this network.
    pub(crate) fn orderer_with_tls_of(&self, net: &str) -> Orderer {
        let mut orderer = self.orderer.command(tool("devorderer"));
        orderer.arg("start").arg("--data").arg(self.path("orderer"));
        orderer.arg("--genesis").arg(self.genesis());
        orderer
            .arg("--msp")
            .arg(orderer_node(&self.path("net")).join("msp"));
        self.at_its_address(orderer, net)
    }

    /// Somebody at the orderer's address, with its TLS certificate, who gives these blocks.
    pub(crate) fn giver_of(&self, blocks: &[Vec<u8>]) -> Orderer {
        let file = self.path("given.blocks");
        let mut bytes = Vec::new();
        for block in blocks {
            put_varint(&mut bytes, block.len() as u64);
            bytes.extend_from_slice(block);
        }
        fs::write(&file, bytes).expect("it is written");
        let mut giver = self.orderer.command(tool("devorderer"));
        giver.arg("serve").arg("--blocks").arg(file);
        self.at_its_address(giver, "net")
    }

    /// Where the channel's orderer is.
    pub(crate) fn orderer_address(&self) -> String {
        self.orderer.address.clone()
    }

    fn at_its_address(&self, mut orderer: Command, net: &str) -> Orderer {
        let tls = orderer_node(&self.path(net)).join("tls");
        let address = self.orderer_address();
        orderer.arg("--tls-cert").arg(tls.join("server.crt"));
        orderer.arg("--tls-key").arg(tls.join("server.key"));
        orderer.arg("--listen").arg(&address);
        let (running, _) = Running::start(&mut orderer, Says::Messages);
        Orderer {
            _running: running,
            address,
        }
    }

    pub(crate) fn peer(&self, org: &str) -> Peer {
        let mut peer = self.stopped_peer(org);
        peer.start();
        peer
    }

    /// A peer with a disk of its own, of so many MiB.
    pub(crate) fn peer_on_disk(&self, org: &str, disk: u64) -> Peer {
        let mut peer = self.stopped_peer(org);
        peer.disk = Some(disk);
        peer.start();
        peer
    }

    /// A peer of this number in its organization, with these settings of gossip.
    pub(crate) fn gossiping_peer(&self, who: (&str, usize), place: Place, gossip: &str) -> Peer {
        let (org, number) = who;
        let mut peer = self.stopped_peer(org);
        peer.root = self.path(&format!("{org}-{number}"));
        fs::create_dir_all(&peer.root).expect("a folder");
        (peer.number, peer.place, peer.gossip) = (number, place, gossip.to_owned());
        peer.start();
        peer
    }

    /// A peer whose operations service wants a TLS certificate of those who ask.
    pub(crate) fn peer_with_guarded_operations(&self, org: &str) -> Peer {
        let mut peer = self.stopped_peer(org);
        peer.operations_tls = true;
        // Somebody to call, who is not there.
        peer.gossip = "{bootstrap: [\"127.0.0.1:1\"]}".to_owned();
        peer.start();
        peer
    }

    fn stopped_peer(&self, org: &str) -> Peer {
        let peer = Peer {
            org: org.to_owned(),
            number: 0,
            gossip: "{}".to_owned(),
            root: self.path(org),
            crypto: self.crypto_of(org),
            genesis: self.genesis(),
            running: None,
            place: Place::anywhere(),
            operations: "127.0.0.1:0".to_owned(),
            operations_tls: false,
            disk: None,
        };
        fs::create_dir_all(&peer.root).expect("a folder");
        peer
    }

    /// Sends a config update, edited from the last config block of a peer.
    pub(crate) fn update(&self, orderer: &Orderer, peer: &Peer, edits: &str, signers: &[&str]) {
        let (config, edit, update) = (
            self.path("config.block"),
            self.path("edits.yaml"),
            self.path("update.tx"),
        );
        fs::write(&edit, edits).expect("it is written");
        let fetched = self.ask(orderer, peer, &["fetch", "config"], &config);
        assert!(fetched.contains("written"), "{fetched}");
        let mut netgen = Command::new(tool("netgen"));
        netgen.arg("update").arg("--block").arg(&config);
        netgen.arg("--edit").arg(&edit).arg("--out").arg(&update);
        for org in signers {
            let msp = self.user_msp(org, "Admin");
            netgen
                .arg("--sign")
                .arg(format!("{org}MSP={}", msp.display()));
        }
        succeed(&mut netgen);
        self.send(orderer, peer, &update);
    }

    /// Sends the signed transaction in a file.
    pub(crate) fn send(&self, orderer: &Orderer, peer: &Peer, file: &Path) {
        let sent = self.ask(orderer, peer, &["update", "-f"], file);
        assert!(sent.contains("Successfully"), "{sent}");
    }

    /// What `heddle channel COMMAND FILE` of a peer says, towards the orderer.
    fn ask(&self, orderer: &Orderer, peer: &Peer, command: &[&str], file: &Path) -> String {
        let ca = orderer_node(&self.path("net")).join("tls/ca.crt");
        let [file, ca] = [file, &ca].map(|path| path.to_str().expect("UTF-8"));
        let to = [
            "-c",
            "mychannel",
            "-o",
            &orderer.address,
            "--tls",
            "--connTimeout",
            "20",
            "--cafile",
            ca,
        ];
        peer.run(&[command, &[file], &to].concat())
    }

    pub(crate) fn add_organization(&self, orderer: &Orderer, peer: &Peer, org: &str) {
        let msp = self.crypto_of(org).join("msp");
        let edits = format!(
            "edits: [{{add_organization: {{name: {org}, msp_folder: {}, section: application}}}}]",
            msp.display()
        );
        self.update(orderer, peer, &edits, &["Org1", "Org2", "Org3"]);
    }
}

/// The folder of the channel's orderer in a network.
fn orderer_node(net: &Path) -> PathBuf {
    let organization = net.join("crypto-config/ordererOrganizations/example.com");
    organization.join("orderers/orderer.example.com")
}

impl Peer {
    /// Starts the peer, where it was before if it was anywhere.
    #[expect(clippy::disallowed_methods, reason = "a log of another program")]
    pub(crate) fn start(&mut self) {
        let node = self.node_folder();
        let operations_tls = format!(
            "{{enabled: true, cert: {{file: {node}/tls/server.crt}}, key: {{file: \
             {node}/tls/server.key}}, clientAuthRequired: true, clientRootCAs: {{files: [{node}/tls/ca.crt]}}}}",
            node = node.display()
        );
        let yaml = format!(
            "peer:\n  id: peer{}\n  listenAddress: {}\n  address: {}\n  localMspId: {}MSP\n  \
             gossip: {}\n  mspConfigPath: {node}/msp\n  fileSystemPath: {}\n  tls:\n    enabled: true\n    \
             cert: {{file: {node}/tls/server.crt}}\n    key: {{file: {node}/tls/server.key}}\n    \
             rootcert: {{file: {node}/tls/ca.crt}}\n\
             operations: {{listenAddress: {}, tls: {}}}\nmetrics: {{provider: prometheus}}\n",
            self.number,
            self.place.address,
            self.place.address,
            self.org,
            self.gossip,
            self.root.display(),
            self.operations,
            if self.operations_tls {
                &*operations_tls
            } else {
                "{}"
            },
            node = node.display(),
        );
        fs::write(self.root.join("core.yaml"), yaml).expect("it is written");
        let mut heddle = match self.disk {
            None => self.place.command(HEDDLE),
            Some(disk) => self.on_a_disk_of(disk),
        };
        heddle.args(["node", "start"]);
        heddle.env("FABRIC_CFG_PATH", &self.root);
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.root.join("log"));
        heddle.stderr(log.expect("a log"));
        let (running, text) = Running::start(&mut heddle, Says::Results);
        self.place.address = address_after(&text, "clients on ");
        self.operations = address_after(&text, "operations on ");
        self.running = Some(running);
    }

    /// heddle with a file system of its own in memory where its ledgers are. It goes with the process.
    fn on_a_disk_of(&self, mebibytes: u64) -> Command {
        let ledgers = self.ledgers();
        fs::create_dir_all(&ledgers).expect("a folder");
        let mount = format!(
            "mount -t tmpfs -o size={mebibytes}m tmpfs '{}' && exec \"$0\" \"$@\"",
            ledgers.display()
        );
        let mut shell = private_mounts();
        shell.args(["sh", "-c", &mount, HEDDLE]);
        shell
    }

    /// A file on that disk as others see it.
    pub(crate) fn file_on_disk(&self, name: &str) -> PathBuf {
        let running = self.running.as_ref().expect("it runs");
        let root = format!("/proc/{}/root", running.0.id());
        let ledgers = self.ledgers();
        let below = ledgers.strip_prefix("/").expect("an absolute path");
        Path::new(&root).join(below).join(name)
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.root.join("log")).expect("a log")
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.running = None;
    }

    /// What comes of joining.
    pub(crate) fn try_join(&self) -> String {
        self.run(&["join", "-b", &self.genesis])
    }

    pub(crate) fn join(&self) {
        let joined = self.try_join();
        assert!(joined.contains("Successfully"), "{joined}");
    }

    /// `heddle channel` as the organization's admin.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.run_as("Admin", arguments)
    }

    pub(crate) fn run_as_user(&self, arguments: &[&str]) -> String {
        self.run_as("User1", arguments)
    }

    fn run_as(&self, who: &str, arguments: &[&str]) -> String {
        let mut heddle = self.place.command(HEDDLE);
        heddle.arg("channel").args(arguments);
        self.be(who, &mut heddle);
        outcome(&heddle.output().expect("it starts")).1
    }

    /// Has a command talk to this peer as somebody of its organization.
    pub(crate) fn be(&self, who: &str, heddle: &mut Command) {
        let domain = domain_of(&self.org);
        let msp = self.crypto.join(format!("users/{who}@{domain}/msp"));
        heddle.env("CORE_PEER_ADDRESS", &self.place.address);
        heddle.env("CORE_PEER_LOCALMSPID", format!("{}MSP", self.org));
        heddle.env("CORE_PEER_MSPCONFIGPATH", msp);
        heddle.env("CORE_PEER_TLS_ENABLED", "true");
        let ca = self.node_folder().join("tls/ca.crt");
        heddle.env("CORE_PEER_TLS_ROOTCERT_FILE", ca);
    }

    /// Waits for a height: what the peer then says of its ledger.
    pub(crate) fn wait_for(&self, height: u64) -> String {
        let mut info = String::new();
        for _ in 0..ATTEMPTS {
            info = self.run(&["getinfo", "-c", "mychannel"]);
            if info.contains(&format!("\"height\":{height},")) {
                return info;
            }
            thread::sleep(Duration::from_millis(50));
        }
        assert!(info.is_empty(), "{}: {info}, not {height}", self.org);
        info
    }

    /// SIGTERM.
    pub(crate) fn halt(&mut self) {
        let mut running = self.running.take().expect("it runs");
        let pid = running.0.id().to_string();
        succeed(Command::new("kill").args(["-TERM", &pid]));
        let status = running.0.wait().expect("it ends");
        assert!(status.success(), "{}: {status}", self.org);
    }

    /// The folder of its ledgers.
    pub(crate) fn ledgers(&self) -> PathBuf {
        self.root.join("ledgers")
    }

    /// `heddle ledger compare` of a ledger, as this organization's admin: its exit code and what it says.
    pub(crate) fn compare(&self, data: &Path, with: &Self, more: &[&str]) -> (Option<i32>, String) {
        let mut heddle = Command::new(HEDDLE);
        heddle.args(["ledger", "compare", "--channel", "mychannel"]);
        heddle.arg("--data").arg(data);
        heddle.args(["--with-peer", &with.place.address]).args(more);
        self.be("Admin", &mut heddle);
        heddle.env(
            "CORE_PEER_TLS_ROOTCERT_FILE",
            with.node_folder().join("tls/ca.crt"),
        );
        let output = heddle.output().expect("it starts");
        (output.status.code(), outcome(&output).1)
    }

    /// `heddle node COMMAND` on this peer's ledgers: whether it succeeds, and what it says.
    pub(crate) fn node(&self, arguments: &[&str]) -> (bool, String) {
        let mut heddle = Command::new(HEDDLE);
        heddle.arg("node").args(arguments);
        heddle.env("FABRIC_CFG_PATH", &self.root);
        outcome(&heddle.output().expect("it starts"))
    }

    fn node_folder(&self) -> PathBuf {
        let name = format!("peer{}.{}", self.number, domain_of(&self.org));
        self.crypto.join("peers").join(name)
    }

    /// SIGTERM, and what is in the ledger afterwards: its info and its state.
    pub(crate) fn stop(mut self) -> (String, String) {
        if self.running.is_some() {
            self.halt();
        }
        let info = self.ledger(&["info", "--json"]);
        let info = info.replace(self.ledgers().to_str().expect("UTF-8"), "");
        (info, self.ledger(&["export", "--state"]))
    }

    /// What `heddle ledger COMMAND` says of the ledger of a peer that does not run.
    pub(crate) fn ledger(&self, command: &[&str]) -> String {
        let mut heddle = Command::new(HEDDLE);
        heddle.arg("ledger").args(command);
        heddle.arg("--data").arg(self.ledgers());
        succeed(heddle.args(["--channel", "mychannel"]))
    }
}
