//! Endorser transactions: from a read-write set to a signed envelope.
//!
//! The levels, from the inside: results, chaincode action, proposal response payload (what endorsers
//! sign), action payload, transaction, payload (what the creator signs), envelope. [`RawParts`] gives
//! other bytes for any of them; hashes and signatures further out then fit the other bytes.

use super::identity::Identity;
use super::read_write_set::RwSet;
use super::wire::Wire;
use crate::crypto::sha256_parts;

/// The timestamp in every header, seconds and nanoseconds: no verdict depends on it.
const TIMESTAMP: (u64, u64) = (1_750_000_000, 0);

/// An endorsement that is given instead of made: endorser and signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endorsement {
    /// A serialized identity.
    pub endorser: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// Bytes to use instead of what would be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawParts {
    /// `ChannelHeader.extension`: a `ChaincodeHeaderExtension`.
    pub header_extension: Option<Vec<u8>>,
    /// `Header.channel_header`.
    pub channel_header: Option<Vec<u8>>,
    /// `Header.signature_header`, and the action's unless that is given, too.
    pub signature_header: Option<Vec<u8>>,
    /// `TransactionAction.header`.
    pub action_header: Option<Vec<u8>>,
    /// `ChaincodeActionPayload.chaincode_proposal_payload`.
    pub proposal_payload: Option<Vec<u8>>,
    /// `ProposalResponsePayload.proposal_hash`.
    pub proposal_hash: Option<Vec<u8>>,
    /// `ChaincodeAction.results`.
    pub results: Option<Vec<u8>>,
    /// `ChaincodeAction.chaincode_id`, a `ChaincodeID`.
    pub action_chaincode_id: Option<Vec<u8>>,
    /// Fields to add to the `ChaincodeAction`.
    pub action_suffix: Vec<u8>,
    /// `ProposalResponsePayload.extension`: a `ChaincodeAction`.
    pub action: Option<Vec<u8>>,
    /// The serialized `ProposalResponsePayload`.
    pub proposal_response_payload: Option<Vec<u8>>,
    /// The endorsements.
    pub endorsements: Option<Vec<Endorsement>>,
    /// `TransactionAction.payload`: a `ChaincodeActionPayload`.
    pub action_payload: Option<Vec<u8>>,
    /// `Payload.data`: a `Transaction`.
    pub data: Option<Vec<u8>>,
    /// The serialized `Payload`.
    pub payload: Option<Vec<u8>>,
    /// `Envelope.signature`.
    pub signature: Option<Vec<u8>>,
}

/// An endorser transaction, or another one in its shape.
#[derive(Debug, Clone)]
pub struct Transaction<'i> {
    /// The channel.
    pub channel: String,
    /// Who submits it.
    pub creator: &'i Identity,
    /// With the creator, it makes the id.
    pub nonce: Vec<u8>,
    /// `ChannelHeader.type`: 3 for endorser transactions.
    pub header_type: u64,
    /// `ChannelHeader.timestamp`: seconds and nanoseconds.
    pub timestamp: (u64, u64),
    /// `ChannelHeader.epoch`.
    pub epoch: u64,
    /// The id, where it is not to be the right one.
    pub id: Option<String>,
    /// The invoked chaincode.
    pub chaincode: String,
    /// Its version as the endorsers ran it.
    pub version: String,
    /// The arguments of the call.
    pub arguments: Vec<Vec<u8>>,
    /// What it read and writes.
    pub rwset: RwSet,
    /// A serialized `ChaincodeEvent`.
    pub event: Option<Vec<u8>>,
    /// The response's status.
    pub status: u64,
    /// Who endorses it, in order.
    pub endorsers: Vec<&'i Identity>,
    /// What is to be odd.
    pub raw: RawParts,
}

impl<'i> Transaction<'i> {
    /// A transaction that invokes `chaincode`.
    #[must_use]
    pub fn new(
        channel: &str,
        creator: &'i Identity,
        nonce: impl AsRef<[u8]>,
        chaincode: &str,
        rwset: impl Into<RwSet>,
    ) -> Self {
        Self {
            channel: channel.to_owned(),
            creator,
            nonce: nonce.as_ref().to_vec(),
            header_type: 3,
            timestamp: TIMESTAMP,
            epoch: 0,
            id: None,
            chaincode: chaincode.to_owned(),
            version: "1".to_owned(),
            arguments: vec![b"invoke".to_vec()],
            rwset: rwset.into(),
            event: None,
            status: 200,
            endorsers: Vec::new(),
            raw: RawParts::default(),
        }
    }

    /// With these endorsers.
    #[must_use]
    pub fn endorsed_by(mut self, endorsers: impl IntoIterator<Item = &'i Identity>) -> Self {
        self.endorsers = endorsers.into_iter().collect();
        self
    }

    /// With whatever `edit` changes.
    #[must_use]
    pub fn with(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    /// The id: of nonce and creator in lower-case hex, unless another one is given.
    #[must_use]
    pub fn tx_id(&self) -> String {
        self.id
            .clone()
            .unwrap_or_else(|| sha256_parts(&[&self.nonce, self.creator.serialized()]).to_string())
    }

    /// The serialized `Envelope`.
    #[must_use]
    pub fn envelope(&self) -> Vec<u8> {
        let signature_header = self.signature_header();
        let channel_header = or(&self.raw.channel_header, || self.channel_header());
        let data = or(&self.raw.data, || {
            let header = self.raw.action_header.as_ref().unwrap_or(&signature_header);
            let payload = or(&self.raw.action_payload, || {
                self.action_payload(&channel_header, header)
            });
            data(header, &payload)
        });
        let payload = or(&self.raw.payload, || {
            payload(&channel_header, &signature_header, &data)
        });
        let signature = or(&self.raw.signature, || self.creator.sign(&[&payload]));
        Wire::with_capacity(payload.len() + signature.len() + 16)
            .bytes(1, payload)
            .bytes(2, signature)
            .done()
    }

    /// Every part as it would be made, for those who want to change one of them: all but the suffix and
    /// the endorsements are there.
    #[must_use]
    pub fn parts(&self) -> RawParts {
        let signature_header = self.signature_header();
        let header = or(&self.raw.action_header, || signature_header.clone());
        let channel_header = or(&self.raw.channel_header, || self.channel_header());
        let action_payload = or(&self.raw.action_payload, || {
            self.action_payload(&channel_header, &header)
        });
        let data = or(&self.raw.data, || data(&header, &action_payload));
        let payload = or(&self.raw.payload, || {
            payload(&channel_header, &signature_header, &data)
        });
        let proposal_payload = or(&self.raw.proposal_payload, || self.proposal_payload());
        let proposal_hash = or(&self.raw.proposal_hash, || {
            proposal_hash(&channel_header, &header, &proposal_payload)
        });
        RawParts {
            header_extension: Some(self.header_extension()),
            action_chaincode_id: Some(self.action_chaincode_id()),
            results: Some(or(&self.raw.results, || self.rwset.serialize())),
            action: Some(or(&self.raw.action, || self.action())),
            proposal_response_payload: Some(or(&self.raw.proposal_response_payload, || {
                self.response_payload(&proposal_hash)
            })),
            signature: Some(or(&self.raw.signature, || self.creator.sign(&[&payload]))),
            channel_header: Some(channel_header),
            signature_header: Some(signature_header),
            action_header: Some(header),
            proposal_payload: Some(proposal_payload),
            proposal_hash: Some(proposal_hash),
            action_payload: Some(action_payload),
            data: Some(data),
            payload: Some(payload),
            ..RawParts::default()
        }
    }

    /// What the endorsers' proposal hash is, as long as only parts further out are odd.
    #[must_use]
    pub fn proposal_hash(&self) -> Vec<u8> {
        let signature_header = self.signature_header();
        let header = self.raw.action_header.as_ref().unwrap_or(&signature_header);
        let channel_header = or(&self.raw.channel_header, || self.channel_header());
        let payload = or(&self.raw.proposal_payload, || self.proposal_payload());
        proposal_hash(&channel_header, header, &payload)
    }

    fn signature_header(&self) -> Vec<u8> {
        or(&self.raw.signature_header, || {
            Wire::with_capacity(1100)
                .bytes(1, self.creator.serialized())
                .bytes(2, &self.nonce)
                .done()
        })
    }

    fn header_extension(&self) -> Vec<u8> {
        or(&self.raw.header_extension, || {
            let id = Wire::new().bytes(2, &self.chaincode);
            Wire::new().element(2, id).done()
        })
    }

    fn channel_header(&self) -> Vec<u8> {
        let extension = self.header_extension();
        let (seconds, nanos) = self.timestamp;
        Wire::with_capacity(256)
            .uint(1, self.header_type)
            .bytes(3, Wire::new().uint(1, seconds).uint(2, nanos))
            .bytes(4, &self.channel)
            .bytes(5, self.tx_id())
            .uint(6, self.epoch)
            .bytes(7, extension)
            .done()
    }

    fn action_payload(&self, channel_header: &[u8], header: &[u8]) -> Vec<u8> {
        let proposal_payload = or(&self.raw.proposal_payload, || self.proposal_payload());
        let response = or(&self.raw.proposal_response_payload, || {
            let hash = or(&self.raw.proposal_hash, || {
                proposal_hash(channel_header, header, &proposal_payload)
            });
            self.response_payload(&hash)
        });
        let endorsements = match &self.raw.endorsements {
            Some(given) => given
                .iter()
                .map(|one| endorsement(&one.endorser, &one.signature))
                .collect(),
            None => self.endorse(&response),
        };
        let action = Wire::with_capacity(response.len() + 1100 * endorsements.len())
            .bytes(1, response)
            .elements(2, endorsements);
        Wire::with_capacity(action.as_ref().len() + proposal_payload.len() + 16)
            .bytes(1, proposal_payload)
            .element(2, action)
            .done()
    }

    fn response_payload(&self, hash: &[u8]) -> Vec<u8> {
        let action = or(&self.raw.action, || self.action());
        Wire::with_capacity(action.len() + 64)
            .bytes(1, hash)
            .bytes(2, action)
            .done()
    }

    fn endorse(&self, response: &[u8]) -> Vec<Wire> {
        let endorse = |endorser: &&Identity| {
            let signature = endorser.sign(&[response, endorser.serialized()]);
            endorsement(endorser.serialized(), &signature)
        };
        self.endorsers.iter().map(endorse).collect()
    }

    fn proposal_payload(&self) -> Vec<u8> {
        let id = Wire::new().bytes(2, &self.chaincode);
        let input = Wire::new().elements(1, &self.arguments);
        let spec = Wire::new().uint(1, 1).element(2, id).element(3, input);
        let invocation = Wire::new().element(1, spec);
        Wire::new().bytes(1, invocation).done()
    }

    fn action_chaincode_id(&self) -> Vec<u8> {
        or(&self.raw.action_chaincode_id, || {
            Wire::new()
                .bytes(2, &self.chaincode)
                .bytes(3, &self.version)
                .done()
        })
    }

    fn action(&self) -> Vec<u8> {
        let results = or(&self.raw.results, || self.rwset.serialize());
        let id = self.action_chaincode_id();
        let action = Wire::with_capacity(results.len() + id.len() + 32).bytes(1, results);
        let action = match &self.event {
            Some(event) => action.element(2, event),
            None => action,
        };
        action
            .element(3, Wire::new().uint(1, self.status))
            .element(4, id)
            .raw(&self.raw.action_suffix)
            .done()
    }
}

fn endorsement(endorser: &[u8], signature: &[u8]) -> Wire {
    Wire::with_capacity(endorser.len() + signature.len() + 16)
        .bytes(1, endorser)
        .bytes(2, signature)
}

fn proposal_hash(channel_header: &[u8], header: &[u8], payload: &[u8]) -> Vec<u8> {
    sha256_parts(&[channel_header, header, payload]).0.to_vec()
}

/// A `Transaction` with one action.
fn data(header: &[u8], payload: &[u8]) -> Vec<u8> {
    let action = Wire::with_capacity(payload.len() + header.len() + 16);
    let action = action.bytes(1, header).bytes(2, payload);
    Wire::with_capacity(action.as_ref().len() + 8)
        .element(1, action)
        .done()
}

fn payload(channel_header: &[u8], signature_header: &[u8], data: &[u8]) -> Vec<u8> {
    let header = Wire::with_capacity(channel_header.len() + signature_header.len() + 16)
        .bytes(1, channel_header)
        .bytes(2, signature_header);
    Wire::with_capacity(header.as_ref().len() + data.len() + 16)
        .element(1, header)
        .bytes(2, data)
        .done()
}

fn or(given: &Option<Vec<u8>>, make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    given.clone().unwrap_or_else(make)
}
