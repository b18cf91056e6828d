//! `cargo xtask catch-up`: how fast a peer that joins a channel gets its blocks from an orderer over TLS,
//! beside `heddle ledger import` of the same blocks.
//!
//! Everything runs on this machine, the orderer (`devorderer serve`) too: where both are busy on few
//! cores, the rate of the peer says less than what a transaction costs it, which is told as well.

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Usage, root, say};

/// How long a peer may take to be at the chain's height.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// The peer's folder among those of the organizations.
const OWN: &str = "org1.example.com/peers/peer0.org1.example.com";

/// What to measure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    blocks: u64,
    txs: u64,
    rounds: u32,
    /// The name of cargo's profile: `release`, or `dev` to try.
    profile: String,
}

impl Options {
    /// Reads `[--blocks N] [--txs N] [--rounds N] [--profile NAME]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Usage> {
        let wrong = |what: String| Usage::Wrong(what);
        let mut options = Self {
            blocks: 500,
            txs: 500,
            rounds: 5,
            profile: "release".to_owned(),
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .ok_or_else(|| wrong(format!("{name} expects a value")))?;
            let number = || {
                let number = value.parse::<u32>().ok().filter(|number| *number > 0);
                number.ok_or_else(|| wrong(format!("{name} expects a number, not {value}")))
            };
            match name.as_str() {
                "--blocks" => options.blocks = number()?.into(),
                "--txs" => options.txs = number()?.into(),
                "--rounds" => options.rounds = number()?,
                "--profile" => options.profile.clone_from(value),
                _ => return Err(wrong(format!("did not expect {name}"))),
            }
        }
        Ok(options)
    }
}

/// Transactions a second, and CPU time for each in microseconds.
#[derive(Debug, Clone, Copy)]
struct Figures {
    rate: f64,
    cpu_us: f64,
}

/// Measures.
pub(crate) fn run(options: &Options) -> ExitCode {
    let folder = env::temp_dir().join(format!("heddle-catch-up-{}", std::process::id()));
    let measured = measure(options, &folder);
    let _ = fs::remove_dir_all(&folder);
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("catch-up: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options, folder: &Path) -> io::Result<()> {
    let bench = Bench::prepare(options, folder)?;
    let (mut imports, mut joins) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let (import, txs) = bench.import()?;
        let join = bench.join(txs)?;
        say(&format!(
            "round {round}: import {:.0} tx/s, {:.1} CPU-us/tx; catch-up {:.0} tx/s, {:.1} CPU-us/tx",
            import.rate, import.cpu_us, join.rate, join.cpu_us
        ));
        imports.push(import);
        joins.push(join);
    }
    // Round by round: what makes one slow makes the other slow, too.
    let rounds = || joins.iter().zip(&imports);
    let rate = median(rounds().map(|(join, import)| join.rate / import.rate));
    let cpu = median(rounds().map(|(join, import)| join.cpu_us / import.cpu_us));
    say(&format!(
        "median of {} rounds: a peer catches up at {:.0} % of the rate of import, with {cpu:.2} times its CPU time",
        options.rounds,
        rate * 100.0,
    ));
    Ok(())
}

/// The middle one, or the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    let count = values.len();
    f64::midpoint(at(count.saturating_sub(1) / 2), at(count / 2))
}

/// A chain, a network's certificates, and the programs.
struct Bench {
    folder: PathBuf,
    programs: PathBuf,
}

impl Bench {
    fn prepare(options: &Options, folder: &Path) -> io::Result<Self> {
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
        };
        let network = "organizations:\n  - {name: Org1, domain: org1.example.com, peers: 1, users: 1}\n\
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
                .args(["--quiet", "--out", "chain.pb"])
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
    fn import(&self) -> io::Result<(Figures, f64)> {
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
    fn join(&self, txs: f64) -> io::Result<Figures> {
        let _ = fs::remove_dir_all(self.path("peer"));
        let (orderer, port) = self.orderer()?;
        let node = self.node(port)?;
        let cpu_before = cpu_seconds(&node.child)?;
        let start = Instant::now();
        let mut join = self.program("heddle");
        join.args(["channel", "join", "-b", "genesis.block"]);
        let org = "net/crypto-config/peerOrganizations/org1.example.com";
        join.env("CORE_PEER_ADDRESS", &node.clients);
        join.env("CORE_PEER_LOCALMSPID", "Org1MSP");
        join.env(
            "CORE_PEER_MSPCONFIGPATH",
            self.path(&format!("{org}/users/Admin@org1.example.com/msp")),
        );
        join.env("CORE_PEER_TLS_ENABLED", "true");
        let ca = format!("net/crypto-config/peerOrganizations/{OWN}/tls/ca.crt");
        join.env("CORE_PEER_TLS_ROOTCERT_FILE", self.path(&ca));
        succeed(&mut join)?;
        let height = self.height()?;
        while node.height()? < height {
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
        drop((node, orderer));
        Ok(Figures {
            rate: txs / seconds,
            cpu_us: cpu * 1e6 / txs,
        })
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

    fn node(&self, orderer: u16) -> io::Result<Node> {
        let (clients, operations) = (free_port()?, free_port()?);
        let crypto = self.path("net/crypto-config");
        let crypto = crypto.display();
        let ca = format!(
            "{crypto}/ordererOrganizations/example.com/orderers/orderer.example.com/tls/ca.crt"
        );
        let own = format!("{crypto}/peerOrganizations/{OWN}");
        let to = format!("to: \"127.0.0.1:{orderer}\", caCertsFile: {ca}");
        let yaml = format!(
            "peer:\n  id: peer0\n  listenAddress: 127.0.0.1:{clients}\n  address: 127.0.0.1:{clients}\n  \
             localMspId: Org1MSP\n  \
             mspConfigPath: {own}/msp\n  \
             fileSystemPath: {}\n  deliveryclient:\n    addressOverrides:\n      \
             - {{from: \"orderer.example.com:7050\", {to}}}\n      \
             - {{from: \"orderer.Orderer:7050\", {to}}}\n  tls:\n    enabled: true\n    \
             cert: {{file: {own}/tls/server.crt}}\n    key: {{file: {own}/tls/server.key}}\n    \
             rootcert: {{file: {own}/tls/ca.crt}}\n\
             operations: {{listenAddress: 127.0.0.1:{operations}}}\n",
            self.path("peer").display(),
        );
        fs::create_dir_all(self.path("peer"))?;
        fs::write(self.path("peer/core.yaml"), yaml)?;
        let mut node = self.program("heddle");
        node.args(["node", "start"]);
        node.env("FABRIC_CFG_PATH", self.path("peer"));
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

/// A peer at work.
struct Node {
    child: Running,
    clients: String,
    operations: u16,
}

impl Node {
    /// How high its channel is, as its health says.
    fn height(&self) -> io::Result<u64> {
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
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// CPU time of a process, of all its threads.
fn cpu_seconds(process: &Running) -> io::Result<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.0.id()))?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The first block of a file of length-delimited blocks.
#[expect(
    clippy::disallowed_methods,
    reason = "a tool that only starts other programs"
)]
fn first_block(path: &Path) -> io::Result<Vec<u8>> {
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

fn succeed(command: &mut Command) -> io::Result<()> {
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("failed: {command:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let parse = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            Options::parse(&arguments)
        };
        let options = parse(&["--blocks", "20", "--profile", "dev"]).unwrap();
        assert_eq!((options.blocks, options.txs), (20, 500));
        assert_eq!(options.profile, "dev");
        for wrong in [&["--blocks"][..], &["--txs", "0"], &["--loud", "1"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
