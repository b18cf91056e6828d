//! Explanations of real peers' verdicts: every transaction of every bundled corpus has a reason, and
//! the reason belongs to the code.

mod corpus;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;

use super::block::{Before, BlockExplainer};
use super::past::LedgerPast;
use super::replay::Replayed;
use super::*;
use crate::channel::{Bundle, channel_id_of_config_block};
use crate::commit::CommittedBlock;
use crate::ingress::{BlockFile, BlockSource};
use crate::ledger::{Ledger, LedgerOptions, Replay, StateReader};
use crate::mvcc::StoredReplay;
use crate::notify::CommitListener;
use crate::pipeline::{Pipeline, PipelineOptions};
use crate::sys::clock::{Clock, SystemClock};
use crate::types::{BlockNumber, NamespaceRef, TxIndex};

/// A ledger on disk, gone with it.
pub(super) struct TestLedger {
    pub(super) ledger: Ledger,
    _folder: TempDir,
}

struct Nobody;

impl CommitListener for Nobody {
    fn committed(&mut self, _block: &CommittedBlock) {}
}

impl TestLedger {
    /// Imports a bundled corpus.
    pub(super) fn of_corpus(name: &str) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let path = root.join("tests/corpus").join(name).join("blocks.pb.zst");
        let genesis = BlockFile::open(&path).unwrap().next_block().unwrap();
        let channel = channel_id_of_config_block(&genesis.unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let options = LedgerOptions::default();
        let ledger = Ledger::open(
            folder.path(),
            &channel,
            &options,
            &StoredReplay,
            &mut |_| {},
        )
        .unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let options = PipelineOptions {
            workers: 2,
            ..PipelineOptions::default()
        };
        let mut source = BlockFile::open(&path).unwrap();
        Pipeline::new(&ledger, &clock, options)
            .unwrap()
            .run(&mut source, &mut Nobody)
            .unwrap();
        Self {
            ledger,
            _folder: folder,
        }
    }

    /// Explains every transaction, block after block over a state that grows along.
    pub(super) fn explain_all(&self, mut check: impl FnMut(&Explanation)) {
        let mut replayed = Replayed::default();
        let view = || self.ledger.view().unwrap();
        for number in (0..self.ledger.height()).map(BlockNumber) {
            let block = view().block(number).unwrap().unwrap();
            let config = replayed
                .state
                .get(NamespaceRef::public(""), b"CHANNEL_CONFIG_ENV_BYTES")
                .unwrap();
            let bundle = config.map(|config| {
                Arc::new(Bundle::from_genesis(self.ledger.channel(), &config.value).unwrap())
            });
            let past = LedgerPast {
                ledger: &self.ledger,
                removals: replayed.removals.clone(),
            };
            let before = Before {
                channel: self.ledger.channel(),
                number,
                bundle,
                state: &replayed.state,
                past: &past,
                with_metadata: replayed.state.namespaces_with_metadata().cloned().collect(),
            };
            let explainer = BlockExplainer::new(before, Bytes::from_owner(block.clone())).unwrap();
            for tx in (0_u32..).map(TxIndex).take(explainer.transactions()) {
                check(&explainer.explain(tx).unwrap());
            }
            let batch = StoredReplay.replay(&block, &replayed.state).unwrap().batch;
            replayed.note_removals(&batch, |_| true);
            replayed.state.apply(&batch);
        }
    }

    #[allow(dead_code, reason = "for the tests of single reasons")]
    pub(super) fn explain(&self, block: u64, tx: u32, how: How) -> Explanation {
        let (block, tx) = (BlockNumber(block), TxIndex(tx));
        explain(&self.ledger, block, tx, how, &mut |_| {}).unwrap()
    }
}
