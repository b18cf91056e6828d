//! Transactions per second through endorsement: duplicates, namespaces, policies of chaincodes and keys.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod support;

use criterion::Criterion;
use support::{Chain, bench_stage, slow_group};

fn endorsement(criterion: &mut Criterion) {
    let default = Chain::new(|_| {});
    let mut group = slow_group(criterion, "endorsement", default.transactions);
    bench_stage(&mut group, "endorsement", "chaincode policy", &default);
    group.finish();
}

fn main() {
    support::run(&[endorsement]);
}
