//! Which kinds of transactions stand in a block.

use super::fault::Fault;
use super::label::Kind;
use super::random::Random;
use super::spec::WorkloadSpec;

/// The shares of the kinds.
#[derive(Debug)]
pub(super) struct Mix {
    shares: [(f64, Kind); 5],
    invalid: f64,
    faults: Vec<Fault>,
}

impl Mix {
    pub(super) fn of(spec: &WorkloadSpec) -> Self {
        Self {
            shares: [
                (spec.conflicts, Kind::Conflict),
                (spec.raw_ranges, Kind::RawRange),
                (spec.merkle_ranges, Kind::MerkleRange),
                (spec.key_policies, Kind::KeyPolicy),
                (spec.private, Kind::Private),
            ],
            invalid: spec.invalid,
            faults: spec.faults(),
        }
    }

    /// The kinds of a block's transactions. Those that keep real peers from looking at later ones come
    /// last.
    pub(super) fn kinds(&self, transactions: u32, random: &mut Random) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = (0..transactions).map(|_| self.kind(random)).collect();
        kinds.sort_by_key(|kind| kind.fault().is_some_and(Fault::comes_last));
        kinds
    }

    fn kind(&self, random: &mut Random) -> Kind {
        let mut at = random.unit();
        if at < self.invalid {
            let fault = random.pick(&self.faults);
            return fault.map_or(Kind::Plain, |fault| Kind::Invalid(*fault));
        }
        at -= self.invalid;
        for (share, kind) in self.shares {
            if at < share {
                return kind;
            }
            at -= share;
        }
        Kind::Plain
    }
}
