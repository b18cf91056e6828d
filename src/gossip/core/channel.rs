//! One channel: its machines, its timers, and what is known of who may take part.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::buffer::Buffer;
use super::election::Election;
use super::infos::Infos;
use super::options::{GossipOptions, TransferOptions};
use super::recent::Recent;
use super::transfer::Transfer;
use super::trust::{MspId, PkiId};
use super::wire::Stamp;
use super::{ChannelConfig, Own};
use crate::limits;
use crate::proto::messages::gossip::Chaincode;
use crate::sys::clock::Instant;

/// Checks after which the orderer has been asked in vain, so that those others are not believed.
const VAIN_CHECKS: u32 = 6;

/// Checks for which they are not.
const DISBELIEF_CHECKS: u32 = 30;

/// A channel that the peer has joined.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) anchors: Vec<(MspId, Arc<str>)>,
    /// Durable blocks; what others are told.
    pub(super) height: u64,
    pub(super) chaincodes: Vec<Chaincode>,
    /// Orders our state infos and leadership messages.
    pub(super) stamp: Stamp,
    /// Whether others have to be told of a change.
    pub(super) has_news: bool,
    pub(super) infos: Infos,
    pub(super) recent: Recent,
    pub(super) buffer: Buffer,
    pub(super) transfer: Transfer,
    pub(super) election: Election,
    /// Who is admitted by the channel's MSPs, as they were when they were asked.
    pub(super) admitted: BTreeMap<PkiId, bool>,
    pub(super) publish_at: Instant,
    pub(super) request_at: Instant,
    pub(super) pull_at: Instant,
    pub(super) catch_up: CatchUp,
    /// Whether blocks are being pulled from the orderers.
    pub(super) pulls_orderer: bool,
}

/// What is known of being behind.
#[derive(Debug)]
pub(super) struct CatchUp {
    pub(super) check_at: Instant,
    /// The next number at the last check.
    pub(super) next: u64,
    /// Nobody has been heard of yet who is ahead.
    pub(super) is_new: bool,
    /// Ranges are fetched until the channel is where others are.
    pub(super) is_on: bool,
    /// Since when a later block waits for the next one.
    pub(super) hole_since: Option<Instant>,
    /// When that is looked at again.
    pub(super) hole_due: Option<Instant>,
    /// Since when the channel is behind without any progress.
    pub(super) starves_since: Option<Instant>,
    /// The next number that even the orderer did not have, and until when nobody is believed who says to
    /// have it.
    pub(super) vain: Option<(u64, Instant)>,
}

/// How far the channel is, and others are.
#[derive(Debug)]
pub(super) struct Standing {
    /// The number that is needed here.
    pub(super) next: u64,
    /// Others have all blocks below.
    pub(super) best: u64,
    /// They have the next one, and nobody is just giving it.
    pub(super) is_behind: bool,
}

impl CatchUp {
    /// Decides whether ranges are fetched.
    pub(super) fn look(&mut self, now: Instant, options: &TransferOptions, at: &Standing) {
        // Who has just joined, or has missed more than what may be under way to it, does not wait.
        let is_first = at.is_behind && std::mem::take(&mut self.is_new);
        let is_far = at.best > at.next.saturating_add(options.buffer.max(1));
        self.is_on |= at.is_behind && (is_first || is_far);
        if now >= self.check_at {
            self.check(now, options, at);
        }
        self.is_on &= at.best > at.next;
    }

    fn check(&mut self, now: Instant, options: &TransferOptions, at: &Standing) {
        self.check_at = now.plus(options.check_interval);
        // The newest block may be under way to us.
        let stands = self.next == at.next;
        self.is_on |= at.is_behind && (stands || at.best > at.next.saturating_add(1));
        self.next = at.next;
        self.starves_since = match self.starves_since {
            _ if !at.is_behind || !stands => None,
            Some(since) => Some(since),
            None => Some(now),
        };
        let vain = options.check_interval * VAIN_CHECKS;
        let is_vain = |since: Instant| now.since(since) >= vain;
        if self.starves_since.is_some_and(is_vain) {
            let until = now.plus(options.check_interval * DISBELIEF_CHECKS);
            self.vain = Some((at.next, until));
            self.starves_since = None;
            self.is_on = false;
        }
    }

    /// Whether a later block waits for the next one.
    pub(super) fn note_hole(&mut self, now: Instant, is_there: bool) {
        match (is_there, self.hole_since) {
            (false, _) => (self.hole_since, self.hole_due) = (None, None),
            (true, None) => {
                self.hole_since = Some(now);
                self.hole_due = Some(now.plus(limits::GOSSIP_HOLE_WAIT));
            }
            (true, Some(_)) => self.hole_due = self.hole_due.filter(|due| now < *due),
        }
    }
}

impl Channel {
    pub(super) fn new(
        now: Instant,
        own: &Own,
        options: &GossipOptions,
        config: ChannelConfig,
        height: u64,
    ) -> Self {
        let window = options.transfer.buffer.saturating_mul(2);
        Self {
            anchors: config.anchors,
            height,
            chaincodes: Vec::new(),
            stamp: Stamp {
                incarnation: own.stamp.incarnation,
                // Newer than what was said before the channel was left.
                sequence: now.as_micros(),
            },
            has_news: true,
            infos: Infos::default(),
            recent: Recent::default(),
            buffer: Buffer::new(height, window),
            transfer: Transfer::default(),
            election: Election::new(now, own.pki, options.leader, options.election),
            admitted: BTreeMap::new(),
            publish_at: now,
            // Others may be ahead: they are asked at once.
            request_at: now,
            pull_at: now.plus(options.pull_interval),
            catch_up: CatchUp {
                check_at: now.plus(options.transfer.check_interval / 4),
                next: height,
                is_new: true,
                is_on: false,
                hole_since: None,
                hole_due: None,
                starves_since: None,
                vain: None,
            },
            pulls_orderer: false,
        }
    }

    /// The number of our next message.
    pub(super) fn next_stamp(&mut self, incarnation: u64) -> Stamp {
        self.stamp.incarnation = incarnation;
        self.stamp.sequence += 1;
        self.stamp
    }

    pub(super) fn set_chaincodes(&mut self, chaincodes: Vec<Chaincode>) {
        self.chaincodes = chaincodes;
        self.chaincodes.truncate(limits::GOSSIP_CHAINCODES_MAX);
        self.has_news = true;
    }

    pub(super) fn wake_at(&self) -> Instant {
        let own = self
            .publish_at
            .min(self.request_at)
            .min(self.pull_at)
            .min(self.catch_up.check_at);
        let hole = self.catch_up.hole_due;
        let others = [self.transfer.wake_at(), self.election.wake_at(), hole];
        others.into_iter().flatten().fold(own, Instant::min)
    }
}
