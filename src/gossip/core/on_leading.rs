//! Who pulls from the orderers.

use std::collections::BTreeSet;

use super::action::{Action, Lane};
use super::blame::Offence;
use super::election::Say;
use super::options::LeaderMode;
use super::trust::PkiId;
use super::wire::{self, Stamp};
use super::{Core, Sender};
use crate::proto::messages::gossip::gossip_message::Content;
use crate::proto::messages::gossip::{Envelope, LeadershipMessage};
use crate::sys::clock::Instant;
use crate::types::{BlockNumber, ChannelId};

impl Core {
    /// Whether the orderer that [`Action::Pull`] asked for is connected. To be told whenever it changes.
    pub fn orderer_works(&mut self, now: Instant, channel: &ChannelId, works: bool) {
        if let Some(joined) = self.channels.get_mut(channel) {
            joined.election.orderer(now, works);
        }
        self.tend_election(now, channel);
    }

    /// A peer of our organization leads on a channel, or would.
    pub(super) fn heard_of_leading(
        &mut self,
        now: Instant,
        from: Sender,
        channel: &[u8],
        envelope: &Envelope,
        leads: &LeadershipMessage,
    ) {
        let Some(channel) = self.own_channel_of(now, from, channel) else {
            return;
        };
        let stamp = Stamp::from_wire(leads.timestamp.as_ref());
        let (Some(peer), Some(stamp)) = (PkiId::from_wire(&leads.pki_id), stamp) else {
            return self.blame_peer(now, from.peer, Offence::Malformed);
        };
        let Some(identity) = self.identities.get(peer).cloned() else {
            return self.ask_for_identity(now, from.link, peer);
        };
        if identity.standing.msp != self.own.msp || !self.admits(&channel, peer) {
            return self.blame_peer(now, from.peer, Offence::Outsider);
        }
        let Some(joined) = self.channels.get_mut(&channel) else {
            return;
        };
        if !joined.election.is_news(peer, stamp) {
            self.counters.stale += 1;
            return;
        }
        if !wire::is_signed_by(&*self.trust, envelope, &identity.bytes) {
            return self.blame_peer(now, from.peer, Offence::Signature);
        }
        let say = if leads.is_declaration {
            Say::Declaration
        } else {
            Say::Proposal
        };
        joined.election.hear(now, peer, stamp, say);
        self.tend_election(now, &channel);
        self.tend_orderer(&channel, now);
    }

    pub(super) fn tend_election(&mut self, now: Instant, channel: &ChannelId) {
        if self.options.leader != LeaderMode::Elected {
            return;
        }
        let peers = self.own_org_peers(channel);
        let Some(joined) = self.channels.get_mut(channel) else {
            return;
        };
        let Some(say) = joined.election.tick(now, peers.len()) else {
            return;
        };
        let content = Content::LeadershipMsg(LeadershipMessage {
            pki_id: self.own.pki.0.to_vec(),
            timestamp: joined.next_stamp(self.own.stamp.incarnation).to_wire(),
            is_declaration: say == Say::Declaration,
        });
        let Some(envelope) = wire::signed(&*self.trust, Some(channel), content) else {
            return;
        };
        let bytes = wire::encoded(&envelope);
        for peer in self.electors(channel, peers) {
            self.send(peer, Lane::Control, bytes.clone());
        }
    }

    /// Who hears of elections: the organization's peers of the channel, and who took part in one before its
    /// height was heard of.
    fn electors(&mut self, channel: &ChannelId, peers: Vec<PkiId>) -> BTreeSet<PkiId> {
        let joined = self.channels.get(channel);
        let heard: Vec<_> = joined
            .into_iter()
            .flat_map(|it| it.election.heard())
            .collect();
        let mut electors: BTreeSet<PkiId> = peers.into_iter().collect();
        for peer in heard {
            if self.is_own_org(peer) && self.admits(channel, peer) {
                electors.insert(peer);
            }
        }
        electors
    }

    /// Pulls from the orderers while it is our task, or while nobody else helps.
    pub(super) fn tend_orderer(&mut self, channel: &ChannelId, now: Instant) {
        let starves = self.starves(now, channel);
        let Some(joined) = self.channels.get_mut(channel) else {
            return;
        };
        let wants = joined.election.leads() || starves;
        if wants == joined.pulls_orderer {
            return;
        }
        joined.pulls_orderer = wants;
        let from = BlockNumber(joined.buffer.next());
        let channel = channel.clone();
        if wants {
            self.act(Action::Pull { channel, from });
        } else {
            joined.election.orderer(now, false);
            self.act(Action::StopPull { channel });
        }
    }
}
