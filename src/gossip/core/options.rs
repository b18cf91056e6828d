//! What an operator decides: `peer.gossip` of `core.yaml`.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{ElectionSettings, GossipSettings, StateTransferSettings};

/// Who pulls a channel's blocks from the orderers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaderMode {
    /// One peer of the organization, which they elect (`useLeaderElection`).
    Elected,
    /// This peer, whatever others do (`orgLeader`): Fabric v3's default, for every peer.
    Always,
    /// Not this peer (neither of both).
    Never,
}

/// Settings of `peer.gossip`, each under Fabric's name, with Fabric's defaults in parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GossipOptions {
    /// Peers of the own organization that are called first (`bootstrap`).
    pub bootstrap: Vec<Arc<str>>,
    /// Where peers of the own organization reach this one (`endpoint`).
    pub endpoint: Arc<str>,
    /// Where others do (`externalEndpoint`); `None`: they do not hear of this peer.
    pub external_endpoint: Option<Arc<str>>,
    /// `useLeaderElection` (false) and `orgLeader` (true).
    pub leader: LeaderMode,
    /// Whether blocks are pushed and pulled in the organization (`peer.deliveryclient.blockGossipEnabled`).
    pub block_gossip: bool,
    /// Newest blocks that others can pull (`maxBlockCountToStore`, 10).
    pub blocks_kept: usize,
    /// To how many peers a message is pushed (`propagatePeerNum`, 3, times `propagateIterations`, 1).
    pub fan_out: usize,
    /// How often members and blocks are pulled (`pullInterval`, 4 s).
    pub pull_interval: Duration,
    /// From how many peers (`pullPeerNum`, 3).
    pub pull_peers: usize,
    /// How long a pull may take (`responseWaitTime`, 2 s).
    pub pull_wait: Duration,
    /// How often heights are asked for (`requestStateInfoInterval`, 4 s).
    pub request_state_info_interval: Duration,
    /// How often a new height is told (`publishStateInfoInterval`, 4 s).
    pub publish_state_info_interval: Duration,
    /// How long after the start alive messages carry the certificate (`publishCertPeriod`, 10 s).
    pub publish_cert_period: Duration,
    /// How often the peer says that it is alive (`aliveTimeInterval`, 5 s).
    pub alive_interval: Duration,
    /// After which silence a peer is dead (`aliveExpirationTimeout`, 25 s); it is suspected after half.
    pub alive_expiration: Duration,
    /// A dead peer is forgotten after so many times that (`msgExpirationFactor`, 20).
    pub forget_factor: u32,
    /// The longest wait between two calls of a peer that does not answer (`reconnectInterval`, 25 s).
    pub reconnect_interval: Duration,
    /// `election`.
    pub election: ElectionOptions,
    /// `state`.
    pub transfer: TransferOptions,
}

/// Settings of `peer.gossip.election`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElectionOptions {
    /// The longest wait for a stable membership at the start (`startupGracePeriod`, 15 s).
    pub startup_grace: Duration,
    /// How often that is looked at (`membershipSampleInterval`, 1 s).
    pub sample_interval: Duration,
    /// After which silence there is no leader any more (`leaderAliveThreshold`, 10 s); half of that is
    /// between its declarations.
    pub alive_threshold: Duration,
    /// How long proposals are collected (`leaderElectionDuration`, 5 s).
    pub duration: Duration,
}

/// Settings of `peer.gossip.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferOptions {
    /// Whether missed blocks are fetched from other peers (`enabled`, false).
    pub enabled: bool,
    /// How often heights are compared (`checkInterval`, 10 s).
    pub check_interval: Duration,
    /// How long an answer may take (`responseTimeout`, 3 s).
    pub response_timeout: Duration,
    /// Blocks of one request (`batchSize`, 10).
    pub batch: u64,
    /// Half the blocks ahead of the next needed one that are taken (`blockBufferSize`, 20).
    pub buffer: u64,
}

impl Default for GossipOptions {
    fn default() -> Self {
        Self {
            bootstrap: Vec::new(),
            endpoint: "".into(),
            external_endpoint: None,
            leader: LeaderMode::Always,
            block_gossip: true,
            blocks_kept: 10,
            fan_out: 3,
            pull_interval: Duration::from_secs(4),
            pull_peers: 3,
            pull_wait: Duration::from_secs(2),
            request_state_info_interval: Duration::from_secs(4),
            publish_state_info_interval: Duration::from_secs(4),
            publish_cert_period: Duration::from_secs(10),
            alive_interval: Duration::from_secs(5),
            alive_expiration: Duration::from_secs(25),
            forget_factor: 20,
            reconnect_interval: Duration::from_secs(25),
            election: ElectionOptions::default(),
            transfer: TransferOptions::default(),
        }
    }
}

impl Default for ElectionOptions {
    fn default() -> Self {
        Self {
            startup_grace: Duration::from_secs(15),
            sample_interval: Duration::from_secs(1),
            alive_threshold: Duration::from_secs(10),
            duration: Duration::from_secs(5),
        }
    }
}

impl Default for TransferOptions {
    fn default() -> Self {
        Self {
            enabled: false,
            check_interval: Duration::from_secs(10),
            response_timeout: Duration::from_secs(3),
            batch: 10,
            buffer: 20,
        }
    }
}

impl GossipOptions {
    /// As the configuration has them; `address` is what the peer tells others (`peer.address`), and
    /// `block_gossip` is `peer.deliveryclient.blockGossipEnabled`.
    #[must_use]
    pub fn new(settings: &GossipSettings, address: &str, block_gossip: bool) -> Self {
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let endpoint = settings.endpoint.as_deref().unwrap_or(address);
        let rounds = settings.propagate_iterations.max(1);
        Self {
            bootstrap: settings
                .bootstrap
                .iter()
                .map(|to| to.as_str().into())
                .collect(),
            endpoint: endpoint.into(),
            external_endpoint: settings.external_endpoint.as_deref().map(Into::into),
            leader: match (settings.use_leader_election, settings.org_leader) {
                (true, _) => LeaderMode::Elected,
                (false, true) => LeaderMode::Always,
                (false, false) => LeaderMode::Never,
            },
            block_gossip,
            blocks_kept: count(settings.max_block_count_to_store),
            fan_out: count(settings.propagate_peer_num.saturating_mul(rounds)),
            pull_interval: settings.pull_interval,
            pull_peers: count(settings.pull_peer_num),
            pull_wait: settings.response_wait_time,
            request_state_info_interval: settings.request_state_info_interval,
            publish_state_info_interval: settings.publish_state_info_interval,
            publish_cert_period: settings.publish_cert_period,
            alive_interval: settings.alive_time_interval,
            alive_expiration: settings.alive_expiration_timeout,
            forget_factor: settings.msg_expiration_factor.max(1),
            reconnect_interval: settings.reconnect_interval,
            election: settings.election.into(),
            transfer: settings.state.into(),
        }
    }
}

impl From<ElectionSettings> for ElectionOptions {
    fn from(settings: ElectionSettings) -> Self {
        Self {
            startup_grace: settings.startup_grace_period,
            sample_interval: settings.membership_sample_interval,
            alive_threshold: settings.leader_alive_threshold,
            duration: settings.leader_election_duration,
        }
    }
}

impl From<StateTransferSettings> for TransferOptions {
    fn from(settings: StateTransferSettings) -> Self {
        Self {
            enabled: settings.enabled,
            check_interval: settings.check_interval,
            response_timeout: settings.response_timeout,
            batch: u64::from(settings.batch_size),
            buffer: u64::from(settings.block_buffer_size),
        }
    }
}
