//! Who is there: alive messages, questions about members, certificates.

use bytes::Bytes;

use super::action::{Lane, LinkId};
use super::blame::Offence;
use super::members::{Health, Heard, Member};
use super::trust::{MspId, PkiId};
use super::wire::{self, Stamp};
use super::{Core, Sender, Way};
use crate::limits;
use crate::proto::messages::gossip::gossip_message::Content;
use crate::proto::messages::gossip::{
    AliveMessage, DataRequest, DataUpdate, Envelope, Member as WireMember, MembershipRequest,
    MembershipResponse, PeerIdentity, PullMsgType,
};
use crate::sys::clock::Instant;

impl Core {
    /// An alive message. Of whom it is does not matter: its signature does.
    pub(super) fn heard_alive(
        &mut self,
        now: Instant,
        from: Sender,
        envelope: &Envelope,
        alive: AliveMessage,
        way: Way,
    ) {
        self.heard_life(now, from, envelope, alive, way, Health::Alive);
    }

    fn heard_life(
        &mut self,
        now: Instant,
        from: Sender,
        envelope: &Envelope,
        alive: AliveMessage,
        way: Way,
        health: Health,
    ) {
        let told = alive.membership.unwrap_or_default();
        let stamp = Stamp::from_wire(alive.timestamp.as_ref());
        let (Some(peer), Some(stamp)) = (PkiId::from_wire(&told.pki_id), stamp) else {
            return self.blame_peer(now, from.peer, Offence::Malformed);
        };
        let secret = envelope
            .secret_envelope
            .as_ref()
            .map_or(0, |it| it.payload.len());
        if told.endpoint.len() > limits::GOSSIP_ENDPOINT_BYTES_MAX
            || envelope.payload.len().saturating_add(secret) > limits::GOSSIP_ALIVE_BYTES_MAX
        {
            return self.blame_peer(now, from.peer, Offence::Oversize);
        }
        if peer == self.own.pki {
            return self.heard_of_ourselves(envelope, stamp);
        }
        if !self.members.is_news(peer, stamp) {
            self.counters.stale += 1;
            return;
        }
        let identity = if alive.identity.is_empty() {
            self.identities.get(peer).cloned()
        } else {
            let (members, links) = (&self.members, &self.links);
            let is_used = |peer| Self::is_used(members, links, peer);
            let identities = &mut self.identities;
            identities.put(now, &*self.trust, peer, &alive.identity, is_used)
        };
        let Some(identity) = identity else {
            self.ask_for_identity(now, from.link, peer);
            return;
        };
        if !wire::is_signed_by(&*self.trust, envelope, &identity.bytes) {
            return self.blame_peer(now, from.peer, Offence::Signature);
        }
        let msp = identity.standing.msp.clone();
        let secret = envelope.secret_envelope.as_ref();
        let internal = secret
            .filter(|_| msp == self.own.msp)
            .and_then(wire::unsealed);
        let internal = internal.filter(|it| it.len() <= limits::GOSSIP_ENDPOINT_BYTES_MAX);
        let member = Member {
            msp,
            endpoint: told.endpoint.into(),
            internal: internal.map(Into::into),
            stamp,
            heard: now,
            health,
            whole: wire::encoded(envelope),
            public: wire::encoded_for_others(envelope),
        };
        match self.members.hear(peer, member) {
            Heard::New | Heard::Revived => self.timers.call = now,
            Heard::Newer => {}
            Heard::Old | Heard::Full => return,
        }
        if way == Way::Pushed {
            self.pass_on_alive(peer, Some(from.peer));
        }
    }

    /// Somebody says something in our name. If it is signed, an earlier life of ours had a clock that was
    /// ahead: others would not believe us before we overtake it.
    fn heard_of_ourselves(&mut self, envelope: &Envelope, stamp: Stamp) {
        let is_ahead = self.own.stamp < stamp;
        if is_ahead && wire::is_signed_by(&*self.trust, envelope, &self.own.identity) {
            self.own.stamp = Stamp {
                incarnation: stamp.incarnation.saturating_add(1),
                sequence: 0,
            };
        }
    }

    /// Tells some peers of another, or of ourselves.
    fn pass_on_alive(&mut self, peer: PkiId, giver: Option<PkiId>) {
        let others = self
            .links
            .peers()
            .filter(|to| *to != peer && Some(*to) != giver);
        let told: Vec<(PkiId, Bytes)> = others
            .filter_map(|to| Some((to, self.alive_for(to, peer)?)))
            .collect();
        for (to, bytes) in self.random.some(told, self.options.fan_out) {
            self.send(to, Lane::Control, bytes);
        }
    }

    /// The alive message of a member as another peer may have it, if it may.
    // Fabric: gossip/gossip/gossip_impl.go:disclosurePolicy, peersByOriginOrgPolicy: of the own
    // organization to everybody, of another to that one and our own; across organizations only with
    // external addresses on both sides, and never the internal ones.
    fn alive_for(&self, to: PkiId, peer: PkiId) -> Option<Bytes> {
        let member = self.members.get(peer)?;
        let to_msp = &self.identities.get(to)?.standing.msp;
        if *to_msp == member.msp {
            return Some(member.whole.clone());
        }
        let (to_ours, of_ours) = (*to_msp == self.own.msp, member.msp == self.own.msp);
        let told = self
            .members
            .get(to)
            .is_some_and(|to| !to.endpoint.is_empty());
        let may = (to_ours || of_ours) && !member.endpoint.is_empty() && (told || to_ours);
        may.then(|| member.public.clone())
    }

    /// Our own message, new.
    fn own_alive(&mut self, now: Instant) -> Option<Envelope> {
        self.own.stamp.sequence += 1;
        let external = self.options.external_endpoint.as_deref();
        let introduces = now < self.own.introduces_until;
        let content = Content::AliveMsg(AliveMessage {
            membership: Some(WireMember {
                endpoint: external.unwrap_or_default().to_owned(),
                metadata: Vec::new(),
                pki_id: self.own.pki.0.to_vec(),
            }),
            timestamp: self.own.stamp.to_wire(),
            identity: if introduces {
                self.own.identity.to_vec()
            } else {
                Vec::new()
            },
        });
        let mut envelope = wire::signed(&*self.trust, None, content)?;
        envelope.secret_envelope = wire::sealed(&*self.trust, &self.options.endpoint);
        Some(envelope)
    }

    /// Our own message as a peer of this organization may have it.
    fn own_alive_for(&self, envelope: &Envelope, msp: &MspId) -> Option<Envelope> {
        let mut envelope = envelope.clone();
        if *msp != self.own.msp {
            self.options.external_endpoint.as_ref()?;
            envelope.secret_envelope = None;
        }
        Some(envelope)
    }

    pub(super) fn tend_members(&mut self, now: Instant) {
        if now >= self.timers.alive {
            self.timers.alive = now.plus(self.options.alive_interval);
            self.say_alive(now);
        }
        if now >= self.timers.sync {
            self.timers.sync = now.plus(self.options.pull_interval);
            let linked: Vec<PkiId> = self.links.peers().collect();
            for peer in self.random.some(linked, self.options.pull_peers) {
                if let Some(link) = self.links.to(peer) {
                    self.ask_for_members(now, link, peer);
                }
            }
        }
        if now >= self.timers.check {
            self.timers.check = now.plus(self.options.alive_expiration / 10);
            self.check_members(now);
        }
    }

    fn say_alive(&mut self, now: Instant) {
        let linked: Vec<PkiId> = self.links.peers().collect();
        let Some(envelope) = (!linked.is_empty()).then(|| self.own_alive(now)).flatten() else {
            return;
        };
        for peer in self.random.some(linked, self.options.fan_out) {
            let msp = self.identities.get(peer).map(|id| id.standing.msp.clone());
            let told = msp.and_then(|msp| self.own_alive_for(&envelope, &msp));
            if let Some(told) = told {
                self.send(peer, Lane::Control, wire::encoded(&told));
            }
        }
    }

    /// Silence: suspects are asked, the forgotten are forgotten everywhere.
    fn check_members(&mut self, now: Instant) {
        let (expiration, factor) = (self.options.alive_expiration, self.options.forget_factor);
        let silent = self.members.check(now, expiration, factor);
        for peer in silent.suspects {
            if let Some(link) = self.links.to(peer) {
                self.ask_for_members(now, link, peer);
            }
        }
        for peer in silent.dead {
            for channel in self.channels.values_mut() {
                channel.election.forget(peer);
                channel.transfer.lost(peer);
            }
        }
        for peer in silent.forgotten {
            self.forget(peer);
        }
    }

    /// A peer is gone for good, or its certificate is.
    pub(super) fn forget(&mut self, peer: PkiId) {
        self.members.forget(peer);
        for channel in self.channels.values_mut() {
            channel.infos.retain(|other| other != peer);
            channel.admitted.remove(&peer);
            channel.election.forget(peer);
            channel.transfer.forget(peer);
            channel.buffer.forget(peer);
        }
    }

    /// Asks a peer whom it knows, and tells it of us.
    pub(super) fn ask_for_members(&mut self, now: Instant, link: LinkId, peer: PkiId) {
        let Some(msp) = self.identities.get(peer).map(|id| id.standing.msp.clone()) else {
            return;
        };
        let own = self.own_alive(now);
        let Some(own) = own.and_then(|own| self.own_alive_for(&own, &msp)) else {
            return;
        };
        let content = Content::MemReq(MembershipRequest {
            self_information: Some(own),
            known: Vec::new(),
        });
        let request = wire::plain(self.random.any(), None, content);
        self.send_on(link, Lane::Control, wire::encoded(&request));
    }

    /// A peer asks whom we know. What it says of itself counts like any alive message.
    pub(super) fn asked_for_members(
        &mut self,
        now: Instant,
        from: Sender,
        nonce: u64,
        request: MembershipRequest,
    ) {
        let own = request.self_information.map(wire::open_envelope);
        let Some(Ok(own)) = own else {
            return self.blame_peer(now, from.peer, Offence::Malformed);
        };
        let Content::AliveMsg(alive) = own.content else {
            return self.blame_peer(now, from.peer, Offence::Malformed);
        };
        let told = alive.membership.as_ref().map(|told| told.pki_id.as_slice());
        if told != Some(&from.peer.0) {
            return self.blame_peer(now, from.peer, Offence::Unasked);
        }
        self.heard_alive(now, from, &own.envelope, alive, Way::Pushed);
        if self.links.peer(from.link).is_none() {
            return;
        }
        let names: Vec<PkiId> = self.members.iter().map(|(peer, _)| peer).collect();
        let (mut alive, mut dead) = (Vec::new(), Vec::new());
        let mut room = limits::GOSSIP_SNAPSHOT_BYTES_MAX;
        for peer in self.random.some(names, limits::GOSSIP_SNAPSHOT_MAX) {
            let bytes = (peer != from.peer).then(|| self.alive_for(from.peer, peer));
            let Some(bytes) = bytes.flatten().filter(|bytes| bytes.len() <= room) else {
                continue;
            };
            room -= bytes.len();
            let is_dead = self
                .members
                .get(peer)
                .is_some_and(|it| it.health == Health::Dead);
            let list = if is_dead { &mut dead } else { &mut alive };
            list.extend(<Envelope as prost::Message>::decode(bytes));
        }
        let msp = self
            .identities
            .get(from.peer)
            .map(|id| id.standing.msp.clone());
        let own = self.own_alive(now);
        alive.extend(
            own.zip(msp)
                .and_then(|(own, msp)| self.own_alive_for(&own, &msp)),
        );
        let content = Content::MemRes(MembershipResponse { alive, dead });
        let response = wire::encoded(&wire::plain(nonce, None, content));
        self.send_on(from.link, Lane::Control, response);
    }

    /// A peer tells whom it knows.
    pub(super) fn heard_of_members(
        &mut self,
        now: Instant,
        from: Sender,
        response: MembershipResponse,
    ) {
        let MembershipResponse { alive, dead } = response;
        if alive.len().saturating_add(dead.len()) > limits::GOSSIP_SNAPSHOT_MAX + 1 {
            return self.blame_peer(now, from.peer, Offence::Oversize);
        }
        let alive = alive.into_iter().map(|envelope| (envelope, Health::Alive));
        let dead = dead.into_iter().map(|envelope| (envelope, Health::Dead));
        for (envelope, health) in alive.chain(dead) {
            let Ok(opened) = wire::open_envelope(envelope) else {
                return self.blame_peer(now, from.peer, Offence::Malformed);
            };
            let Content::AliveMsg(alive) = opened.content else {
                return self.blame_peer(now, from.peer, Offence::Malformed);
            };
            let told = alive.membership.as_ref();
            let peer = told.and_then(|told| PkiId::from_wire(&told.pki_id));
            // Another's opinion that a peer is dead is worth nothing where we know that peer.
            let knows = peer.is_some_and(|peer| self.members.get(peer).is_some());
            if health == Health::Alive || !knows {
                self.heard_life(now, from, &opened.envelope, alive, Way::Asked, health);
            }
            if self.links.peer(from.link).is_none() {
                return; // Banned meanwhile.
            }
        }
    }

    pub(super) fn ask_for_identity(&mut self, now: Instant, link: LinkId, peer: PkiId) {
        if !self.identities.ask(now, peer, self.options.pull_wait) {
            return;
        }
        let mut request = DataRequest {
            nonce: self.random.any(),
            digests: vec![peer.0.to_vec()],
            ..DataRequest::default()
        };
        request.set_msg_type(PullMsgType::IdentityMsg);
        let request = wire::plain(0, None, Content::DataReq(request));
        self.send_on(link, Lane::Control, wire::encoded(&request));
    }

    /// A peer asks for certificates of those whom it was told of.
    pub(super) fn asked_for_identities(&mut self, from: Sender, request: &DataRequest) {
        let mut data = Vec::new();
        for digest in request.digests.iter().take(limits::GOSSIP_SNAPSHOT_MAX / 8) {
            let peer = PkiId::from_wire(digest).filter(|peer| self.tells_of(from.peer, *peer));
            let Some((peer, identity)) = peer.zip(peer.and_then(|it| self.identities.get(it)))
            else {
                continue;
            };
            let content = Content::PeerIdentity(PeerIdentity {
                pki_id: peer.0.to_vec(),
                cert: identity.bytes.to_vec(),
                metadata: Vec::new(),
            });
            data.push(wire::plain(0, None, content));
        }
        if data.is_empty() {
            return;
        }
        let mut update = DataUpdate {
            nonce: request.nonce,
            data,
            ..DataUpdate::default()
        };
        update.set_msg_type(PullMsgType::IdentityMsg);
        let update = wire::plain(0, None, Content::DataUpdate(update));
        self.send_on(from.link, Lane::Control, wire::encoded(&update));
    }

    /// Whether a peer may know of another.
    fn tells_of(&self, to: PkiId, peer: PkiId) -> bool {
        self.alive_for(to, peer).is_some()
    }

    /// Certificates came.
    pub(super) fn heard_identities(&mut self, now: Instant, from: Sender, update: DataUpdate) {
        for envelope in update.data {
            let Ok(opened) = wire::open_envelope(envelope) else {
                return self.blame_peer(now, from.peer, Offence::Malformed);
            };
            let Content::PeerIdentity(told) = opened.content else {
                return self.blame_peer(now, from.peer, Offence::Malformed);
            };
            let peer = PkiId::from_wire(&told.pki_id);
            let Some(peer) = peer.filter(|peer| self.identities.is_asked(*peer)) else {
                return self.blame_peer(now, from.peer, Offence::Unasked);
            };
            let (members, links) = (&self.members, &self.links);
            let is_used = |peer| Self::is_used(members, links, peer);
            let identities = &mut self.identities;
            identities.put(now, &*self.trust, peer, &told.cert, is_used);
        }
    }
}
