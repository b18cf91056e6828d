//! Model and pipeline agree on generated and mutated chains, at one worker and several.

use model::{Effort, Tally, explore};

/// 5,000 transactions with everything in them.
#[test]
fn on_five_thousand_transactions() {
    let effort = Effort {
        blocks: 8,
        txs: 24,
        workers: vec![1, 4],
        shrinks: 500,
    };
    let mut tally = Tally::default();
    let mut seed = 0;
    while tally.transactions() < 5_000 {
        seed += 1;
        if let Err(found) = explore(seed, &effort, &mut tally) {
            panic!("seed {seed}: {}\n{:#?}", found.difference, found.script);
        }
    }
    // Whatever the seeds give, these come up.
    println!("{tally:?}");
    assert!(tally.codes.len() > 12, "{tally:?}");
}
