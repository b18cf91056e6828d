//! Orderers that fail or lie, with an honest one beside them: every block comes, each is the chain's.

use std::time::Duration;

use bytes::Bytes;

use super::bed::{Bed, Manner, Plan};
use crate::ingress::BlockSource as _;
use crate::limits;
use crate::orderer::OrdererReading;
use crate::testing::kit::WrongSigner;
use crate::testing::kit::{BlockSigning, Identity};
use std::sync::Arc;

const BLOCKS: usize = 8;

/// Asks the first orderer first, then has to do with the second; returns what is held against the
/// first.
#[track_caller]
fn fail_over(manner: Manner, offences: u64, expected: &str) {
    let bed = Bed::new(BLOCKS, false, vec![manner, Manner::Honest]);
    check(&bed, offences, expected);
}

#[track_caller]
fn check(bed: &Bed, offences: u64, expected: &str) {
    let (mut source, status) = bed.source(0);
    bed.take_all(&mut source);
    let reading = status.read();
    assert_eq!(reading.offences, offences, "{reading:?}");
    assert_eq!(reading.state.source.as_ref(), Some(&bed.addresses[1]));
    let trouble = trouble(bed, &reading);
    assert!(trouble.contains(expected), "{trouble}");
}

fn trouble(bed: &Bed, reading: &OrdererReading) -> String {
    let mut sources = reading.state.sources.iter();
    let first = sources.find(|source| source.address == bed.addresses[0]);
    let (_, trouble) = first.unwrap().trouble.clone().unwrap();
    trouble
}

/// As [`fail_over`], with the fifth block changed.
#[track_caller]
fn lie(change: impl FnOnce(&Plan) -> Bytes, expected: &str) {
    let plan = Plan::new(2, false);
    let blocks = plan.blocks(BLOCKS, 0);
    let manner = Manner::Instead(5, change(&plan));
    let bed = plan.serve(blocks, vec![manner, Manner::Honest]);
    check(&bed, 1, expected);
}

#[test]
fn a_wrong_tls_root_is_no_connection() {
    fail_over(Manner::Stranger, 0, "cannot connect");
    fail_over(Manner::Stranger, 0, "its TLS certificate is refused");
}

#[test]
fn noise_is_no_connection() {
    fail_over(Manner::Noise, 0, "cannot connect");
}

#[test]
fn a_stream_that_breaks_is_taken_up_by_another_orderer() {
    fail_over(Manner::Cut(3), 0, "the stream broke: Unavailable");
    fail_over(Manner::Cut(0), 0, "the stream broke: Unavailable");
}

#[test]
fn a_status_sends_us_elsewhere() {
    fail_over(Manner::Refuse(403), 0, "FORBIDDEN (403)");
    fail_over(Manner::Refuse(404), 0, "NOT_FOUND (404)");
    fail_over(Manner::Refuse(503), 0, "SERVICE_UNAVAILABLE (503)");
    fail_over(Manner::Refuse(200), 0, "SUCCESS (200)");
}

#[test]
fn an_empty_answer_is_an_offence() {
    fail_over(Manner::Empty, 1, "an answer without block or status");
}

#[test]
fn a_forged_block_is_an_offence() {
    let change = |plan: &Plan| {
        let (mut chain, _) = plan.network.found();
        for number in 0..4 {
            chain.block([format!("transaction {number}").into_bytes()]);
        }
        let mut draft = chain.draft([b"another transaction".to_vec()]);
        draft.data_hash = Some(crate::ledger::data_hash(&[b"transaction 4"]).0.to_vec());
        draft.serialize().into()
    };
    lie(change, "its data hash is not that of its data");
}

#[test]
fn a_block_that_orderers_did_not_sign_is_an_offence() {
    let change = |plan: &Plan| {
        let (mut chain, _) = plan.network.found();
        for number in 0..4 {
            chain.block([format!("transaction {number}").into_bytes()]);
        }
        let orderer = &plan.network.orderer.orderer;
        let wrong = Arc::new(WrongSigner(Arc::clone(orderer.signer())));
        let wrong = Identity::from_serialized(orderer.serialized().to_vec(), wrong);
        chain.signing = BlockSigning::Raft(vec![wrong]);
        chain.block([b"transaction 4".to_vec()]).into()
    };
    lie(change, "not signed as the channel's BlockValidation policy");
}

#[test]
fn a_fork_is_an_offence_though_it_is_signed() {
    let change = |plan: &Plan| {
        let (mut chain, _) = plan.network.found();
        for number in 0..4 {
            chain.block([format!("other transaction {number}").into_bytes()]);
        }
        chain.block([b"transaction 4".to_vec()]).into()
    };
    lie(change, "its previous hash is");
}

#[test]
fn a_block_out_of_order_is_an_offence() {
    let change = |plan: &Plan| plan.blocks(BLOCKS, 0)[4].clone();
    lie(change, "sends block 4 where block 5 was asked for");
}

#[test]
fn an_oversized_block_is_an_offence() {
    let change = |plan: &Plan| {
        let (mut chain, _) = plan.network.found();
        chain
            .block([vec![0; limits::ORDERER_ANSWER_BYTES_MAX]])
            .into()
    };
    lie(change, "a message of ");
}

#[test]
fn nobody_left_is_named() {
    let bed = Bed::new(3, false, vec![Manner::Refuse(403), Manner::Stranger]);
    let (mut source, status) = bed.source(0);
    bed.idle(&mut source, Duration::from_millis(500));
    let problem = status.problem().unwrap();
    assert!(
        problem.contains("none of the 2 orderers gives block 1"),
        "{problem}"
    );
    assert!(problem.contains("FORBIDDEN"), "{problem}");
    assert!(
        problem.contains("its TLS certificate is refused"),
        "{problem}"
    );
}

#[test]
fn a_block_that_validation_refuses_is_asked_of_another() {
    let bed = Bed::new(BLOCKS, false, vec![Manner::Honest, Manner::Honest]);
    let (mut source, status) = bed.source(0);
    for _ in 0..5 {
        assert!(source.next_block().unwrap().is_some());
    }
    source.ender().unwrap().end();
    assert!(source.next_block().unwrap().is_none());
    source.rejected(bed.tip(2), "it is not well-formed".to_owned());
    for expected in bed.blocks.iter().skip(3) {
        assert_eq!(source.next_block().unwrap().as_ref(), Some(expected));
    }
    let reading = status.read();
    assert_eq!(reading.state.source.as_ref(), Some(&bed.addresses[1]));
    assert!(trouble(&bed, &reading).contains("block 3 from the orderer is refused"));
}
