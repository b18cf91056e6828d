//! What cannot be explained, and ledgers without histories.

use super::*;

fn refusal(ledger: &TestLedger, block: u64, tx: u32, how: How) -> String {
    let mut replayed = false;
    let found = explain(
        &ledger.ledger,
        BlockNumber(block),
        TxIndex(tx),
        how,
        &mut |_| replayed = true,
    );
    assert!(!replayed, "a question that has no answer costs no replay");
    found.unwrap_err().to_string()
}

#[test]
fn questions_beyond_the_ledger_are_refused() {
    let play = channel(1, peer("Org1"));
    let ledger = TestLedger::of_play(&play, LedgerOptions::default());
    for how in [How::Fastest, How::Replay] {
        for block in [2, 3, u64::MAX] {
            assert_eq!(
                refusal(&ledger, block, 0, how),
                format!("there is no block {block}: the ledger's height is 2")
            );
        }
        for tx in [1, u32::MAX] {
            assert_eq!(
                refusal(&ledger, 1, tx, how),
                format!("block 1 has no transaction {tx}: it has 1, counted from 0")
            );
        }
    }
}

#[test]
fn without_histories_the_answers_are_the_same() {
    let mut play = channel(1, peer("Org1"));
    let first = write(&play).envelope();
    let stale = play.tx("cc", [ns("cc").read("k", (1, 0))]).envelope();
    play.commit([first]).unwrap();
    play.commit([stale]).unwrap();
    let options = LedgerOptions {
        history: false,
        ..LedgerOptions::default()
    };
    let without = TestLedger::of_play(&play, options);
    let with = TestLedger::of_play(&play, LedgerOptions::default());
    for how in [How::Fastest, How::Replay] {
        assert_eq!(without.explain(3, 0, how), with.explain(3, 0, how));
    }
}

#[test]
fn a_replay_is_needed_only_where_histories_say_too_little() {
    let mut play = channel(1, peer("Org1"));
    let stale = play.tx("cc", [ns("cc").read("k", (9, 9))]).envelope();
    let phantom = conflicts::phantom(&mut play);
    play.commit([stale, phantom]).unwrap();
    let ledger = TestLedger::of_play(&play, LedgerOptions::default());
    for (tx, expected) in [(0, false), (1, true)] {
        let mut last = None;
        let block = BlockNumber(play.height() - 1);
        let how = How::Fastest;
        explain(&ledger.ledger, block, TxIndex(tx), how, &mut |at| {
            last = Some(at)
        })
        .unwrap();
        let done = Progress {
            done: block.0,
            total: block.0,
        };
        assert_eq!(last, expected.then_some(done));
    }
}
