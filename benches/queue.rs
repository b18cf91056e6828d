//! Items per second through the queue between two stages, from thread to thread.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod support;

use std::thread;

use criterion::{BenchmarkId, Criterion, Throughput};
use heddle::limits::STAGE_QUEUE_BLOCKS;
use heddle::queue::queue;
use support::{size, tell};

/// The sum of what was sent.
fn pass(capacity: usize, items: u64) -> u64 {
    let (outbox, inbox) = queue("bench_bench", capacity);
    thread::scope(|scope| {
        scope.spawn(move || {
            for item in 0..items {
                outbox.send(item).expect("the other end is there");
            }
        });
        let mut sum = 0;
        while let Some(item) = inbox.receive() {
            sum += item;
        }
        sum
    })
}

fn hand_over(criterion: &mut Criterion) {
    let items = size(100_000, 100);
    let mut group = criterion.benchmark_group("queue");
    group.throughput(Throughput::Elements(items));
    for capacity in [1, STAGE_QUEUE_BLOCKS, 1024] {
        tell(&format!("queue/{capacity}"), pass(capacity, items));
        let id = BenchmarkId::new("capacity", capacity);
        group.bench_function(id, |bencher| bencher.iter(|| pass(capacity, items)));
    }
    group.finish();
}

fn main() {
    support::run(&[hand_over]);
}
