//! A network in a folder, made by netgen, and what its members send.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use heddle::channel::EnvelopeHeaders;
use heddle::msp::SigningIdentity;
use heddle::proto::messages::common::Envelope;
use prost::Message as _;

const NETWORK: &str = "
organizations:
  - {name: Org1, domain: org1.example.com}
  - {name: Org2, domain: org2.example.com}
orderers:
  - {name: Orderer, domain: example.com, nodes: 1}
channels:
  - name: one
    batch: {timeout: 400ms, max_messages: 10, absolute_bytes: 100 KB, preferred_bytes: 20 KB}
  - {name: two}
";

/// The folder of an organization's administrator, client, peer or orderer.
pub(crate) const ADMIN1: &str = "peerOrganizations/org1.example.com/users/Admin@org1.example.com";
pub(crate) const ADMIN2: &str = "peerOrganizations/org2.example.com/users/Admin@org2.example.com";
pub(crate) const CLIENT1: &str = "peerOrganizations/org1.example.com/users/User1@org1.example.com";
pub(crate) const PEER1: &str = "peerOrganizations/org1.example.com/peers/peer0.org1.example.com";
pub(crate) const PEER2: &str = "peerOrganizations/org2.example.com/peers/peer0.org2.example.com";
pub(crate) const ORDERER: &str = "ordererOrganizations/example.com/orderers/orderer0.example.com";
pub(crate) const ADMIN: &str = "ordererOrganizations/example.com/users/Admin@example.com";

/// A folder with a network in it.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) folder: tempfile::TempDir,
}

impl Net {
    pub(crate) fn new() -> Self {
        Self::from_seed(1, NETWORK)
    }

    /// The same names, other keys.
    pub(crate) fn stranger() -> Self {
        Self::from_seed(2, NETWORK)
    }

    pub(crate) fn from_seed(seed: u64, yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let net = Self { folder };
        net.netgen("network.yaml", yaml, "net", seed);
        net
    }

    /// Makes what a YAML file says in a folder below ours.
    pub(crate) fn netgen(&self, name: &str, yaml: &str, out: &str, seed: u64) {
        fs::write(self.path(name), yaml).unwrap();
        let (config, out, seed) = (self.text(name), self.text(out), seed.to_string());
        let arguments = [
            "netgen", "--config", &config, "--out", &out, "--seed", &seed,
        ];
        assert_eq!(netgen::run(arguments), ExitCode::SUCCESS);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    /// A file of somebody, by the path below its folder.
    pub(crate) fn file(&self, member: &str, name: &str) -> PathBuf {
        self.path(&format!("net/crypto-config/{member}/{name}"))
    }

    pub(crate) fn genesis(&self, channel: &str) -> Vec<u8> {
        fs::read(self.path(&format!("net/{channel}.block"))).unwrap()
    }

    pub(crate) fn member(&self, member: &str) -> SigningIdentity {
        SigningIdentity::load(&self.file(member, "msp"), msp_id(member)).unwrap()
    }

    /// An update of the configuration in a config block, signed by some members.
    pub(crate) fn update(&self, block: &[u8], edits: &str, signers: &[&str]) -> Envelope {
        fs::write(self.path("config.block"), block).unwrap();
        fs::write(self.path("edits.yaml"), edits).unwrap();
        let files = ["config.block", "edits.yaml", "update.tx"].map(|name| self.text(name));
        let [block, edits, out] = &files;
        let mut arguments: Vec<String> = ["netgen", "update", "--block", block, "--edit", edits]
            .into_iter()
            .chain(["--out", out])
            .map(str::to_owned)
            .collect();
        for signer in signers {
            let folder = self.file(signer, "msp");
            arguments.push("--sign".to_owned());
            arguments.push(format!("{}={}", msp_id(signer), folder.display()));
        }
        assert_eq!(netgen::run(arguments), ExitCode::SUCCESS);
        let update = fs::read(self.path("update.tx")).unwrap();
        Envelope::decode(update.as_slice()).unwrap()
    }
}

fn msp_id(member: &str) -> &'static str {
    if member.contains("org1.") {
        "Org1MSP"
    } else if member.contains("org2.") {
        "Org2MSP"
    } else if member.contains("org3.") {
        "Org3MSP"
    } else {
        "OrdererMSP"
    }
}

/// A transaction as far as an orderer looks: headers, a signature, and so many bytes of data.
pub(crate) fn transaction(
    channel: &str,
    creator: &SigningIdentity,
    number: u64,
    bytes: usize,
) -> Envelope {
    let data = vec![7; bytes];
    message(3, channel, creator, &number.to_be_bytes(), &data)
}

/// A signed message of any type.
pub(crate) fn message(
    r#type: i32,
    channel: &str,
    creator: &SigningIdentity,
    nonce: &[u8],
    data: &[u8],
) -> Envelope {
    let headers = EnvelopeHeaders {
        r#type,
        channel,
        creator: creator.serialized(),
        nonce,
        ..EnvelopeHeaders::default()
    };
    let envelope = headers.envelope(data, |payload| creator.sign(&[payload]));
    Envelope::decode(envelope.as_slice()).unwrap()
}
