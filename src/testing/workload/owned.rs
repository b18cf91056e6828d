//! Keys with policies of their own: who owns which, before the block and so far in it.
//!
//! A key is endorsed as it was before the block; whoever touches it after a change of its policy in
//! the same block fails, whatever the endorsements (validation-spec 4.3).

use std::collections::HashSet;

use super::place::{Key, Space};
use super::random::Random;
use super::recipe::{Endorsed, Step};

/// How many keys there are.
const KEYS: u64 = 64;

/// A key that exists, and whose peers must endorse its changes, if it has a policy.
type State = Option<Option<usize>>;

/// All such keys.
#[derive(Debug)]
pub(super) struct Owned {
    orgs: usize,
    keys: Vec<State>,
    /// So far in this block.
    pending: Vec<State>,
    /// Whose policy this block has changed.
    changed: HashSet<u64>,
}

/// What a transaction does with such a key.
pub(super) struct OwnedAccess {
    pub(super) steps: Vec<Step>,
    pub(super) endorsed: Endorsed,
    pub(super) valid: bool,
}

impl Owned {
    /// Keys that organizations can own.
    pub(super) fn new(orgs: usize) -> Self {
        let keys: Vec<State> = (0..KEYS).map(|_| None).collect();
        Self {
            orgs,
            pending: keys.clone(),
            keys,
            changed: HashSet::new(),
        }
    }

    /// Some access to some key.
    pub(super) fn access(&mut self, random: &mut Random) -> OwnedAccess {
        let index = random.index(self.keys.len());
        let number = index as u64;
        let key = Key {
            space: Space::Policy,
            number,
        };
        let owner = self.keys.get(index).copied().flatten().flatten();
        let new_owner = random.index(self.orgs);
        let what = random.below(8);
        let late = self.changed.contains(&number);
        let mut stranger = false;
        let (steps, policy_of) = match (owner, what) {
            (None, _) | (Some(_), 3..6) => {
                let steps = vec![Step::Write(key), Step::Owner(key, new_owner)];
                (steps, Some(new_owner))
            }
            (Some(_), 6) => (vec![Step::Delete(key)], None),
            (Some(_), other) => {
                stranger = other == 7 && self.orgs > 1;
                (vec![Step::Write(key)], None)
            }
        };
        let valid = !late && !stranger;
        if valid {
            self.apply(index, &steps, policy_of);
        }
        let endorsed = match owner {
            None => Endorsed::AsUsual,
            Some(owner) if stranger => Endorsed::By((owner + 1) % self.orgs),
            Some(owner) => Endorsed::By(owner),
        };
        OwnedAccess {
            steps,
            endorsed,
            valid,
        }
    }

    fn apply(&mut self, index: usize, steps: &[Step], policy_of: Option<usize>) {
        let Some(state) = self.pending.get_mut(index) else {
            return;
        };
        let deletes = matches!(steps, [Step::Delete(_)]);
        *state = match (deletes, policy_of) {
            (true, _) => None,
            (false, Some(owner)) => Some(Some(owner)),
            // A value alone keeps what policy there is.
            (false, None) => Some(state.flatten()),
        };
        if policy_of.is_some() {
            self.changed.insert(index as u64);
        }
    }

    /// The block is made.
    pub(super) fn end_block(&mut self) {
        self.keys.clone_from(&self.pending);
        self.changed.clear();
    }
}
