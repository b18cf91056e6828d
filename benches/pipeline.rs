//! Committed transactions per second of the whole pipeline: blocks in memory to a durable ledger.
//!
//! The workload is a bundled corpus, so every run commits the same chain; its last commit hash is
//! printed, which shows that what was measured was right. `cargo bench --bench pipeline` measures;
//! under `cargo test` each case runs once.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use heddle::commit::CommittedBlock;
use heddle::ingress::{BlockSource, SourceError};
use heddle::ledger::{Ledger, LedgerOptions};
use heddle::mvcc::StoredReplay;
use heddle::notify::CommitListener;
use heddle::pipeline::{Pipeline, PipelineOptions};
use heddle::proto::wire::take_varint;
use heddle::sys::clock::{Clock, SystemClock};
use heddle::types::ChannelId;

/// A chain in memory.
struct Chain(std::vec::IntoIter<Bytes>);

impl BlockSource for Chain {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        Ok(self.0.next())
    }
}

/// Counts what was committed.
#[derive(Default)]
struct Count {
    transactions: u64,
    last_commit_hash: String,
}

impl CommitListener for Count {
    fn committed(&mut self, block: &CommittedBlock) {
        let validated = block.validated();
        self.transactions += validated.codes().len() as u64;
        if let Some(hash) = validated.commit_hash() {
            self.last_commit_hash.clear();
            write!(self.last_commit_hash, "{hash}").expect("a string takes everything");
        }
    }
}

fn corpus(name: &str) -> Vec<Bytes> {
    let path = format!(
        "{}/tests/corpus/{name}/blocks.pb.zst",
        env!("CARGO_MANIFEST_DIR")
    );
    let file = heddle::sys::file::open_for_reading(path.as_ref()).expect("the corpus is bundled");
    let bytes = Bytes::from(zstd::decode_all(file).expect("the corpus is zstd"));
    let mut blocks = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let length = usize::try_from(take_varint(&mut rest).expect("a length")).expect("a length");
        let (block, behind) = rest.split_at(length);
        blocks.push(bytes.slice_ref(block));
        rest = behind;
    }
    blocks
}

fn commit(channel: &ChannelId, blocks: Vec<Bytes>, workers: usize) -> Count {
    let dir = tempfile::tempdir().expect("a directory");
    let options = LedgerOptions::default();
    let ledger = Ledger::open(dir.path(), channel, &options, &StoredReplay, &mut |_| {});
    let ledger = ledger.expect("a new ledger");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let options = PipelineOptions {
        workers,
        ..PipelineOptions::default()
    };
    let mut pipeline = Pipeline::new(&ledger, &clock, options).expect("workers");
    let mut count = Count::default();
    pipeline
        .run(&mut Chain(blocks.into_iter()), &mut count)
        .expect("every block commits");
    count
}

fn pipeline(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pipeline");
    group.sample_size(10);
    for (corpus_name, channel) in [("crafted-basic", "basic"), ("real-cars", "cars")] {
        let channel = ChannelId::new(channel).expect("a channel name");
        let blocks = corpus(corpus_name);
        let once = commit(&channel, blocks.clone(), 2);
        group.throughput(Throughput::Elements(once.transactions));
        for workers in [1, 2] {
            let id = BenchmarkId::new(corpus_name, format!("{workers} workers"));
            group.bench_function(id, |bencher| {
                bencher.iter_batched(
                    || blocks.clone(),
                    |blocks| {
                        let count = commit(&channel, blocks, workers);
                        assert_eq!(count.last_commit_hash, once.last_commit_hash);
                    },
                    BatchSize::PerIteration,
                );
            });
        }
        #[expect(
            clippy::print_stderr,
            reason = "the result's hash belongs to the bench's output"
        )]
        {
            eprintln!("{corpus_name}: last commit hash {}", once.last_commit_hash);
        }
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    pipeline(&mut criterion);
    criterion.final_summary();
}
