//! Transactions per second out of files of blocks, plain and compressed.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod support;

use std::io::Cursor;
use std::path::Path;

use criterion::{Criterion, Throughput};
use heddle::ingress::{BlockFile, BlockSource};
use heddle::proto::wire::put_varint;
use support::{Chain, hash_of, tell};

fn read(file: &[u8]) -> Vec<bytes::Bytes> {
    let (path, length) = (Path::new("chain.pb"), file.len() as u64);
    let file = BlockFile::new(path, Cursor::new(file.to_vec()), length);
    let mut file = file.expect("a file of blocks");
    let mut blocks = Vec::new();
    while let Some(block) = file.next_block().expect("a file of blocks") {
        blocks.push(block);
    }
    blocks
}

fn ingress(criterion: &mut Criterion) {
    let chain = Chain::new(|_| {});
    let mut plain = Vec::new();
    for block in &chain.blocks {
        put_varint(&mut plain, block.len() as u64);
        plain.extend_from_slice(block);
    }
    let compressed = zstd::encode_all(&*plain, 0).expect("memory");
    let mut group = criterion.benchmark_group("ingress");
    group.throughput(Throughput::Elements(chain.transactions));
    for (name, file) in [("plain file", plain), ("zstd file", compressed)] {
        let blocks = read(&file);
        tell(
            &format!("ingress/{name}"),
            hash_of(blocks.iter().map(|block| &**block)),
        );
        group.bench_function(name, |bencher| bencher.iter(|| read(&file)));
    }
    group.finish();
}

fn main() {
    support::run(&[ingress]);
}
