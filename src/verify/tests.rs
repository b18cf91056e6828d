//! Blocks verified side by side beside blocks verified one after the other.

use std::collections::VecDeque;
use std::path::PathBuf;

use bytes::Bytes;

use super::{Chain, Refusal, TxVerdict, VerifiedBlock, check_all};
use crate::channel::channel_id_of_config_block;
use crate::decode::{DecodedBlock, decode_block};
use crate::ingress::{BlockFile, BlockSource as _, RawBlock};
use crate::stage::Workers;
use crate::sys::process::CpuMeter;
use crate::types::BlockNumber;

fn blocks_of(corpus: &str) -> Vec<Bytes> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("tests/corpus").join(corpus).join("blocks.pb.zst");
    let mut file = BlockFile::open(&path).unwrap();
    std::iter::from_fn(|| file.next_block().unwrap()).collect()
}

fn decoded(blocks: &[Bytes]) -> Vec<DecodedBlock> {
    let numbered = (0..).map(BlockNumber).zip(blocks);
    numbered
        .map(|(expected, bytes)| {
            let bytes = bytes.clone();
            decode_block(RawBlock::new(expected, bytes), &CpuMeter::default()).unwrap()
        })
        .collect()
}

fn said(result: &Result<VerifiedBlock, Refusal>) -> String {
    match result {
        Err(refusal) => format!("{refusal:?}"),
        Ok(block) => format!(
            "{} {} {} {:?}",
            block.decoded().number(),
            block.config_changed(),
            block.bundle().sequence(),
            block.verdicts().iter().map(verdict).collect::<Vec<_>>(),
        ),
    }
}

fn verdict(verdict: &TxVerdict) -> String {
    match verdict {
        TxVerdict::Refused(code) => format!("{code:?}"),
        TxVerdict::Config => "config".to_owned(),
        TxVerdict::Endorser { signers } => {
            let ids: Vec<_> = signers.iter().map(|signer| signer.id()).collect();
            format!("{ids:?}")
        }
    }
}

/// One after the other, up to the first that is refused.
fn in_turn(blocks: &[Bytes]) -> Vec<String> {
    let mut chain = Chain::founding(channel_id_of_config_block(&blocks[0]).unwrap());
    let mut all = Vec::new();
    for block in decoded(blocks) {
        let result = chain.verify(block, &CpuMeter::default());
        all.push(said(&result));
        if result.is_err() {
            break;
        }
    }
    all
}

/// Up to `sizes` at a time, over and over: begun in turn, checked together, and finished in turn.
fn side_by_side(blocks: &[Bytes], sizes: &[usize]) -> Vec<String> {
    let mut chain = Chain::founding(channel_id_of_config_block(&blocks[0]).unwrap());
    let (workers, meter) = (Workers::default(), CpuMeter::default());
    let mut all = Vec::new();
    let mut blocks = decoded(blocks).into_iter();
    let mut under_way = VecDeque::new();
    for &size in sizes.iter().cycle() {
        let begun = blocks.by_ref().take(size.saturating_sub(under_way.len()));
        let begun = begun.map(|block| chain.begin(block)).collect();
        under_way.extend(check_all(begun, &meter));
        let Some(checked) = under_way.pop_front() else {
            break;
        };
        let result = chain.finish(checked, &workers);
        all.push(said(&result));
        if result.is_err() {
            break;
        }
    }
    all
}

#[test]
fn blocks_side_by_side_are_as_one_after_the_other() {
    for corpus in ["real-cars", "crafted-config"] {
        let blocks = blocks_of(corpus);
        let expected = in_turn(&blocks);
        assert!(expected.len() == blocks.len());
        let changes = expected.iter().filter(|said| said.contains(" true "));
        assert!(changes.count() > 2, "{corpus} has config blocks");
        for sizes in [&[2][..], &[1, 3, 2], &[7]] {
            assert!(
                side_by_side(&blocks, sizes) == expected,
                "{corpus} {sizes:?}"
            );
        }
    }
}

/// A block that is missing, and one of another chain: what is before it is verified, what is behind it is not.
#[test]
fn a_group_ends_where_a_block_is_refused() {
    let blocks = blocks_of("crafted-config");
    let end = blocks.len() - 8;
    let missing: Vec<Bytes> = [&blocks[..end], &blocks[end + 1..]].concat();
    let mut repeated = blocks.clone();
    repeated[end + 1] = blocks[end].clone();
    for blocks in [missing, repeated] {
        let expected = in_turn(&blocks);
        assert!(expected.len() < blocks.len(), "one is refused");
        for sizes in [&[2][..], &[1, 3], &[8]] {
            assert_eq!(side_by_side(&blocks, sizes), expected, "{sizes:?}");
        }
    }
}
