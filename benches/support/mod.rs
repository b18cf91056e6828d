//! What the benches share: their size, their chains, and how their results are told.
//!
//! Each bench runs in two sizes: under `cargo bench` (which says `--bench`) as large as a figure wants
//! it, under `cargo test` as small as possible, so that it does not rot. What it computed is printed as
//! a hash: the same size gives the same hash on every machine.

#![allow(dead_code, reason = "no bench needs all of it")]

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use heddle::crypto::sha256;
use heddle::ingress::{BlockSource, SourceError};
use heddle::ledger::{Ledger, LedgerOptions};
use heddle::mvcc::{StoredReplay, ValidatedBlock};
use heddle::sys::clock::{Clock, SystemClock};
use heddle::testing::sequential::SequentialChannel;
use heddle::testing::workload::{Workload, WorkloadSpec};
use heddle::types::ChannelId;

/// Whether this is `cargo bench` and not a test of the benches.
pub(crate) fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// The size for a figure, or the small one.
pub(crate) fn size<T>(measured: T, tested: T) -> T {
    if is_measured() { measured } else { tested }
}

/// Runs `benches` as criterion's arguments say.
pub(crate) fn run(benches: &[fn(&mut Criterion)]) {
    let mut criterion = Criterion::default().configure_from_args();
    for bench in benches {
        bench(&mut criterion);
    }
    criterion.final_summary();
}

/// A new ledger and the directory that it lives in.
pub(crate) fn new_ledger(channel: &ChannelId) -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().expect("a directory");
    let options = LedgerOptions::default();
    let ledger = Ledger::open(dir.path(), channel, &options, &StoredReplay, &mut |_| {});
    (dir, ledger.expect("a new ledger"))
}

/// A group whose measurements take long.
pub(crate) fn slow_group<'c>(
    criterion: &'c mut Criterion,
    name: &str,
    elements: u64,
) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(elements));
    group
}

/// Tells what a bench has computed.
pub(crate) fn tell(bench: &str, result: impl Display) {
    #[expect(
        clippy::print_stderr,
        reason = "the result's hash belongs to the bench's output"
    )]
    {
        eprintln!("{bench}: result {result}");
    }
}

/// A chain in memory.
#[derive(Clone)]
pub(crate) struct Chain {
    /// Its channel.
    pub(crate) channel: ChannelId,
    /// Its blocks, from the genesis block on.
    pub(crate) blocks: Vec<Bytes>,
    /// How many transactions they have.
    pub(crate) transactions: u64,
}

impl Chain {
    /// The default workload in the size of a stage's bench, with what `edit` changes.
    pub(crate) fn new(edit: impl FnOnce(&mut WorkloadSpec)) -> Self {
        let mut spec = WorkloadSpec {
            blocks: size(8, 2),
            txs: size(500, 8),
            ..WorkloadSpec::default()
        };
        edit(&mut spec);
        let channel = ChannelId::new(&spec.channel).expect("a channel name");
        let made: Vec<_> = Workload::new(spec).expect("a workload").collect();
        Self {
            channel,
            transactions: made.iter().map(|block| block.labels.len() as u64).sum(),
            blocks: made.into_iter().map(|block| block.bytes).collect(),
        }
    }

    /// The chain as a source.
    pub(crate) fn source(&self) -> ChainSource {
        ChainSource(self.blocks.clone().into_iter())
    }

    /// Takes the chain through all stages, one block at a time, and times one of them.
    pub(crate) fn time_stage(&self, stage: &str) -> (Duration, Vec<ValidatedBlock>) {
        let clock = SystemClock::new();
        let mut channel = SequentialChannel::new(self.channel.clone());
        let mut spent = Duration::ZERO;
        let validate = |block: &Bytes| {
            let mut last = clock.now();
            let validated = channel.commit_observed(block.clone(), &mut |through| {
                let now = clock.now();
                if through == stage {
                    spent += now.since(last);
                }
                last = now;
            });
            validated.expect("the workload's blocks are good")
        };
        let validated = self.blocks.iter().map(validate).collect();
        (spent, validated)
    }
}

/// Gives a chain's blocks to a pipeline.
pub(crate) struct ChainSource(std::vec::IntoIter<Bytes>);

impl BlockSource for ChainSource {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        Ok(self.0.next())
    }
}

/// A hash of all verdicts, and of the state that they lead to: the last commit hash has them both.
pub(crate) fn commit_hash(validated: &[ValidatedBlock]) -> String {
    let last = validated.last().and_then(ValidatedBlock::commit_hash);
    last.map(|hash| hash.to_string()).unwrap_or_default()
}

/// Measures one stage over a chain.
pub(crate) fn bench_stage(
    group: &mut BenchmarkGroup<'_, WallTime>,
    stage: &str,
    name: &str,
    chain: &Chain,
) {
    let (_, validated) = chain.time_stage(stage);
    tell(&format!("{stage}/{name}"), commit_hash(&validated));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|passes| (0..passes).map(|_| chain.time_stage(stage).0).sum());
    });
}

/// A hash of some bytes, for results that have no commit hash.
pub(crate) fn hash_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let parts: Vec<&[u8]> = parts.into_iter().collect();
    sha256(&parts.concat()).to_string()
}
