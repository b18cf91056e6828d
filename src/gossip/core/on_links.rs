//! Connections come, prove themselves, and go.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::action::{Action, CloseReason, Lane, LinkId};
use super::blame::Offence;
use super::members::Health;
use super::trust::PkiId;
use super::wire::{self, Opened};
use super::{Core, Stage};
use crate::limits;
use crate::proto::messages::gossip::ConnEstablish;
use crate::proto::messages::gossip::gossip_message::Content;
use crate::sys::clock::Instant;
use crate::types::Digest;

impl Core {
    /// The connection that [`Action::Dial`] asked for stands; `tls` is the SHA-256 of the certificate (DER)
    /// that the other side showed.
    pub fn dialed(&mut self, now: Instant, link: LinkId, tls: Digest) {
        if self.links.dialed(now, link, tls) {
            self.greet(link);
        }
    }

    /// Somebody connected; `None` where the connection is to be dropped at once.
    pub fn accepted(&mut self, now: Instant, tls: Digest) -> Option<LinkId> {
        let link = self.links.accept(now, tls)?;
        self.greet(link);
        Some(link)
    }

    /// The connection is gone, or could not be made.
    pub fn closed(&mut self, now: Instant, link: LinkId) {
        self.drop_link(now, link);
    }

    /// A message came that is longer than its lane lets through, and was not read.
    pub fn received_too_long(&mut self, now: Instant, link: LinkId) {
        if self.links.get(link).is_some() {
            self.counters.received += 1;
            self.blame(now, link, Offence::Oversize);
        }
    }

    /// The peer shows another certificate to TLS from now on.
    pub fn tls_renewed(&mut self, tls: Digest) {
        self.own.tls = tls;
    }

    pub(super) fn close(&mut self, now: Instant, link: LinkId, reason: CloseReason) {
        if self.drop_link(now, link) {
            self.act(Action::Close { link, reason });
        }
    }

    fn drop_link(&mut self, now: Instant, link: LinkId) -> bool {
        let Some(gone) = self.links.remove(link) else {
            return false;
        };
        if let Some(endpoint) = &gone.dialed {
            let wait_max = self.options.reconnect_interval;
            self.calls.ended(now, endpoint, wait_max);
        }
        if let Stage::Up(peer) = gone.stage
            && self.links.to(peer).is_none()
        {
            self.members.suspect(peer);
            for channel in self.channels.values_mut() {
                channel.transfer.lost(peer);
            }
            self.timers.call = now;
        }
        true
    }

    /// Says who we are, bound to this TLS session.
    // Fabric: gossip/comm/comm_impl.go:createConnectionMsg.
    fn greet(&mut self, link: LinkId) {
        let content = Content::Conn(ConnEstablish {
            pki_id: self.own.pki.0.to_vec(),
            identity: self.own.identity.to_vec(),
            tls_cert_hash: self.own.tls.0.to_vec(),
            probe: false,
        });
        if let Some(envelope) = wire::signed(&*self.trust, None, content) {
            self.send_on(link, Lane::Control, wire::encoded(&envelope));
        }
    }

    /// The first message of a connection.
    pub(super) fn greeted(&mut self, now: Instant, link: LinkId, opened: Opened) {
        match self.proved(now, link, &opened) {
            Ok(peer) => self.link_up(now, link, peer),
            Err(reason) => {
                if reason == CloseReason::Handshake {
                    self.counters.handshakes_refused += 1;
                }
                self.close(now, link, reason);
            }
        }
    }

    /// Who the other end is.
    // Fabric: gossip/comm/comm_impl.go:authenticateRemotePeer.
    fn proved(
        &mut self,
        now: Instant,
        link: LinkId,
        opened: &Opened,
    ) -> Result<PkiId, CloseReason> {
        let refused = CloseReason::Handshake;
        let (Content::Conn(hello), Some(open)) = (&opened.content, self.links.get(link)) else {
            return Err(refused);
        };
        let peer = PkiId::from_wire(&hello.pki_id).ok_or(refused)?;
        // Who passes on another's handshake has another TLS certificate.
        let is_bound = open.tls.is_some_and(|tls| hello.tls_cert_hash == tls.0);
        if !is_bound {
            return Err(refused);
        }
        let dialed = open.dialed.clone();
        if peer == self.own.pki {
            if let Some(endpoint) = &dialed {
                self.calls.answered(endpoint, peer, true);
            }
            return Err(CloseReason::Superseded);
        }
        if self.blame.is_banned(now, peer) {
            return Err(CloseReason::StillBanned);
        }
        let (members, links) = (&self.members, &self.links);
        let is_used = |peer| Self::is_used(members, links, peer);
        let identities = &mut self.identities;
        let identity = identities.put(now, &*self.trust, peer, &hello.identity, is_used);
        let identity = identity.ok_or(refused)?;
        if !wire::is_signed_by(&*self.trust, &opened.envelope, &identity.bytes) {
            return Err(refused);
        }
        if let Some(endpoint) = &dialed {
            if !self.seeds.allows(endpoint, &identity.standing.msp) {
                return Err(refused);
            }
            self.calls.answered(endpoint, peer, false);
        }
        Ok(peer)
    }

    fn link_up(&mut self, now: Instant, link: LinkId, peer: PkiId) {
        if let Some(older) = self.links.up(link, peer) {
            self.close(now, older, CloseReason::Superseded);
        }
        self.ask_for_members(now, link, peer);
        self.introduce_channels(now, peer);
    }

    pub(super) fn tend_links(&mut self, now: Instant) {
        for link in self.links.overdue(now) {
            self.close(now, link, CloseReason::Timeout);
        }
        if let Some(ends) = self.identities.wake_at()
            && ends <= now
        {
            self.drop_identities(now, false);
        }
        if now >= self.timers.call {
            self.timers.call = now.plus(limits::GOSSIP_REDIAL_WAIT);
            self.call(now);
        }
    }

    /// MSPs have changed: a config block, a revocation list. Every identity is looked at again.
    pub fn trust_changed(&mut self, now: Instant) {
        self.drop_identities(now, true);
        for channel in self.channels.values_mut() {
            channel.admitted.clear();
        }
        self.drop_outsiders();
    }

    fn drop_identities(&mut self, now: Instant, changed: bool) {
        let trust = Arc::clone(&self.trust);
        for peer in self.identities.purge(now, changed.then_some(&*trust)) {
            for link in self.links.all_to(peer) {
                self.close(now, link, CloseReason::Expired);
            }
            self.forget(peer);
        }
    }

    /// Calls those who should be connected and are not.
    fn call(&mut self, now: Instant) {
        let mut wanted: BTreeSet<Arc<str>> = self.seeds.endpoints().cloned().collect();
        let has_external = self.options.external_endpoint.is_some();
        for (peer, member) in self.members.iter() {
            let is_ours = member.msp == self.own.msp;
            let endpoint = match &member.internal {
                Some(internal) if is_ours => internal,
                _ => &member.endpoint,
            };
            let can = !endpoint.is_empty() && (is_ours || has_external);
            // The dead are called too, with their own, growing wait.
            let is_wanted = self.links.to(peer).is_none() && !self.blame.is_banned(now, peer);
            if can && is_wanted && member.health <= Health::Dead {
                wanted.insert(Arc::clone(endpoint));
            }
        }
        for own in [
            Some(&self.options.endpoint),
            self.options.external_endpoint.as_ref(),
        ] {
            own.map(|own| wanted.remove(own));
        }
        let room = limits::GOSSIP_LINKS_DIALED_MAX.saturating_sub(self.links.dialed_count());
        let links = &self.links;
        let linked = |peer| links.to(peer).is_some();
        for endpoint in self.calls.due(now, &wanted, linked, room) {
            let link = self.links.dial(now, Arc::clone(&endpoint));
            self.act(Action::Dial { link, endpoint });
        }
    }

    pub(super) fn set_seeds(&mut self) {
        let bootstrap = self.options.bootstrap.iter();
        let bootstrap = bootstrap.map(|endpoint| (endpoint, &self.own.msp));
        let has_external = self.options.external_endpoint.is_some();
        let anchors = self.channels.values().flat_map(|channel| &channel.anchors);
        let anchors = anchors
            .filter(|(msp, _)| has_external || *msp == self.own.msp)
            .map(|(msp, endpoint)| (endpoint, msp));
        self.seeds.set(bootstrap.chain(anchors));
    }
}
