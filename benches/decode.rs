//! Transactions per second through decode: parsing, well-formedness, the data hash.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod support;

use criterion::Criterion;
use support::{Chain, bench_stage, slow_group};

fn decode(criterion: &mut Criterion) {
    let default = Chain::new(|_| {});
    let mut group = slow_group(criterion, "decode", default.transactions);
    bench_stage(&mut group, "decode", "128 byte values", &default);
    let large = Chain::new(|spec| spec.value_bytes = 4096);
    bench_stage(&mut group, "decode", "4096 byte values", &large);
    group.finish();
}

fn main() {
    support::run(&[decode]);
}
