//! From what a transaction is to do to its envelope. Needs nothing but the recipe and the cast, so
//! that transactions can be made on all cores at once.

use super::cast::{Cast, Submission};
use super::definition::{member_rule, secrets_collection};
use super::fault::Fault;
use super::label::Label;
use super::mutation::mutated;
use super::place::{Key, Place, Space};
use super::random::Random;
use super::spoil::spoil;
use crate::testing::kit::{
    Collected, Range, RwSet, SignaturePolicy, Transaction, merkle_summary, ns,
};

/// The chaincode of every workload.
pub(super) const CHAINCODE: &str = "bench";

/// The degree of real peers' Merkle summaries.
const MERKLE_DEGREE: usize = 50;

/// One thing that a transaction does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Reads a key at a version.
    Read(Key, Option<(u64, u64)>),
    /// Writes a value.
    Write(Key),
    /// Deletes.
    Delete(Key),
    /// Reads a range.
    Range(Box<RangeRead>),
    /// Makes the peers of an organization decide over a key.
    Owner(Key, usize),
    /// Reads the hash of a private key at a version.
    PrivateRead(Key, Option<(u64, u64)>),
    /// Writes hashes of a private key and value.
    PrivateWrite(Key),
    /// Deletes a private key.
    PrivateDelete(Key),
}

/// What a transaction read in a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RangeRead {
    pub(super) space: Space,
    /// The number of the first key.
    pub(super) start: u64,
    /// The number of the end.
    pub(super) end: u64,
    pub(super) exhausted: bool,
    /// Numbers and versions.
    pub(super) found: Vec<(u64, (u64, u64))>,
}

/// Who endorses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endorsed {
    /// As many as the specification says.
    AsUsual,
    /// One peer of this organization.
    By(usize),
}

/// A transaction that is to be made.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    /// Where it stands.
    pub(super) place: Place,
    /// Who submits it: of another place where an id is used again.
    pub(super) submission: Submission,
    pub(super) steps: Vec<Step>,
    pub(super) endorsed: Endorsed,
    pub(super) label: Label,
}

impl Recipe {
    /// The serialized envelope.
    pub(super) fn make(&self, cast: &Cast) -> Vec<u8> {
        // A stream beside that of the creator and the nonce.
        let mut random = Random::of(!cast.spec.seed, self.place);
        let mut transaction = self.transaction(cast, &mut random);
        match self.label.kind.fault() {
            Some(Fault::Mutation) => return mutated(&transaction, &mut random),
            Some(fault) => spoil(fault, &mut transaction, cast, &mut random),
            None => {}
        }
        transaction.envelope()
    }

    fn transaction<'c>(&self, cast: &'c Cast, random: &mut Random) -> Transaction<'c> {
        let (rwset, arguments) = self.rwset(cast, random);
        let creator = cast.creator(self.submission);
        let nonce = cast.nonce(self.submission);
        let mut transaction = Transaction::new(&cast.spec.channel, creator, nonce, CHAINCODE, []);
        transaction.rwset = rwset;
        transaction.arguments = arguments;
        transaction.timestamp = timestamp(self.place);
        transaction.endorsers = match self.endorsed {
            Endorsed::AsUsual => cast.endorsers(random),
            Endorsed::By(org) => cast.endorser_of(org, random),
        };
        transaction
    }

    /// The read-write set, and what the chaincode was called with: the first key and its value.
    fn rwset(&self, cast: &Cast, random: &mut Random) -> (RwSet, Vec<Vec<u8>>) {
        let mut key = String::new();
        let mut set = ns(CHAINCODE);
        let mut collected = None;
        let mut arguments = vec![b"invoke".to_vec()];
        for step in &self.steps {
            set = match step {
                Step::Read(read, version) => set.read(read.name(&mut key), *version),
                Step::Write(written) => {
                    let value = random.letters(cast.spec.value_bytes);
                    let name = written.name(&mut key);
                    let set = set.write(name, &value);
                    if arguments.len() == 1 {
                        arguments.extend([name.as_bytes().to_vec(), value]);
                    }
                    set
                }
                Step::Delete(deleted) => set.delete(deleted.name(&mut key)),
                Step::Range(read) => set.range(&read.range()),
                Step::Owner(owned, org) => {
                    let rule = member_rule(&cast.spec, &msp_id(*org));
                    let policy = SignaturePolicy::from(rule).envelope();
                    set.key_policy(owned.name(&mut key), policy)
                }
                Step::PrivateRead(..) | Step::PrivateWrite(_) | Step::PrivateDelete(_) => {
                    let before = collected.take();
                    let before = before.unwrap_or_else(|| Collected::new(secrets_collection()));
                    collected = Some(private(before, step, &mut key, cast, random));
                    set
                }
            };
        }
        if let Some(collected) = &collected {
            set = set.collection(collected);
        }
        let sequence = cast.spec.system_reads.then(|| {
            let key = format!("namespaces/fields/{CHAINCODE}/Sequence");
            ns("_lifecycle").read(key, (1, 0))
        });
        let namespaces: RwSet = sequence.into_iter().chain([set]).into();
        (namespaces, arguments)
    }
}

fn private(
    collected: Collected,
    step: &Step,
    key: &mut String,
    cast: &Cast,
    random: &mut Random,
) -> Collected {
    match step {
        Step::PrivateRead(read, version) => collected.read(read.name(key), *version),
        Step::PrivateWrite(written) => {
            let value = random.letters(cast.spec.value_bytes);
            collected.write(written.name(key), value)
        }
        Step::PrivateDelete(deleted) => collected.delete(deleted.name(key)),
        Step::Read(..) | Step::Write(_) | Step::Delete(_) | Step::Range(_) | Step::Owner(..) => {
            collected
        }
    }
}

impl RangeRead {
    fn range(&self) -> Range {
        let name = |number| {
            let space = self.space;
            Key { space, number }.to_string()
        };
        let found: Vec<_> = self
            .found
            .iter()
            .map(|(number, height)| (name(*number), *height))
            .collect();
        Range {
            start: name(self.start),
            end: name(self.end),
            exhausted: self.exhausted,
            reads: merkle_summary(MERKLE_DEGREE, &found),
        }
    }
}

/// The MSP of an application organization.
pub(super) fn msp_id(org: usize) -> String {
    format!("Org{}MSP", org + 1)
}

/// A block a second, from when the certificates are valid on.
pub(super) fn timestamp(place: Place) -> (u64, u64) {
    (1_750_000_000 + place.block, u64::from(place.tx) * 1000)
}
