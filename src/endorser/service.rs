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
            proposals: Semaphore::new(proposals),
        }))
    }
}

impl Shared {
    fn process(&self, signed: SignedProposal) -> Result<ProposalResponse, Status> {
        let micros = self.clock.unix_micros();
        let now = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
        let proposal = Proposal::read(signed, now, self.limits.time_window)
            .map_err(|error| Status::unknown(error.to_string()))?;
        let channel = match proposal.channel.as_str() {
            "" => None,
            name => match self.host.channel(name) {
                Some(channel) => Some(channel),
                None => return Ok(failed(format!("channel '{name}' not found"))),
            },
        };
        self.admit(&proposal, channel.as_deref(), now)?;
        let answer = match (proposal.chaincode.as_str(), &channel) {
            ("cscc", _) => cscc::answer(&proposal, &self.host, self.joiner.as_ref()),
            ("qscc", _) => self.query(&proposal),
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
        Ok(respond(answer, &proposal, &self.identity, time))
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
