//! The peers that are there, by their signed alive messages.
//!
//! ```text
//!           newer message            silence, or its connections are gone
//!  unknown ---------------> Alive <------------------------------> Suspect
//!     ^                       ^        a newer message (to the left)   |
//!     |                       +---- newer message ---- Dead <-- silence
//!     +------ forgotten, its last time is kept ---------+
//! ```
//! A suspect is asked, a dead peer is called now and then, and neither is chosen where others are there.
//!
//! Invariants: of one peer, only a message that is newer than every earlier one changes anything, even
//! after it was forgotten; every table has its bound, and no organization crowds out the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::trust::{MspId, PkiId};
use super::wire::Stamp;
use crate::limits;
use crate::sys::clock::Instant;

/// How a member does; the drawing is at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Heard of lately.
    Alive,
    /// Silent for half of the time, or its connection broke.
    Suspect,
    /// Silent for too long.
    Dead,
}

/// A peer, as its last alive message shows it.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) msp: MspId,
    /// Where other organizations reach it; empty where they do not.
    pub(super) endpoint: Arc<str>,
    /// Where its own organization does.
    pub(super) internal: Option<Arc<str>>,
    pub(super) stamp: Stamp,
    pub(super) heard: Instant,
    pub(super) health: Health,
    /// The message as it came.
    pub(super) whole: Bytes,
    /// The message without what is for its organization only.
    pub(super) public: Bytes,
}

/// What an alive message did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// A peer that was not known.
    New,
    /// One that is known.
    Newer,
    /// One that was thought to be dead.
    Revived,
    /// Nothing: it is not newer.
    Old,
    /// Nothing: there are too many.
    Full,
}

/// The members.
#[derive(Debug, Default)]
pub(super) struct Members {
    members: BTreeMap<PkiId, Member>,
    /// Last times of those who were forgotten.
    tombstones: BTreeMap<PkiId, Stamp>,
}

impl Members {
    /// Whether a message of this time would be news.
    pub(super) fn is_news(&self, peer: PkiId, stamp: Stamp) -> bool {
        let known = self.members.get(&peer).map(|member| member.stamp);
        let known = known.or_else(|| self.tombstones.get(&peer).copied());
        known.is_none_or(|known| known < stamp)
    }

    /// A verified alive message, or the last one of a peer that others hold dead.
    pub(super) fn hear(&mut self, peer: PkiId, member: Member) -> Heard {
        if !self.is_news(peer, member.stamp) {
            return Heard::Old;
        }
        if let Some(known) = self.members.get_mut(&peer) {
            let was_dead = known.health == Health::Dead;
            let internal = known.internal.take();
            *known = member;
            // Who has it from another organization does not get it with each message.
            known.internal = known.internal.take().or(internal);
            return match (was_dead, known.health) {
                (true, Health::Alive | Health::Suspect) => Heard::Revived,
                _ => Heard::Newer,
            };
        }
        if !self.has_room(&member.msp) {
            return Heard::Full;
        }
        self.tombstones.remove(&peer);
        self.members.insert(peer, member);
        Heard::New
    }

    /// One of the dead of this organization, or of all, makes room.
    fn has_room(&mut self, msp: &MspId) -> bool {
        let of_org = self.members.values().filter(|member| member.msp == *msp);
        let is_full_org = of_org.count() >= limits::GOSSIP_MEMBERS_PER_ORG_MAX;
        if !is_full_org && self.members.len() < limits::GOSSIP_MEMBERS_MAX {
            return true;
        }
        let dead = self.members.iter().find(|(_, member)| {
            member.health == Health::Dead && (!is_full_org || member.msp == *msp)
        });
        let dead = dead.map(|(peer, _)| *peer);
        dead.is_some_and(|dead| self.forget(dead))
    }

    /// The connection with a peer is gone; whether it is a suspect from now on.
    pub(super) fn suspect(&mut self, peer: PkiId) -> bool {
        match self.members.get_mut(&peer) {
            Some(member) if member.health == Health::Alive => {
                member.health = Health::Suspect;
                true
            }
            _ => false,
        }
    }

    /// Who became a suspect, dead or forgotten because of silence.
    pub(super) fn check(
        &mut self,
        now: Instant,
        expiration: Duration,
        forget_factor: u32,
    ) -> Silent {
        let mut silent = Silent::default();
        for (peer, member) in &mut self.members {
            let silence = now.since(member.heard);
            let health = match silence {
                _ if silence > expiration => Health::Dead,
                _ if silence > expiration / 2 => Health::Suspect.max(member.health),
                _ => member.health,
            };
            if health == Health::Suspect && member.health == Health::Alive {
                silent.suspects.push(*peer);
            }
            if health == Health::Dead && member.health != Health::Dead {
                silent.dead.push(*peer);
            }
            member.health = health;
            if silence > expiration.saturating_mul(forget_factor) {
                silent.forgotten.push(*peer);
            }
        }
        for peer in &silent.forgotten {
            self.forget(*peer);
        }
        silent
    }

    /// Forgets a peer but for the time of its last message.
    pub(super) fn forget(&mut self, peer: PkiId) -> bool {
        let Some(member) = self.members.remove(&peer) else {
            return false;
        };
        if self.tombstones.len() >= limits::GOSSIP_TOMBSTONES_MAX {
            // The one that was heard of longest ago: incarnations are times.
            let oldest = self.tombstones.iter().min_by_key(|(_, stamp)| **stamp);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.tombstones.remove(&oldest);
            }
        }
        self.tombstones.insert(peer, member.stamp);
        true
    }

    pub(super) fn get(&self, peer: PkiId) -> Option<&Member> {
        self.members.get(&peer)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PkiId, &Member)> {
        self.members.iter().map(|(peer, member)| (*peer, member))
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn tombstones_len(&self) -> usize {
        self.tombstones.len()
    }
}

/// Those of whom nothing was heard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Silent {
    pub(super) suspects: Vec<PkiId>,
    pub(super) dead: Vec<PkiId>,
    pub(super) forgotten: Vec<PkiId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRATION: Duration = Duration::from_secs(25);

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn peer(number: u64) -> PkiId {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&number.to_be_bytes());
        PkiId(name)
    }

    fn member(org: &str, sequence: u64, heard: Instant) -> Member {
        Member {
            msp: MspId(org.into()),
            endpoint: "p:1".into(),
            internal: None,
            stamp: Stamp {
                incarnation: 5,
                sequence,
            },
            heard,
            health: Health::Alive,
            whole: Bytes::new(),
            public: Bytes::new(),
        }
    }

    #[test]
    fn silence_makes_suspects_then_dead_then_nobody() {
        let mut members = Members::default();
        assert_eq!(members.hear(peer(1), member("A", 1, at(0))), Heard::New);
        assert_eq!(members.check(at(12), EXPIRATION, 20), Silent::default());
        let silent = members.check(at(13), EXPIRATION, 20);
        assert_eq!(silent.suspects, [peer(1)]);
        assert_eq!(members.check(at(14), EXPIRATION, 20), Silent::default());
        assert_eq!(members.check(at(26), EXPIRATION, 20).dead, [peer(1)]);
        assert_eq!(
            members.hear(peer(1), member("A", 2, at(30))),
            Heard::Revived
        );
        assert_eq!(members.hear(peer(1), member("A", 3, at(31))), Heard::Newer);
        assert!(members.suspect(peer(1)));
        members.check(at(60), EXPIRATION, 20);
        assert_eq!(members.check(at(532), EXPIRATION, 20).forgotten, [peer(1)]);
        assert_eq!(members.len(), 0);
    }

    #[test]
    fn a_replay_changes_nothing_even_once_the_peer_is_forgotten() {
        let mut members = Members::default();
        members.hear(peer(1), member("A", 7, at(0)));
        assert_eq!(members.hear(peer(1), member("A", 7, at(20))), Heard::Old);
        assert_eq!(members.get(peer(1)).unwrap().heard, at(0));
        members.forget(peer(1));
        assert_eq!(members.hear(peer(1), member("A", 6, at(20))), Heard::Old);
        assert_eq!(members.hear(peer(1), member("A", 8, at(20))), Heard::New);
        let mut again = member("A", 0, at(21));
        again.stamp.incarnation = 6;
        assert_eq!(
            members.hear(peer(1), again),
            Heard::Newer,
            "it started anew"
        );
    }

    #[test]
    fn no_organization_crowds_out_the_others() {
        let mut members = Members::default();
        for number in 0..2 * limits::GOSSIP_MEMBERS_PER_ORG_MAX as u64 {
            members.hear(peer(number), member("A", 1, at(0)));
        }
        assert_eq!(members.len(), limits::GOSSIP_MEMBERS_PER_ORG_MAX);
        assert_eq!(members.hear(peer(9999), member("B", 1, at(1))), Heard::New);
        members.check(at(26), EXPIRATION, 20);
        assert_eq!(members.hear(peer(9998), member("A", 1, at(26))), Heard::New);
        assert_eq!(members.len(), limits::GOSSIP_MEMBERS_PER_ORG_MAX + 1);
    }
}
