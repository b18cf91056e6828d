//! The first structural rule that a transaction breaks, and its code: for those who explain verdicts.
//!
//! The codes of decode are these flaws' codes, so a reason and its verdict cannot differ.

use std::fmt;

use crate::proto::wire::WireError;
use crate::types::{Digest, ValidationCode};

/// A part of a transaction, as validation walks through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TxPart {
    /// The whole: `common.Envelope`.
    Envelope,
    /// `Envelope.payload`: `common.Payload`.
    Payload,
    /// `Payload.header`: `common.Header`.
    Header,
    /// `Header.channel_header`: `common.ChannelHeader`.
    ChannelHeader,
    /// `Header.signature_header`: `common.SignatureHeader`.
    SignatureHeader,
    /// `SignatureHeader.nonce`.
    Nonce,
    /// `SignatureHeader.creator`.
    Creator,
    /// `Payload.data` of a config transaction: `common.ConfigEnvelope`.
    ConfigEnvelope,
    /// `Payload.data` of an endorser transaction: `protos.Transaction`.
    Transaction,
    /// `TransactionAction.header`: `common.SignatureHeader`.
    ActionHeader,
    /// `TransactionAction.header`, its nonce.
    ActionNonce,
    /// `TransactionAction.header`, its creator.
    ActionCreator,
    /// `TransactionAction.payload`: `protos.ChaincodeActionPayload`.
    ActionPayload,
    /// `ChaincodeActionPayload.action`: `protos.ChaincodeEndorsedAction`.
    EndorsedAction,
    /// `ChaincodeActionPayload.chaincode_proposal_payload`.
    ProposalPayload,
    /// `ChaincodeEndorsedAction.proposal_response_payload`: `protos.ProposalResponsePayload`.
    ProposalResponse,
    /// `ChannelHeader.extension`: `protos.ChaincodeHeaderExtension`.
    HeaderExtension,
    /// `ProposalResponsePayload.extension`: `protos.ChaincodeAction`.
    ChaincodeAction,
    /// `ChaincodeAction.results`: `rwset.TxReadWriteSet`, everything inside it included.
    ReadWriteSet,
    /// `ChaincodeHeaderExtension.chaincode_id`.
    HeaderChaincodeId,
    /// `ChaincodeAction.chaincode_id`.
    ActionChaincodeId,
}

/// What is wrong in a transaction's structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[serde(tag = "flaw", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TxFlaw {
    /// A part is not the message that it must be.
    #[error("{part} does not decode: {error}")]
    Undecodable {
        /// Which part.
        part: TxPart,
        /// What is wrong with its bytes.
        error: WireError,
    },
    /// A part is absent or empty.
    #[error("{part} is missing or empty")]
    Missing {
        /// Which part.
        part: TxPart,
    },
    /// A type of transaction that no peer takes.
    #[error(
        "ChannelHeader.type is {found}, expected 1 (CONFIG), 2 (CONFIG_UPDATE) or 3 \
         (ENDORSER_TRANSACTION)"
    )]
    HeaderType {
        /// The type found.
        found: i32,
    },
    /// An epoch other than 0.
    #[error("ChannelHeader.epoch is {found}, expected 0")]
    Epoch {
        /// The epoch found.
        found: u64,
    },
    /// The transaction id is not the hash of nonce and creator.
    #[error(
        "ChannelHeader.tx_id is not the SHA-256 of nonce and creator in hex, expected {computed}"
    )]
    TxId {
        /// What the id must be.
        computed: Digest,
    },
    /// A config update, which only an orderer takes and turns into a config transaction.
    #[error(
        "a CONFIG_UPDATE is no transaction for a block, expected the CONFIG that an orderer makes of it"
    )]
    ConfigUpdate,
    /// Not exactly one action.
    #[error("the transaction has {found} actions, expected exactly 1")]
    ActionCount {
        /// How many.
        found: usize,
    },
    /// The endorsers signed another proposal.
    #[error(
        "ProposalResponsePayload.proposal_hash is {found}, but the hash of this transaction's \
         proposal is {computed}: the endorsements are for another proposal"
    )]
    ProposalHash {
        /// The hash of the proposal in the transaction.
        computed: Digest,
        /// What the endorsers signed.
        found: ClaimedHash,
    },
}

/// What stands where a SHA-256 hash is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimedHash {
    /// 32 bytes.
    Digest(Digest),
    /// Another number of bytes.
    Bytes(usize),
}

impl ClaimedHash {
    pub(super) fn new(bytes: &[u8]) -> Self {
        bytes.try_into().map_or(Self::Bytes(bytes.len()), |digest| {
            Self::Digest(Digest(digest))
        })
    }
}

impl fmt::Display for ClaimedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Bytes(0) => f.write_str("empty"),
            Self::Bytes(count) => write!(f, "{count} bytes that are no hash"),
        }
    }
}

impl TxFlaw {
    /// The validation code of a transaction with this flaw.
    #[must_use]
    pub fn code(&self) -> ValidationCode {
        match self {
            Self::Undecodable { part, .. } | Self::Missing { part } => part.code(),
            Self::HeaderType { .. } | Self::Epoch { .. } => ValidationCode::BadCommonHeader,
            Self::TxId { .. } => ValidationCode::BadProposalTxid,
            Self::ConfigUpdate => ValidationCode::UnsupportedTxPayload,
            Self::ActionCount { .. } | Self::ProposalHash { .. } => {
                ValidationCode::InvalidEndorserTransaction
            }
        }
    }
}

impl TxPart {
    fn code(self) -> ValidationCode {
        match self {
            Self::Envelope | Self::HeaderChaincodeId | Self::ActionChaincodeId => {
                ValidationCode::InvalidOtherReason
            }
            Self::Payload => ValidationCode::BadPayload,
            Self::Header
            | Self::ChannelHeader
            | Self::SignatureHeader
            | Self::Nonce
            | Self::Creator => ValidationCode::BadCommonHeader,
            Self::ConfigEnvelope => ValidationCode::InvalidConfigTransaction,
            Self::Transaction
            | Self::ActionHeader
            | Self::ActionNonce
            | Self::ActionCreator
            | Self::ActionPayload
            | Self::EndorsedAction
            | Self::ProposalPayload
            | Self::ProposalResponse => ValidationCode::InvalidEndorserTransaction,
            Self::HeaderExtension => ValidationCode::BadHeaderExtension,
            Self::ChaincodeAction => ValidationCode::BadResponsePayload,
            Self::ReadWriteSet => ValidationCode::BadRwset,
        }
    }

    /// Where the part stands, in the words of Fabric's protobuf messages.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Envelope => "the envelope",
            Self::Payload => "Envelope.payload",
            Self::Header => "Payload.header",
            Self::ChannelHeader => "Header.channel_header",
            Self::SignatureHeader => "Header.signature_header",
            Self::Nonce => "SignatureHeader.nonce",
            Self::Creator => "SignatureHeader.creator",
            Self::ConfigEnvelope => "Payload.data (the ConfigEnvelope)",
            Self::Transaction => "Payload.data (the Transaction)",
            Self::ActionHeader => "TransactionAction.header",
            Self::ActionNonce => "the nonce in TransactionAction.header",
            Self::ActionCreator => "the creator in TransactionAction.header",
            Self::ActionPayload => "TransactionAction.payload",
            Self::EndorsedAction => "ChaincodeActionPayload.action",
            Self::ProposalPayload => "ChaincodeActionPayload.chaincode_proposal_payload",
            Self::ProposalResponse => "ChaincodeEndorsedAction.proposal_response_payload",
            Self::HeaderExtension => "ChannelHeader.extension",
            Self::ChaincodeAction => "ProposalResponsePayload.extension (the ChaincodeAction)",
            Self::ReadWriteSet => "ChaincodeAction.results (the read-write set)",
            Self::HeaderChaincodeId => "ChaincodeHeaderExtension.chaincode_id",
            Self::ActionChaincodeId => "ChaincodeAction.chaincode_id",
        }
    }
}

impl fmt::Display for TxPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}
