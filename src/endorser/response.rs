//! What the client gets.

use prost::Message as _;
use prost_types::Timestamp;

use super::proposal::Proposal;
use crate::msp::SigningIdentity;
use crate::proto::messages::protos::{
    ChaincodeAction, ChaincodeId, Endorsement, ProposalResponse, ProposalResponsePayload, Response,
};

const OK: i32 = 200;
const ERROR: i32 = 500;

/// The response to what a system chaincode answers. A good one that is of a channel is endorsed.
///
/// The action has no read-write set. Fabric: `core/endorser/endorser.go:acquireTxSimulator` gives `cscc` and
/// `qscc` nothing to read or write with, so that there are no results, not even empty ones.
///
/// Fabric: `core/endorser/endorser.go:ProcessProposalSuccessfullyOrError`.
pub(super) fn respond(
    answer: Result<Vec<u8>, String>,
    proposal: &Proposal,
    identity: &SigningIdentity,
    time: Timestamp,
) -> ProposalResponse {
    let response = match answer {
        Ok(payload) => Response {
            status: OK,
            message: String::new(),
            payload,
        },
        Err(message) => {
            let response = error(message);
            return ProposalResponse {
                payload: payload(&response, proposal),
                response: Some(response),
                ..ProposalResponse::default()
            };
        }
    };
    if proposal.channel.is_empty() {
        return ProposalResponse {
            version: 0,
            response: Some(response),
            ..ProposalResponse::default()
        };
    }
    let payload = payload(&response, proposal);
    let signature = identity.sign(&[&payload, identity.serialized()]);
    ProposalResponse {
        version: 1,
        timestamp: Some(time),
        response: Some(response),
        payload,
        endorsement: Some(Endorsement {
            endorser: identity.serialized().to_vec(),
            signature,
        }),
        ..ProposalResponse::default()
    }
}

/// What an endorser signs: a serialized `protos.ProposalResponsePayload`.
fn payload(response: &Response, proposal: &Proposal) -> Vec<u8> {
    let action = ChaincodeAction {
        response: Some(response.clone()),
        chaincode_id: Some(ChaincodeId {
            name: proposal.chaincode.clone(),
            version: "syscc".to_owned(),
            ..ChaincodeId::default()
        }),
        ..ChaincodeAction::default()
    };
    let payload = ProposalResponsePayload {
        proposal_hash: proposal.hash.0.to_vec(),
        extension: action.encode_to_vec(),
    };
    payload.encode_to_vec()
}

fn error(message: String) -> Response {
    Response {
        status: ERROR,
        message,
        ..Response::default()
    }
}

/// A response that says why nothing was called.
pub(super) fn failed(message: String) -> ProposalResponse {
    ProposalResponse {
        response: Some(error(message)),
        ..ProposalResponse::default()
    }
}
