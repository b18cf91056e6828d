//! What the fuzz targets run: plain functions, so that the seeds run in ordinary tests as well.
//!
//! Each takes any bytes and panics where a property is broken:
//! - hostile bytes never panic a reader, hang it or overflow its stack;
//! - what the generated type accepts, the reader accepts, and reads the same after it was written
//!   again (the other way round it is no rule: Go, and so the reader, accepts more).

use crate::policy::CompiledApplicationPolicy;
use crate::proto::wire::Message;
use crate::proto::{common, config, messages, msp, peer, rwset};
use crate::x509::{Certificate, Crl, pem};

/// A reader and the generated type of the same message agree, where the generated type accepts.
macro_rules! agree {
    ($reader:ty, $generated:ty, $data:expr) => {
        agree!($reader, $generated, $data, |_| {});
    };
    // `$forget` takes the unknown fields out of a reader that keeps them: generated types do not.
    ($reader:ty, $generated:ty, $data:expr, $forget:expr) => {
        let data: &[u8] = $data;
        let read = <$reader>::decode(data).map(|mut message| {
            let forget: fn(&mut $reader) = $forget;
            forget(&mut message);
            message
        });
        if let Ok(generated) = <$generated as prost::Message>::decode(data) {
            let again = prost::Message::encode_to_vec(&generated);
            assert!(read.is_ok(), "a plain message is read: {read:?}");
            assert_eq!(read, <$reader>::decode(&again));
        }
    };
}

/// A function of this module.
pub type Target = fn(&[u8]);

/// Every function by the name of its target and of its folder of seeds.
pub const TARGETS: [(&str, Target); 6] = [
    ("block", block),
    ("envelope", envelope),
    ("rwset", rwset),
    ("policy", policy),
    ("certificate", certificate),
    ("config", config),
];

/// A block as an orderer sends it, down to its read-write sets.
pub fn block(data: &[u8]) {
    agree!(common::Block<'_>, messages::common::Block, data);
    let Ok(block) = common::Block::decode(data) else {
        return;
    };
    for metadata in block
        .metadata
        .iter()
        .flat_map(|metadata| &metadata.metadata)
    {
        agree!(common::Metadata<'_>, messages::common::Metadata, metadata);
    }
    for data in block.data.iter().flat_map(|data| &data.data) {
        envelope(data);
    }
}

/// An envelope with whatever it holds.
pub fn envelope(data: &[u8]) {
    let Ok(envelope) = common::Envelope::decode(data) else {
        return;
    };
    assert!(
        envelope.unknown_len <= data.len(),
        "unknown fields are part of the message"
    );
    agree!(
        common::Payload<'_>,
        messages::common::Payload,
        envelope.payload
    );
    let Ok(payload) = common::Payload::decode(envelope.payload) else {
        return;
    };
    if let Some(header) = &payload.header {
        agree!(
            common::ChannelHeader<'_>,
            messages::common::ChannelHeader,
            header.channel_header
        );
        agree!(
            common::SignatureHeader<'_>,
            messages::common::SignatureHeader,
            header.signature_header
        );
    }
    transaction(payload.data);
    config(payload.data);
}

fn transaction(data: &[u8]) {
    agree!(peer::Transaction<'_>, messages::protos::Transaction, data);
    let Ok(transaction) = peer::Transaction::decode(data) else {
        return;
    };
    for action in &transaction.actions {
        chaincode_action(action);
    }
}

fn chaincode_action(action: &peer::TransactionAction<'_>) {
    agree!(
        peer::ChaincodeActionPayload<'_>,
        messages::protos::ChaincodeActionPayload,
        action.payload
    );
    let payload = peer::ChaincodeActionPayload::decode(action.payload).unwrap_or_default();
    let response = payload.action.unwrap_or_default().proposal_response_payload;
    let response = peer::ProposalResponsePayload::decode(response).unwrap_or_default();
    agree!(
        peer::ChaincodeAction<'_>,
        messages::protos::ChaincodeAction,
        response.extension
    );
    let action = peer::ChaincodeAction::decode(response.extension).unwrap_or_default();
    agree!(
        peer::ChaincodeEvent<'_>,
        messages::protos::ChaincodeEvent,
        action.events
    );
    rwset(action.results);
}

/// A transaction's read-write set.
pub fn rwset(data: &[u8]) {
    agree!(
        rwset::TxReadWriteSet<'_>,
        messages::rwset::TxReadWriteSet,
        data
    );
    let set = rwset::TxReadWriteSet::decode(data).unwrap_or_default();
    for namespace in &set.ns_rwset {
        agree!(
            rwset::KvRwSet<'_>,
            messages::kvrwset::KvrwSet,
            namespace.rwset,
            |set| {
                let entries = set
                    .metadata_writes
                    .iter_mut()
                    .flat_map(|write| &mut write.entries);
                entries.for_each(|entry| entry.unknown.clear());
            }
        );
        for collection in &namespace.collection_hashed_rwset {
            let hashed = collection.hashed_rwset;
            agree!(
                rwset::HashedRwSet<'_>,
                messages::kvrwset::HashedRwSet,
                hashed,
                |set| {
                    let entries = set
                        .metadata_writes
                        .iter_mut()
                        .flat_map(|write| &mut write.entries);
                    entries.for_each(|entry| entry.unknown.clear());
                }
            );
        }
    }
}

/// A policy of either kind, with its principals.
pub fn policy(data: &[u8]) {
    let _ = CompiledApplicationPolicy::new(data);
    agree!(
        peer::ApplicationPolicy<'_>,
        messages::protos::ApplicationPolicy,
        data
    );
    agree!(
        config::ImplicitMetaPolicy<'_>,
        messages::common::ImplicitMetaPolicy,
        data
    );
    agree!(
        msp::SignaturePolicyEnvelope<'_>,
        messages::common::SignaturePolicyEnvelope,
        data
    );
    let envelope = msp::SignaturePolicyEnvelope::decode(data).unwrap_or_default();
    for identity in &envelope.identities {
        agree!(
            msp::MspRole<'_>,
            messages::common::MspRole,
            identity.principal
        );
        agree!(
            msp::OrganizationUnit<'_>,
            messages::common::OrganizationUnit,
            identity.principal
        );
        agree!(
            msp::CombinedPrincipal<'_>,
            messages::common::CombinedPrincipal,
            identity.principal
        );
    }
}

/// A certificate or a revocation list, in PEM or DER.
pub fn certificate(data: &[u8]) {
    let block = pem::first_block(data);
    let der = block.as_ref().map_or(data, |block| &block.bytes);
    if let Ok(certificate) = Certificate::parse(der) {
        assert_eq!(certificate.raw(), der, "nothing is left of a certificate");
        let _ = certificate.is_signed_by(&certificate);
    }
    if let Ok(list) = Crl::parse(data) {
        assert!(
            list.revoked_count() <= data.len(),
            "an entry takes more than a byte"
        );
    }
}

/// A channel configuration, as a config block has it or as an update of it.
pub fn config(data: &[u8]) {
    let envelope = config::ConfigEnvelope::decode(data).unwrap_or_default();
    if let Some(group) = envelope.config.and_then(|config| config.channel_group) {
        config_group(&group);
    }
    if let Ok(envelope) = config::ConfigUpdateEnvelope::decode(data) {
        let update = config::ConfigUpdate::decode(envelope.config_update).unwrap_or_default();
        for group in update.read_set.iter().chain(&update.write_set) {
            config_group(group);
        }
    }
}

fn config_group(group: &config::ConfigGroup<'_>) {
    let mut open = vec![group];
    while let Some(group) = open.pop() {
        for value in group.values.values() {
            agree!(
                config::Capabilities<'_>,
                messages::common::Capabilities,
                value.value
            );
            agree!(
                config::ConsensusType<'_>,
                messages::orderer::ConsensusType,
                value.value
            );
            agree!(config::Acls<'_>, messages::protos::AcLs, value.value);
            agree!(msp::MspConfig<'_>, messages::msp::MspConfig, value.value);
            let msp = msp::MspConfig::decode(value.value).unwrap_or_default();
            agree!(
                msp::FabricMspConfig<'_>,
                messages::msp::FabricMspConfig,
                msp.config
            );
        }
        for named in group.policies.values() {
            policy(named.policy.as_ref().map_or(&[], |policy| policy.value));
        }
        open.extend(group.groups.values());
    }
}
