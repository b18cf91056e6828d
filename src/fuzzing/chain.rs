//! Chains of a fixed channel: bytes decide what stands in the blocks behind a common beginning.
//!
//! Whatever the bytes are, the blocks follow each other and most transactions are nearly right, so that
//! the deep rules are reached: keys, creators and nonces are few, so that transactions conflict, repeat
//! ids and need each other's policies.

use std::sync::LazyLock;

use bytes::Bytes;

use super::choices::Choices;
use crate::testing::kit::{
    Chain, ChaincodeDefinition, ChannelSpec, Collected, Collection, ConfigUpdate, Identity, Member,
    Network, Ns, Organization, Principal, Range, RangeReads, Rule, RwSet, Seed, SignaturePolicy,
    Transaction, all_of, any_of, by, implicit_policy, key_policy_entries, merkle_summary, ns,
};

/// Blocks behind the beginning.
const BLOCKS_MAX: u8 = 3;

/// Transactions of a block.
const TRANSACTIONS_MAX: u8 = 4;

/// A chain from its genesis block on. Every input makes one.
#[must_use]
pub fn generated_chain(data: &[u8]) -> Vec<Bytes> {
    let beginning = &*BEGINNING;
    let mut maker = Maker {
        choices: Choices::new(data),
        beginning,
        network: beginning.network.clone(),
        chain: beginning.chain.clone(),
        envelopes: Vec::new(),
    };
    let mut blocks = beginning.blocks.clone();
    for _ in 0..=maker.choices.below(BLOCKS_MAX) {
        blocks.push(Bytes::from(maker.block()));
    }
    blocks
}

/// What all chains begin with.
struct Beginning {
    network: Network,
    /// An organization that the channel does not know.
    stranger: Member,
    chain: Chain,
    blocks: Vec<Bytes>,
}

static BEGINNING: LazyLock<Beginning> = LazyLock::new(|| {
    let seed = Seed::new(1);
    let network = Network::new(&seed, 2, ChannelSpec::default());
    let (mut chain, genesis) = network.found();
    let endorse = |nonce: &str, namespace: &str, rwset: Vec<Ns>| {
        let creator = network.orgs.first().unwrap_or(&network.orderer);
        let channel = network.channel();
        Transaction::new(channel, &creator.client, nonce, namespace, rwset)
            .endorsed_by(network.orgs.iter().map(|org| &org.peer))
            .envelope()
    };
    let definitions = ["one", "two"].map(|name| {
        let definition = definition(name, 1, name == "one");
        endorse(name, "_lifecycle", vec![definition.writes()])
    });
    let state = ns("one")
        .write("a", "0")
        .write("b", "0")
        .write("c", "0")
        .key_policy("c", peer_policy("Org2"))
        .collection(&Collected::new("col").write("a", "0"));
    let state = endorse("state", "one", vec![state]);
    let blocks = vec![genesis, chain.block(definitions), chain.block([state])];
    let stranger = Organization::new("Org1", Default::default(), &seed.child("stranger"));
    Beginning {
        stranger: Member::new(stranger),
        chain,
        blocks: blocks.into_iter().map(Bytes::from).collect(),
        network,
    }
});

fn peer_policy(org: &str) -> Vec<u8> {
    SignaturePolicy::from(peer_of(org)).envelope()
}

fn peer_of(org: &str) -> Rule {
    by(Principal::Peer(format!("{org}MSP")))
}

fn definition(name: &str, sequence: u64, any: bool) -> ChaincodeDefinition {
    let peers = ["Org1", "Org2"].map(peer_of);
    let members = SignaturePolicy::from(any_of(peers.clone()));
    let definition = ChaincodeDefinition::new(name).with(|definition| {
        definition.sequence = sequence;
    });
    let policy = if any { any_of(peers) } else { all_of(peers) };
    let guarded = Collection {
        endorsement_policy: Some(SignaturePolicy::from(peer_of("Org2")).application()),
        block_to_live: 1,
        ..Collection::new("guarded", &members)
    };
    definition
        .policy(policy)
        .collection(Collection::new("col", &members))
        .collection(guarded)
}

struct Maker<'d> {
    choices: Choices<'d>,
    beginning: &'static Beginning,
    network: Network,
    chain: Chain,
    /// All so far, to be repeated.
    envelopes: Vec<Vec<u8>>,
}

impl Maker<'_> {
    /// The next block, which the chain goes on from.
    fn block(&mut self) -> Vec<u8> {
        if self.choices.one_in(12) {
            let envelope = self.config_update();
            return self.chain.config_block(envelope);
        }
        let count = 1 + self.choices.below(TRANSACTIONS_MAX);
        let envelopes: Vec<_> = (0..count).map(|_| self.envelope()).collect();
        self.envelopes.extend(envelopes.iter().cloned());
        let mut draft = self.chain.draft(envelopes);
        if self.choices.one_in(24) {
            match self.choices.below(6) {
                0 => draft.data_hash = Some(vec![self.choices.byte(); 32]),
                1 => draft.previous_hash = vec![self.choices.byte(); 32],
                2 => draft
                    .other_slots
                    .truncate(usize::from(self.choices.below(4))),
                3 => draft.signatures_slot = Some(Vec::new()),
                4 => draft.number += u64::from(self.choices.below(3)),
                _ => draft.last_config = u64::from(self.choices.byte()),
            }
        }
        self.chain.push(&draft)
    }

    /// An update that the orderer would or would not have let through.
    fn config_update(&mut self) -> Vec<u8> {
        let rule = ["ANY", "ALL", "MAJORITY"];
        let rule = self.choices.one_of(&rule).copied().unwrap_or("ANY");
        let remove = self.choices.one_in(4);
        let network = &mut self.network;
        let update = ConfigUpdate::new(&network.spec.channel, &network.config, |group| {
            if let Some(application) = group.groups.get_mut("Application") {
                let policies = &mut application.policies;
                policies.insert(
                    "Endorsement".to_owned(),
                    implicit_policy("Endorsement", rule),
                );
                if remove {
                    application.groups.remove("Org2");
                }
            }
        });
        let admins = network.orgs.iter().chain([&network.orderer]);
        let signers = admins.skip(usize::from(self.choices.one_in(4)));
        let update = update.signed_by(signers.map(|member| &member.admin));
        let envelope = update.envelope(&network.orderer.admin, &network.orderer.orderer);
        network.config = update.next;
        self.damaged(envelope)
    }

    fn envelope(&mut self) -> Vec<u8> {
        if self.choices.one_in(10)
            && let Some(envelope) = self.choices.one_of(&self.envelopes)
        {
            return envelope.clone();
        }
        let envelope = self.transaction();
        self.damaged(envelope)
    }

    /// The same bytes in most cases.
    fn damaged(&mut self, mut envelope: Vec<u8>) -> Vec<u8> {
        if !self.choices.one_in(10) {
            return envelope;
        }
        let at = usize::from(u16::from_le_bytes(self.choices.bytes()));
        let at = at.checked_rem(envelope.len()).unwrap_or(0);
        match self.choices.below(4) {
            0 => envelope.truncate(at),
            1 => envelope.extend([0x18, self.choices.byte() & 0x7f]),
            _ => {
                let mask = self.choices.byte();
                if let Some(byte) = envelope.get_mut(at) {
                    *byte ^= mask;
                }
            }
        }
        envelope
    }

    fn transaction(&mut self) -> Vec<u8> {
        let (network, stranger) = (self.network.clone(), &self.beginning.stranger);
        let (Some(first), Some(last)) = (network.orgs.first(), network.orgs.last()) else {
            return Vec::new();
        };
        let all: [&Identity; 8] = [
            &first.client,
            &last.client,
            &first.peer,
            &last.peer,
            &first.admin,
            &network.orderer.orderer,
            &stranger.client,
            &stranger.peer,
        ];
        let Some(creator) = self.few(&all).copied() else {
            return Vec::new();
        };
        let names = ["one", "one", "two", "_lifecycle", "none", "lscc"];
        let name = self.few(&names).copied().unwrap_or_default();
        let nonce = [self.choices.byte() % 32];
        let rwset = self.rwset(name);
        let endorsers = match self.choices.below(6) {
            0 => vec![&first.peer, &last.peer],
            1 => vec![&first.peer],
            2 => vec![&last.peer],
            3 => vec![&first.peer, &first.peer],
            4 => Vec::new(),
            _ => {
                let bits = self.choices.byte();
                let set = |(bit, _): &(usize, &&Identity)| bits >> bit & 1 == 1;
                { all.iter().enumerate() }
                    .filter(set)
                    .map(|(_, who)| *who)
                    .collect()
            }
        };
        let tx = Transaction::new(network.channel(), creator, nonce, name, rwset);
        let mut tx = tx.endorsed_by(endorsers);
        if self.choices.one_in(6) {
            self.oddity(&mut tx);
        }
        tx.envelope()
    }

    /// The first ones more often than the others.
    fn few<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        let few = if self.choices.one_in(4) {
            all
        } else {
            all.get(..2)?
        };
        self.choices.one_of(few)
    }

    fn oddity(&mut self, tx: &mut Transaction<'_>) {
        let byte = self.choices.byte();
        let four = self.choices.bytes::<4>().to_vec();
        let bytes = Some(four.clone());
        let raw = &mut tx.raw;
        match self.choices.below(18) {
            0 => tx.header_type = u64::from(byte % 8),
            1 => tx.epoch = u64::from(byte % 2),
            2 => tx.id = Some(format!("{byte:02x}")),
            3 => tx.status = u64::from(byte) * 4,
            4 => tx.event = bytes,
            5 => "kit2".clone_into(&mut tx.channel),
            6 => "2".clone_into(&mut tx.version),
            7 => raw.header_extension = bytes,
            8 => raw.action_header = bytes,
            9 => raw.proposal_payload = bytes,
            10 => raw.proposal_hash = bytes,
            11 => raw.results = bytes,
            12 => raw.action_chaincode_id = bytes,
            13 => raw.action_suffix = four,
            14 => raw.action = bytes,
            15 => raw.endorsements = Some(Vec::new()),
            16 => raw.data = Some(Vec::new()),
            _ => raw.signature = bytes,
        }
    }

    fn rwset(&mut self, chaincode: &str) -> RwSet {
        let names = ["one", "two", "_lifecycle", "none", ""];
        let mut namespaces = Vec::new();
        for number in 0..=self.choices.below(2) {
            let other = number > 0 || self.choices.one_in(12);
            let name = if other {
                self.few(&names).copied().unwrap_or_default()
            } else {
                chaincode
            };
            let mut namespace = ns(name);
            if name == "_lifecycle" && !self.choices.one_in(4) {
                let sequence = u64::from(1 + self.choices.below(3));
                let target = ["one", "two", "three"];
                let target = self.choices.one_of(&target).copied().unwrap_or_default();
                let definition = definition(target, sequence, self.choices.one_in(2));
                namespace = definition.write_to(namespace);
            }
            for _ in 0..self.choices.below(4) {
                namespace = self.operation(namespace);
            }
            namespaces.push(namespace);
        }
        RwSet { namespaces }
    }

    fn operation(&mut self, namespace: Ns) -> Ns {
        let key = self.key();
        let value = [self.choices.byte()];
        match self.choices.below(10) {
            0 | 1 => namespace.read(key, self.height()),
            2 | 3 => namespace.write(key, value),
            4 => namespace.delete(key),
            5 => match self.choices.below(4) {
                0 => namespace.key_policy(key, peer_policy("Org1")),
                1 => namespace.key_policy(key, peer_policy("Org2")),
                2 => namespace.metadata::<&str, &[u8]>(key, []),
                _ => namespace.metadata(key, key_policy_entries(value)),
            },
            6 | 7 => namespace.range(&self.range()),
            _ => {
                let collection = self.collected(key, value);
                namespace.collection(&collection)
            }
        }
    }

    fn collected(&mut self, key: &str, value: [u8; 1]) -> Collected {
        let names = ["col", "guarded", "none"];
        let collected = Collected::new(self.few(&names).copied().unwrap_or_default());
        match self.choices.below(5) {
            0 => collected.read(key, self.height()),
            1 => collected.write(key, value),
            2 => collected.delete(key),
            3 => collected.purge(key),
            _ => collected.key_policy(key, peer_policy("Org2")),
        }
    }

    fn key(&mut self) -> &'static str {
        self.choices
            .one_of(&["a", "b", "c", "d"])
            .copied()
            .unwrap_or_default()
    }

    fn height(&mut self) -> Option<(u64, u64)> {
        match self.choices.below(5) {
            0 => None,
            1 | 2 => Some((2, 0)),
            _ => Some((
                u64::from(self.choices.below(6)),
                u64::from(self.choices.below(4)),
            )),
        }
    }

    fn range(&mut self) -> Range {
        let keys = ["a", "b", "c", "d"];
        let mut found = Vec::new();
        for key in keys {
            if let Some(height) = self.height() {
                found.push((key.to_owned(), height));
            }
        }
        let raw = |found: &[(String, (u64, u64))]| {
            let reads = found
                .iter()
                .map(|(key, height)| (key.clone(), Some(*height)));
            RangeReads::Raw(reads.collect())
        };
        let reads = match self.choices.below(4) {
            0 => RangeReads::Absent,
            1 => merkle_summary(usize::from(self.choices.below(3)) + 1, &found),
            _ => raw(&found),
        };
        Range {
            start: self.key().to_owned(),
            end: if self.choices.one_in(4) {
                String::new()
            } else {
                "d".to_owned()
            },
            exhausted: !self.choices.one_in(4),
            reads,
        }
    }
}
