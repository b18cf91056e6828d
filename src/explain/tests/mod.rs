//! Explanations: of every transaction of every bundled corpus, of every code that can be reached, and of
//! what is odd in between. Each is found twice, from histories where they suffice and by a replay, and
//! both must be the same.

mod codes;
mod conflicts;
mod corpus;
mod edges;
mod endorsements;
mod legacy;
mod text;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;

use super::block::{Before, BlockExplainer};
use super::past::LedgerPast;
use super::replay::Replayed;
use super::*;
use crate::channel::{Bundle, channel_id_of_config_block};
use crate::commit::CommittedBlock;
use crate::ingress::{BlockFile, BlockSource, SourceError};
use crate::ledger::{Ledger, LedgerOptions, Replay, StateReader};
use crate::mvcc::StoredReplay;
use crate::notify::CommitListener;
use crate::pipeline::{Pipeline, PipelineOptions};
use crate::proto::common::Block;
use crate::proto::wire::Message;
use crate::sys::clock::{Clock, SystemClock};
use crate::testing::kit::{
    ChaincodeDefinition, Identity, Principal, Rule, Signer, Transaction, by, ns,
};
use crate::testing::play::Play;
use crate::types::{BlockNumber, NamespaceRef, TxIndex};

/// Characters that the text of any explanation has at most.
const TEXT_CHARS_MAX: usize = 400_000;

/// A ledger on disk, gone with it.
pub(super) struct TestLedger {
    pub(super) ledger: Ledger,
    _folder: TempDir,
}

struct Nobody;

impl CommitListener for Nobody {
    fn committed(&mut self, _block: &CommittedBlock) {}
}

struct Blocks(VecDeque<Bytes>);

impl BlockSource for Blocks {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        Ok(self.0.pop_front())
    }
}

/// What every explanation must be as text and as JSON.
#[track_caller]
pub(super) fn check_forms(explanation: &Explanation) -> Value {
    let text = explanation.to_string();
    let plain = |c: char| c == '\n' || (' '..='~').contains(&c);
    assert!(text.chars().all(plain), "{text:?}");
    assert!(text.len() < TEXT_CHARS_MAX, "{}", text.len());
    let answer = explanation.answer();
    assert!(!answer.contains('\n') && answer.ends_with('.'), "{answer}");
    let advised = !explanation.advice().is_empty();
    assert_ne!(advised, explanation.code.is_valid(), "{text}");
    let json = serde_json::to_string(explanation).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// The explanations of all transactions of a play's last block, as JSON.
#[track_caller]
pub(super) fn explained(play: &Play) -> Vec<Explanation> {
    let ledger = TestLedger::of_play(play, LedgerOptions::default());
    let block = play.height() - 1;
    let count = TestLedger::transactions(&play.blocks[usize::try_from(block).unwrap()]);
    let both = |tx| {
        let found = ledger.explain(block, tx, How::Fastest);
        assert_eq!(found, ledger.explain(block, tx, How::Replay));
        check_forms(&found);
        found
    };
    (0..count).map(both).collect()
}

/// Commits a block and explains its transactions, as JSON.
#[track_caller]
pub(super) fn explain_block(
    play: &mut Play,
    envelopes: impl IntoIterator<Item = Vec<u8>>,
) -> Vec<Value> {
    play.commit(envelopes).unwrap();
    let all = explained(play);
    all.iter()
        .map(|found| serde_json::to_value(found).unwrap())
        .collect()
}

/// Commits a transaction in a block of its own and explains it.
#[track_caller]
pub(super) fn explain_one(play: &mut Play, envelope: Vec<u8>) -> Value {
    explain_block(play, [envelope]).remove(0)
}

/// Code and reason are these.
#[track_caller]
pub(super) fn check_reason(explanation: &Value, code: u8, reason: &Value) {
    assert_eq!(explanation["code"], code, "{explanation:#}");
    assert_eq!(&explanation["reason"], reason, "{explanation:#}");
}

/// A peer of an organization.
pub(super) fn peer(org: &str) -> Rule {
    by(Principal::Peer(format!("{org}MSP")))
}

/// A channel of so many organizations with chaincode `cc` under this policy. The next block is 2.
pub(super) fn channel(orgs: usize, policy: Rule) -> Play {
    let mut play = Play::with_orgs(orgs).unwrap();
    let definition = ChaincodeDefinition::new("cc").policy(policy);
    define(&mut play, &definition);
    play
}

/// Defines a chaincode in a block of its own.
#[track_caller]
pub(super) fn define(play: &mut Play, definition: &ChaincodeDefinition) {
    let envelope = play.definition(definition).envelope();
    let validated = play.commit([envelope]).unwrap();
    assert!(validated.codes()[0].is_valid());
}

/// A transaction that writes key `k` of `cc`.
pub(super) fn write(play: &Play) -> Transaction<'_> {
    play.tx("cc", [ns("cc").write("k", "1")])
}

/// An identity whose signatures do not verify.
#[derive(Debug)]
struct Forger(Arc<dyn Signer>);

impl Signer for Forger {
    fn sign(&self, message: &[&[u8]]) -> Vec<u8> {
        let mut signature = self.0.sign(message);
        *signature.last_mut().unwrap() ^= 1;
        signature
    }
}

/// The same identity, with signatures that do not verify.
pub(super) fn forged(identity: &Identity) -> Identity {
    let signer = Forger(Arc::clone(identity.signer()));
    Identity::from_serialized(identity.serialized().to_vec(), Arc::new(signer))
}

impl TestLedger {
    /// Imports a bundled corpus.
    pub(super) fn of_corpus(name: &str) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let path = root.join("tests/corpus").join(name).join("blocks.pb.zst");
        let genesis = BlockFile::open(&path).unwrap().next_block().unwrap();
        let mut source = BlockFile::open(&path).unwrap();
        Self::of_source(&genesis.unwrap(), &mut source, LedgerOptions::default())
    }

    /// Imports a play.
    pub(super) fn of_play(play: &Play, options: LedgerOptions) -> Self {
        let mut source = Blocks(play.blocks.iter().cloned().collect());
        Self::of_source(&play.blocks[0], &mut source, options)
    }

    fn of_source(genesis: &[u8], source: &mut dyn BlockSource, options: LedgerOptions) -> Self {
        let channel = channel_id_of_config_block(genesis).unwrap();
        let folder = tempfile::tempdir().unwrap();
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
        Pipeline::new(&ledger, &clock, options)
            .unwrap()
            .run(source, &mut Nobody)
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
            replayed.apply(&batch);
        }
    }

    /// How many transactions a block has.
    fn transactions(block: &[u8]) -> u32 {
        let block = Block::decode(block).unwrap();
        u32::try_from(block.data.unwrap_or_default().data.len()).unwrap()
    }

    pub(super) fn explain(&self, block: u64, tx: u32, how: How) -> Explanation {
        let (block, tx) = (BlockNumber(block), TxIndex(tx));
        explain(&self.ledger, block, tx, how, &mut |_| {}).unwrap()
    }
}
