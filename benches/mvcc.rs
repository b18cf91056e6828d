//! Transactions per second through mvcc: read versions, the update batch, the commit hash. The state is
//! in memory; what reading it from the ledger costs is in the bench `ledger`.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod support;

use criterion::Criterion;
use support::{Chain, bench_stage, slow_group};

fn mvcc(criterion: &mut Criterion) {
    for (name, conflicts) in [("0 %", 0.0), ("10 %", 0.1), ("50 %", 0.5)] {
        let chain = Chain::new(|spec| spec.conflicts = conflicts);
        let mut group = slow_group(criterion, "mvcc", chain.transactions);
        bench_stage(&mut group, "mvcc", &format!("{name} conflicts"), &chain);
        group.finish();
    }
}

fn main() {
    support::run(&[mvcc]);
}
