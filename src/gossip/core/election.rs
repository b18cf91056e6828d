//! Which peer of an organization leads on a channel: pulls its blocks from the orderers.
//!
//! ```text
//!  Starting --membership is stable--> Follower <------- a better one declares, the orderer is lost ---+
//!                                       |  ^                                                          |
//!                     no leader is heard|  |a leader is heard, a better one proposes                  |
//!                                       v  |                                                          |
//!                                     Candidate --nobody better in time--> Leader --------------------+
//! ```
//! Better is the lower name. A leader stays one though a better peer comes back, so leadership moves only
//! when it must. One that has lost the orderer does not run again until another leads, or for a while.
//!
//! Fabric: `gossip/election/election.go`. Different: a leader answers proposals and worse declarations at
//! once and tells newcomers at once, a candidate proposes more than once (its first proposal may be lost, or
//! come before it is known), who sees nobody waits longer, and a lost orderer is noticed within the time in
//! which a dead leader is.

use std::collections::BTreeMap;
use std::time::Duration;

use super::options::{ElectionOptions, LeaderMode};
use super::trust::PkiId;
use super::wire::Stamp;
use crate::sys::clock::Instant;

/// Times a leader's silence for which one that lost the orderer does not run.
const YIELD_FACTOR: u32 = 6;

/// The time between two proposals.
const PROPOSAL_WAIT: Duration = Duration::from_secs(1);

/// The least time between two declarations.
const DECLARATION_WAIT: Duration = Duration::from_secs(1);

/// Where a peer is; the drawing is at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Starting {
        grace_ends: Instant,
    },
    Follower {
        since: Instant,
    },
    Candidate {
        ends: Instant,
        outbid: bool,
        proposes_at: Instant,
    },
    Leader,
}

/// What is to be told to the organization's peers of the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Say {
    /// I would lead.
    Proposal,
    /// I lead.
    Declaration,
}

/// One peer's part in an election.
#[derive(Debug)]
pub(super) struct Election {
    options: ElectionOptions,
    mode: LeaderMode,
    own: PkiId,
    role: Role,
    /// The peer that leads, and when it said so last.
    leader: Option<(PkiId, Instant)>,
    stamps: BTreeMap<PkiId, Stamp>,
    sample_at: Instant,
    peers: usize,
    declared: Option<Instant>,
    declare_now: bool,
    orderer_works: bool,
    /// Since when it does not, while this peer leads.
    orderer_lost: Option<Instant>,
    yields_until: Instant,
}

impl Election {
    pub(super) fn new(
        now: Instant,
        own: PkiId,
        mode: LeaderMode,
        options: ElectionOptions,
    ) -> Self {
        let role = match mode {
            LeaderMode::Always => Role::Leader,
            LeaderMode::Never => Role::Follower { since: now },
            LeaderMode::Elected => Role::Starting {
                grace_ends: now.plus(options.startup_grace),
            },
        };
        Self {
            options,
            mode,
            own,
            role,
            leader: None,
            stamps: BTreeMap::new(),
            sample_at: now.plus(options.sample_interval),
            peers: 0,
            declared: None,
            declare_now: false,
            orderer_works: false,
            orderer_lost: None,
            yields_until: Instant::default(),
        }
    }

    /// Whether this peer pulls from the orderers.
    pub(super) fn leads(&self) -> bool {
        self.role == Role::Leader
    }

    /// The organization's leader, as far as is known.
    pub(super) fn leader(&self) -> Option<PkiId> {
        if self.leads() {
            return Some(self.own);
        }
        self.leader.map(|(leader, _)| leader)
    }

    /// Whether a message of this time would be news.
    pub(super) fn is_news(&self, peer: PkiId, stamp: Stamp) -> bool {
        let known = self.stamps.get(&peer);
        known.is_none_or(|known| *known < stamp)
    }

    /// A verified message of a peer of the organization.
    pub(super) fn hear(&mut self, now: Instant, peer: PkiId, stamp: Stamp, say: Say) {
        if self.mode != LeaderMode::Elected || peer == self.own || !self.is_news(peer, stamp) {
            return;
        }
        self.stamps.insert(peer, stamp);
        match (say, &mut self.role) {
            (Say::Proposal, Role::Leader) => self.declare_now = true,
            (Say::Proposal, Role::Candidate { outbid, .. }) => *outbid |= peer < self.own,
            (Say::Proposal, Role::Starting { .. } | Role::Follower { .. }) => {}
            (Say::Declaration, Role::Leader) if self.own < peer => self.declare_now = true,
            (Say::Declaration, _) => self.follow(now, peer),
        }
    }

    fn follow(&mut self, now: Instant, peer: PkiId) {
        self.role = Role::Follower { since: now };
        // Of two that declare, the better one counts while both are heard.
        let is_better = self.leader.is_none_or(|(leader, heard)| {
            peer <= leader || now.since(heard) > self.options.alive_threshold
        });
        if is_better {
            self.leader = Some((peer, now));
        }
        self.yields_until = Instant::default();
        self.orderer_lost = None;
    }

    /// A peer has come, or come back: it should hear at once who leads.
    pub(super) fn newcomer(&mut self) {
        self.declare_now |= self.leads();
    }

    /// A peer is not there any more.
    pub(super) fn forget(&mut self, peer: PkiId) {
        self.stamps.remove(&peer);
        if self.leader.is_some_and(|(leader, _)| leader == peer) {
            self.leader = None;
        }
    }

    /// Whether the orderer gives blocks, or would if there were any.
    pub(super) fn orderer(&mut self, now: Instant, works: bool) {
        self.orderer_works = works;
        let lost = !works && self.leads();
        self.orderer_lost = lost.then(|| self.orderer_lost.unwrap_or(now));
    }

    /// Time has passed; `peers` are those of the organization that are alive in the channel. What is to be
    /// told?
    pub(super) fn tick(&mut self, now: Instant, peers: usize) -> Option<Say> {
        if self.mode != LeaderMode::Elected {
            return None;
        }
        if let Some((_, heard)) = self.leader
            && now.since(heard) > self.options.alive_threshold
        {
            self.leader = None;
        }
        match self.role {
            Role::Starting { grace_ends } => {
                if now >= self.sample_at {
                    self.sample_at = now.plus(self.options.sample_interval);
                    // Who sees nobody yet cannot tell that there is nobody.
                    let is_stable = peers == self.peers && peers > 0;
                    self.peers = peers;
                    if is_stable || now >= grace_ends {
                        return self.run(now);
                    }
                }
                None
            }
            Role::Follower { since } => {
                let waited = now.since(since) > self.options.alive_threshold;
                let runs = self.leader.is_none() && waited && now >= self.yields_until;
                runs.then(|| self.run(now)).flatten()
            }
            Role::Candidate { ends, outbid, .. } if now >= ends => {
                if outbid {
                    self.role = Role::Follower { since: now };
                    return None;
                }
                self.role = Role::Leader;
                self.orderer_lost = (!self.orderer_works).then_some(now);
                self.declare(now)
            }
            Role::Candidate { .. } => self.propose(now),
            Role::Leader => self.lead(now),
        }
    }

    fn run(&mut self, now: Instant) -> Option<Say> {
        self.role = Role::Candidate {
            ends: now.plus(self.options.duration),
            outbid: false,
            proposes_at: now,
        };
        self.propose(now)
    }

    fn propose(&mut self, now: Instant) -> Option<Say> {
        let Role::Candidate { proposes_at, .. } = &mut self.role else {
            return None;
        };
        let due = now >= *proposes_at;
        due.then(|| *proposes_at = now.plus(PROPOSAL_WAIT))?;
        Some(Say::Proposal)
    }

    fn lead(&mut self, now: Instant) -> Option<Say> {
        let lost = self.orderer_lost;
        if lost.is_some_and(|since| now.since(since) > self.options.alive_threshold) {
            self.role = Role::Follower { since: now };
            self.leader = None;
            self.orderer_lost = None;
            self.yields_until = now.plus(self.options.alive_threshold * YIELD_FACTOR);
            return None;
        }
        let due = now >= self.declaration_due();
        due.then(|| self.declare(now)).flatten()
    }

    fn declare(&mut self, now: Instant) -> Option<Say> {
        self.declared = Some(now);
        self.declare_now = false;
        Some(Say::Declaration)
    }

    fn declaration_due(&self) -> Instant {
        let wait = if self.declare_now {
            DECLARATION_WAIT.min(self.options.alive_threshold / 2)
        } else {
            self.options.alive_threshold / 2
        };
        let declared = self.declared.unwrap_or_default();
        declared.plus(wait)
    }

    /// Peers that took part in elections. They are told who leads, though their heights are not known yet.
    pub(super) fn heard(&self) -> impl Iterator<Item = PkiId> {
        self.stamps.keys().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.stamps.len()
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        let moment = Duration::from_micros(1);
        let patience = self.options.alive_threshold + moment;
        let due = match (self.mode, self.role) {
            (LeaderMode::Always | LeaderMode::Never, _) => return None,
            (_, Role::Starting { .. }) => self.sample_at,
            (
                _,
                Role::Candidate {
                    ends, proposes_at, ..
                },
            ) => ends.min(proposes_at),
            (_, Role::Follower { since }) => {
                let silent = self.leader.map(|(_, heard)| heard.plus(patience));
                let silent = silent.unwrap_or_default();
                since.plus(patience).max(silent).max(self.yields_until)
            }
            (_, Role::Leader) => {
                let lost = self.orderer_lost.map(|since| since.plus(patience));
                let declared = self.declaration_due();
                lost.map_or(declared, |lost| lost.min(declared))
            }
        };
        Some(due)
    }
}
