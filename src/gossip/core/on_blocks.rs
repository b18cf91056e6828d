//! Blocks in their order: verified, passed on, and fetched where they are missing.

use super::action::{Action, Lane};
use super::blame::Offence;
use super::buffer::{Giver, Offer};
use super::channel::Standing;
use super::members::Health;
use super::transfer::{Plan, Request, Source};
use super::wire;
use super::{Core, Sender};
use crate::limits;
use crate::proto::messages::gossip::gossip_message::Content;
use crate::proto::messages::gossip::{Payload, RemoteStateRequest, RemoteStateResponse};
use crate::sys::clock::Instant;
use crate::types::{BlockNumber, ChannelId};

/// What makes a source less wanted: another organization than ours, no anchor peer, silent lately.
const RANK_OWN_ORG: u32 = 1;
const RANK_ANCHOR: u32 = 2;
const RANK_OTHER: u32 = 3;
const RANK_SUSPECT: u32 = 4;

/// Checks in a row without progress, while others say to have more, after which the orderer is asked.
const STARVING_CHECKS: u32 = 3;

impl Core {
    /// The block is the channel's, and the pipeline has it.
    pub fn verified(&mut self, now: Instant, channel: &ChannelId, number: BlockNumber) {
        let Some(joined) = self.channels.get_mut(channel) else {
            return;
        };
        let Some(block) = joined.buffer.verified(number.0) else {
            return;
        };
        joined.catch_up.starves_since = None;
        joined.catch_up.note_hole(now, false);
        if let Some(peer) = block.giver.peer() {
            joined.transfer.succeeded(peer);
        }
        self.counters.blocks_verified += 1;
        self.spread(channel, number.0, &block);
        self.proceed(now, channel);
    }

    /// The block is not the channel's. Whoever gave it lies: nobody passes on what he has not verified.
    pub fn rejected(&mut self, now: Instant, channel: &ChannelId, number: BlockNumber) {
        let joined = self.channels.get_mut(channel);
        let rejected = joined.and_then(|joined| joined.buffer.rejected(number.0));
        let Some(rejected) = rejected else {
            return;
        };
        self.counters.blocks_rejected += 1;
        if let Some(peer) = rejected.giver.peer() {
            self.blame_peer(now, peer, Offence::Block);
        }
        self.proceed(now, channel);
    }

    /// The pipeline refused a block that was verified here, and begins anew behind what is durable: with
    /// the block `number`.
    pub fn rewound(&mut self, now: Instant, channel: &ChannelId, number: BlockNumber) {
        let Some(joined) = self.channels.get_mut(channel) else {
            return;
        };
        joined.buffer = joined.buffer.anew(number.0);
        if joined.pulls_orderer {
            // The orderers' client is ahead, too.
            joined.pulls_orderer = false;
            let channel = channel.clone();
            self.act(Action::StopPull { channel });
        }
        self.proceed(now, channel);
    }

    /// The orderer gave a block, which its client has verified as far as it can. False: there is no room
    /// yet; it is to be offered again once the next block is verified.
    pub fn ordered(
        &mut self,
        now: Instant,
        channel: &ChannelId,
        number: BlockNumber,
        block: bytes::Bytes,
    ) -> bool {
        let payload = Payload {
            seq_num: number.0,
            data: block,
            private_data: Vec::new(),
        };
        self.block_came(now, channel, Giver::Orderer, payload) != Offer::Refused
    }

    /// Goes on with the next block, and looks for what is missing.
    pub(super) fn proceed(&mut self, now: Instant, channel: &ChannelId) {
        let Some(joined) = self.channels.get_mut(channel) else {
            return;
        };
        let next = joined.buffer.next();
        if let Some(candidate) = joined.buffer.verify() {
            let action = Action::Verify {
                channel: channel.clone(),
                number: BlockNumber(next),
                block: candidate.block.clone(),
                from_orderer: candidate.giver == Giver::Orderer,
            };
            self.act(action);
        }
        self.catch_up(now, channel);
        self.tend_orderer(channel, now);
    }

    /// Is the channel behind, and who can help?
    fn catch_up(&mut self, now: Instant, channel: &ChannelId) {
        let (options, sources) = (self.options.transfer, self.sources(channel));
        let best = sources
            .iter()
            .map(|source| source.height)
            .max()
            .unwrap_or(0);
        let Some(joined) = self.channels.get_mut(channel) else {
            return;
        };
        for late in joined.transfer.overdue(now) {
            joined.transfer.failed(now, late, options.response_timeout);
        }
        let next = joined.buffer.next();
        let catch_up = &mut joined.catch_up;
        let hole = joined.buffer.waits_in_vain();
        catch_up.note_hole(now, hole.is_some());
        let disbelieves = catch_up
            .vain
            .is_some_and(|(at, until)| at == next && now < until);
        let best = if disbelieves { next } else { best };
        let is_behind = best > next && !joined.buffer.is_verifying();
        let at = Standing {
            next,
            best,
            is_behind,
        };
        catch_up.look(now, &options, &at);
        let is_hole_old = |since: Instant| now.since(since) >= limits::GOSSIP_HOLE_WAIT;
        let upto = match (catch_up.is_on, hole, catch_up.hole_since) {
            (true, ..) => best.min(joined.buffer.end()),
            (false, Some(first), Some(since)) if is_hole_old(since) => first.min(best),
            _ => return,
        };
        if !options.enabled {
            return;
        }
        let buffer = &joined.buffer;
        let missing = (next..upto).filter(|number| buffer.lacks(*number));
        let plan = Plan {
            now,
            batch: options
                .batch
                .min(buffer.blocks_in(limits::GOSSIP_ANSWER_BYTES_MAX)),
            blocks: buffer
                .blocks_in(limits::GOSSIP_FETCHED_BYTES_MAX.saturating_sub(buffer.bytes())),
            wait: options.response_timeout,
        };
        let made = joined
            .transfer
            .ask(plan, missing, &sources, &mut self.random);
        for (nonce, request) in made {
            self.ask_for_range(channel, nonce, &request);
        }
    }

    fn ask_for_range(&mut self, channel: &ChannelId, nonce: u64, request: &Request) {
        let content = Content::StateRequest(RemoteStateRequest {
            start_seq_num: *request.range.start(),
            end_seq_num: *request.range.end(),
        });
        let message = wire::plain(nonce, Some(channel), content);
        self.counters.ranges_asked += 1;
        self.send(request.peer, Lane::Control, wire::encoded(&message));
    }

    /// Whether others have blocks that nobody gives us.
    pub(super) fn starves(&self, now: Instant, channel: &ChannelId) -> bool {
        let since = self
            .channels
            .get(channel)
            .and_then(|it| it.catch_up.starves_since);
        let patience = self.options.transfer.check_interval * STARVING_CHECKS;
        since.is_some_and(|since| now.since(since) >= patience)
    }

    /// Connected peers that say to have blocks beyond ours.
    // Fabric: gossip/state/state.go asks any peer at random. Here: the own leader, the own organization,
    // anchor peers, others.
    fn sources(&mut self, channel: &ChannelId) -> Vec<Source> {
        let Some(joined) = self.channels.get(channel) else {
            return Vec::new();
        };
        let (next, leader) = (joined.buffer.next(), joined.election.leader());
        let ahead = joined
            .infos
            .iter()
            .filter(|(_, info)| !info.left && info.height > next);
        let ahead: Vec<_> = ahead.map(|(peer, info)| (peer, info.height)).collect();
        let mut sources = Vec::new();
        for (peer, height) in ahead {
            if self.links.to(peer).is_none() || !self.admits(channel, peer) {
                continue;
            }
            let member = self.members.get(peer);
            let is_anchor = member.is_some_and(|member| self.seeds.contains(&member.endpoint));
            let rank = match (Some(peer) == leader, self.is_own_org(peer), is_anchor) {
                (true, ..) => 0,
                (_, true, _) => RANK_OWN_ORG,
                (_, _, true) => RANK_ANCHOR,
                _ => RANK_OTHER,
            };
            let is_well = member.is_some_and(|member| member.health == Health::Alive);
            let rank = if is_well { rank } else { rank + RANK_SUSPECT };
            sources.push(Source { peer, height, rank });
        }
        sources
    }

    /// A peer asks for a range.
    pub(super) fn asked_for_range(
        &mut self,
        now: Instant,
        from: Sender,
        channel: &[u8],
        nonce: u64,
        request: &RemoteStateRequest,
    ) {
        let Some(channel) = self.channel_of(now, from, channel) else {
            return;
        };
        let (first, last) = (request.start_seq_num, request.end_seq_num);
        if first > last {
            return self.blame_peer(now, from.peer, Offence::Malformed);
        }
        let height = self
            .channels
            .get(&channel)
            .map_or(0, |joined| joined.height);
        let links = self.links.all_to(from.peer);
        let of_peer = links.iter().filter_map(|link| self.links.get(*link));
        let of_peer: usize = of_peer.map(|link| link.servings).sum();
        let has_room = of_peer < limits::GOSSIP_SERVINGS_PER_PEER_MAX
            && self.links.servings() < limits::GOSSIP_SERVINGS_MAX;
        if first >= height || !has_room || !self.options.transfer.enabled {
            // So the peer asks another at once.
            let nothing = wire::blocks_answer(&channel, nonce, first, Vec::new());
            return self.send_on(from.link, Lane::Transfer, nothing);
        }
        if let Some(link) = self.links.get_mut(from.link) {
            link.servings += 1;
        }
        let last = last
            .min(height - 1)
            .min(first.saturating_add(limits::GOSSIP_RANGE_BLOCKS_MAX - 1));
        self.counters.ranges_served += 1;
        self.act(Action::Serve {
            link: from.link,
            channel,
            nonce,
            first: BlockNumber(first),
            last: BlockNumber(last),
        });
    }

    /// An [`Action::Serve`] is done, or could not be.
    pub fn served(&mut self, link: super::LinkId) {
        if let Some(link) = self.links.get_mut(link) {
            link.servings = link.servings.saturating_sub(1);
        }
    }

    /// The range that we asked for, or its beginning.
    pub(super) fn range_came(
        &mut self,
        now: Instant,
        from: Sender,
        channel: &[u8],
        nonce: u64,
        response: RemoteStateResponse,
    ) {
        let Some(channel) = self.channel_of(now, from, channel) else {
            return;
        };
        let joined = self.channels.get_mut(&channel);
        let Some(joined) = joined else {
            return;
        };
        let Some(request) = joined.transfer.answered(nonce, from.peer) else {
            return self.blame_peer(now, from.peer, Offence::Unasked);
        };
        if response.payloads.is_empty() {
            let wait = self.options.transfer.response_timeout;
            joined.transfer.failed(now, from.peer, wait);
            return self.proceed(now, &channel);
        }
        let numbers = response.payloads.iter().map(|payload| payload.seq_num);
        let is_prefix = numbers
            .clone()
            .eq(request.range.clone().take(numbers.count()));
        if !is_prefix {
            return self.blame_peer(now, from.peer, Offence::Malformed);
        }
        for payload in response.payloads {
            self.block_came(now, &channel, Giver::Transfer(from.peer), payload);
        }
    }
}
