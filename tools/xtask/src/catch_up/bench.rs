//! What is measured: a chain, certificates, and the programs with it.

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::programs::{Node, Running, cpu_seconds, first_block, free_port, succeed};
use super::{Figures, From, Joined, Options};
use crate::root;

/// How long a peer may take to be at the chain's height.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// A chain, a network's certificates, and the programs.
pub(super) struct Bench {
    folder: PathBuf,
    programs: PathBuf,
    from: From,
}

impl Bench {
    pub(super) fn prepare(options: &Options, folder: &Path) -> io::Result<Self> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--profile", &options.profile]);
        for package in ["heddle", "devorderer", "netgen", "loadgen"] {
            build.args(["-p", package]);
        }
        succeed(build.current_dir(root()))?;
        let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target = target.unwrap_or_else(|| root().join("target"));
        let profile = match options.profile.as_str() {
            "dev" => "debug",
            other => other,
        };
        fs::create_dir_all(folder)?;
        let bench = Self {
            folder: folder.to_owned(),
            programs: target.join(profile),
            from: options.from,
        };
        let network = "organizations:\n  - {name: Org1, domain: org1.example.com, peers: 3, users: 1}\n\
                       orderers:\n  - {name: Orderer, domain: example.com, nodes: [{name: orderer}]}\n\
                       channels:\n  - {name: unused}\n";
        fs::write(bench.path("net.yaml"), network)?;
        succeed(
            bench
                .program("netgen")
                .args(["--config", "net.yaml", "--out", "net"]),
        )?;
        let (blocks, txs) = (options.blocks.to_string(), options.txs.to_string());
        let size = ["--blocks", &blocks, "--txs", &txs];
        succeed(
            bench
                .program("loadgen")
                .args([
                    "--quiet", "--out", "chain.pb", "--msp", "msp", "--peers", "3",
                ])
                .args(size),
        )?;
        fs::write(
            bench.path("genesis.block"),
            first_block(&bench.path("chain.pb"))?,
        )?;
        Ok(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn program(&self, name: &str) -> Command {
        let mut program = Command::new(self.programs.join(name));
        program.current_dir(&self.folder);
        program
    }

    /// Imports the chain: the figures, and how many transactions it has.
    pub(super) fn import(&self) -> io::Result<(Figures, f64)> {
        let _ = fs::remove_dir_all(self.path("imported"));
        let mut import = self.program("heddle");
        import.args([
            "ledger",
            "import",
            "--data",
            "imported",
            "--channel",
            "bench",
        ]);
        let output = import.args(["chain.pb", "--json"]).output()?;
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let figure = |name: &str| {
            let figure = summary.get(name).and_then(serde_json::Value::as_f64);
            figure.ok_or_else(|| io::Error::other(format!("import says nothing of {name}")))
        };
        let figures = Figures {
            rate: figure("transactions_per_s")?,
            cpu_us: figure("cpu_us_per_transaction")?,
        };
        Ok((figures, figure("transactions")?))
    }

    /// Has a new peer join, and waits until it has all of the chain's `txs` transactions.
    #[expect(
        clippy::disallowed_methods,
        reason = "a tool that measures other programs"
    )]
    pub(super) fn join(&self, txs: f64) -> io::Result<Joined> {
        let (node, _givers) = self.node_and_givers()?;
        let cpu_before = cpu_seconds(&node.child)?;
        let start = Instant::now();
        self.tell_to_join(&node)?;
        let height = self.height()?;
        let mut seconds_before = 0.0;
        loop {
            let reached = node.height()?;
            if reached >= height {
                break;
            }
            if reached <= 1 {
                seconds_before = start.elapsed().as_secs_f64();
            }
            if start.elapsed() > WAIT_MAX {
                return Err(io::Error::other(
                    "the peer does not get to the chain's height",
                ));
            }
            // Each question costs the peer some time.
            thread::sleep(Duration::from_millis(50));
        }
        let seconds = start.elapsed().as_secs_f64();
        let cpu = cpu_seconds(&node.child)? - cpu_before;
        Ok(Joined {
            figures: Figures {
                rate: txs / seconds,
                cpu_us: cpu * 1e6 / txs,
            },
            seconds_before,
        })
    }

    /// A peer without a channel, and those who have the blocks.
    fn node_and_givers(&self) -> io::Result<(Node, Vec<Running>)> {
        match self.from {
            From::Orderer => {
                let (orderer, port) = self.orderer()?;
                Ok((
                    self.node(0, |_| self.orderer_settings(port))?,
                    vec![orderer],
                ))
            }
            From::Peers => {
                let (mut neighbours, mut addresses) = (Vec::new(), Vec::new());
                for number in [1, 2] {
                    let node = self.node(number, |own| gossip_settings(own, &addresses))?;
                    addresses.push(node.clients.clone());
                    neighbours.push(node.child);
                }
                Ok((
                    self.node(0, |own| gossip_settings(own, &addresses))?,
                    neighbours,
                ))
            }
        }
    }

    fn tell_to_join(&self, node: &Node) -> io::Result<()> {
        let mut join = self.program("heddle");
        join.args(["channel", "join", "-b", "genesis.block"]);
        join.env("CORE_PEER_ADDRESS", &node.clients);
        join.env("CORE_PEER_LOCALMSPID", "Org1MSP");
        let admin = "msp/Org1/admin/msp";
        join.env("CORE_PEER_MSPCONFIGPATH", self.path(admin));
        join.env("CORE_PEER_TLS_ENABLED", "true");
        let ca = format!("{}/ca.crt", tls_of(0));
        join.env("CORE_PEER_TLS_ROOTCERT_FILE", self.path(&ca));
        succeed(&mut join)
    }

    /// The imported chain's height.
    fn height(&self) -> io::Result<u64> {
        let mut info = self.program("heddle");
        info.args(["ledger", "info", "--json", "--data", "imported"]);
        let output = info.args(["--channel", "bench"]).output()?;
        let info: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let height = info.get("height").and_then(serde_json::Value::as_u64);
        height.ok_or_else(|| io::Error::other("no height"))
    }

    fn orderer(&self) -> io::Result<(Running, u16)> {
        let port = free_port()?;
        let tls =
            "net/crypto-config/ordererOrganizations/example.com/orderers/orderer.example.com/tls";
        let mut orderer = self.program("devorderer");
        orderer.args(["serve", "--blocks", "chain.pb", "--listen"]);
        orderer.arg(format!("127.0.0.1:{port}"));
        orderer.args(["--tls-cert", &format!("{tls}/server.crt")]);
        orderer.args(["--tls-key", &format!("{tls}/server.key")]);
        let mut child = Running(orderer.stderr(Stdio::piped()).spawn()?);
        let stderr = child.0.stderr.take().map(BufReader::new);
        let mut lines = stderr.into_iter().flat_map(BufReader::lines);
        let listens = lines.any(|line| line.is_ok_and(|line| line.contains("listening on")));
        // Nothing more comes that would fill the pipe.
        if listens {
            Ok((child, port))
        } else {
            Err(io::Error::other("devorderer does not listen"))
        }
    }

    /// Whose blocks come from the orderer.
    fn orderer_settings(&self, port: u16) -> String {
        let ca = self.path(
            "net/crypto-config/ordererOrganizations/example.com/orderers/orderer.example.com/tls/ca.crt",
        );
        let to = format!("to: \"127.0.0.1:{port}\", caCertsFile: {}", ca.display());
        format!(
            "  deliveryclient:\n    addressOverrides:\n      \
             - {{from: \"orderer.example.com:7050\", {to}}}\n      \
             - {{from: \"orderer.Orderer:7050\", {to}}}\n"
        )
    }

    /// A peer of this number; number 0 has nothing, the others have the imported ledger.
    fn node(&self, number: usize, settings: impl Fn(&str) -> String) -> io::Result<Node> {
        let own = self.path(&format!("peer{number}"));
        let _ = fs::remove_dir_all(&own);
        fs::create_dir_all(&own)?;
        if number > 0 {
            let mut copy = Command::new("cp");
            succeed(
                copy.arg("-r")
                    .arg(self.path("imported"))
                    .arg(own.join("ledgers")),
            )?;
        }
        let (clients, operations) = (free_port()?, free_port()?);
        let settings = settings(&format!("127.0.0.1:{clients}"));
        let tls = self.path(&tls_of(number));
        let tls = tls.display();
        let yaml = format!(
            "peer:\n  id: peer{number}\n  listenAddress: 127.0.0.1:{clients}\n  address: 127.0.0.1:{clients}\n  \
             localMspId: Org1MSP\n  mspConfigPath: {}\n  fileSystemPath: {}\n{settings}  tls:\n    \
             enabled: true\n    cert: {{file: {tls}/server.crt}}\n    key: {{file: {tls}/server.key}}\n    \
             rootcert: {{file: {tls}/ca.crt}}\noperations: {{listenAddress: 127.0.0.1:{operations}}}\n",
            self.path(&format!("msp/Org1/peer{number}/msp")).display(),
            own.display(),
        );
        fs::write(own.join("core.yaml"), yaml)?;
        let mut node = self.program("heddle");
        node.args(["node", "start"]);
        node.env("FABRIC_CFG_PATH", &own);
        node.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = Running(node.spawn()?);
        let mut line = String::new();
        if let Some(stdout) = child.0.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        if !line.contains("clients on") {
            return Err(io::Error::other("the peer does not start"));
        }
        Ok(Node {
            child,
            clients: format!("127.0.0.1:{clients}"),
            operations,
        })
    }
}

/// A peer that asks no orderer, and calls these neighbours.
fn gossip_settings(own: &str, neighbours: &[String]) -> String {
    format!(
        "  gossip: {{useLeaderElection: false, orgLeader: false, bootstrap: {neighbours:?}, \
         endpoint: \"{own}\", state: {{enabled: true}}}}\n"
    )
}

/// A peer's folder of TLS certificates.
fn tls_of(number: usize) -> String {
    let domain = "org1.example.com";
    format!("net/crypto-config/peerOrganizations/{domain}/peers/peer{number}.{domain}/tls")
}
