//! Blocks and what is in them: envelopes, read-write sets, policies.

use bytes::Bytes;

use super::config::config;
use crate::decode::{Rejection, decode_block, decode_transaction};
use crate::ingress::RawBlock;
use crate::policy::CompiledApplicationPolicy;
use crate::proto::wire::Message;
use crate::proto::{common, config, messages, msp, peer, rwset};
use crate::rwset::RwSet;
use crate::sys::process::CpuMeter;
use crate::testing::kit::{BlockDraft, BlockSigning};
use crate::types::BlockNumber;

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
    decoded(data, &block);
}

/// The stage's own view of a block, as it came and with the data hash that it should have.
fn decoded(data: &[u8], block: &common::Block<'_>) {
    let decode = |bytes: Bytes| {
        let expected = BlockNumber(0);
        decode_block(RawBlock::new(expected, bytes), &CpuMeter::default())
    };
    let _ = decode(Bytes::copy_from_slice(data));
    let (Some(header), Some(inside)) = (&block.header, &block.data) else {
        return;
    };
    let slots = block.metadata.iter().flat_map(|slots| &slots.metadata);
    let mut slots = slots.map(|slot| slot.to_vec());
    let draft = BlockDraft {
        number: header.number,
        previous_hash: header.previous_hash.to_vec(),
        data_hash: None,
        envelopes: inside.data.iter().map(|bytes| bytes.to_vec()).collect(),
        last_config: 0,
        signing: BlockSigning::Raft(Vec::new()),
        signatures_slot: Some(slots.next().unwrap_or_default()),
        other_slots: slots.collect(),
    };
    let decoded = decode(Bytes::from(draft.serialize()));
    assert!(
        !matches!(decoded, Err(Rejection::DataHash { .. })),
        "the data hash is right: {decoded:?}"
    );
    if let Ok(decoded) = decoded {
        assert_eq!(decoded.header_hash().as_ref(), draft.header_hash());
        assert_eq!(decoded.contents().envelopes, inside.data);
        assert_eq!(decoded.contents().transactions.len(), inside.data.len());
    }
}

/// An envelope with whatever it holds.
pub fn envelope(data: &[u8]) {
    let _ = decode_transaction(data);
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
    let whole = RwSet::decode(data);
    let set = rwset::TxReadWriteSet::decode(data).unwrap_or_default();
    let mut all_decode = rwset::TxReadWriteSet::decode(data).is_ok();
    for namespace in &set.ns_rwset {
        all_decode &= rwset::KvRwSet::decode(namespace.rwset).is_ok();
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
            all_decode &= rwset::HashedRwSet::decode(hashed).is_ok();
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
    // The whole has the parts, or is refused with one of them.
    match whole {
        Err(_) => assert!(!all_decode, "every part decodes"),
        Ok(whole) => {
            assert!(all_decode, "some part does not decode");
            assert_eq!(whole.namespaces.len(), set.ns_rwset.len());
            let _ = (whole.writes_anything(), whole.has_duplicate_namespace());
        }
    }
}

/// A policy of either kind, with its principals.
pub fn policy(data: &[u8]) {
    let _ = CompiledApplicationPolicy::new(data);
    let _ = CompiledApplicationPolicy::from_envelope(data);
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
