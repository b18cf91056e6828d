//! Committed transactions per second of the whole pipeline: blocks in memory to a durable ledger.
//!
//! One thing is varied at a time: endorsements, keys, conflicts; each with one worker and two. The last
//! commit hash is printed, and must not depend on the workers.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use heddle::commit::CommittedBlock;
use heddle::notify::CommitListener;
use heddle::pipeline::{Pipeline, PipelineOptions};
use heddle::sys::clock::{Clock, SystemClock};
use heddle::testing::kit::KeyKind;
use heddle::testing::workload::WorkloadSpec;
use heddle::types::Digest;
use support::{Chain, new_ledger, size, slow_group, tell};

/// Keeps the last commit hash.
#[derive(Default)]
struct Last(Option<Digest>);

impl CommitListener for Last {
    fn committed(&mut self, block: &CommittedBlock) {
        self.0 = block.validated().commit_hash();
    }
}

/// Commits the chain to a new ledger: how long that took, and where it led.
fn commit(chain: &Chain, workers: usize) -> (Duration, Digest) {
    let (_dir, ledger) = new_ledger(&chain.channel);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let options = PipelineOptions {
        workers,
        ..PipelineOptions::default()
    };
    let mut pipeline = Pipeline::new(&ledger, &clock, options).expect("workers");
    let mut last = Last::default();
    let start = clock.now();
    let run = pipeline.run(&mut chain.source(), &mut last);
    let spent = clock.now().since(start);
    run.expect("every block commits");
    (spent, last.0.expect("a commit hash"))
}

fn bench(criterion: &mut Criterion, name: &str, edit: impl FnOnce(&mut WorkloadSpec)) {
    let chain = Chain::new(|spec| {
        spec.blocks = size(20, 2);
        edit(spec);
    });
    let (_, expected) = commit(&chain, 2);
    tell(&format!("pipeline/{name}"), expected);
    let mut group = slow_group(criterion, "pipeline", chain.transactions);
    for workers in [1, 2] {
        let id = BenchmarkId::new(name, format!("{workers} workers"));
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|passes| {
                let once = |_| {
                    let (spent, hash) = commit(&chain, workers);
                    assert_eq!(hash, expected, "a verdict depends on the workers");
                    spent
                };
                (0..passes).map(once).sum()
            });
        });
    }
    group.finish();
}

fn pipeline(criterion: &mut Criterion) {
    for endorsements in 1..=4 {
        let name = format!("ECDSA, {endorsements} endorsements");
        bench(criterion, &name, |spec| spec.endorsements = endorsements);
    }
    bench(criterion, "Ed25519, 2 endorsements", |spec| {
        spec.key_kind = KeyKind::Ed25519;
    });
    for (name, conflicts) in [("10 % conflicts", 0.1), ("50 % conflicts", 0.5)] {
        bench(criterion, name, |spec| spec.conflicts = conflicts);
    }
}

fn main() {
    support::run(&[pipeline]);
}
