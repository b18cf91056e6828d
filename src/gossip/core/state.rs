//! What operators, health and metrics see.

use std::sync::Arc;

use super::Core;
use super::blame::Offence;
use super::members::Health;
use super::trust::{MspId, PkiId};
use super::wire::Stamp;
use crate::sys::clock::Instant;
use crate::types::{BlockNumber, ChannelId};

/// How often things happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that came (`gossip_comm_messages_received`).
    pub received: u64,
    /// Messages that were sent (`gossip_comm_messages_sent`).
    pub sent: u64,
    /// Messages that were not, for want of room (`gossip_comm_overflow_count`, with the driver's).
    pub dropped: u64,
    /// Bytes that were sent to other peers, all packets with all that is around messages: only the driver knows.
    pub bytes_sent: u64,
    /// Messages that were not newer than what is known: replays, or what came on two ways.
    pub stale: u64,
    /// Messages that nothing is done with.
    pub ignored: u64,
    /// Blocks that were there already.
    pub duplicates: u64,
    /// Blocks without room, or too far ahead.
    pub refused: u64,
    /// Blocks that were the channel's.
    pub blocks_verified: u64,
    /// Blocks that were not.
    pub blocks_rejected: u64,
    /// Pushes of blocks.
    pub blocks_pushed: u64,
    /// Ranges that were asked for.
    pub ranges_asked: u64,
    /// Ranges that others asked for and got.
    pub ranges_served: u64,
    /// Handshakes that proved nothing.
    pub handshakes_refused: u64,
    /// Peers that were banned, each time.
    pub bans: u64,
}

/// How things stand with all of gossip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreState {
    /// The peer's own name.
    pub pki_id: PkiId,
    /// The members, without the peer itself.
    pub members: Vec<MemberState>,
    /// The channels.
    pub channels: Vec<ChannelState>,
    /// Offences that were noted, by kind.
    pub offences: Vec<(Offence, u64)>,
    /// How often things happened.
    pub counters: Counters,
}

/// What is known of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberState {
    /// Its name.
    pub pki_id: PkiId,
    /// Its organization.
    pub msp: MspId,
    /// Where other organizations reach it; empty where they do not.
    pub endpoint: Arc<str>,
    /// Where its own does, as far as it is known.
    pub internal_endpoint: Option<Arc<str>>,
    /// How it does.
    pub health: Health,
    /// When it was last heard of.
    pub heard: Instant,
    /// The time of its last alive message.
    pub stamp: Stamp,
    /// Whether there is a connection.
    pub connected: bool,
}

/// How things stand with a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelState {
    /// Its name.
    pub channel: ChannelId,
    /// Durable blocks (`gossip_state_height`).
    pub height: BlockNumber,
    /// The next block that is needed.
    pub next: BlockNumber,
    /// Whether this peer leads (`gossip_leader_election_leader`).
    pub leads: bool,
    /// Who leads in the organization, as far as is known.
    pub leader: Option<PkiId>,
    /// Whether blocks are pulled from the orderers.
    pub pulls_orderer: bool,
    /// Blocks that wait for their turn (`gossip_payload_buffer_size`).
    pub buffered: usize,
    /// Bytes of these.
    pub buffered_bytes: usize,
    /// Ranges that are being fetched.
    pub requests: usize,
    /// The other peers of the channel (`gossip_membership_total_peers_known`).
    pub peers: Vec<ChannelPeer>,
}

/// Another peer of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelPeer {
    /// Its name.
    pub pki_id: PkiId,
    /// How many blocks it says that it has.
    pub height: BlockNumber,
    /// The time of its state info.
    pub stamp: Stamp,
}

/// How much each table holds: for tests of their bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as its table")]
pub struct TableSizes {
    pub links: usize,
    pub calls: usize,
    pub identities: usize,
    pub members: usize,
    pub tombstones: usize,
    pub offenders: usize,
    pub infos_of_a_channel: usize,
    pub pulls_of_a_channel: usize,
    pub recent_blocks_of_a_channel: usize,
    pub recent_bytes_of_a_channel: usize,
    pub buffered_bytes_of_a_channel: usize,
    pub requests_of_a_channel: usize,
    pub candidates_of_an_election: usize,
    pub actions: usize,
}

impl Core {
    /// How things stand.
    #[must_use]
    pub fn state(&self) -> CoreState {
        let offences = Offence::ALL.map(|offence| (offence, self.blame.count(offence)));
        CoreState {
            pki_id: self.own.pki,
            members: self.members().collect(),
            channels: self
                .channels
                .keys()
                .filter_map(|id| self.channel(id))
                .collect(),
            offences: offences.to_vec(),
            counters: self.counters,
        }
    }

    /// The members.
    pub fn members(&self) -> impl Iterator<Item = MemberState> {
        self.members.iter().map(|(pki_id, member)| MemberState {
            pki_id,
            msp: member.msp.clone(),
            endpoint: Arc::clone(&member.endpoint),
            internal_endpoint: member.internal.clone(),
            health: member.health,
            heard: member.heard,
            stamp: member.stamp,
            connected: self.links.to(pki_id).is_some(),
        })
    }

    /// One channel.
    #[must_use]
    pub fn channel(&self, channel: &ChannelId) -> Option<ChannelState> {
        let joined = self.channels.get(channel)?;
        let infos = joined.infos.iter().filter(|(_, info)| !info.left);
        Some(ChannelState {
            channel: channel.clone(),
            height: BlockNumber(joined.height),
            next: BlockNumber(joined.buffer.next()),
            leads: joined.election.leads(),
            leader: joined.election.leader(),
            pulls_orderer: joined.pulls_orderer,
            buffered: joined.buffer.len(),
            buffered_bytes: joined.buffer.bytes(),
            requests: joined.transfer.len(),
            peers: infos
                .map(|(pki_id, info)| ChannelPeer {
                    pki_id,
                    height: BlockNumber(info.height),
                    stamp: info.stamp,
                })
                .collect(),
        })
    }

    /// How often things happened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How much each table holds, of channels the most of any.
    #[must_use]
    pub fn sizes(&self) -> TableSizes {
        let mut sizes = TableSizes {
            links: self.links.len(),
            calls: self.calls.len(),
            identities: self.identities.len(),
            members: self.members.len(),
            tombstones: self.members.tombstones_len(),
            offenders: self.blame.len(),
            actions: self.actions.len(),
            ..TableSizes::default()
        };
        let most = |most: &mut usize, size: usize| *most = size.max(*most);
        for joined in self.channels.values() {
            most(&mut sizes.infos_of_a_channel, joined.infos.len());
            most(&mut sizes.pulls_of_a_channel, joined.recent.pulls_len());
            most(&mut sizes.recent_blocks_of_a_channel, joined.recent.len());
            most(&mut sizes.recent_bytes_of_a_channel, joined.recent.bytes());
            most(
                &mut sizes.buffered_bytes_of_a_channel,
                joined.buffer.bytes(),
            );
            most(&mut sizes.requests_of_a_channel, joined.transfer.len());
            most(&mut sizes.candidates_of_an_election, joined.election.len());
        }
        sizes
    }
}
