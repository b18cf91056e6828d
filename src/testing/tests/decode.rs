//! Transactions decoded together, beside each decoded alone: what is hashed side by side must not change
//! what becomes of anybody.

use crate::decode::{decode_transaction, decode_transactions};
use crate::proto::common::Block;
use crate::proto::wire::Message as _;
use crate::testing::workload::{Fault, Workload, WorkloadSpec};

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
