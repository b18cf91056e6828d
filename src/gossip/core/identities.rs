//! Certificates of peers: who is who, and until when.
//!
//! Invariants: a name belongs to its certificate; one that its MSP did not hold valid when it was last
//! asked is not here; never more than [`limits::GOSSIP_IDENTITIES_MAX`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::trust::{Identity, PkiId, Trust};
use crate::limits;
use crate::sys::clock::Instant;

/// The known certificates, and those that are being asked for.
#[derive(Debug, Default)]
pub(super) struct Identities {
    known: BTreeMap<PkiId, Arc<Identity>>,
    asked: BTreeMap<PkiId, Instant>,
}

impl Identities {
    pub(super) fn get(&self, peer: PkiId) -> Option<&Arc<Identity>> {
        self.known.get(&peer)
    }

    /// Takes a certificate, if it is this peer's and valid. `is_used` says whose must stay where there is
    /// no room.
    pub(super) fn put(
        &mut self,
        now: Instant,
        trust: &dyn Trust,
        peer: PkiId,
        bytes: &[u8],
        is_used: impl Fn(PkiId) -> bool,
    ) -> Option<Arc<Identity>> {
        if let Some(known) = self.known.get(&peer) {
            return (*known.bytes == *bytes).then(|| Arc::clone(known));
        }
        let is_small = bytes.len() <= limits::GOSSIP_IDENTITY_BYTES_MAX;
        if !is_small || PkiId::of(bytes) != Some(peer) {
            return None;
        }
        let standing = trust.identify(bytes)?;
        if standing.expires <= now {
            return None;
        }
        if self.known.len() >= limits::GOSSIP_IDENTITIES_MAX {
            let unused = self.known.keys().copied().find(|known| !is_used(*known))?;
            self.known.remove(&unused);
        }
        let bytes = bytes.into();
        let identity = Arc::new(Identity { bytes, standing });
        self.known.insert(peer, Arc::clone(&identity));
        self.asked.remove(&peer);
        Some(identity)
    }

    /// Whether a certificate should be asked for now: it is not known, and not being asked for.
    pub(super) fn ask(&mut self, now: Instant, peer: PkiId, wait: std::time::Duration) -> bool {
        self.asked.retain(|_, asked| now.since(*asked) < wait);
        let asks = !self.known.contains_key(&peer)
            && !self.asked.contains_key(&peer)
            && self.asked.len() < limits::GOSSIP_IDENTITIES_ASKED_MAX;
        if asks {
            self.asked.insert(peer, now);
        }
        asks
    }

    /// Whether a certificate was asked for.
    pub(super) fn is_asked(&self, peer: PkiId) -> bool {
        self.asked.contains_key(&peer)
    }

    /// Forgets certificates that have ended, and, where MSPs may have changed, those that are not valid
    /// any more. Returns whose.
    pub(super) fn purge(&mut self, now: Instant, changed: Option<&dyn Trust>) -> Vec<PkiId> {
        let mut gone = Vec::new();
        self.known.retain(|peer, identity| {
            let standing = changed.map(|trust| trust.identify(&identity.bytes));
            let is_good = match standing {
                None => identity.standing.expires > now,
                Some(standing) => standing.is_some_and(|standing| {
                    standing.expires > now && standing.msp == identity.standing.msp
                }),
            };
            if !is_good {
                gone.push(*peer);
            }
            is_good
        });
        gone
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        let ends = self.known.values().map(|known| known.standing.expires);
        ends.min()
    }
}
