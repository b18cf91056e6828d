//! Connections: which stand, with whom, and how much each may bring.
//!
//! ```text
//!  dial --> Dialing --TLS--> Greeting --handshake--> Up(peer)
//!  accept --------------------^
//! ```
//! With one peer there is at most one connection in each direction; a newer one takes the older one's
//! place, since a peer that calls again has lost it. What is sent takes the newest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::action::LinkId;
use super::trust::PkiId;
use crate::limits;
use crate::sys::clock::Instant;
use crate::types::Digest;

/// Where a connection is; the drawing is at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Dialing,
    Greeting,
    Up(PkiId),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    /// Whom we called; `None` where we were called.
    pub(super) dialed: Option<Arc<str>>,
    /// The hash of the certificate that the other side showed to TLS.
    pub(super) tls: Option<Digest>,
    pub(super) stage: Stage,
    since: Instant,
    /// Messages that may come at once, and when that was counted.
    allowance: u64,
    counted: Instant,
    /// Requests for blocks that are being served.
    pub(super) servings: usize,
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: BTreeMap<LinkId, Link>,
    by_peer: BTreeMap<PkiId, Vec<LinkId>>,
    last: u64,
}

impl Links {
    pub(super) fn dial(&mut self, now: Instant, endpoint: Arc<str>) -> LinkId {
        self.insert(now, Some(endpoint), Stage::Dialing, None)
    }

    /// A connection that somebody else opened; `None` where there are too many.
    pub(super) fn accept(&mut self, now: Instant, tls: Digest) -> Option<LinkId> {
        let strangers = self.links.len() - self.by_peer.values().map(Vec::len).sum::<usize>();
        let has_room = self.links.len() < limits::GOSSIP_LINKS_MAX
            && strangers < limits::GOSSIP_HANDSHAKES_MAX;
        has_room.then(|| self.insert(now, None, Stage::Greeting, Some(tls)))
    }

    fn insert(
        &mut self,
        now: Instant,
        dialed: Option<Arc<str>>,
        stage: Stage,
        tls: Option<Digest>,
    ) -> LinkId {
        self.last += 1;
        let id = LinkId(self.last);
        let link = Link {
            dialed,
            tls,
            stage,
            since: now,
            allowance: limits::GOSSIP_MESSAGES_BURST,
            counted: now,
            servings: 0,
        };
        self.links.insert(id, link);
        id
    }

    /// TLS stands; whether the connection was waited for.
    pub(super) fn dialed(&mut self, now: Instant, id: LinkId, tls: Digest) -> bool {
        match self.links.get_mut(&id) {
            Some(link) if link.stage == Stage::Dialing => {
                link.stage = Stage::Greeting;
                link.tls = Some(tls);
                link.since = now;
                true
            }
            _ => false,
        }
    }

    /// The peer has proved who it is; returns the older connection that makes room.
    pub(super) fn up(&mut self, id: LinkId, peer: PkiId) -> Option<LinkId> {
        let link = self.links.get_mut(&id)?;
        link.stage = Stage::Up(peer);
        let we_called = link.dialed.is_some();
        let same_direction = |other: &&LinkId| {
            let other = self.links.get(other);
            other.is_some_and(|other| other.dialed.is_some() == we_called)
        };
        let all = self.by_peer.entry(peer).or_default();
        let older = all.iter().find(same_direction).copied();
        all.push(id);
        older
    }

    pub(super) fn remove(&mut self, id: LinkId) -> Option<Link> {
        let link = self.links.remove(&id)?;
        if let Stage::Up(peer) = link.stage
            && let Some(all) = self.by_peer.get_mut(&peer)
        {
            all.retain(|other| *other != id);
            if all.is_empty() {
                self.by_peer.remove(&peer);
            }
        }
        Some(link)
    }

    pub(super) fn get(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&id)
    }

    /// Who is at the other end, where that is known.
    pub(super) fn peer(&self, id: LinkId) -> Option<PkiId> {
        match self.links.get(&id)?.stage {
            Stage::Up(peer) => Some(peer),
            Stage::Dialing | Stage::Greeting => None,
        }
    }

    /// The newest connection with a peer.
    pub(super) fn to(&self, peer: PkiId) -> Option<LinkId> {
        self.by_peer.get(&peer)?.last().copied()
    }

    /// All connections with a peer.
    pub(super) fn all_to(&self, peer: PkiId) -> Vec<LinkId> {
        self.by_peer.get(&peer).cloned().unwrap_or_default()
    }

    /// Those whom there is a connection with, in the order of their names.
    pub(super) fn peers(&self) -> impl Iterator<Item = PkiId> {
        self.by_peer.keys().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// Connections that we opened or are opening.
    pub(super) fn dialed_count(&self) -> usize {
        let links = self.links.values();
        links.filter(|link| link.dialed.is_some()).count()
    }

    pub(super) fn servings(&self) -> usize {
        self.links.values().map(|link| link.servings).sum()
    }

    /// Connections that took too long to become one.
    pub(super) fn overdue(&self, now: Instant) -> Vec<LinkId> {
        let late = self.unfinished().filter(|(_, due)| *due <= now);
        late.map(|(id, _)| id).collect()
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.unfinished().map(|(_, due)| due).min()
    }

    fn unfinished(&self) -> impl Iterator<Item = (LinkId, Instant)> {
        let unfinished = self
            .links
            .iter()
            .filter(|(_, link)| !matches!(link.stage, Stage::Up(_)));
        unfinished.map(|(id, link)| (*id, link.since.plus(limits::GOSSIP_HANDSHAKE_WAIT)))
    }
}

impl Link {
    /// Whether one more message may come.
    pub(super) fn admits_message(&mut self, now: Instant) -> bool {
        let step = Duration::from_micros(1_000_000 / limits::GOSSIP_MESSAGES_PER_SECOND);
        let passed = now.since(self.counted).as_micros() / step.as_micros().max(1);
        if let Ok(passed) = u64::try_from(passed)
            && passed > 0
        {
            self.allowance = self
                .allowance
                .saturating_add(passed)
                .min(limits::GOSSIP_MESSAGES_BURST);
            self.counted = now;
        }
        let admits = self.allowance > 0;
        self.allowance = self.allowance.saturating_sub(1);
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PkiId = PkiId([9; 32]);

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn a_newer_connection_takes_the_place_of_the_older_in_its_direction() {
        let mut links = Links::default();
        let tls = Digest::default();
        let first = links.accept(at(0), tls).unwrap();
        assert_eq!(links.up(first, PEER), None);
        let called = links.dial(at(0), "peer:1".into());
        assert!(links.dialed(at(0), called, tls));
        assert_eq!(links.up(called, PEER), None);
        let second = links.accept(at(1), tls).unwrap();
        assert_eq!(links.up(second, PEER), Some(first));
        links.remove(first);
        assert_eq!(links.to(PEER), Some(second));
        links.remove(second);
        assert_eq!(links.to(PEER), Some(called));
        links.remove(called);
        assert_eq!((links.to(PEER), links.peers().count()), (None, 0));
    }

    #[test]
    fn strangers_have_little_room_and_little_time() {
        let mut links = Links::default();
        let accepted = (0..1000).filter_map(|_| links.accept(at(5), Digest::default()));
        assert_eq!(accepted.count(), limits::GOSSIP_HANDSHAKES_MAX);
        assert_eq!(links.overdue(at(4004)), Vec::new());
        assert_eq!(links.wake_at(), Some(at(4005)));
        assert_eq!(links.overdue(at(4005)).len(), limits::GOSSIP_HANDSHAKES_MAX);
    }

    #[test]
    fn messages_are_let_in_at_a_rate() {
        let mut links = Links::default();
        let id = links.accept(at(0), Digest::default()).unwrap();
        let link = links.get_mut(id).unwrap();
        let burst = (0..10_000).filter(|_| link.admits_message(at(0)));
        assert_eq!(burst.count() as u64, limits::GOSSIP_MESSAGES_BURST);
        let second = (0..10_000).filter(|at_| link.admits_message(at(at_ / 10)));
        let rate = limits::GOSSIP_MESSAGES_PER_SECOND;
        assert!((rate - 10..=rate).contains(&(second.count() as u64)));
    }
}
