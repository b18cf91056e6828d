//! Transactions per second through commit: codes and commit hash into the block, the block file, the
//! sync, one group at a time.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod support;

use std::time::Duration;

use criterion::Criterion;
use heddle::commit::commit_group;
use heddle::mvcc::ValidatedBlock;
use heddle::sys::clock::{Clock, SystemClock};
use support::{Chain, commit_hash, new_ledger, slow_group, tell};

/// How long a new ledger takes to make the blocks durable.
fn commit(chain: &Chain, validated: Vec<ValidatedBlock>, group_blocks: usize) -> Duration {
    let (_dir, ledger) = new_ledger(&chain.channel);
    let clock = SystemClock::new();
    let mut blocks = validated.into_iter();
    let start = clock.now();
    loop {
        let group: Vec<_> = blocks.by_ref().take(group_blocks).collect();
        if group.is_empty() {
            break;
        }
        commit_group(&ledger, group).expect("the disk works");
    }
    let spent = clock.now().since(start);
    assert_eq!(ledger.height(), chain.blocks.len() as u64);
    spent
}

fn groups(criterion: &mut Criterion) {
    let chain = Chain::new(|_| {});
    tell("commit", commit_hash(&chain.time_stage("mvcc").1));
    let mut group = slow_group(criterion, "commit", chain.transactions);
    for group_blocks in [1, 8] {
        let name = format!("{group_blocks} blocks a sync");
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|passes| {
                let once = |_| commit(&chain, chain.time_stage("mvcc").1, group_blocks);
                (0..passes).map(once).sum()
            });
        });
    }
    group.finish();
}

fn main() {
    support::run(&[groups]);
}
