//! Channels come and go; who takes part in one, and how far everybody is.

use std::sync::Arc;

use prost::Message as _;

use super::action::{Action, Lane};
use super::blame::Offence;
use super::channel::Channel;
use super::infos::Info;
use super::trust::PkiId;
use super::wire::{self, Stamp};
use super::{ChannelConfig, Core, Sender, Way};
use crate::limits;
use crate::proto::messages::gossip::gossip_message::Content;
use crate::proto::messages::gossip::{
    Chaincode, Envelope, Properties, StateInfo, StateInfoPullRequest, StateInfoSnapshot,
};
use crate::sys::clock::Instant;
use crate::types::{BlockNumber, ChannelId};

impl Core {
    /// The peer has joined a channel, of which it has all blocks below `height`.
    pub fn join(
        &mut self,
        now: Instant,
        channel: ChannelId,
        config: ChannelConfig,
        height: BlockNumber,
    ) {
        if self.channels.len() >= limits::CHANNELS_MAX || self.channels.contains_key(&channel) {
            return;
        }
        let joined = Channel::new(now, &self.own, &self.options, config, height.0);
        self.channels.insert(channel.clone(), joined);
        self.set_seeds();
        self.timers.call = now;
        self.tend_channel(now, &channel);
    }

    /// A config block of the channel is committed: anchor peers and MSPs may be others.
    pub fn configure(&mut self, now: Instant, channel: &ChannelId, config: ChannelConfig) {
        if let Some(joined) = self.channels.get_mut(channel) {
            joined.anchors = config.anchors;
            self.set_seeds();
            self.timers.call = now;
        }
        self.trust_changed(now);
    }

    /// The peer leaves a channel, and says so.
    pub fn leave(&mut self, now: Instant, channel: &ChannelId) {
        self.publish(now, channel, true);
        if let Some(left) = self.channels.remove(channel)
            && left.pulls_orderer
        {
            let channel = channel.clone();
            self.act(Action::StopPull { channel });
        }
        self.set_seeds();
    }

    /// Which chaincodes the peer has on the channel: others find endorsers by it.
    pub fn chaincodes(&mut self, channel: &ChannelId, chaincodes: Vec<Chaincode>) {
        if let Some(joined) = self.channels.get_mut(channel) {
            joined.set_chaincodes(chaincodes);
        }
    }

    /// All blocks below `height` are durable.
    pub fn committed(&mut self, now: Instant, channel: &ChannelId, height: BlockNumber) {
        let Some(joined) = self.channels.get_mut(channel) else {
            return;
        };
        if height.0 > joined.height {
            joined.height = height.0;
            joined.has_news = true;
            joined.buffer.advance(height.0);
            self.proceed(now, channel);
        }
    }

    /// Whether the channel's MSPs admit a peer, and us. Everything that is sent on a channel passes here.
    pub(super) fn admits(&mut self, channel: &ChannelId, peer: PkiId) -> bool {
        let (Some(joined), Some(identity)) =
            (self.channels.get_mut(channel), self.identities.get(peer))
        else {
            return false;
        };
        let trust = &self.trust;
        let mut admits = |peer, identity: &[u8]| {
            let asked = joined.admitted.entry(peer);
            *asked.or_insert_with(|| trust.admits(channel, identity))
        };
        admits(self.own.pki, &self.own.identity) && admits(peer, &identity.bytes)
    }

    /// The channel of a message; the sender is blamed where it is not in it. `None` also where we are not.
    pub(super) fn channel_of(
        &mut self,
        now: Instant,
        from: Sender,
        name: &[u8],
    ) -> Option<ChannelId> {
        let mut channels = self.channels.keys();
        let channel = channels.find(|id| id.as_str().as_bytes() == name)?.clone();
        if self.admits(&channel, from.peer) {
            return Some(channel);
        }
        self.blame_peer(now, from.peer, Offence::Outsider);
        None
    }

    /// The same for what stays in the organization.
    pub(super) fn own_channel_of(
        &mut self,
        now: Instant,
        from: Sender,
        name: &[u8],
    ) -> Option<ChannelId> {
        let channel = self.channel_of(now, from, name)?;
        if self.is_own_org(from.peer) {
            return Some(channel);
        }
        self.blame_peer(now, from.peer, Offence::Outsider);
        None
    }

    /// The channel that a peer shows to know.
    fn channel_by_mac(&self, peer: PkiId, mac: &[u8]) -> Option<ChannelId> {
        let mut channels = self.channels.keys();
        let found = channels.find(|id| wire::channel_mac(peer, id) == mac);
        found.cloned()
    }

    /// Connected peers of the own organization that have joined the channel.
    pub(super) fn own_org_peers(&mut self, channel: &ChannelId) -> Vec<PkiId> {
        let linked: Vec<PkiId> = self.links.peers().collect();
        let mut peers = Vec::new();
        for peer in linked {
            let joined = self.channels.get(channel);
            let has_joined = joined.is_some_and(|joined| joined.infos.height(peer).is_some());
            if has_joined && self.is_own_org(peer) && self.admits(channel, peer) {
                peers.push(peer);
            }
        }
        peers
    }

    /// Connected peers that the channel admits.
    fn admitted_peers(&mut self, channel: &ChannelId) -> Vec<PkiId> {
        let linked: Vec<PkiId> = self.links.peers().collect();
        let mut admitted = Vec::new();
        for peer in linked {
            if self.admits(channel, peer) {
                admitted.push(peer);
            }
        }
        admitted
    }

    /// Those who are not admitted any more.
    pub(super) fn drop_outsiders(&mut self) {
        let channels: Vec<ChannelId> = self.channels.keys().cloned().collect();
        for channel in channels {
            let known: Vec<PkiId> = self
                .channels
                .get(&channel)
                .into_iter()
                .flat_map(|joined| joined.infos.iter().map(|(peer, _)| peer))
                .collect();
            let out: Vec<PkiId> = known
                .into_iter()
                .filter(|peer| !self.admits(&channel, *peer))
                .collect();
            if let Some(joined) = self.channels.get_mut(&channel) {
                joined.infos.retain(|peer| !out.contains(&peer));
                for peer in out {
                    joined.election.forget(peer);
                    joined.transfer.forget(peer);
                    joined.buffer.forget(peer);
                }
            }
        }
    }

    /// A new connection: the peer hears how far we are on the channels that admit it.
    pub(super) fn introduce_channels(&mut self, now: Instant, peer: PkiId) {
        let channels: Vec<ChannelId> = self.channels.keys().cloned().collect();
        for channel in channels {
            if !self.admits(&channel, peer) {
                continue;
            }
            if let Some(info) = self.own_info(&channel, false) {
                self.send(peer, Lane::Control, wire::encoded(&info));
            }
            let request = self.info_request(&channel);
            self.send(peer, Lane::Control, wire::encoded(&request));
            if let Some(joined) = self.channels.get_mut(&channel) {
                joined.election.newcomer();
            }
            self.tend_election(now, &channel);
        }
    }

    fn own_info(&mut self, channel: &ChannelId, left: bool) -> Option<Envelope> {
        let joined = self.channels.get_mut(channel)?;
        let content = Content::StateInfo(StateInfo {
            timestamp: joined.next_stamp(self.own.stamp.incarnation).to_wire(),
            pki_id: self.own.pki.0.to_vec(),
            channel_mac: wire::channel_mac(self.own.pki, channel).to_vec(),
            properties: Some(Properties {
                ledger_height: joined.height,
                left_channel: left,
                chaincodes: joined.chaincodes.clone(),
            }),
        });
        wire::signed(&*self.trust, None, content)
    }

    /// Tells some peers of the channel how far we are.
    fn publish(&mut self, _now: Instant, channel: &ChannelId, left: bool) {
        let peers = self.admitted_peers(channel);
        let Some(info) = (!peers.is_empty())
            .then(|| self.own_info(channel, left))
            .flatten()
        else {
            return;
        };
        let told = self.told_of(self.own.pki, peers);
        let bytes = wire::encoded(&info);
        for peer in self.random.some(told, self.options.fan_out) {
            self.send(peer, Lane::Control, bytes.clone());
        }
        if let Some(joined) = self.channels.get_mut(channel) {
            joined.has_news = false;
        }
    }

    /// Who of these may hear of a peer: only its organization where others cannot reach it.
    // Fabric: gossip/gossip/gossip_impl.go:gossipBatch, for state infos.
    fn told_of(&self, peer: PkiId, peers: Vec<PkiId>) -> Vec<PkiId> {
        let is_own = peer == self.own.pki;
        let is_public = if is_own {
            self.options.external_endpoint.is_some()
        } else {
            self.members
                .get(peer)
                .is_some_and(|member| !member.endpoint.is_empty())
        };
        let msp = |peer| {
            self.identities
                .get(peer)
                .map(|identity| &identity.standing.msp)
        };
        let org = if is_own {
            Some(&self.own.msp)
        } else {
            msp(peer)
        };
        let may = |to: &PkiId| *to != peer && (is_public || msp(*to) == org);
        peers.into_iter().filter(may).collect()
    }

    /// A state info. Of whom it is does not matter: its signature does.
    pub(super) fn heard_state_info(
        &mut self,
        now: Instant,
        from: Sender,
        envelope: &Envelope,
        info: &StateInfo,
        way: Way,
    ) {
        let stamp = Stamp::from_wire(info.timestamp.as_ref());
        let (Some(peer), Some(stamp)) = (PkiId::from_wire(&info.pki_id), stamp) else {
            return self.blame_peer(now, from.peer, Offence::Malformed);
        };
        if envelope.payload.len() > limits::GOSSIP_STATE_INFO_BYTES_MAX {
            return self.blame_peer(now, from.peer, Offence::Oversize);
        }
        if peer == self.own.pki {
            return;
        }
        // A channel that we are not in, or a peer that gossip does not know yet.
        let Some(channel) = self.channel_by_mac(peer, &info.channel_mac) else {
            return;
        };
        if !self.admits(&channel, from.peer) {
            return self.blame_peer(now, from.peer, Offence::Outsider);
        }
        let Some(identity) = self.identities.get(peer).map(Arc::clone) else {
            return self.ask_for_identity(now, from.link, peer);
        };
        let is_there = self.members.get(peer).is_some() || self.links.to(peer).is_some();
        if !is_there || !self.admits(&channel, peer) {
            return;
        }
        let Some(joined) = self.channels.get_mut(&channel) else {
            return;
        };
        if !joined.infos.is_news(peer, stamp) {
            self.counters.stale += 1;
            return;
        }
        if !wire::is_signed_by(&*self.trust, envelope, &identity.bytes) {
            return self.blame_peer(now, from.peer, Offence::Signature);
        }
        let properties = info.properties.clone().unwrap_or_default();
        let bytes = wire::encoded_for_others(envelope);
        let told = Info {
            stamp,
            height: properties.ledger_height,
            left: properties.left_channel,
            bytes: bytes.clone(),
        };
        if joined.infos.is_first(peer, stamp) {
            joined.election.newcomer();
        }
        joined.infos.hear(peer, told);
        if way == Way::Pushed {
            let peers = self.admitted_peers(&channel);
            let mut others = self.told_of(peer, peers);
            others.retain(|other| *other != from.peer);
            for other in self.random.some(others, self.options.fan_out) {
                self.send(other, Lane::Control, bytes.clone());
            }
        }
        self.tend_election(now, &channel);
        self.proceed(now, &channel);
    }

    fn info_request(&self, channel: &ChannelId) -> Envelope {
        let content = Content::StateInfoPullReq(StateInfoPullRequest {
            channel_mac: wire::channel_mac(self.own.pki, channel).to_vec(),
        });
        wire::plain(0, None, content)
    }

    /// A peer asks how far everybody is.
    pub(super) fn asked_for_infos(
        &mut self,
        now: Instant,
        from: Sender,
        request: &StateInfoPullRequest,
    ) {
        let Some(channel) = self.channel_by_mac(from.peer, &request.channel_mac) else {
            return;
        };
        if !self.admits(&channel, from.peer) {
            return self.blame_peer(now, from.peer, Offence::Outsider);
        }
        let own = self.own_info(&channel, false);
        let is_public = !self.told_of(self.own.pki, vec![from.peer]).is_empty();
        let mut elements: Vec<Envelope> = own.filter(|_| is_public).into_iter().collect();
        let infos = self.channels.get(&channel).map(|joined| &joined.infos);
        let infos = infos.into_iter().flat_map(|infos| infos.iter());
        let mut room = limits::GOSSIP_SNAPSHOT_BYTES_MAX;
        for (peer, info) in infos.take(limits::GOSSIP_SNAPSHOT_MAX) {
            let may = !self.told_of(peer, vec![from.peer]).is_empty();
            if may && info.bytes.len() <= room {
                room -= info.bytes.len();
                elements.extend(Envelope::decode(info.bytes.clone()));
            }
        }
        let content = Content::StateSnapshot(StateInfoSnapshot { elements });
        let snapshot = wire::plain(0, Some(&channel), content);
        self.send_on(from.link, Lane::Control, wire::encoded(&snapshot));
    }

    /// A peer tells how far everybody is.
    pub(super) fn heard_infos(&mut self, now: Instant, from: Sender, told: StateInfoSnapshot) {
        if told.elements.len() > limits::GOSSIP_SNAPSHOT_MAX + 1 {
            return self.blame_peer(now, from.peer, Offence::Oversize);
        }
        for envelope in told.elements {
            let Ok(opened) = wire::open_envelope(envelope) else {
                return self.blame_peer(now, from.peer, Offence::Malformed);
            };
            let Content::StateInfo(info) = opened.content else {
                return self.blame_peer(now, from.peer, Offence::Malformed);
            };
            self.heard_state_info(now, from, &opened.envelope, &info, Way::Asked);
            if self.links.peer(from.link).is_none() {
                return; // Banned meanwhile.
            }
        }
    }

    /// What time brings to a channel.
    pub(super) fn tend_channel(&mut self, now: Instant, channel: &ChannelId) {
        let Some(joined) = self.channels.get_mut(channel) else {
            return;
        };
        if now >= joined.publish_at {
            joined.publish_at = now.plus(self.options.publish_state_info_interval);
            if joined.has_news {
                self.publish(now, channel, false);
            }
        }
        self.ask_for_infos(now, channel);
        self.tend_pulls(now, channel);
        self.tend_election(now, channel);
        self.proceed(now, channel);
    }

    fn ask_for_infos(&mut self, now: Instant, channel: &ChannelId) {
        let Some(joined) = self.channels.get_mut(channel) else {
            return;
        };
        if now < joined.request_at {
            return;
        }
        joined.request_at = now.plus(self.options.request_state_info_interval);
        let admitted = self.admitted_peers(channel);
        let request = wire::encoded(&self.info_request(channel));
        for peer in self.random.some(admitted, self.options.pull_peers) {
            self.send(peer, Lane::Control, request.clone());
        }
    }
}
