//! From a script to a chain of blocks, with the model's verdict on each.
//!
//! The versions that transactions read are looked up in the model's own state, so most of them are the
//! right ones.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use heddle::proto::messages::common::ConfigGroup;
use heddle::testing::kit::{
    Chain, ChaincodeDefinition, ChannelSpec, Collected, Collection, ConfigUpdate, Endorsement,
    Identity, KeyKind, Network, Ns, Principal, Range, RangeReads, Rule, RwSet, Seed,
    SignaturePolicy, Transaction, Wire, all_of, any_of, by, high_s, implicit_policy,
    merkle_summary, ns, out_of,
};
use heddle::types::ChannelId;

use crate::mutate::mutate;
use crate::script::{BlockScript, ChannelKind, Script, Step, Twist, TxScript, Verb};
use crate::state::Key;
use crate::{Halt, Model, Verdict, channel_of, on_deep_stack};

/// A chain, and what the model says of its blocks. The last one may be one that is not committed.
#[derive(Debug)]
pub struct Built {
    /// The channel.
    pub channel: ChannelId,
    /// Serialized blocks.
    pub blocks: Vec<Bytes>,
    /// The model's verdicts.
    pub verdicts: Vec<Result<Verdict, Halt>>,
}

const CHAINCODES: [&str; 3] = ["alpha", "beta", "gamma"];
const COLLECTIONS: [&str; 4] = ["plain", "own", "short", "_implicit_org_Org1"];

/// Builds a script's chain.
///
/// # Panics
/// Where the kit makes a genesis block that is none.
#[must_use]
pub fn build(script: &Script) -> Built {
    on_deep_stack(|| {
        let mut builder = Builder::new(script.channel);
        let alive = builder.define_all();
        let mut blocks = script.blocks.iter();
        let _ = alive && blocks.all(|block| builder.block(block));
        builder.built
    })
}

struct Builder {
    network: Network,
    chain: Chain,
    model: Model,
    built: Built,
    txs: u64,
}

/// Networks are the same for all scripts of a kind; certificates take a while to make.
fn network(kind: ChannelKind) -> Network {
    static MADE: Mutex<BTreeMap<ChannelKind, Network>> = Mutex::new(BTreeMap::new());
    let mut made = MADE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let make = || {
        let seed = Seed::new(7);
        let mut spec = ChannelSpec::default();
        match kind {
            ChannelKind::Usual => Network::new(&seed, 3, spec),
            ChannelKind::NoLifecyclePolicy => {
                spec.lifecycle_endorsement = false;
                spec.application_capability = "V2_0".to_owned();
                Network::new(&seed, 3, spec)
            }
            ChannelKind::Bft => {
                spec.channel_capability = "V3_0".to_owned();
                Network::with_keys(&seed, 3, KeyKind::Ed25519, spec).with_consenters(4)
            }
        }
    };
    made.entry(kind).or_insert_with(make).clone()
}

fn peer(org: usize) -> Rule {
    by(Principal::Peer(format!("Org{org}")))
}

fn policy(number: u8) -> SignaturePolicy {
    let member = |org: usize| by(Principal::Member(format!("Org{org}")));
    match number % 8 {
        0 => any_of([peer(1), peer(2), peer(3)]),
        1 => peer(1),
        2 => all_of([peer(2), peer(3)]),
        3 => out_of(2, [member(1), member(2), member(3)]),
        4 => all_of([any_of([peer(1), peer(2)]), peer(2)]),
        5 => out_of(0, []),
        6 => any_of([peer(3), Rule::Index(9)]),
        _ => all_of([member(1), by(Principal::Admin("Org1".to_owned()))]),
    }
    .into()
}

/// The bytes of a key's policy: a policy mostly, rarely something else.
fn key_policy(how: u8) -> Vec<u8> {
    match how {
        0..=239 => policy(how).envelope(),
        240..=251 => Vec::new(),
        252..=254 => policy(how).application(),
        255 => vec![0x0a, 0xff],
    }
}

impl Builder {
    fn new(kind: ChannelKind) -> Self {
        let network = network(kind);
        let (chain, genesis) = network.found();
        let channel = channel_of(&genesis).unwrap_or_else(|| unreachable!("a genesis block"));
        let mut model = Model::new(channel.clone());
        let verdict = model.commit(&genesis);
        let built = Built {
            channel,
            blocks: vec![Bytes::from(genesis)],
            verdicts: vec![verdict],
        };
        Self {
            network,
            chain,
            model,
            built,
            txs: 0,
        }
    }

    /// A block goes to the model; whether it was committed.
    fn push(&mut self, envelopes: Vec<Vec<u8>>, config: bool) -> bool {
        let mut draft = self.chain.draft(envelopes);
        if config {
            draft.last_config = draft.number;
        }
        let block = Bytes::from(draft.serialize());
        let verdict = self.model.commit(&block);
        let committed = verdict.is_ok();
        if committed {
            self.chain.push(&draft);
        }
        self.built.blocks.push(block);
        self.built.verdicts.push(verdict);
        committed
    }

    fn define_all(&mut self) -> bool {
        let all = [0, 1, 2];
        let mut envelopes = Vec::new();
        for (number, name) in (0_u8..).zip(CHAINCODES) {
            let set: RwSet = [definition(name, number).writes()].into();
            let tx = self.transaction("_lifecycle", set, &all);
            envelopes.push(tx.envelope());
            self.txs += 1;
        }
        self.push(envelopes, false)
    }

    fn block(&mut self, block: &BlockScript) -> bool {
        match block {
            BlockScript::Config(number) => {
                let envelope = self.config_update(*number);
                self.push(vec![envelope], true)
            }
            BlockScript::Txs(txs) => {
                let mut envelopes = Vec::new();
                for tx in txs {
                    let envelope = self.envelope(tx);
                    self.txs += 1;
                    // An envelope without payload or signature is no block's.
                    envelopes.push(envelope);
                }
                self.push(envelopes, false)
            }
        }
    }

    fn transaction(&self, chaincode: &str, set: RwSet, endorsers: &[u8]) -> Transaction<'_> {
        let nonce = format!("nonce {:018}", self.txs);
        let (channel, creator) = (self.network.channel(), self.identity(3));
        Transaction::new(channel, creator, nonce, chaincode, set)
            .endorsed_by(endorsers.iter().map(|number| self.identity(*number)))
    }

    /// Peers first, then others.
    fn identity(&self, number: u8) -> &Identity {
        let orgs = &self.network.orgs;
        let org = orgs
            .get(usize::from(number % 3))
            .unwrap_or(&self.network.orderer);
        match number {
            0..=2 => &org.peer,
            3..=5 => &org.client,
            6 | 7 => &org.admin,
            _ => &self.network.orderer.orderer,
        }
    }

    fn envelope(&self, script: &TxScript) -> Vec<u8> {
        let chaincode = match script.chaincode {
            15 => "undefined",
            14 => "_lifecycle",
            number => CHAINCODES.get(usize::from(number % 3)).unwrap_or(&"alpha"),
        };
        let mut tx = self.transaction(chaincode, self.rwset(&script.steps), &script.endorsers);
        match &script.twist {
            Twist::None => {}
            Twist::Repeat(earlier) => {
                let number = u64::from(*earlier) % (self.txs + 1);
                tx.nonce = format!("nonce {number:018}").into_bytes();
            }
            Twist::Fault(number) => fault(&mut tx, *number),
            Twist::Mutation { part, edits } => mutation(&mut tx, *part, edits),
        }
        tx.envelope()
    }

    fn rwset(&self, steps: &[Step]) -> RwSet {
        let mut sets: Vec<(&str, Ns, BTreeMap<&str, Collected>)> = Vec::new();
        for step in steps {
            let name = match (step.verb, step.chaincode) {
                (Verb::Define, _) => "_lifecycle",
                (_, 15) => "undefined",
                (_, number) => CHAINCODES.get(usize::from(number % 3)).unwrap_or(&"alpha"),
            };
            let known = sets.iter().position(|(other, ..)| *other == name);
            let at = known.unwrap_or_else(|| {
                sets.push((name, ns(name), BTreeMap::new()));
                sets.len() - 1
            });
            let Some((_, set, collections)) = sets.get_mut(at) else {
                continue;
            };
            let collection = match step.how {
                250.. => "unknown",
                how => COLLECTIONS.get(usize::from(how % 4)).unwrap_or(&"plain"),
            };
            if matches!(
                step.verb,
                Verb::PrivateRead | Verb::PrivateWrite | Verb::PrivateDelete | Verb::PrivatePolicy
            ) {
                let known = collections.remove(collection);
                let known = known.unwrap_or_else(|| Collected::new(collection));
                collections.insert(collection, self.private(name, collection, known, *step));
            } else {
                *set = self.public(name, std::mem::take(set), *step);
            }
        }
        let sets = sets.into_iter().map(|(_, set, collections)| {
            let add = |set: Ns, collection: &Collected| set.collection(collection);
            collections.values().fold(set, add)
        });
        sets.collect::<Vec<_>>().into()
    }

    fn seen(&self, key: &Key, how: u8) -> Option<(u64, u64)> {
        let now = self.model.state().keys.get(key).map(|it| it.version);
        match how % 16 {
            0 => None,
            1 => Some((0, 0)),
            2 => now.map(|at| (at.block, at.tx + 1)),
            _ => now.map(|at| (at.block, at.tx)),
        }
    }

    fn public(&self, name: &str, set: Ns, step: Step) -> Ns {
        let key = format!("key{:03}", step.key);
        let place = Key::new(name, None, key.as_bytes());
        match step.verb {
            Verb::Read => set.read(&key, self.seen(&place, step.how)),
            Verb::Write if step.how == 0 => set.write(&key, b""),
            Verb::Write => set.write(&key, format!("value {} {}", self.txs, step.how)),
            Verb::Delete => set.delete(&key),
            Verb::Range | Verb::Merkle => set.range(&self.range(name, step)),
            Verb::Policy => set.key_policy(&key, key_policy(step.how)),
            Verb::NoPolicy => set.metadata(&key, [("", ""); 0]),
            Verb::Define => {
                let chaincode = CHAINCODES
                    .get(usize::from(step.key % 3))
                    .unwrap_or(&"alpha");
                definition(chaincode, step.how).write_to(set)
            }
            Verb::PrivateRead | Verb::PrivateWrite | Verb::PrivateDelete | Verb::PrivatePolicy => {
                set
            }
        }
    }

    fn private(&self, name: &str, collection: &str, set: Collected, step: Step) -> Collected {
        let key = format!("private{}", step.key % 8);
        let hash = heddle::crypto::sha256(key.as_bytes());
        let place = Key::new(name, Some(collection), hash.as_ref());
        match step.verb {
            Verb::PrivateRead => set.read(&key, self.seen(&place, step.how >> 2)),
            Verb::PrivateWrite => set.write(&key, format!("secret {}", self.txs)),
            Verb::PrivateDelete if step.how >= 128 => set.purge(&key),
            Verb::PrivateDelete => set.delete(&key),
            Verb::PrivatePolicy => {
                set.key_policy(&key, key_policy(step.how / 4 * 4 % 240 + step.how % 4))
            }
            Verb::Read
            | Verb::Write
            | Verb::Delete
            | Verb::Range
            | Verb::Merkle
            | Verb::Policy
            | Verb::NoPolicy
            | Verb::Define => set,
        }
    }

    /// What a simulator would have seen of a range, or something near it.
    fn range(&self, name: &str, step: Step) -> Range {
        let (from, to) = (step.key % 8, step.key % 8 + step.how % 16);
        let text = |number: u8| format!("key{number:03}");
        let (start, end) = match step.how % 11 {
            0 => (String::new(), String::new()),
            1 => (text(to), text(from)),
            _ => (text(from), text(to)),
        };
        let exhausted = step.how < 160;
        let inside = |key: &Key| {
            let key = &*key.key;
            let below_end = end.is_empty() || key < end.as_bytes();
            key >= start.as_bytes() && (below_end || (!exhausted && key == end.as_bytes()))
        };
        let namespace = Key::new(name, None, b"").namespace;
        let keys = self.model.state().keys.iter();
        let found = keys.filter(|(key, _)| key.namespace == namespace && inside(key));
        let mut found: Vec<(String, (u64, u64))> = found
            .map(|(key, value)| {
                let key = String::from_utf8_lossy(&key.key).into_owned();
                (key, (value.version.block, value.version.tx))
            })
            .collect();
        if step.how.is_multiple_of(7) {
            found.pop();
        }
        let reads = if step.verb == Verb::Merkle {
            merkle_summary(2 + usize::from(step.how % 3), &found)
        } else {
            RangeReads::Raw(found.into_iter().map(|(key, at)| (key, Some(at))).collect())
        };
        Range {
            start,
            end,
            exhausted,
            reads,
        }
    }

    /// A config update that every administrator signs; rarely a broken one.
    fn config_update(&mut self, number: u8) -> Vec<u8> {
        let network = &mut self.network;
        let admins = network.orgs.iter().chain([&network.orderer]);
        let edit = |group: &mut ConfigGroup| edit_config(group, number);
        let channel = network.spec.channel.clone();
        let update = ConfigUpdate::new(&channel, &network.config, edit);
        let update = update.signed_by(
            admins
                .take(if number == 255 { 1 } else { 9 })
                .map(|it| &it.admin),
        );
        let creator = network.orgs.first().unwrap_or(&network.orderer);
        let envelope = update.envelope(&creator.admin, &network.orderer.orderer);
        network.config = update.next;
        envelope
    }
}

fn edit_config(group: &mut ConfigGroup, number: u8) {
    let Some(application) = group.groups.get_mut("Application") else {
        return;
    };
    let rule = ["ANY", "ALL", "MAJORITY"]
        .get(usize::from(number % 3))
        .unwrap_or(&"ANY");
    match number % 5 {
        0 => drop(application.policies.insert(
            "Endorsement".to_owned(),
            implicit_policy("Endorsement", rule),
        )),
        1 => drop(application.policies.remove("LifecycleEndorsement")),
        2 => {
            if let Some(org) = application.groups.get_mut("Org3") {
                org.policies.remove("Endorsement");
            }
        }
        3 => drop(application.groups.remove("Org3")),
        _ => drop(application.policies.insert(
            "LifecycleEndorsement".to_owned(),
            implicit_policy("Endorsement", rule),
        )),
    }
    // Something always changes.
    if let Some(orderer) = group.groups.get_mut("Orderer")
        && let Some(timeout) = orderer.values.get_mut("BatchTimeout")
    {
        let seconds = 1 + timeout.value.len() % 2 * 9;
        timeout.value = Wire::new().bytes(1, format!("{seconds}s")).done();
    }
}

/// A chaincode's definition with one of the policies and always the same collections.
fn definition(name: &str, number: u8) -> ChaincodeDefinition {
    let members: SignaturePolicy = any_of([peer(1), peer(2), peer(3)]).into();
    let mut own = Collection::new("own", &members);
    own.endorsement_policy = Some(policy(1).application());
    let mut short = Collection::new("short", &members);
    short.block_to_live = 1;
    short.endorsement_policy = Some(Vec::new());
    let mut plain = Collection::new("plain", &members);
    plain.block_to_live = 2;
    let mut definition = ChaincodeDefinition::new(name);
    if number % 2 == 1 {
        definition = definition.policy(policy(number / 2));
    }
    match number {
        252 => definition.policy = Vec::new(),
        253 => definition.datatype = "Other".to_owned(),
        254 => definition.plugin = "other".to_owned(),
        255 => own.members = Vec::new(),
        _ => {}
    }
    definition
        .collection(plain)
        .collection(own)
        .collection(short)
}

/// Faults that the structure of a transaction can have.
fn fault(tx: &mut Transaction<'_>, number: u8) {
    match number % 16 {
        0 => tx.id = Some("0".repeat(64)),
        1 => tx.epoch = 1,
        2 => tx.header_type = u64::from(number / 16),
        3 => tx.nonce = Vec::new(),
        4 => tx.raw.signature = Some(b"no signature".to_vec()),
        5 => tx.channel = "other".to_owned(),
        6 => tx.version = String::new(),
        7 => tx.event = Some(Wire::new().bytes(1, "another").done()),
        8 => tx.event = Some(vec![0x0a, 0x01, 0xff]),
        9 => tx.raw.header_extension = Some(Vec::new()),
        10 => tx.raw.action_chaincode_id = Some(Wire::new().bytes(2, "other").bytes(3, "1").done()),
        11 => tx.raw.proposal_hash = Some(vec![1; 32]),
        12 => tx.status = 500,
        13 => {
            let copy = tx.rwset.namespaces.first().cloned();
            tx.rwset.namespaces.extend(copy);
        }
        14 => {
            let garbage = Endorsement {
                endorser: b"nobody".to_vec(),
                signature: b"nothing".to_vec(),
            };
            tx.raw.endorsements = Some(vec![garbage]);
        }
        _ => {
            let payload = payload_of(&tx.envelope());
            tx.raw.signature = high_s(&tx.creator.sign(&[&payload]));
        }
    }
}

fn payload_of(envelope: &[u8]) -> Vec<u8> {
    use heddle::proto::common::Envelope;
    use heddle::proto::wire::Message as _;
    let envelope = Envelope::decode(envelope).unwrap_or_default();
    envelope.payload.to_vec()
}

/// Changes one part; hashes and signatures further out fit.
fn mutation(tx: &mut Transaction<'_>, part: u8, edits: &[u32]) {
    let id = Wire::new().bytes(2, &tx.chaincode);
    let extension = Wire::new().element(2, &id);
    let id = id.bytes(3, &tx.version);
    let results = tx.rwset.serialize();
    let response = Wire::new().uint(1, tx.status);
    let action = Wire::new()
        .bytes(1, &results)
        .bytes(3, response)
        .element(4, &id);
    let raw = &mut tx.raw;
    match part {
        0..=2 => raw.results = Some(mutate(&results, edits)),
        3 => raw.action = Some(mutate(action.as_ref(), edits)),
        4 => raw.header_extension = Some(mutate(extension.as_ref(), edits)),
        5 => {
            let hash = tx.proposal_hash();
            let response = Wire::new().bytes(1, hash).bytes(2, &action);
            tx.raw.proposal_response_payload = Some(mutate(response.as_ref(), edits));
        }
        6 => {
            let header = Wire::new()
                .bytes(1, tx.creator.serialized())
                .bytes(2, &tx.nonce);
            raw.signature_header = Some(mutate(header.as_ref(), edits));
        }
        _ => {
            let payload = mutate(&payload_of(&tx.envelope()), edits);
            // A block with an empty payload is refused as a whole.
            tx.raw.payload = Some(payload).filter(|payload| !payload.is_empty());
        }
    }
}
