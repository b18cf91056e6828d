//! The rules below application capability V2_0, one by one, on a channel whose application capability
//! is chosen for each case. Whole chains of such channels are compared with a real peer elsewhere.

mod collections;
mod dispatch;
mod lscc;
mod plugin;
mod upgrades;

use std::sync::{Arc, OnceLock};

use crate::channel::Bundle;
use crate::channel::tests::kit;
use crate::crypto::{SignedMessage, verify};
use crate::decode::{ChaincodeCall, Creator, EndorserTx, EventCheck};
use crate::endorsement::candidate::Candidate;
use crate::endorsement::endorsed::Lifetimes;
use crate::endorsement::error::Fault;
use crate::endorsement::facts::facts_of;
use crate::endorsement::in_flight::InFlight;
use crate::endorsement::legacy::LegacyBlock;
use crate::ledger::TxKey;
use crate::lifecycle::LEGACY_NAMESPACE;
use crate::lifecycle::memory::MemoryState;
use crate::msp::Identity;
use crate::msp::tests::pki::{Definition, Issued, Key, Spec};
use crate::msp::tests::{MEMBER, Org, role};
use crate::policy::accepted_signers;
use crate::proto::peer::Endorsement;
use crate::proto::rwset::{KvMetadataWrite, KvRead, KvWrite, KvWriteHash};
use crate::proto::wire::{put_element, put_uint};
use crate::rwset::{CollectionRwSet, NsRwSet, RwSet};
use crate::types::{BlockNumber, Namespace, NamespaceRef, TxIndex, ValidationCode, Version};

/// Every application capability below V2_0, and none.
const CAPABILITIES: [&str; 6] = [
    "",
    "V1_1",
    "V1_1_PVTDATA_EXPERIMENTAL",
    "V1_2",
    "V1_3",
    "V1_4_2",
];

/// From V1_2 on.
const FROM_V1_2: [&str; 3] = ["V1_2", "V1_3", "V1_4_2"];

/// What the endorsers of all transactions signed.
const RESPONSE: &[u8] = b"response";

fn org() -> &'static Org {
    static ORG: OnceLock<Org> = OnceLock::new();
    ORG.get_or_init(Org::new)
}

/// A channel of the organizations Org1MSP to Org3MSP, and the state before the block.
struct World {
    bundle: Arc<Bundle>,
    state: MemoryState,
    with_metadata: Vec<Namespace>,
}

impl World {
    /// A channel on which `cc` 1.0 is defined: a member of Org1MSP endorses, anyone upgrades.
    fn at(capability: &str) -> Self {
        let mut world = Self {
            bundle: bundle(capability),
            state: MemoryState::default(),
            with_metadata: Vec::new(),
        };
        world.define("cc", &Data::new("cc", "1.0").bytes());
        world
    }

    fn define(&mut self, key: &str, value: &[u8]) {
        self.state.put(
            NamespaceRef::public(LEGACY_NAMESPACE),
            key.as_bytes(),
            value,
        );
    }

    /// Gives a key a policy.
    fn set_key_policy(&mut self, namespace: NamespaceRef<'_>, key: &[u8], policy: &[u8]) {
        let entry = [field(1, b"VALIDATION_PARAMETER"), field(2, policy)].concat();
        let metadata = field(2, &entry);
        self.state.put_at(
            namespace,
            key,
            b"value",
            &metadata,
            Version { block: 1, tx: 0 },
        );
        self.with_metadata.push(namespace.to_owned());
    }

    /// The codes of a block's transactions.
    fn codes(&self, transactions: &[Tx]) -> Vec<i32> {
        let (codes, _) = self.validate(transactions).unwrap();
        codes.iter().map(|code| i32::from(code.number())).collect()
    }

    /// The code of a transaction that is alone in its block.
    fn code(&self, transaction: Tx) -> i32 {
        self.codes(&[transaction])[0]
    }

    fn validate(&self, transactions: &[Tx]) -> Result<(Vec<ValidationCode>, Lifetimes), Fault> {
        let endorsers: Vec<_> = transactions.iter().map(Tx::endorser).collect();
        let creators: Vec<_> = transactions.iter().map(Tx::creator).collect();
        let signers: Vec<_> = endorsers
            .iter()
            .map(|endorser| self.signers(endorser))
            .collect();
        let candidates: Vec<Candidate<'_>> = (0..)
            .map(TxIndex)
            .zip(&creators)
            .zip(endorsers.iter().zip(&signers))
            .map(|((tx, creator), (endorser, signers))| Candidate {
                tx,
                tx_key: TxKey::of(endorser.tx_id),
                creator,
                endorser,
                signers,
            })
            .collect();
        let mut codes = vec![ValidationCode::NotValidated; transactions.len()];
        let mut lifetimes = Lifetimes::default();
        let mut kept = None;
        let block = LegacyBlock {
            block: BlockNumber(7),
            bundle: &self.bundle,
            facts: facts_of(&mut kept, &self.bundle),
            state: &self.state,
            in_flight: &InFlight::new(self.with_metadata.clone()),
        };
        block.validate(&candidates, &mut codes, &mut lifetimes)?;
        Ok((codes, lifetimes))
    }

    /// What verification leaves of the endorsements.
    fn signers(&self, endorser: &EndorserTx<'_>) -> Vec<Arc<Identity>> {
        let verified: Vec<_> = endorser
            .endorsements
            .iter()
            .filter_map(|endorsement| {
                let identity = self.bundle.msps().deserialize(endorsement.endorser).ok()?;
                let message = SignedMessage {
                    head: RESPONSE,
                    tail: endorsement.endorser,
                };
                let job = identity.signature_job(message, endorsement.signature);
                let good = job.is_some_and(|job| verify(&job));
                Some((identity, good))
            })
            .collect();
        accepted_signers(verified.iter().map(|(identity, good)| (identity, *good)))
    }
}

/// The recorded channel with organizations of ours and another application capability.
fn bundle(capability: &str) -> Arc<Bundle> {
    let mut root = kit::root();
    let groups: Vec<&str> = kit::at(&mut root, "Application")
        .groups
        .keys()
        .copied()
        .collect();
    for (group, name) in groups.into_iter().zip(["Org1MSP", "Org2MSP", "Org3MSP"]) {
        let definition = Definition {
            name,
            ..org().with_node_ous()
        };
        kit::set(
            &mut root,
            &format!("Application/{group}"),
            "MSP",
            &definition.serialized(),
        );
    }
    let names: &[&str] = if capability.is_empty() {
        &[]
    } else {
        &[capability]
    };
    kit::set_capabilities(&mut root, "Application", names);
    kit::at(&mut root, "Application").values.remove("ACLs");
    Arc::new(Bundle::from_genesis(&kit::channel(), &kit::envelope(0, &root)).unwrap())
}

fn leak(bytes: Vec<u8>) -> &'static [u8] {
    Vec::leak(bytes)
}

fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_element(&mut out, number, value);
    out
}

fn number(field: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, field, value);
    out
}

/// A signature policy: `n` of these principals.
fn policy(n: u64, principals: &[Vec<u8>]) -> Vec<u8> {
    let mut gate = number(1, n);
    for index in 0..principals.len() {
        gate.extend(field(2, &[0x08, u8::try_from(index).unwrap()]));
    }
    let mut policy = field(2, &field(2, &gate));
    principals
        .iter()
        .for_each(|principal| policy.extend(field(3, principal)));
    policy
}

/// A signature policy: a member of each of these organizations.
fn members(orgs: &[&str]) -> Vec<u8> {
    let principals: Vec<_> = orgs.iter().map(|org| role(org, MEMBER)).collect();
    policy(principals.len() as u64, &principals)
}

/// A signature policy that everybody satisfies.
fn anyone() -> Vec<u8> {
    policy(0, &[])
}

/// A definition as `lscc` has it.
#[derive(Clone)]
struct Data {
    name: &'static str,
    version: &'static str,
    vscc: &'static str,
    policy: Vec<u8>,
    instantiation_policy: Vec<u8>,
}

impl Data {
    fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            vscc: "vscc",
            policy: members(&["Org1MSP"]),
            instantiation_policy: anyone(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        [
            field(1, self.name.as_bytes()),
            field(2, self.version.as_bytes()),
            field(3, b"escc"),
            field(4, self.vscc.as_bytes()),
            field(5, &self.policy),
            field(8, &self.instantiation_policy),
        ]
        .concat()
    }
}

/// A peer's or an administrator's certificate.
fn certificate(seed: u8, ou: &str) -> Issued {
    org().root.issue(Spec::leaf("leaf", &[ou], Key::p256(seed)))
}

/// An endorsement by a peer of an organization.
fn by(msp_id: &str) -> Endorsement<'static> {
    signed(&certificate(9, "peer").serialized(msp_id), true)
}

/// An endorsement by what should be an identity, with the peers' key.
fn signed(identity: &[u8], good: bool) -> Endorsement<'static> {
    let message = if good {
        [RESPONSE, identity].concat()
    } else {
        b"another message".to_vec()
    };
    let signature = Key::p256(9).sign(&message, false);
    Endorsement {
        endorser: leak(identity.to_vec()),
        signature: leak(signature),
    }
}

/// A transaction.
struct Tx {
    id: &'static str,
    invoked: &'static str,
    action_name: &'static str,
    version: &'static str,
    event: EventCheck,
    namespaces: Vec<NsRwSet<'static>>,
    endorsements: Vec<Endorsement<'static>>,
    proposal_payload: Vec<u8>,
    creator: Vec<u8>,
}

impl Tx {
    /// An invocation of version 1.0 of a chaincode that writes nothing, endorsed by Org1MSP.
    fn of(invoked: &'static str) -> Self {
        Self {
            id: "id",
            invoked,
            action_name: invoked,
            version: "1.0",
            event: EventCheck::Sound,
            namespaces: Vec::new(),
            endorsements: vec![by("Org1MSP")],
            proposal_payload: Vec::new(),
            creator: certificate(8, "client").serialized("Org1MSP"),
        }
    }

    fn with(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    fn endorsed(self, endorsements: &[Endorsement<'static>]) -> Self {
        self.with(|tx| tx.endorsements = endorsements.to_vec())
    }

    /// Writes a key, too.
    fn writes(self, namespace: &'static str) -> Self {
        let write = KvWrite {
            key: "key",
            value: b"value",
            ..KvWrite::default()
        };
        self.in_namespace(NsRwSet {
            name: namespace,
            writes: vec![write],
            ..NsRwSet::default()
        })
    }

    /// Reads a key, too.
    fn reads(self, namespace: &'static str) -> Self {
        let read = KvRead {
            key: "key",
            ..KvRead::default()
        };
        self.in_namespace(NsRwSet {
            name: namespace,
            reads: vec![read],
            ..NsRwSet::default()
        })
    }

    /// Writes metadata of a key, too.
    fn writes_metadata(self, namespace: &'static str) -> Self {
        let write = KvMetadataWrite {
            key: "key",
            ..KvMetadataWrite::default()
        };
        let metadata_writes = vec![write];
        self.in_namespace(NsRwSet {
            name: namespace,
            metadata_writes,
            ..NsRwSet::default()
        })
    }

    /// Writes to a collection, too.
    fn writes_hash(self, namespace: &'static str, collection: &'static str) -> Self {
        let write = KvWriteHash {
            key_hash: b"hash",
            value_hash: b"value",
            ..Default::default()
        };
        let collection = CollectionRwSet {
            name: collection,
            hashed_writes: vec![write],
            ..CollectionRwSet::default()
        };
        let collections = vec![collection];
        self.in_namespace(NsRwSet {
            name: namespace,
            collections,
            ..NsRwSet::default()
        })
    }

    fn in_namespace(self, set: NsRwSet<'static>) -> Self {
        self.with(|tx| tx.namespaces.push(set))
    }

    fn endorser(&self) -> EndorserTx<'_> {
        EndorserTx {
            tx_id: self.id,
            proposal_response_payload: RESPONSE,
            endorsements: self.endorsements.clone(),
            proposal_payload: &self.proposal_payload,
            action: Ok(ChaincodeCall {
                header_name: self.invoked,
                action_name: self.action_name,
                action_version: self.version,
                event: self.event,
                rwset: RwSet {
                    namespaces: self.namespaces.clone(),
                },
            }),
        }
    }

    fn creator(&self) -> Creator<'_> {
        Creator {
            payload_digest: None,
            channel_id: "config",
            identity: &self.creator,
            payload: b"",
            signature: b"",
        }
    }
}
