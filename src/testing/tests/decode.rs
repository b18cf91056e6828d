//! Transactions decoded together, beside each decoded alone: what is hashed side by side must not change
//! what becomes of anybody.

use crate::crypto::sha256;
use crate::decode::{TxBody, decode_block, decode_transaction, decode_transactions};
use crate::ingress::{Candidate, DataCheck, RawBlock, SignatureCheck, Signatures};
use crate::proto::common::Block;
use crate::proto::wire::Message as _;
use crate::sys::process::CpuMeter;
use crate::testing::workload::{Fault, Workload, WorkloadSpec};
use crate::types::{BlockNumber, Digest};

#[test]
fn transactions_decoded_together_are_as_decoded_alone() {
    let spec = WorkloadSpec {
        seed: 5,
        blocks: 6,
        txs: 70,
        invalid: 0.6,
        invalid_kinds: vec![
            Fault::WrongTxId,
            Fault::WrongProposalHash,
            Fault::TwoActions,
            Fault::EmptyNonce,
            Fault::UndecodablePayload,
            Fault::BadEpoch,
        ],
        ..WorkloadSpec::default()
    };
    let (mut refused, mut sound) = (0, 0);
    for block in Workload::new(spec).unwrap() {
        let decoded = Block::decode(&block.bytes).unwrap();
        let envelopes = decoded.data.unwrap().data;
        for some in [1, 7, 32, 100]
            .into_iter()
            .flat_map(|count| envelopes.chunks(count))
        {
            for (envelope, together) in some.iter().zip(decode_transactions(some)) {
                let alone = decode_transaction(envelope);
                assert_eq!(format!("{together:?}"), format!("{alone:?}"));
                if alone.flaw.is_some() {
                    refused += 1;
                } else {
                    sound += 1;
                }
            }
        }
    }
    assert!(refused > 300 && sound > 300, "{refused} and {sound}");
}

struct NoSignatures;

impl SignatureCheck for NoSignatures {
    fn check(&mut self, _: BlockNumber, _: &[u8], _: &Block<'_>) -> Signatures {
        Signatures::Unknown
    }
}

/// What a door hashed is taken for what creators signed: both are the payload of the same envelope.
#[test]
fn payloads_have_the_digests_that_are_computed_beside_the_data_hash() {
    let spec = WorkloadSpec {
        seed: 6,
        blocks: 3,
        txs: 40,
        invalid: 0.5,
        ..WorkloadSpec::default()
    };
    let mut known = 0;
    for block in Workload::new(spec).unwrap() {
        let candidate = Candidate::decode(&block.bytes).unwrap();
        let at_door = candidate.check_contents(&mut NoSignatures).unwrap();
        assert!(matches!(at_door, DataCheck::Good { .. }));
        for data in [at_door, DataCheck::Unknown] {
            let raw = RawBlock {
                data,
                ..RawBlock::new(candidate.number, block.bytes.clone())
            };
            let decoded = decode_block(raw, &CpuMeter::default()).unwrap();
            for transaction in &decoded.contents().transactions {
                if let TxBody::Signed { creator, .. } = &transaction.body
                    && let Some(digest) = creator.payload_digest
                {
                    assert_eq!(digest, sha256(creator.payload));
                    known += 1;
                }
            }
        }
    }
    // A CPU without SHA instructions has none.
    assert!(known == 0 || known > 100, "{known}");
}

#[test]
fn a_block_whose_digests_are_too_few_is_decoded_all_the_same() {
    let spec = WorkloadSpec {
        blocks: 1,
        txs: 3,
        ..WorkloadSpec::default()
    };
    let block = Workload::new(spec).unwrap().last().unwrap();
    let raw = RawBlock {
        data: DataCheck::Good {
            payload_digests: Some(vec![Digest::default()]),
        },
        ..RawBlock::new(BlockNumber(2), block.bytes)
    };
    let decoded = decode_block(raw, &CpuMeter::default()).unwrap();
    let creators = decoded.contents().transactions.iter();
    let known = creators.filter(|transaction| match &transaction.body {
        TxBody::Signed { creator, .. } => creator.payload_digest.is_some(),
        TxBody::Refused(_) => false,
    });
    assert_eq!(known.count(), 1);
}
