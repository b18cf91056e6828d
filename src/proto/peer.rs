//! Readers for package `protos` (Fabric's `peer` folder): transactions, endorsements, chaincode actions.

use super::msp::SignaturePolicyEnvelope;
use super::wire::{Field, Message, Value, WireError, wire_message};

wire_message! {
    /// `protos.Transaction`.
    Transaction<'a> {
        /// Exactly one in a valid transaction.
        actions = 1: repeated(TransactionAction<'a>),
    }
}

wire_message! {
    /// `protos.TransactionAction`.
    TransactionAction<'a> {
        /// A serialized `common.SignatureHeader`.
        header = 1: bytes,
        /// A serialized [`ChaincodeActionPayload`].
        payload = 2: bytes,
    }
}

wire_message! {
    /// `protos.ChaincodeActionPayload`.
    ChaincodeActionPayload<'a> {
        /// A serialized `ChaincodeProposalPayload` without its transient map.
        chaincode_proposal_payload = 1: bytes,
        /// Field 2.
        action = 2: message(ChaincodeEndorsedAction<'a>),
    }
}

wire_message! {
    /// `protos.ChaincodeEndorsedAction`.
    ChaincodeEndorsedAction<'a> {
        /// A serialized [`ProposalResponsePayload`], which the endorsers signed.
        proposal_response_payload = 1: bytes,
        /// The endorsements.
        endorsements = 2: repeated(Endorsement<'a>),
    }
}

wire_message! {
    /// `protos.Endorsement`.
    Endorsement<'a> {
        /// A serialized `msp.SerializedIdentity`.
        endorser = 1: bytes,
        /// Over the proposal response payload and `endorser`.
        signature = 2: bytes,
    }
}

wire_message! {
    /// `protos.ProposalResponsePayload`.
    ProposalResponsePayload<'a> {
        /// Hash of the proposal that was endorsed.
        proposal_hash = 1: bytes,
        /// A serialized [`ChaincodeAction`].
        extension = 2: bytes,
    }
}

wire_message! {
    /// `protos.ChaincodeAction`.
    ChaincodeAction<'a> {
        /// A serialized `rwset.TxReadWriteSet`.
        results = 1: bytes,
        /// A serialized [`ChaincodeEvent`].
        events = 2: bytes,
        /// Never checked, but must decode.
        response = 3: message(Response<'a>),
        /// The invoked chaincode.
        chaincode_id = 4: message(ChaincodeId<'a>),
    }
}

wire_message! {
    /// `protos.Response`.
    Response<'a> {
        /// Like an HTTP status.
        status = 1: i32,
        /// For people.
        message = 2: string,
        /// The chaincode's answer.
        payload = 3: bytes,
    }
}

wire_message! {
    /// `protos.ChaincodeID`.
    ChaincodeId<'a> {
        /// Where it was built from, long ago.
        path = 1: string,
        /// Its name on the channel.
        name = 2: string,
        /// Its version.
        version = 3: string,
    }
}

wire_message! {
    /// `protos.ChaincodeHeaderExtension`.
    ChaincodeHeaderExtension<'a> {
        /// The chaincode that the client meant.
        chaincode_id = 2: message(ChaincodeId<'a>),
    }
}

wire_message! {
    /// `protos.ChaincodeEvent`.
    ChaincodeEvent<'a> {
        /// Must be the invoked chaincode.
        chaincode_id = 1: string,
        /// Not checked.
        tx_id = 2: string,
        /// The event's name.
        event_name = 3: string,
        /// The event's payload.
        payload = 4: bytes,
    }
}

/// `protos.ApplicationPolicy`: a oneof, the last member wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ApplicationPolicy<'a> {
    /// No member is set: never satisfied.
    #[default]
    Unset,
    /// Field 1.
    Signature(SignaturePolicyEnvelope<'a>),
    /// Field 2: the name of a policy in the channel configuration.
    ChannelReference(&'a str),
}

impl<'a> Message<'a> for ApplicationPolicy<'a> {
    fn take_field(&mut self, field: &Field<'a>, depth: u32) -> Result<bool, WireError> {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => {
                let mut policy = match std::mem::take(self) {
                    Self::Signature(policy) => policy,
                    Self::Unset | Self::ChannelReference(_) => SignaturePolicyEnvelope::default(),
                };
                policy.merge(bytes, depth)?;
                *self = Self::Signature(policy);
            }
            (2, Value::Bytes(bytes)) => *self = Self::ChannelReference(super::wire::utf8(bytes)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

wire_message! {
    /// `protos.CollectionConfigPackage`.
    CollectionConfigPackage<'a> {
        /// One per collection.
        config = 1: repeated(CollectionConfig<'a>),
    }
}

wire_message! {
    /// `protos.CollectionConfig`: a oneof with one member.
    CollectionConfig<'a> {
        /// Field 1.
        static_collection_config = 1: message(StaticCollectionConfig<'a>),
    }
}

wire_message! {
    /// `protos.StaticCollectionConfig`.
    StaticCollectionConfig<'a> {
        /// The collection's name.
        name = 1: string,
        /// Who may have the plain data.
        member_orgs_policy = 2: message(CollectionPolicyConfig<'a>),
        /// Peers that must have got the data before an endorsement.
        required_peer_count = 3: i32,
        /// Peers that may get the data before an endorsement.
        maximum_peer_count = 4: i32,
        /// For how many blocks the data lives, 0 for ever.
        block_to_live = 5: u64,
        /// Enforced at endorsement.
        member_only_read = 6: bool,
        /// Enforced at endorsement.
        member_only_write = 7: bool,
        /// The collection's own endorsement policy.
        endorsement_policy = 8: message(ApplicationPolicy<'a>),
    }
}

wire_message! {
    /// `protos.CollectionPolicyConfig`: a oneof with one member.
    CollectionPolicyConfig<'a> {
        /// Field 1.
        signature_policy = 1: message(SignaturePolicyEnvelope<'a>),
    }
}
