//! A signed proposal, read and checked as far as that goes without a channel.
//!
//! Fabric: `core/endorser/msgvalidation.go`.

use std::time::Duration;

use prost::Message as _;

use crate::crypto::sha256_parts;
use crate::host::SignedData;
use crate::proto::messages::common::{ChannelHeader, Header, HeaderType, SignatureHeader};
use crate::proto::messages::protos::{
    self, ChaincodeHeaderExtension, ChaincodeInvocationSpec, ChaincodeProposalPayload,
    SignedProposal,
};
use crate::types::Digest;

/// A call of a chaincode's function.
#[derive(Debug)]
pub struct Proposal {
    /// The channel; empty for what belongs to none.
    pub channel: String,
    /// The transaction's id.
    pub tx_id: String,
    /// The chaincode.
    pub chaincode: String,
    /// The function's name and its arguments.
    pub arguments: Vec<Vec<u8>>,
    /// What endorsers sign instead of the proposal.
    pub hash: Digest,
    creator: Vec<u8>,
    bytes: Vec<u8>,
    signature: Vec<u8>,
}

/// Why a proposal is refused before anything runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposalError {
    /// A part does not decode.
    #[error("error validating proposal: the {part} does not decode")]
    Undecodable {
        /// Which one.
        part: &'static str,
    },
    /// A part is not there.
    #[error("error validating proposal: no {part}")]
    Missing {
        /// Which one.
        part: &'static str,
    },
    /// Not a proposal.
    #[error("error validating proposal: invalid header type {found}: expected 3 (or 1)")]
    HeaderType {
        /// The type.
        found: i32,
    },
    /// Fabric has no epochs but 0.
    #[error("error validating proposal: epoch is {found}: expected 0")]
    Epoch {
        /// The epoch.
        found: u64,
    },
    /// The id is not that of nonce and creator.
    #[error(
        "error validating proposal: incorrectly computed txid '{found}': expected '{expected}'"
    )]
    TxId {
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// The time is too far from the peer's own.
    #[error(
        "error validating proposal: its time {request} is more than {} s from the peer's {now}: set the clock",
        window.as_secs()
    )]
    Time {
        /// The proposal's, in seconds since 1970.
        request: i64,
        /// The peer's.
        now: i64,
        /// How much is allowed.
        window: Duration,
    },
}

impl Proposal {
    /// Reads a signed proposal. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(signed: SignedProposal, now: i64, window: Duration) -> Result<Self, ProposalError> {
        let undecodable = |part| move |_| ProposalError::Undecodable { part };
        let missing = |part| ProposalError::Missing { part };
        let proposal = protos::Proposal::decode(signed.proposal_bytes.as_ref())
            .map_err(undecodable("proposal"))?;
        let header = Header::decode(proposal.header.as_ref()).map_err(undecodable("header"))?;
        let channel = ChannelHeader::decode(header.channel_header.as_ref())
            .map_err(undecodable("channel header"))?;
        let signature = SignatureHeader::decode(header.signature_header.as_ref())
            .map_err(undecodable("signature header"))?;
        let extension = ChaincodeHeaderExtension::decode(channel.extension.as_ref())
            .map_err(undecodable("header extension"))?;
        let expected_types = [
            i32::from(HeaderType::EndorserTransaction),
            i32::from(HeaderType::Config),
        ];
        if !expected_types.contains(&channel.r#type) {
            let found = channel.r#type;
            return Err(ProposalError::HeaderType { found });
        }
        if channel.epoch != 0 {
            let found = channel.epoch;
            return Err(ProposalError::Epoch { found });
        }
        if signature.nonce.is_empty() {
            return Err(missing("nonce"));
        }
        if signature.creator.is_empty() {
            return Err(missing("creator"));
        }
        let chaincode = extension.chaincode_id.ok_or(missing("chaincode id"))?;
        if chaincode.name.is_empty() {
            return Err(missing("chaincode name"));
        }
        let expected = sha256_parts(&[&signature.nonce, &signature.creator]).to_string();
        if channel.tx_id != expected {
            let found = channel.tx_id;
            return Err(ProposalError::TxId { found, expected });
        }
        check_time(channel.timestamp.map(|time| time.seconds), now, window)?;
        let (input, hashed) = payload(&proposal.payload)?;
        Ok(Self {
            hash: sha256_parts(&[&header.channel_header, &header.signature_header, &hashed]),
            channel: channel.channel_id,
            tx_id: channel.tx_id,
            chaincode: chaincode.name,
            arguments: input,
            creator: signature.creator,
            bytes: signed.proposal_bytes,
            signature: signed.signature,
        })
    }

    /// Who proposes, and how that is proved.
    #[must_use]
    pub fn signed(&self) -> SignedData<'_> {
        SignedData {
            creator: &self.creator,
            message: &self.bytes,
            signature: &self.signature,
        }
    }

    /// The function's name.
    #[must_use]
    pub fn function(&self) -> &str {
        let name = self.arguments.first().map_or(&[][..], Vec::as_slice);
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// An argument as text, counted from the function's name on.
    #[must_use]
    pub fn text(&self, at: usize) -> Option<&str> {
        let argument = self.arguments.get(at)?;
        std::str::from_utf8(argument).ok()
    }
}

fn check_time(time: Option<i64>, now: i64, window: Duration) -> Result<(), ProposalError> {
    let request = time.ok_or(ProposalError::Missing { part: "time" })?;
    if request.abs_diff(now) > window.as_secs() {
        return Err(ProposalError::Time {
            request,
            now,
            window,
        });
    }
    Ok(())
}

/// The arguments, and the payload as it is hashed: without transient data.
fn payload(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, Vec<u8>), ProposalError> {
    let undecodable = |part| move |_| ProposalError::Undecodable { part };
    let missing = |part| ProposalError::Missing { part };
    let mut payload =
        ChaincodeProposalPayload::decode(bytes).map_err(undecodable("proposal's payload"))?;
    payload.transient_map.clear();
    let invocation = ChaincodeInvocationSpec::decode(payload.input.as_ref())
        .map_err(undecodable("invocation"))?;
    let spec = invocation.chaincode_spec.ok_or(missing("chaincode spec"))?;
    let input = spec.input.ok_or(missing("input"))?;
    let arguments = input.args.into_iter().collect();
    Ok((arguments, payload.encode_to_vec()))
}
