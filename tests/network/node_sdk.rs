//! Fabric's own Node client, `@hyperledger/fabric-gateway`, reads a chain from a heddle peer.
//!
//! Its packages come from npm's registry, once for each lock file. Where there is no Node, or no registry
//! to be reached, this says so and tries nothing, unless `HEDDLE_REQUIRE_NODE=1`.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;

use heddle::crypto::sha256;
use heddle::msp::SigningIdentity;
use heddle::testing::kit::{ChaincodeDefinition, Identity, Signer, Transaction, ns};

use crate::network::{Network, Orderer, Peer, Running};

/// As Debian 12 has it.
const NODE_VERSION_MIN: u32 = 18;

/// npm's errors that are no fault of the network: the lock file does not fit the manifest or the packages.
const LOCK_ERRORS: [&str; 2] = ["code EUSAGE", "code EINTEGRITY"];

/// The forms in which a peer gives blocks.
const FORMS: [&str; 3] = ["blocks", "filtered", "private"];

#[test]
fn fabrics_node_client_reads_what_is_there_and_what_comes() {
    let packages = match packages() {
        Ok(packages) => packages,
        Err(why) => return skip(&why),
    };
    let mut chain = Chain::make();
    let events = |chain: &Chain, org, last| {
        FORMS.map(|form| Reader::start(&mut chain.events(&packages, org, form, last)))
    };
    for refused in events(&chain, "Org4", 6).map(Reader::finish) {
        assert_eq!(
            refused,
            (false, "Unexpected status response: 403\n".to_owned())
        );
    }
    let mut readers = events(&chain, "Org1", 5);
    for reader in &mut readers {
        reader.wait_for(3);
    }
    chain.grow();
    let read = readers.map(Reader::finish);
    // Each goes on where it was, and whoever is of the channel by now may read it.
    chain.update("{timeout: 2s}");
    let read_on = events(&chain, "Org1", 6).map(Reader::finish);
    let read_by_newcomer = events(&chain, "Org4", 6).map(Reader::finish);

    let codes = chain.codes();
    for (index, form) in FORMS.into_iter().enumerate() {
        let expected = |blocks| (true, lines_of(&codes, form, blocks));
        assert_eq!(read[index], expected(0..=5), "{form}");
        assert_eq!(read_on[index], expected(6..=6), "{form}");
        assert_eq!(read_by_newcomer[index], expected(0..=6), "{form}");
    }
}

/// What a ledger's export says of some blocks, as far as a form of block has it.
fn lines_of(codes: &str, form: &str, blocks: RangeInclusive<u64>) -> String {
    let has = |line: &&str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let block = line["block"].as_u64().expect("a number");
        blocks.contains(&block) && (form != "filtered" || line.get("tx").is_some())
    };
    let lines = codes.lines().filter(has);
    lines.map(|line| format!("{line}\n")).collect()
}

/// A peer and the orderer that it follows.
struct Chain {
    network: Network,
    orderer: Orderer,
    peer: Peer,
    user: Identity,
    endorsers: [Identity; 3],
}

impl Chain {
    /// A chain of four blocks with transactions that are valid, and some that are not.
    fn make() -> Self {
        let network = Network::make();
        let chain = Self {
            orderer: network.orderer(),
            peer: network.peer("Org1"),
            user: identity(&network.user_msp("Org1", "User1"), "Org1MSP"),
            endorsers: ["Org1", "Org2", "Org3"]
                .map(|org| identity(&network.peer_msp(org), &format!("{org}MSP"))),
            network,
        };
        chain.peer.join();
        // Two transactions fill a block: which one each is in is not a matter of time.
        chain.update("{timeout: 600s, max_messages: 2}");
        chain.peer.wait_for(2);
        let definition = |name| {
            let writes = ChaincodeDefinition::new(name).writes();
            chain
                .transaction(name, "_lifecycle")
                .with(|tx| tx.rwset = [writes].into())
        };
        let unendorsed = definition("boats").endorsed_by([]);
        chain.order(&[definition("cars"), unendorsed]);
        chain.peer.wait_for(3);
        let conflict = |tx: &mut Transaction<'_>| tx.rwset = [ns("cars").read("key", None)].into();
        let conflicting = chain.transaction("conflict", "cars").with(conflict);
        chain.order(&[chain.transaction("first", "cars"), conflicting]);
        chain.peer.wait_for(4);
        chain
    }

    /// Two blocks more: the fourth organization is of the channel, and an id comes twice.
    fn grow(&self) {
        self.network
            .add_organization(&self.orderer, &self.peer, "Org4");
        self.peer.wait_for(5);
        self.order(&["second", "first"].map(|nonce| self.transaction(nonce, "cars")));
        self.peer.wait_for(6);
    }

    fn update(&self, batch: &str) {
        let edits = format!("edits: [{{set_batch: {batch}}}]");
        self.network
            .update(&self.orderer, &self.peer, &edits, &["Orderer"]);
    }

    /// A user's call of a chaincode that writes a key.
    fn transaction(&self, nonce: &str, chaincode: &str) -> Transaction<'_> {
        let writes = ns(chaincode).write("key", nonce);
        Transaction::new("mychannel", &self.user, nonce, chaincode, [writes])
            .endorsed_by(&self.endorsers)
    }

    fn order(&self, transactions: &[Transaction<'_>]) {
        for transaction in transactions {
            let file = self.network.path("transaction");
            fs::write(&file, transaction.envelope()).expect("it is written");
            self.network.send(&self.orderer, &self.peer, &file);
        }
    }

    /// Stops the peer: what is in its ledger.
    fn codes(&mut self) -> String {
        self.peer.halt();
        let codes = self.peer.ledger(&["export", "--codes"]);
        for code in [
            "VALID",
            "ENDORSEMENT_POLICY_FAILURE",
            "MVCC_READ_CONFLICT",
            "DUPLICATE_TXID",
        ] {
            let name = format!("\"code_name\":\"{code}\"");
            assert!(codes.contains(&name), "{code} is not among {codes}");
        }
        codes
    }

    /// The script, as a user of an organization, from its checkpoint to the block `last`.
    fn events(&self, packages: &Path, org: &str, form: &str, last: u64) -> Command {
        let mut node = Command::new("node");
        node.arg(source("events.js")).args([form, "mychannel"]);
        node.arg(self.network.path(&format!("{form}.{org}")));
        node.arg(last.to_string()).env("NODE_PATH", packages);
        self.peer.be("User1", &mut node);
        node.env("CORE_PEER_TLS_SERVERHOSTOVERRIDE", "peer0.org1.example.com");
        let msp = self.network.user_msp(org, "User1");
        node.env("CORE_PEER_LOCALMSPID", format!("{org}MSP"));
        node.env("CORE_PEER_MSPCONFIGPATH", msp);
        node
    }
}

fn identity(msp: &Path, msp_id: &str) -> Identity {
    let identity = SigningIdentity::load(msp, msp_id).expect("an MSP folder");
    Identity::from_serialized(identity.serialized().to_vec(), Arc::new(Local(identity)))
}

/// Signs with the key of an MSP folder.
#[derive(Debug)]
struct Local(SigningIdentity);

impl Signer for Local {
    fn sign(&self, message: &[&[u8]]) -> Vec<u8> {
        self.0.sign(message)
    }
}

/// The script at work, and what it has printed.
struct Reader {
    running: Running,
    output: BufReader<ChildStdout>,
    text: String,
}

impl Reader {
    fn start(node: &mut Command) -> Self {
        let child = node.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut running = Running(child.expect("it starts"));
        let output = running.0.stdout.take().expect("a pipe");
        Self {
            running,
            output: BufReader::new(output),
            text: String::new(),
        }
    }

    /// Waits for a block.
    fn wait_for(&mut self, block: u64) {
        let start = format!("{{\"block\":{block},");
        while !self.text.lines().any(|line| line.starts_with(&start)) {
            let read = self.output.read_line(&mut self.text);
            assert!(read.expect("a line") > 0, "{:?}", self.read_all());
        }
    }

    /// Whether it succeeds, and all that it has said.
    fn finish(mut self) -> (bool, String) {
        self.read_all();
        (self.running.0.wait().expect("it ends").success(), self.text)
    }

    fn read_all(&mut self) -> &str {
        let mut messages = self.running.0.stderr.take().expect("a pipe");
        self.output.read_to_string(&mut self.text).expect("UTF-8");
        messages.read_to_string(&mut self.text).expect("UTF-8");
        &self.text
    }
}

/// Says why nothing is tried, where that is allowed.
fn skip(why: &str) {
    let required = std::env::var("HEDDLE_REQUIRE_NODE").is_ok_and(|value| value == "1");
    assert!(!required, "HEDDLE_REQUIRE_NODE=1, but {why}");
    // Past the capture of what tests print.
    let _ = writeln!(
        io::stderr(),
        "skipped: Fabric's Node client is not tried: {why}"
    );
}

/// Where the packages are, installed if they are not yet; or why they are not there.
fn packages() -> Result<PathBuf, String> {
    let version = said(Command::new("node").arg("--version"))?;
    let major = version.trim_start_matches('v').split('.').next();
    let is_recent = major.and_then(|major| major.parse().ok()) >= Some(NODE_VERSION_MIN);
    if !is_recent {
        return Err(format!(
            "node is {version}: expected {NODE_VERSION_MIN} or later"
        ));
    }
    let lock = fs::read(source("package-lock.json")).expect("a file of the repository");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let installed = target.join(format!("node_sdk-{}", sha256(&lock)));
    if !installed.exists() {
        let folder = tempfile::tempdir_in(target).expect("a folder");
        for name in ["package.json", "package-lock.json"] {
            fs::copy(source(name), folder.path().join(name)).expect("it is copied");
        }
        let mut npm = Command::new("npm");
        npm.args("ci --omit=optional --ignore-scripts --no-audit --no-fund".split(' '));
        npm.args(["--fetch-retries=1", "--fetch-timeout=60000"]);
        let done = said(npm.current_dir(folder.path())).inspect_err(|why| {
            let ours = LOCK_ERRORS.iter().any(|code| why.contains(code));
            assert!(!ours, "the lock file is not right: {why}");
        });
        done?;
        // All of it or nothing.
        fs::rename(folder.keep(), &installed).expect("it is moved");
    }
    Ok(installed.join("node_modules"))
}

/// What a program prints, or why it fails.
fn said(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program} does not start: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{program} failed: {}", text(&output.stderr)))
    }
}

fn source(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/network/node_sdk");
    folder.join(name)
}
