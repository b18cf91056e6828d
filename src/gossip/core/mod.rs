//! Gossip's decisions: whom to know, whom to believe, what to send.
//!
//! A state machine without sockets, threads, a clock or randomness of its own. Whoever drives it tells it
//! what happened, then does the [`Action`]s of [`Core::next_action`] until there is none, and calls
//! [`Core::tick`] at [`Core::wake_at`]. Three families of methods:
//!
//! - connections: [`Core::dialed`], [`Core::accepted`], [`Core::closed`], [`Core::received`],
//!   [`Core::served`];
//! - channels: [`Core::join`], [`Core::configure`], [`Core::leave`], [`Core::committed`],
//!   [`Core::verified`], [`Core::rejected`], [`Core::ordered`], [`Core::orderer_works`];
//! - the rest: [`Core::tick`], [`Core::trust_changed`], and what it shows: [`Core::state`].
//!
//! It is made of small machines that know nothing of each other: links and calls (connections),
//! identities and members (who is there), infos (who has what), recent and buffer and transfer (blocks),
//! election (who pulls), blame (who lies). The `on_*` files let them work together.
//!
//! Invariants:
//! - a message counts if its author signed it with an identity that an MSP holds valid, and if it is newer
//!   than every earlier one of that author and kind;
//! - a connection counts if its other end proved by a signature over its own TLS certificate who it is:
//!   a handshake that somebody else passes on is worth nothing;
//! - nothing of a channel is sent to a peer that the channel's MSPs do not admit; blocks are pushed and
//!   pulled inside the organization, ranges are served to every member;
//! - blocks are verified in the order of their numbers, each once, and only verified ones are passed on;
//! - every table has a bound in [`limits`]; what a peer sends costs it more than it costs us, or its
//!   sender is blamed and at last banned.

mod action;
mod blame;
mod buffer;
mod calls;
mod channel;
mod election;
mod identities;
mod infos;
mod links;
mod members;
mod on_blocks;
mod on_channel;
mod on_leading;
mod on_links;
mod on_members;
mod on_pull;
mod options;
mod random;
mod recent;
mod state;
mod transfer;
mod trust;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

pub use action::{Action, CloseReason, Lane, LinkId};
pub use blame::Offence;
pub use members::Health;
pub use options::{ElectionOptions, GossipOptions, LeaderMode, TransferOptions};
pub use random::Random;
pub use state::{ChannelPeer, ChannelState, CoreState, Counters, MemberState, TableSizes};
pub use trust::{Identity, MspId, PkiId, Standing, Trust};
pub use wire::{Stamp, blocks_answer};

use crate::limits;
use crate::proto::messages::gossip::gossip_message::Content;
use crate::sys::clock::Instant;
use crate::types::{ChannelId, Digest};
use blame::Blame;
use calls::{Calls, Seeds};
use channel::Channel;
use identities::Identities;
use links::{Links, Stage};
use members::Members;
use wire::{Opened, WireError};

/// What a core is made with.
#[derive(Debug)]
pub struct CoreSetup {
    /// The peer's own `msp.SerializedIdentity`.
    pub identity: Vec<u8>,
    /// The organization's MSP.
    pub msp: MspId,
    /// SHA-256 of the certificate that the peer shows in TLS, DER.
    pub tls: Digest,
    /// Greater than at every earlier start: nanoseconds since 1970.
    pub incarnation: u64,
    /// The operator's settings.
    pub options: GossipOptions,
    /// The peer's MSPs and key.
    pub trust: Arc<dyn Trust>,
    /// All chance comes from it.
    pub seed: u64,
}

/// The own identity is no `msp.SerializedIdentity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer's own identity is not a serialized identity")]
pub struct NoIdentity;

/// A channel's configuration, as far as gossip needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Anchor peers by organization: `host:port`.
    pub anchors: Vec<(MspId, Arc<str>)>,
}

/// The state of one peer's gossip.
#[derive(Debug)]
pub struct Core {
    options: GossipOptions,
    trust: Arc<dyn Trust>,
    random: Random,
    own: Own,
    links: Links,
    calls: Calls,
    seeds: Seeds,
    identities: Identities,
    members: Members,
    channels: BTreeMap<ChannelId, Channel>,
    blame: Blame,
    counters: Counters,
    actions: VecDeque<Action>,
    timers: Timers,
}

/// What others know of us.
#[derive(Debug)]
struct Own {
    pki: PkiId,
    msp: MspId,
    identity: Arc<[u8]>,
    tls: Digest,
    stamp: Stamp,
    /// Alive messages carry the certificate until then.
    introduces_until: Instant,
}

#[derive(Debug)]
struct Timers {
    alive: Instant,
    sync: Instant,
    check: Instant,
    call: Instant,
}

impl Core {
    /// A peer that knows nobody yet.
    ///
    /// # Errors
    /// Where the identity is none.
    pub fn new(now: Instant, setup: CoreSetup) -> Result<Self, NoIdentity> {
        let pki = PkiId::of(&setup.identity).ok_or(NoIdentity)?;
        let options = setup.options;
        let mut random = Random::new(setup.seed);
        let mut phase = |interval: std::time::Duration| {
            let micros = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
            now.plus(std::time::Duration::from_micros(random.below(micros)))
        };
        let timers = Timers {
            alive: phase(options.alive_interval),
            sync: phase(options.pull_interval),
            check: now,
            call: now,
        };
        let mut core = Self {
            own: Own {
                pki,
                msp: setup.msp,
                identity: setup.identity.into(),
                tls: setup.tls,
                stamp: Stamp {
                    incarnation: setup.incarnation,
                    sequence: 0,
                },
                introduces_until: now.plus(options.publish_cert_period),
            },
            trust: setup.trust,
            random,
            links: Links::default(),
            calls: Calls::default(),
            seeds: Seeds::default(),
            identities: Identities::default(),
            members: Members::default(),
            channels: BTreeMap::new(),
            blame: Blame::default(),
            counters: Counters::default(),
            actions: VecDeque::new(),
            timers,
            options,
        };
        core.set_seeds();
        Ok(core)
    }

    // Output.

    /// What is to be done next.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Core::tick`] is due.
    #[must_use]
    pub fn wake_at(&self) -> Instant {
        let timers = &self.timers;
        let own = timers.alive.min(timers.sync).min(timers.check);
        let others = [
            self.links.wake_at(),
            self.identities.wake_at(),
            Some(timers.call),
        ];
        let channels = self.channels.values().map(Channel::wake_at);
        let others = others.into_iter().flatten().chain(channels);
        others.fold(own, Instant::min)
    }

    /// The peer's own name.
    #[must_use]
    pub fn pki_id(&self) -> PkiId {
        self.own.pki
    }

    // Input; the rest stands in the `on_*` files.

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        self.tend_links(now);
        self.tend_members(now);
        let channels: Vec<ChannelId> = self.channels.keys().cloned().collect();
        for channel in channels {
            self.tend_channel(now, &channel);
        }
    }

    /// A message came, whole, at most [`Lane::bytes_max`] bytes and one: longer ones need not be read.
    pub fn received(&mut self, now: Instant, link: LinkId, lane: Lane, bytes: Bytes) {
        let Some(open) = self.links.get_mut(link) else {
            return;
        };
        self.counters.received += 1;
        if !open.admits_message(now) {
            self.blame(now, link, Offence::Flood);
            return;
        }
        if bytes.len() > lane.bytes_max() {
            self.blame(now, link, Offence::Oversize);
            return;
        }
        let stage = open.stage;
        let opened = match wire::open(bytes) {
            Ok(opened) => opened,
            Err(WireError::Malformed) => return self.blame(now, link, Offence::Malformed),
            Err(WireError::Tag) => return self.blame(now, link, Offence::Tag),
        };
        match stage {
            Stage::Dialing => {}
            Stage::Greeting => self.greeted(now, link, opened),
            Stage::Up(peer) => self.told(now, Sender { link, peer }, opened),
        }
    }

    /// A message of a peer that is known.
    fn told(&mut self, now: Instant, from: Sender, opened: Opened) {
        let Opened {
            envelope,
            nonce,
            channel,
            content,
        } = opened;
        match content {
            Content::AliveMsg(alive) => self.heard_alive(now, from, &envelope, alive, Way::Pushed),
            Content::MemReq(request) => self.asked_for_members(now, from, nonce, request),
            Content::MemRes(response) => self.heard_of_members(now, from, response),
            Content::StateInfo(info) => {
                self.heard_state_info(now, from, &envelope, &info, Way::Pushed);
            }
            Content::StateInfoPullReq(request) => self.asked_for_infos(now, from, &request),
            Content::StateSnapshot(snapshot) => self.heard_infos(now, from, snapshot),
            Content::LeadershipMsg(leads) => {
                self.heard_of_leading(now, from, &channel, &envelope, &leads);
            }
            Content::DataMsg(data) => self.pushed(now, from, &channel, data),
            Content::Hello(hello) => self.hello(now, from, &channel, &hello),
            Content::DataDig(digest) => self.digest(now, from, &channel, &digest),
            Content::DataReq(request) => self.asked_for_data(now, from, &channel, &request),
            Content::DataUpdate(update) => self.update(now, from, &channel, update),
            Content::StateRequest(request) => {
                self.asked_for_range(now, from, &channel, nonce, &request);
            }
            Content::StateResponse(response) => {
                self.range_came(now, from, &channel, nonce, response);
            }
            // A handshake that came twice; private data are not gossip's business yet.
            Content::Conn(_)
            | Content::Empty(_)
            | Content::Ack(_)
            | Content::PeerIdentity(_)
            | Content::PrivateReq(_)
            | Content::PrivateRes(_)
            | Content::PrivateData(_) => self.counters.ignored += 1,
        }
    }

    // What the files beside this one share.

    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    fn send_on(&mut self, link: LinkId, lane: Lane, bytes: Bytes) {
        if self.actions.len() >= limits::GOSSIP_ACTIONS_MAX {
            self.counters.dropped += 1;
            return;
        }
        self.counters.sent += 1;
        self.act(Action::Send { link, lane, bytes });
    }

    fn send(&mut self, peer: PkiId, lane: Lane, bytes: Bytes) {
        if let Some(link) = self.links.to(peer) {
            self.send_on(link, lane, bytes);
        }
    }

    /// The other end of a connection did wrong. An unknown one is cut off at once.
    fn blame(&mut self, now: Instant, link: LinkId, offence: Offence) {
        match self.links.peer(link) {
            Some(peer) => self.blame_peer(now, peer, offence),
            None => {
                self.blame.note(now, None, offence);
                self.close(now, link, CloseReason::Banned(offence));
            }
        }
    }

    /// A peer did wrong, on whichever connection.
    fn blame_peer(&mut self, now: Instant, peer: PkiId, offence: Offence) {
        if !self.blame.note(now, Some(peer), offence) {
            return;
        }
        self.counters.bans += 1;
        for link in self.links.all_to(peer) {
            self.close(now, link, CloseReason::Banned(offence));
        }
        for channel in self.channels.values_mut() {
            channel.buffer.forget(peer);
            channel.transfer.forget(peer);
        }
    }

    fn is_own_org(&self, peer: PkiId) -> bool {
        let identity = self.identities.get(peer);
        identity.is_some_and(|identity| identity.standing.msp == self.own.msp)
    }

    /// Whether there is somebody behind the name: a certificate of such a one is not forgotten.
    fn is_used(members: &Members, links: &Links, peer: PkiId) -> bool {
        members.get(peer).is_some() || links.to(peer).is_some()
    }
}

/// Who sent a message, and on which connection.
#[derive(Debug, Clone, Copy)]
struct Sender {
    link: LinkId,
    peer: PkiId,
}

/// How a signed message came: what was pushed is passed on, what was asked for is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Pushed,
    Asked,
}
