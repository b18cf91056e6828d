//! What operators see: the operations service's JSON, and metrics.

use serde_json::{Value, json};

use crate::gossip::core::{ChannelState, CoreState, Counters, Health, PkiId};
use crate::metrics::{Durations, FamilyName, LabelValues};
use crate::ops::{Readings, SeriesKind};
use crate::sys::clock::Instant;

/// Everything, as JSON.
pub(super) fn json(state: &CoreState, now: Instant) -> Value {
    let members = state.members.iter().map(|member| {
        json!({
            "pki_id": member.pki_id.to_string(),
            "msp": member.msp.to_string(),
            "endpoint": &*member.endpoint,
            "internal_endpoint": member.internal_endpoint.as_deref(),
            "health": health(member.health),
            "heard_seconds_ago": now.since(member.heard).as_secs(),
            "connected": member.connected,
        })
    });
    let channels = state.channels.iter().map(|channel| {
        let peers = channel.peers.iter().map(|peer| {
            json!({
                "pki_id": peer.pki_id.to_string(),
                "endpoint": endpoint(state, peer.pki_id),
                "height": peer.height.0,
            })
        });
        json!({
            "channel": channel.channel.as_str(),
            "height": channel.height.0,
            "next": channel.next.0,
            "leads": channel.leads,
            "leader": channel.leader.map(|leader| leader.to_string()),
            "pulls_from_orderer": channel.pulls_orderer,
            "blocks_waiting": channel.buffered,
            "bytes_waiting": channel.buffered_bytes,
            "ranges_under_way": channel.requests,
            "peers": peers.collect::<Vec<_>>(),
        })
    });
    let offences = state.offences.iter();
    let offences = offences.map(|(offence, count)| (offence.name().to_owned(), json!(count)));
    let counters = counters(state).map(|(name, _, count)| (name.to_owned(), json!(count)));
    json!({
        "pki_id": state.pki_id.to_string(),
        "members": members.collect::<Vec<_>>(),
        "channels": channels.collect::<Vec<_>>(),
        "offences": offences.collect::<serde_json::Map<_, _>>(),
        "counters": counters.into_iter().collect::<serde_json::Map<_, _>>(),
    })
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Alive => "alive",
        Health::Suspect => "suspect",
        Health::Dead => "dead",
    }
}

/// Where a member is, as far as this peer is told.
fn endpoint(state: &CoreState, peer: PkiId) -> Option<&str> {
    let member = state.members.iter().find(|member| member.pki_id == peer)?;
    let internal = member.internal_endpoint.as_deref();
    Some(internal.unwrap_or(&member.endpoint))
}

/// A counter: name, help, and where it stands.
type CounterOf = (&'static str, &'static str, fn(&Counters) -> u64);

const COUNTERS: [CounterOf; 14] = [
    (
        "gossip_comm_messages_received",
        "Number of messages received.",
        |all| all.received,
    ),
    (
        "gossip_comm_messages_sent",
        "Number of messages sent.",
        |all| all.sent,
    ),
    (
        "gossip_comm_overflow_count",
        "Number of messages dropped, as a queue was full.",
        |all| all.dropped,
    ),
    (
        "heddle_gossip_bytes_sent",
        "Number of bytes sent, in all packets.",
        |all| all.bytes_sent,
    ),
    (
        "heddle_gossip_messages_stale",
        "Messages that told nothing new.",
        |all| all.stale,
    ),
    (
        "heddle_gossip_blocks_known",
        "Blocks that were there already.",
        |all| all.duplicates,
    ),
    (
        "heddle_gossip_blocks_refused",
        "Blocks for which there was no room yet.",
        |all| all.refused,
    ),
    (
        "heddle_gossip_blocks_verified",
        "Blocks that were the channel's.",
        |all| all.blocks_verified,
    ),
    (
        "heddle_gossip_blocks_rejected",
        "Blocks that were not.",
        |all| all.blocks_rejected,
    ),
    (
        "heddle_gossip_blocks_pushed",
        "Blocks pushed to other peers.",
        |all| all.blocks_pushed,
    ),
    (
        "heddle_gossip_ranges_asked",
        "Ranges of blocks asked of other peers.",
        |all| all.ranges_asked,
    ),
    (
        "heddle_gossip_ranges_served",
        "Ranges of blocks given to other peers.",
        |all| all.ranges_served,
    ),
    (
        "heddle_gossip_handshakes_refused",
        "Connections whose other end did not prove who it is.",
        |all| all.handshakes_refused,
    ),
    (
        "heddle_gossip_bans",
        "Times that a peer was banned.",
        |all| all.bans,
    ),
];

/// The counters: metrics' names, what they say, and how often.
fn counters(state: &CoreState) -> [(&'static str, &'static str, u64); COUNTERS.len()] {
    COUNTERS.map(|(name, help, count)| (name, help, count(&state.counters)))
}

/// How long blocks take to become durable once they are verified; no series yet.
pub(super) fn commit_duration() -> Durations {
    Durations::new(FamilyName {
        name: "gossip_state_commit_duration",
        help: "Time it takes to commit a block in seconds.",
        labels: &["channel"],
    })
}

/// Metrics, under Fabric's names where they mean the same.
pub(super) fn metrics(state: &CoreState) -> Vec<Readings> {
    let counters = counters(state).into_iter();
    let counters = counters.map(|(name, help, count)| {
        let name = (name, help, NO_LABELS);
        readings(SeriesKind::Counter, name, vec![(Vec::new(), count)])
    });
    let gauges = GAUGES.into_iter().map(|(name, help, value)| {
        let values = state.channels.iter();
        let values = values.map(|channel| (vec![channel.channel.to_string()], value(channel)));
        let name = (name, help, &["channel"][..]);
        readings(SeriesKind::Gauge, name, values.collect())
    });
    let offences = state.offences.iter();
    let offences = offences.map(|(offence, count)| (vec![offence.name().to_owned()], *count));
    let name = (
        "heddle_gossip_offences",
        "Offences of other peers.",
        &["offence"][..],
    );
    let offences = readings(SeriesKind::Counter, name, offences.collect());
    let connected = state.members.iter().filter(|member| member.connected);
    let connected = vec![(Vec::new(), connected.count() as u64)];
    let name = (
        "heddle_gossip_peers_connected",
        "Peers that there is a connection with.",
        NO_LABELS,
    );
    let connected = readings(SeriesKind::Gauge, name, connected);
    counters
        .chain(gauges)
        .chain([offences, connected])
        .collect()
}

const NO_LABELS: &[&str] = &[];

/// A gauge of a channel: name, help, and where it stands.
type ChannelGauge = (&'static str, &'static str, fn(&ChannelState) -> u64);

const GAUGES: [ChannelGauge; 5] = [
    (
        "gossip_leader_election_leader",
        "Peer is leader (1) or follower (0).",
        |channel| u64::from(channel.leads),
    ),
    (
        "gossip_membership_total_peers_known",
        "Total known peers.",
        |channel| channel.peers.len() as u64,
    ),
    ("gossip_state_height", "Current ledger height.", |channel| {
        channel.height.0
    }),
    (
        "gossip_payload_buffer_size",
        "Size of the payload buffer.",
        |channel| channel.buffered as u64,
    ),
    (
        "heddle_gossip_pulls_from_orderer",
        "Peer pulls the channel's blocks from an orderer (1) or not (0).",
        |channel| u64::from(channel.pulls_orderer),
    ),
];

fn readings(
    kind: SeriesKind,
    (name, help, labels): (&'static str, &'static str, &'static [&'static str]),
    values: Vec<(LabelValues, u64)>,
) -> Readings {
    Readings {
        kind,
        name: FamilyName { name, help, labels },
        values,
    }
}
