//! From what a transaction is to do to its envelope. Needs nothing but the recipe and the cast, so
//! that transactions can be made on all cores at once.

use super::cast::{Cast, Submission};
use super::label::Label;
use super::place::{Key, Place};
use super::random::Random;
use crate::testing::kit::{Identity, Ns, Transaction, ns};

/// The chaincode of every workload.
pub(super) const CHAINCODE: &str = "bench";

/// One thing that a transaction does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Reads a key at a version.
    Read(Key, Option<(u64, u64)>),
    /// Writes a value.
    Write(Key),
    /// Deletes.
    Delete(Key),
}

/// Who endorses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endorsed {
    /// As many as the specification says.
    AsUsual,
}

/// A transaction that is to be made.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    pub(super) submission: Submission,
    pub(super) steps: Vec<Step>,
    pub(super) endorsed: Endorsed,
    pub(super) label: Label,
}

impl Recipe {
    /// The serialized envelope.
    pub(super) fn make(&self, cast: &Cast) -> Vec<u8> {
        let place = self.submission.place;
        let Some(creator) = cast.creator(self.submission) else {
            return Vec::new();
        };
        // A stream beside that of the creator and the nonce.
        let mut random = Random::of(!cast.spec.seed, place);
        let transaction = self.transaction(cast, creator, &mut random);
        transaction.envelope()
    }

    fn transaction<'c>(
        &self,
        cast: &'c Cast,
        creator: &'c Identity,
        random: &mut Random,
    ) -> Transaction<'c> {
        let (rwset, arguments) = self.rwset(cast, random);
        let nonce = cast.nonce(self.submission);
        let mut transaction =
            Transaction::new(&cast.spec.channel, creator, nonce, CHAINCODE, [rwset]);
        transaction.arguments = arguments;
        transaction.timestamp = timestamp(self.submission.place);
        transaction.endorsers = match self.endorsed {
            Endorsed::AsUsual => cast.endorsers(random),
        };
        transaction
    }

    /// The read-write set, and what the chaincode was called with: the first key and its value.
    fn rwset(&self, cast: &Cast, random: &mut Random) -> (Ns, Vec<Vec<u8>>) {
        let mut name = String::new();
        let mut set = ns(CHAINCODE);
        let mut arguments = vec![b"invoke".to_vec()];
        for step in &self.steps {
            let (Step::Read(key, _) | Step::Write(key) | Step::Delete(key)) = step;
            key.write_to(&mut name);
            set = match step {
                Step::Read(_, version) => set.read(&name, *version),
                Step::Write(_) => {
                    let value = random.letters(cast.spec.value_bytes);
                    let set = set.write(&name, &value);
                    if arguments.len() == 1 {
                        arguments.push(name.as_bytes().to_vec());
                        arguments.push(value);
                    }
                    set
                }
                Step::Delete(_) => set.delete(&name),
            };
        }
        (set, arguments)
    }
}

/// A block a second, from when the certificates are valid on.
fn timestamp(place: Place) -> (u64, u64) {
    (1_750_000_000 + place.block, u64::from(place.tx) * 1000)
}
