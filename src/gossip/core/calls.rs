//! Whom to call, and when again.
//!
//! Addresses come from the configuration (bootstrap peers, the channels' anchor peers: *seeds*) and from
//! members. One that does not answer is called again after a wait that doubles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::trust::{MspId, PkiId};
use crate::limits;
use crate::sys::clock::Instant;

/// Addresses and what became of calling them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    tries: BTreeMap<Arc<str>, Try>,
}

#[derive(Debug, Default)]
struct Try {
    /// Being called, or connected.
    busy: bool,
    failures: u32,
    retry_at: Instant,
    answerer: Option<Answerer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answerer {
    Peer(PkiId),
    /// The address is our own.
    Ourselves,
}

impl Calls {
    /// Which of the wanted addresses are to be called now, at most `room`; all others are forgotten.
    pub(super) fn due(
        &mut self,
        now: Instant,
        wanted: &BTreeSet<Arc<str>>,
        linked: impl Fn(PkiId) -> bool,
        room: usize,
    ) -> Vec<Arc<str>> {
        self.tries
            .retain(|endpoint, tried| tried.busy || wanted.contains(endpoint));
        let mut due = Vec::new();
        for endpoint in wanted {
            let tried = self.tries.entry(Arc::clone(endpoint)).or_default();
            let is_reached = match tried.answerer {
                Some(Answerer::Ourselves) => true,
                Some(Answerer::Peer(peer)) => linked(peer),
                None => false,
            };
            if due.len() < room && !tried.busy && !is_reached && now >= tried.retry_at {
                tried.busy = true;
                due.push(Arc::clone(endpoint));
            }
        }
        due
    }

    /// This peer answers at the address.
    pub(super) fn answered(&mut self, endpoint: &str, peer: PkiId, is_own: bool) {
        if let Some(tried) = self.tries.get_mut(endpoint) {
            tried.failures = 0;
            tried.answerer = Some(if is_own {
                Answerer::Ourselves
            } else {
                Answerer::Peer(peer)
            });
        }
    }

    /// The connection is gone, or there never was one.
    pub(super) fn ended(&mut self, now: Instant, endpoint: &str, wait_max: Duration) {
        if let Some(tried) = self.tries.get_mut(endpoint) {
            let wait = limits::GOSSIP_REDIAL_WAIT.saturating_mul(1 << tried.failures.min(10));
            tried.busy = false;
            tried.failures = tried.failures.saturating_add(1);
            tried.retry_at = now.plus(wait.min(wait_max));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tries.len()
    }
}

/// Addresses that a configuration names, with the organization that has to answer there.
#[derive(Debug, Default)]
pub(super) struct Seeds(BTreeMap<Arc<str>, BTreeSet<MspId>>);

impl Seeds {
    /// All of them anew.
    pub(super) fn set<'a>(&mut self, all: impl Iterator<Item = (&'a Arc<str>, &'a MspId)>) {
        self.0.clear();
        for (endpoint, msp) in all {
            if self.0.len() < limits::GOSSIP_SEEDS_MAX || self.0.contains_key(endpoint) {
                let organizations = self.0.entry(Arc::clone(endpoint)).or_default();
                organizations.insert(msp.clone());
            }
        }
    }

    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.keys()
    }

    /// Whether a peer of this organization may answer at the address.
    // Fabric: a bootstrap peer has to be of the own organization, and so does what the configuration
    // calls an anchor peer of it. Here the same goes for the others' anchor peers.
    pub(super) fn allows(&self, endpoint: &str, msp: &MspId) -> bool {
        let expected = self.0.get(endpoint);
        expected.is_none_or(|expected| expected.contains(msp))
    }

    /// Whether the address is an anchor or bootstrap peer's.
    pub(super) fn contains(&self, endpoint: &str) -> bool {
        self.0.contains_key(endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn an_address_that_does_not_answer_is_called_less_and_less() {
        let mut calls = Calls::default();
        let wanted = BTreeSet::from(["a:1".into()]);
        let mut called = Vec::new();
        for second in 0..100 {
            if !calls.due(at(second), &wanted, |_| false, 9).is_empty() {
                called.push(second);
                calls.ended(at(second), "a:1", Duration::from_secs(25));
            }
        }
        assert_eq!(called, [0, 1, 3, 7, 15, 31, 56, 81]);
    }

    #[test]
    fn who_is_reached_is_not_called() {
        let mut calls = Calls::default();
        let wanted = BTreeSet::from(["a:1".into(), "b:1".into(), "me:1".into()]);
        assert_eq!(calls.due(at(0), &wanted, |_| false, 2).len(), 2);
        assert_eq!(calls.due(at(0), &wanted, |_| false, 9).len(), 1, "no other");
        let peer = PkiId([1; 32]);
        calls.answered("a:1", peer, false);
        calls.answered("me:1", PkiId([0; 32]), true);
        for endpoint in ["a:1", "b:1", "me:1"] {
            calls.ended(at(0), endpoint, Duration::from_secs(1));
        }
        let due = calls.due(at(9), &wanted, |linked| linked == peer, 9);
        assert_eq!(due, [Arc::from("b:1")], "the peer of a:1 is linked");
        let due = calls.due(at(9), &BTreeSet::new(), |_| false, 9);
        assert_eq!(
            (due.len(), calls.len()),
            (0, 1),
            "only a call is remembered"
        );
    }

    #[test]
    fn a_seed_is_of_its_organization() {
        let (one, two) = (MspId("One".into()), MspId("Two".into()));
        let mut seeds = Seeds::default();
        let endpoint: Arc<str> = "a:1".into();
        seeds.set([(&endpoint, &one)].into_iter());
        assert!(seeds.allows("a:1", &one) && !seeds.allows("a:1", &two));
        assert!(seeds.allows("b:1", &two), "not a seed");
        assert!(seeds.contains("a:1") && !seeds.contains("b:1"));
    }
}
