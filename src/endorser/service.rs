//! The gRPC service.

use std::sync::Arc;
use std::time::Duration;

use prost_types::Timestamp;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::cscc::{self, JoinChannel};
use super::proposal::Proposal;
use super::qscc;
use super::response::{failed, respond};
use crate::host::{Channel, Host, unexpired};
use crate::ledger::TxKey;
use crate::metrics::{Counters, Durations, FamilyName};
use crate::msp::SigningIdentity;
use crate::proto::messages::protos::endorser_server::Endorser;
use crate::proto::messages::protos::{ProposalResponse, SignedProposal};
use crate::sys::clock::Clock;

/// What the service takes from the configuration.
#[derive(Debug, Clone)]
pub struct EndorserLimits {
    /// Proposals at a time (`peer.limits.concurrency.endorserService`), 0 for any number.
    pub proposals_max: usize,
    /// How far a proposal's time may be from the peer's (`peer.authentication.timewindow`).
    pub time_window: Duration,
}

/// What the service counts, by Fabric's names.
#[derive(Debug)]
pub struct EndorserMetrics {
    /// Proposals that came in.
    pub received: Counters,
    /// Proposals that were answered with success.
    pub successful: Counters,
    /// Proposals that were refused before anything ran.
    pub invalid: Counters,
    /// How long answers took.
    pub duration: Durations,
}

impl Default for EndorserMetrics {
    fn default() -> Self {
        let counters = |name, help| {
            let labels = &[];
            Counters::new(FamilyName { name, help, labels })
        };
        Self {
            received: counters("endorser_proposals_received", "Proposals received."),
            successful: counters("endorser_successful_proposals", "Successful proposals."),
            invalid: counters(
                "endorser_proposal_validation_failures",
                "Proposals that failed initial validation.",
            ),
            duration: Durations::new(FamilyName {
                name: "endorser_proposal_duration",
                help: "Time to complete a proposal, in seconds.",
                labels: &["channel", "chaincode", "success"],
            }),
        }
    }
}

/// Answers proposals.
#[derive(Debug, Clone)]
pub struct EndorserService(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    host: Arc<Host>,
    joiner: Arc<dyn JoinChannel>,
    identity: Arc<SigningIdentity>,
    clock: Arc<dyn Clock>,
    limits: EndorserLimits,
    metrics: Arc<EndorserMetrics>,
    proposals: Semaphore,
}

impl EndorserService {
    /// A service that answers as `identity`.
    #[must_use]
    pub fn new(
        host: Arc<Host>,
        joiner: Arc<dyn JoinChannel>,
        identity: Arc<SigningIdentity>,
        clock: Arc<dyn Clock>,
        limits: EndorserLimits,
        metrics: Arc<EndorserMetrics>,
    ) -> Self {
        let proposals = match limits.proposals_max {
            0 => Semaphore::MAX_PERMITS,
            some => some.min(Semaphore::MAX_PERMITS),
        };
        Self(Arc::new(Shared {
            host,
            joiner,
            identity,
            clock,
            limits,
            metrics,
            proposals: Semaphore::new(proposals),
        }))
    }
}

impl Shared {
    fn process(&self, signed: SignedProposal) -> Result<ProposalResponse, Status> {
        let (start, metrics) = (self.clock.now(), &self.metrics);
        metrics.received.add(&[], 1);
        let micros = self.clock.unix_micros();
        let now = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
        let proposal = Proposal::read(signed, now, self.limits.time_window)
            .map_err(|error| Status::unknown(error.to_string()));
        let proposal = proposal.inspect_err(|_| metrics.invalid.add(&[], 1))?;
        let response = self.answer(&proposal, micros);
        let status = response.as_ref().ok().and_then(|it| it.response.as_ref());
        let success = status.is_some_and(|response| response.status < 400);
        metrics.successful.add(&[], success.into());
        let took_us = self.clock.now().since(start).as_micros();
        // What clients name is only told apart where it is something of this peer.
        let known = |known: bool, name: &str| {
            if known {
                name.to_owned()
            } else {
                String::new()
            }
        };
        let channel = self.host.channel(&proposal.channel).is_some();
        let channel = known(channel, &proposal.channel);
        let chaincode = known(success, &proposal.chaincode);
        let success = if success { "true" } else { "false" };
        let took_us = u64::try_from(took_us).unwrap_or(u64::MAX);
        metrics
            .duration
            .record_us(&[&channel, &chaincode, success], took_us);
        response
    }

    /// Answers at `micros` since 1970.
    fn answer(&self, proposal: &Proposal, micros: u64) -> Result<ProposalResponse, Status> {
        let now = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
        let channel = match proposal.channel.as_str() {
            "" => None,
            name => match self.host.channel(name) {
                Some(channel) => Some(channel),
                None => return Ok(failed(format!("channel '{name}' not found"))),
            },
        };
        self.admit(proposal, channel.as_deref(), now)?;
        let answer = match (proposal.chaincode.as_str(), &channel) {
            ("cscc", _) => cscc::answer(proposal, &self.host, self.joiner.as_ref()),
            ("qscc", _) => self.query(proposal),
            (name, Some(channel)) => {
                let channel = channel.id();
                return Ok(failed(format!(
                    "make sure the chaincode {name} has been successfully defined on channel {channel} \
                     and try again: this peer runs no chaincode yet"
                )));
            }
            (name, None) => return Ok(failed(format!("chaincode {name} needs a channel"))),
        };
        let nanos = i32::try_from(micros % 1_000_000 * 1000).unwrap_or(0);
        let time = Timestamp {
            seconds: now,
            nanos,
        };
        Ok(respond(answer, proposal, &self.identity, time))
    }

    /// Whether the proposal's creator is somebody, signed it, and proposes it for the first time.
    ///
    /// Fabric: `core/endorser/endorser.go:preProcess`, which does not say why somebody is denied.
    fn admit(
        &self,
        proposal: &Proposal,
        channel: Option<&Channel>,
        now: i64,
    ) -> Result<(), Status> {
        let denied = |org: &str, why: &dyn std::fmt::Display| {
            Status::unknown(format!(
                "error validating proposal: access denied: channel [{}] creator org {org}: {why}",
                proposal.channel
            ))
        };
        let creator = proposal.signed().creator;
        let identity = match channel {
            Some(channel) => channel.bundle().msps().deserialize(creator),
            None => self.host.local().deserialize(creator),
        };
        let identity = identity.map_err(|error| denied("unknown, creator is malformed", &error))?;
        proposal
            .signed()
            .check(&identity)
            .and_then(|()| unexpired(&identity, now))
            .map_err(|error| denied(&format!("[{}]", identity.msp_id()), &error))?;
        let Some(channel) = channel else {
            return Ok(());
        };
        let view = channel.ledger().view();
        let known = view.and_then(|view| view.contains_tx(&TxKey::of(&proposal.tx_id)));
        if known.map_err(|error| Status::internal(error.to_string()))? {
            let creator: String = creator.iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(Status::unknown(format!(
                "duplicate transaction found [{}]. Creator [{creator}]",
                proposal.tx_id
            )));
        }
        Ok(())
    }

    /// `qscc` takes its channel as an argument.
    fn query(&self, proposal: &Proposal) -> Result<Vec<u8>, String> {
        qscc::check_arguments(proposal)?;
        let name = proposal.text(1).unwrap_or_default();
        let channel = self.host.channel(name);
        let channel = channel.ok_or_else(|| format!("Invalid chain ID, {name}"))?;
        qscc::answer(proposal, &channel)
    }
}

#[tonic::async_trait]
impl Endorser for EndorserService {
    async fn process_proposal(
        &self,
        request: Request<SignedProposal>,
    ) -> Result<Response<ProposalResponse>, Status> {
        let Ok(_permit) = self.0.proposals.try_acquire() else {
            return Err(Status::resource_exhausted(format!(
                "{} proposals are being processed, and this peer takes no more \
                 (peer.limits.concurrency.endorserService)",
                self.0.limits.proposals_max
            )));
        };
        let shared = Arc::clone(&self.0);
        // The disk is read, and a channel may be joined.
        let work = move || shared.process(request.into_inner());
        let response = tokio::task::spawn_blocking(work).await;
        let response = response.map_err(|_| Status::internal("the peer failed; see its log"))?;
        response.map(Response::new)
    }
}
