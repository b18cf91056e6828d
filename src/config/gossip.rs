//! `peer.gossip`: how peers find each other and pass blocks on.

use std::time::Duration;

use super::reader::{Reader, host_and_port};

/// Settings of `peer.gossip`. In parentheses stand the key below it, and its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GossipSettings {
    /// Peers of the own organization that are called first, host and port each (`bootstrap`).
    pub bootstrap: Vec<String>,
    /// Whether the organization's peers elect who pulls from the orderers (`useLeaderElection`, false).
    pub use_leader_election: bool,
    /// Whether this peer pulls from the orderers in any case (`orgLeader`; true, as in Fabric's sample,
    /// where there is no election).
    pub org_leader: bool,
    /// Where peers of the own organization reach this one (`endpoint`; `None`: `peer.address`).
    pub endpoint: Option<String>,
    /// Where other organizations do (`externalEndpoint`); `None`: they do not hear of this peer.
    pub external_endpoint: Option<String>,
    /// Newest blocks that others can pull (`maxBlockCountToStore`, 10).
    pub max_block_count_to_store: u32,
    /// How often a message is pushed on (`propagateIterations`, 1).
    pub propagate_iterations: u32,
    /// To how many peers each time (`propagatePeerNum`, 3).
    pub propagate_peer_num: u32,
    /// How often members and blocks are pulled (`pullInterval`, 4 s).
    pub pull_interval: Duration,
    /// From how many peers (`pullPeerNum`, 3).
    pub pull_peer_num: u32,
    /// How long a pull may take (`responseWaitTime`, 2 s).
    pub response_wait_time: Duration,
    /// How often heights are asked for (`requestStateInfoInterval`, 4 s).
    pub request_state_info_interval: Duration,
    /// How often a new height is told (`publishStateInfoInterval`, 4 s).
    pub publish_state_info_interval: Duration,
    /// How long after the start the certificate is told (`publishCertPeriod`, 10 s).
    pub publish_cert_period: Duration,
    /// How often the peer says that it is alive (`aliveTimeInterval`, 5 s).
    pub alive_time_interval: Duration,
    /// After which silence a peer is dead (`aliveExpirationTimeout`, five times that).
    pub alive_expiration_timeout: Duration,
    /// The longest wait between two calls (`reconnectInterval`, that).
    pub reconnect_interval: Duration,
    /// A dead peer is forgotten after so many times that (`msgExpirationFactor`, 20).
    pub msg_expiration_factor: u32,
    /// `election`.
    pub election: ElectionSettings,
    /// `state`.
    pub state: StateTransferSettings,
}

/// Settings of `peer.gossip.election`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElectionSettings {
    /// The longest wait for a stable membership (`startupGracePeriod`, 15 s).
    pub startup_grace_period: Duration,
    /// How often that is looked at (`membershipSampleInterval`, 1 s).
    pub membership_sample_interval: Duration,
    /// After which silence there is no leader (`leaderAliveThreshold`, 10 s).
    pub leader_alive_threshold: Duration,
    /// How long proposals are collected (`leaderElectionDuration`, 5 s).
    pub leader_election_duration: Duration,
}

/// Settings of `peer.gossip.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateTransferSettings {
    /// Whether missed blocks are fetched from other peers, and given to them (`enabled`, false).
    pub enabled: bool,
    /// How often heights are compared (`checkInterval`, 10 s).
    pub check_interval: Duration,
    /// How long an answer may take (`responseTimeout`, 3 s).
    pub response_timeout: Duration,
    /// Blocks of one request (`batchSize`, 10).
    pub batch_size: u32,
    /// Half the blocks that wait for their turn (`blockBufferSize`, 20).
    pub block_buffer_size: u32,
}

pub(super) fn read_gossip(reader: &mut Reader<'_>) -> GossipSettings {
    let use_leader_election = reader.flag("peer.gossip.useLeaderElection", false);
    let org_leader = reader.flag("peer.gossip.orgLeader", !use_leader_election);
    if use_leader_election && org_leader {
        // Fabric: such a peer does not start either.
        reader.miss(
            "peer.gossip.orgLeader",
            "false where peer.gossip.useLeaderElection is true",
        );
    }
    let bootstrap = reader.texts("peer.gossip.bootstrap", "a list of host:port", |address| {
        host_and_port(address).map(|_| address.to_owned())
    });
    let mut over_zero =
        |key, millis: u64| reader.duration_over_zero(key, Duration::from_millis(millis));
    let alive_time_interval = over_zero("peer.gossip.aliveTimeInterval", 5000);
    let alive_expiration_timeout = reader.duration_over_zero(
        "peer.gossip.aliveExpirationTimeout",
        alive_time_interval * 5,
    );
    let mut seconds = |key, seconds| reader.duration_over_zero(key, Duration::from_secs(seconds));
    GossipSettings {
        bootstrap,
        use_leader_election,
        org_leader,
        alive_time_interval,
        alive_expiration_timeout,
        pull_interval: seconds("peer.gossip.pullInterval", 4),
        response_wait_time: seconds("peer.gossip.responseWaitTime", 2),
        request_state_info_interval: seconds("peer.gossip.requestStateInfoInterval", 4),
        publish_state_info_interval: seconds("peer.gossip.publishStateInfoInterval", 4),
        publish_cert_period: seconds("peer.gossip.publishCertPeriod", 10),
        election: ElectionSettings {
            startup_grace_period: seconds("peer.gossip.election.startupGracePeriod", 15),
            membership_sample_interval: seconds("peer.gossip.election.membershipSampleInterval", 1),
            leader_alive_threshold: seconds("peer.gossip.election.leaderAliveThreshold", 10),
            leader_election_duration: seconds("peer.gossip.election.leaderElectionDuration", 5),
        },
        state: StateTransferSettings {
            check_interval: seconds("peer.gossip.state.checkInterval", 10),
            response_timeout: seconds("peer.gossip.state.responseTimeout", 3),
            enabled: reader.flag("peer.gossip.state.enabled", false),
            batch_size: reader.number("peer.gossip.state.batchSize", 10),
            block_buffer_size: reader.number("peer.gossip.state.blockBufferSize", 20),
        },
        reconnect_interval: reader
            .duration_over_zero("peer.gossip.reconnectInterval", alive_expiration_timeout),
        endpoint: reader.address("peer.gossip.endpoint"),
        external_endpoint: reader.address("peer.gossip.externalEndpoint"),
        max_block_count_to_store: reader.number("peer.gossip.maxBlockCountToStore", 10),
        propagate_iterations: reader.number("peer.gossip.propagateIterations", 1),
        propagate_peer_num: reader.number("peer.gossip.propagatePeerNum", 3),
        pull_peer_num: reader.number("peer.gossip.pullPeerNum", 3),
        msg_expiration_factor: reader.number("peer.gossip.msgExpirationFactor", 20),
    }
}
