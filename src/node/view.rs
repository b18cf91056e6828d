//! What the operations service shows of a node.

use std::sync::Arc;

use super::feed::OrdererFeed;
use crate::deliver::DeliverMetrics;
use crate::endorser::EndorserMetrics;
use crate::gossip::core::ChannelPeer;
use crate::gossip::service::GossipHandle;
use crate::host::ChannelState;
use crate::ledger::Ledger;
use crate::msp::SigningIdentity;
use crate::ops::{
    ChannelHealth, ChannelMetrics, Health, Lag, MetricsPage, OpsView, ProcessMetrics,
    ServiceMetrics,
};
use crate::peer::Peer;
use crate::sys::clock::{Clock, Rfc3339};
use crate::sys::process;
use crate::tls::{CertificateRole, Expiry, ExpiryLevel, ServerTls};

/// A node, to be looked at.
pub(super) struct NodeView {
    pub(super) peer: Arc<Peer>,
    pub(super) feed: Arc<OrdererFeed>,
    pub(super) gossip: Option<GossipHandle>,
    pub(super) identity: Arc<SigningIdentity>,
    pub(super) server_tls: Option<Arc<ServerTls>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) deliver: Arc<DeliverMetrics>,
    pub(super) endorser: Arc<EndorserMetrics>,
    pub(super) with_metrics: bool,
}

impl NodeView {
    fn now(&self) -> i64 {
        i64::try_from(self.clock.unix_micros() / 1_000_000).unwrap_or(i64::MAX)
    }

    fn expiries(&self) -> Vec<Expiry> {
        let enrollment = Expiry::of(CertificateRole::Enrollment, self.identity.certificate());
        let server = self.server_tls.as_ref().map(|tls| {
            let certificate = tls.key_pair().certificate();
            Expiry::of(CertificateRole::ServerTls, &certificate)
        });
        std::iter::once(enrollment).chain(server).collect()
    }
}

impl NodeView {
    /// How far a channel that others pull is behind them: behind peers of the own organization, as others
    /// may boast.
    fn lag_behind_neighbours(&self, name: &str, height: u64) -> Option<Lag> {
        let state = self.gossip.as_ref()?.state()?;
        let own = self.identity.msp_id();
        let is_own = |peer: &ChannelPeer| {
            let mut members = state.members.iter();
            members.any(|member| member.pki_id == peer.pki_id && &*member.msp.0 == own)
        };
        let mut channels = state.channels.iter();
        let channel = channels.find(|channel| channel.channel.as_str() == name)?;
        let neighbours = channel.peers.iter().filter(|peer| is_own(peer));
        let best = neighbours.map(|peer| peer.height.0).max()?;
        Some(Lag {
            blocks: best.saturating_sub(height),
            last_block_unix_seconds: None,
        })
    }
}

impl OpsView for NodeView {
    fn health(&self) -> (Health, String) {
        let opened = self.peer.host().channels().into_iter().map(|channel| {
            let name = channel.id().to_string();
            let height = channel.ledger().height();
            let reading = self.feed.reading(&name);
            let lag = reading.as_ref().map(|reading| Lag {
                blocks: reading.next.saturating_sub(height),
                last_block_unix_seconds: reading
                    .last_block_unix_micros
                    .map(|micros| micros / 1_000_000),
            });
            let lag = lag.or_else(|| self.lag_behind_neighbours(&name, height));
            let problem = match channel.state() {
                ChannelState::Stopped { why } | ChannelState::Waiting { why } => Some(why),
                ChannelState::Running => {
                    let problem = reading.and_then(|reading| reading.state.problem());
                    problem.or_else(|| catching_up(channel.ledger()))
                }
            };
            ChannelHealth {
                height: Some(height),
                channel: name,
                problem,
                lag,
                paused: false,
            }
        });
        let closed = self
            .peer
            .troubles()
            .iter()
            .map(|(name, why)| ChannelHealth {
                channel: name.clone(),
                height: None,
                problem: Some(why.clone()),
                lag: None,
                paused: false,
            });
        let paused = self.peer.paused().iter().map(|name| ChannelHealth {
            channel: name.clone(),
            height: None,
            problem: None,
            lag: None,
            paused: true,
        });
        let now = self.now();
        let expired = self.expiries().into_iter();
        let expired = expired.filter(|expiry| expiry.level(now) == ExpiryLevel::Expired);
        let health = Health {
            channels: opened.chain(closed).chain(paused).collect(),
            failed: expired
                .map(|expiry| ("certificates".to_owned(), expiry.message(now).to_string()))
                .collect(),
        };
        (health, Rfc3339(now).to_string())
    }

    fn gossip(&self) -> Option<serde_json::Value> {
        self.gossip.as_ref().map(GossipHandle::json)
    }

    fn metrics(&self) -> Option<String> {
        if !self.with_metrics {
            return None;
        }
        let usage = process::usage();
        let now = self.now();
        let days = self.expiries().into_iter();
        let process = ProcessMetrics {
            cpu_us: u64::try_from(usage.cpu().as_micros()).unwrap_or(u64::MAX),
            memory_bytes: usage.resident_bytes_peak,
            certificate_days: days
                .map(|expiry| (expiry.role.as_str().to_owned(), expiry.days_left(now)))
                .collect(),
        };
        let channels = self.peer.reports().into_iter().map(|report| {
            let name = report.channel.to_string();
            let channel = self.peer.host().channel(&name);
            ChannelMetrics {
                height: channel.map_or(0, |channel| channel.ledger().height()),
                orderer: self.feed.reading(&name),
                report,
            }
        });
        let channels: Vec<_> = channels.collect();
        let endorser = &self.endorser;
        let counters = [
            self.peer.transaction_counters(),
            &endorser.received,
            &endorser.successful,
            &endorser.invalid,
        ];
        let counters: Vec<_> = counters
            .into_iter()
            .chain(self.deliver.counters())
            .collect();
        let gossip = self.gossip.as_ref();
        let durations = gossip.map(GossipHandle::commit_duration);
        let durations: Vec<_> = durations.into_iter().chain([&endorser.duration]).collect();
        let services = ServiceMetrics {
            counters: &counters,
            durations: &durations,
            readings: &gossip.map(GossipHandle::metrics).unwrap_or_default(),
        };
        Some(MetricsPage::of(&process, &channels, services))
    }
}

/// What is to be said of a ledger that was taken back and has not been as high again.
///
/// Fabric: `internal/peer/node/reset.go:resetFilter` takes no proposals until then.
fn catching_up(ledger: &Ledger) -> Option<String> {
    let height = ledger.catching_up_to()?;
    let now = ledger.height();
    Some(format!(
        "the ledger was taken back: it is at height {now} of the {height} that it had"
    ))
}
