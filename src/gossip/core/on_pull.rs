//! Blocks that are pushed and pulled inside the organization.

use super::action::Lane;
use super::blame::Offence;
use super::buffer::{Candidate, Giver, Offer};
use super::trust::PkiId;
use super::wire;
use super::{Core, Sender};
use crate::limits;
use crate::proto::messages::gossip::gossip_message::Content;
use crate::proto::messages::gossip::{
    DataDigest, DataMessage, DataRequest, DataUpdate, Envelope, GossipHello, Payload, PullMsgType,
};
use crate::sys::clock::Instant;
use crate::types::ChannelId;

impl Core {
    /// A block is pushed to us.
    pub(super) fn pushed(&mut self, now: Instant, from: Sender, channel: &[u8], data: DataMessage) {
        let Some(channel) = self.own_channel_of(now, from, channel) else {
            return;
        };
        let Some(payload) = data.payload else {
            return self.blame_peer(now, from.peer, Offence::Malformed);
        };
        self.block_came(now, &channel, Giver::Gossip(from.peer), payload);
    }

    /// A block came, from wherever.
    pub(super) fn block_came(
        &mut self,
        now: Instant,
        channel: &ChannelId,
        giver: Giver,
        payload: Payload,
    ) -> Offer {
        let used: usize = self
            .channels
            .values()
            .map(|other| other.buffer.bytes())
            .sum();
        let room = limits::GOSSIP_BUFFERS_BYTES_MAX.saturating_sub(used);
        let Some(joined) = self.channels.get_mut(channel) else {
            return Offer::Refused;
        };
        let candidate = Candidate {
            giver,
            block: payload.data,
        };
        let offer = joined.buffer.offer(payload.seq_num, candidate, room);
        match offer {
            Offer::Taken => self.proceed(now, channel),
            Offer::Known => self.counters.duplicates += 1,
            Offer::Refused => self.counters.refused += 1,
        }
        offer
    }

    /// A verified block goes to those who want it: some now, others when they pull.
    pub(super) fn spread(&mut self, channel: &ChannelId, number: u64, verified: &Candidate) {
        // What had to be fetched is no news to others.
        if !self.options.block_gossip || matches!(verified.giver, Giver::Transfer(_)) {
            return;
        }
        let content = Content::DataMsg(DataMessage {
            payload: Some(Payload {
                seq_num: number,
                data: verified.block.clone(),
                private_data: Vec::new(),
            }),
        });
        let message = wire::encoded(&wire::plain(0, Some(channel), content));
        if let Some(joined) = self.channels.get_mut(channel) {
            joined
                .recent
                .keep(number, message.clone(), self.options.blocks_kept);
        }
        let mut peers = self.own_org_peers(channel);
        peers.retain(|peer| Some(*peer) != verified.giver.peer());
        for peer in self.pushed_to(peers) {
            self.counters.blocks_pushed += 1;
            self.send(peer, Lane::Blocks, message.clone());
        }
    }

    /// Whom a block is pushed to: the next peer in the order of names, and some at random. By chance alone one
    /// block in ten would miss one of eight peers, which then had to wait for its next pull; so each peer has
    /// another one that does not leave it to chance.
    fn pushed_to(&mut self, mut peers: Vec<PkiId>) -> Vec<PkiId> {
        peers.sort_unstable();
        let own = self.own.pki;
        let after = peers.iter().position(|peer| *peer > own).unwrap_or(0);
        let next = (!peers.is_empty()).then(|| peers.remove(after));
        let others = self.options.fan_out.saturating_sub(1);
        let mut chosen = self.random.some(peers, others);
        chosen.extend(next.filter(|_| self.options.fan_out > 0));
        chosen
    }

    pub(super) fn tend_pulls(&mut self, now: Instant, channel: &ChannelId) {
        let Some(joined) = self.channels.get_mut(channel) else {
            return;
        };
        if now < joined.pull_at {
            return;
        }
        joined.pull_at = now.plus(self.options.pull_interval);
        if !self.options.block_gossip {
            return;
        }
        let peers = self.own_org_peers(channel);
        for peer in self.random.some(peers, self.options.pull_peers) {
            let nonce = self.random.any();
            if let Some(joined) = self.channels.get_mut(channel) {
                joined.recent.pull(now, nonce, peer, self.options.pull_wait);
            }
            let mut hello = GossipHello {
                nonce,
                ..GossipHello::default()
            };
            hello.set_msg_type(PullMsgType::BlockMsg);
            let hello = wire::plain(0, Some(channel), Content::Hello(hello));
            self.send(peer, Lane::Control, wire::encoded(&hello));
        }
    }

    /// A peer would pull: what is there.
    pub(super) fn hello(
        &mut self,
        now: Instant,
        from: Sender,
        channel: &[u8],
        hello: &GossipHello,
    ) {
        if hello.msg_type() != PullMsgType::BlockMsg {
            self.counters.ignored += 1; // Certificates are asked for one by one here.
            return;
        }
        let Some(channel) = self.own_channel_of(now, from, channel) else {
            return;
        };
        let wait = self.options.pull_wait;
        let joined = self.channels.get_mut(&channel);
        let joined = joined.filter(|_| self.options.block_gossip);
        let numbers = joined.and_then(|it| it.recent.hello(now, hello.nonce, from.peer, wait));
        let Some(numbers) = numbers else {
            return;
        };
        // Fabric: a block's digest is its number in decimal.
        let digests = numbers.iter().map(|number| number.to_string().into_bytes());
        let mut digest = DataDigest {
            nonce: hello.nonce,
            digests: digests.collect(),
            ..DataDigest::default()
        };
        digest.set_msg_type(PullMsgType::BlockMsg);
        let digest = wire::plain(0, Some(&channel), Content::DataDig(digest));
        self.send_on(from.link, Lane::Control, wire::encoded(&digest));
    }

    /// What a peer has.
    pub(super) fn digest(
        &mut self,
        now: Instant,
        from: Sender,
        channel: &[u8],
        digest: &DataDigest,
    ) {
        let Some(channel) = self.own_channel_of(now, from, channel) else {
            return;
        };
        let Some(joined) = self.channels.get_mut(&channel) else {
            return;
        };
        let has = numbers(&digest.digests);
        let buffer = &joined.buffer;
        let wanted = joined
            .recent
            .digest(digest.nonce, from.peer, has, |number| buffer.lacks(number));
        // Nothing was asked of this peer, or nothing is lacking.
        let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else {
            return;
        };
        let digests = wanted.iter().map(|number| number.to_string().into_bytes());
        let mut request = DataRequest {
            nonce: digest.nonce,
            digests: digests.collect(),
            ..DataRequest::default()
        };
        request.set_msg_type(PullMsgType::BlockMsg);
        let request = wire::plain(0, Some(&channel), Content::DataReq(request));
        self.send_on(from.link, Lane::Control, wire::encoded(&request));
    }

    /// A peer asks for certificates, or for blocks that we said to have.
    pub(super) fn asked_for_data(
        &mut self,
        now: Instant,
        from: Sender,
        channel: &[u8],
        request: &DataRequest,
    ) {
        match request.msg_type() {
            PullMsgType::IdentityMsg => self.asked_for_identities(from, request),
            PullMsgType::BlockMsg => self.asked_for_blocks(now, from, channel, request),
            PullMsgType::Undefined => {}
        }
    }

    fn asked_for_blocks(
        &mut self,
        now: Instant,
        from: Sender,
        channel: &[u8],
        request: &DataRequest,
    ) {
        let Some(channel) = self.own_channel_of(now, from, channel) else {
            return;
        };
        let Some(joined) = self.channels.get_mut(&channel) else {
            return;
        };
        let wanted = numbers(&request.digests);
        let Some(blocks) = joined.recent.request(request.nonce, from.peer, wanted) else {
            return self.blame_peer(now, from.peer, Offence::Unasked);
        };
        let data = blocks
            .into_iter()
            .filter_map(|block| <Envelope as prost::Message>::decode(block).ok());
        let mut update = DataUpdate {
            nonce: request.nonce,
            data: data.collect(),
            ..DataUpdate::default()
        };
        update.set_msg_type(PullMsgType::BlockMsg);
        let update = wire::plain(0, Some(&channel), Content::DataUpdate(update));
        self.send_on(from.link, Lane::Blocks, wire::encoded(&update));
    }

    /// What we pulled.
    pub(super) fn update(
        &mut self,
        now: Instant,
        from: Sender,
        channel: &[u8],
        update: DataUpdate,
    ) {
        if update.msg_type() == PullMsgType::IdentityMsg {
            return self.heard_identities(now, from, update);
        }
        let Some(channel) = self.own_channel_of(now, from, channel) else {
            return;
        };
        let joined = self.channels.get_mut(&channel);
        let asked = joined.and_then(|it| it.recent.update(update.nonce, from.peer));
        let Some(asked) = asked else {
            return self.blame_peer(now, from.peer, Offence::Unasked);
        };
        for envelope in update.data {
            let opened = wire::open_envelope(envelope);
            let content = opened.ok().map(|opened| opened.content);
            let payload = if let Some(Content::DataMsg(data)) = content {
                data.payload
            } else {
                None
            };
            let Some(payload) = payload else {
                return self.blame_peer(now, from.peer, Offence::Malformed);
            };
            if !asked.contains(&payload.seq_num) {
                return self.blame_peer(now, from.peer, Offence::Unasked);
            }
            self.block_came(now, &channel, Giver::Gossip(from.peer), payload);
            if self.links.peer(from.link).is_none() {
                return; // Banned meanwhile.
            }
        }
    }
}

/// Numbers in decimal; others are left out.
fn numbers(digests: &[Vec<u8>]) -> impl Iterator<Item = u64> {
    let texts = digests
        .iter()
        .filter_map(|digest| std::str::from_utf8(digest).ok());
    texts.filter_map(|text| text.parse().ok())
}
