//! How long one block of one transaction takes from its source to durable, in a pipeline that is idle;
//! beside it, in the same run and on the same disk, what a write of 4 KB and its fdatasync take.
//!
//! Between two blocks the pipeline has nothing to do for some milliseconds, so that every thread sleeps
//! when the block comes: nobody may wait for a batch to fill.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::Criterion;
use heddle::commit::CommittedBlock;
use heddle::ingress::{BlockSource, SourceError};
use heddle::notify::CommitListener;
use heddle::pipeline::{Pipeline, PipelineOptions};
use heddle::queue::{Inbox, Outbox, queue};
use heddle::stage::InStage;
use heddle::sys::clock::{Clock, SystemClock};
use heddle::sys::storage::{Disk, OpenMode, Storage};
use support::{Chain, new_ledger, size, slow_group, tell};

const IDLE: Duration = Duration::from_millis(3);

/// Gives blocks when they come.
struct OneByOne(Inbox<Bytes>);

impl BlockSource for OneByOne {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        Ok(self.0.receive())
    }
}

/// Tells of durable blocks.
struct Told(Outbox<u64>);

impl CommitListener for Told {
    fn committed(&mut self, block: &CommittedBlock) {
        // Nobody waits any more after the last one.
        let _ = self.0.send(block.number().0);
    }
}

/// Commits the chain block by block; how long each of the last `count` took.
fn latencies(chain: &Chain, count: usize) -> Vec<Duration> {
    let (_dir, ledger) = new_ledger(&chain.channel);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let options = PipelineOptions {
        workers: 2,
        ..PipelineOptions::default()
    };
    let mut pipeline = Pipeline::new(&ledger, &clock, options).expect("workers");
    let (to_pipeline, blocks) = queue("blocks", 1);
    let (durable, told) = queue("durable", 1);
    let mut spent = Vec::new();
    std::thread::scope(|scope| {
        let run = scope.spawn(move || {
            let outcome = pipeline.run(&mut OneByOne(blocks), &mut Told(durable));
            outcome.expect("every block commits");
        });
        for block in &chain.blocks {
            std::thread::sleep(IDLE);
            let start = clock.now();
            to_pipeline.send(block.clone()).expect("a pipeline");
            told.receive().expect("a durable block");
            spent.push(clock.now().since(start));
        }
        drop(to_pipeline);
        run.join().expect("the run ends");
    });
    assert_eq!(ledger.height(), chain.blocks.len() as u64);
    spent.split_off(spent.len().saturating_sub(count))
}

/// How long writes of 4 KB take, each with its fdatasync.
fn syncs(count: usize) -> Vec<Duration> {
    let dir = tempfile::tempdir().expect("a directory");
    let file = Disk.open(&dir.path().join("file"), OpenMode::Create);
    let file = file.expect("a file");
    file.preallocate(16 << 20).expect("room");
    file.sync_all().expect("syncs");
    let clock = SystemClock::new();
    let bytes = [7; 4096];
    let once = |number: usize| {
        std::thread::sleep(IDLE);
        let start = clock.now();
        let offset = (number * bytes.len()) as u64;
        file.write_at(offset, &[&bytes]).expect("writes");
        file.sync_data().expect("syncs");
        clock.now().since(start)
    };
    (0..count).map(once).collect()
}

fn quantiles(name: &str, mut spent: Vec<Duration>) {
    spent.sort_unstable();
    let at = |share: usize| {
        let place = (spent.len() * share / 100).min(spent.len().saturating_sub(1));
        spent.get(place).copied().unwrap_or_default()
    };
    let (median, p99) = (at(50), at(99));
    tell(name, format!("median {median:?}, p99 {p99:?}"));
}

fn latency(criterion: &mut Criterion) {
    let count = size(300, 3);
    let chain = Chain::new(|spec| {
        spec.blocks = size(300, 3);
        spec.txs = 1;
    });
    quantiles(
        "latency/block of 1 transaction to durable",
        latencies(&chain, count),
    );
    quantiles("latency/4 KB and fdatasync", syncs(count));
    let mut group = slow_group(criterion, "latency", 1);
    // As many as a pass asks for, in rounds of a chain.
    let total = |passes: u64, round: &dyn Fn(usize) -> Vec<Duration>| {
        let mut left = usize::try_from(passes).expect("few passes");
        let mut sum = Duration::ZERO;
        while left > 0 {
            let spent = round(left.min(count));
            left -= spent.len();
            sum += spent.iter().sum::<Duration>();
        }
        sum
    };
    group.bench_function("block of 1 transaction to durable", |bencher| {
        bencher.iter_custom(|passes| total(passes, &|some| latencies(&chain, some)));
    });
    group.bench_function("4 KB and fdatasync", |bencher| {
        bencher.iter_custom(|passes| total(passes, &syncs));
    });
    group.finish();
}

fn main() {
    support::run(&[latency]);
}
