//! Explaining a transaction of a ledger: which way the state before its block is brought back.

use std::sync::Arc;

use bytes::Bytes;

use super::block::{Before, BlockExplainer};
use super::error::Error;
use super::history::HistoricState;
use super::past::{LedgerPast, Removals};
use super::reason::{Explanation, Reason};
use super::replay::Replayed;
use super::watched::Watched;
use crate::channel::{Bundle, ConfigBlock};
use crate::decode::{SignedKind, TxBody, decode_block, decode_transaction};
use crate::ingress::RawBlock;
use crate::ledger::{Ledger, StateReader, View};
use crate::limits;
use crate::proto::common::{Block, ChannelHeader, Envelope, Payload, header_type, metadata_index};
use crate::proto::wire::Message;
use crate::sys::process::CpuMeter;
use crate::types::{BlockNumber, Namespace, NamespaceRef, TxIndex, ValidationCode};

/// The key of the channel configuration, in the namespace without a name.
const CONFIG_KEY: &[u8] = b"CHANNEL_CONFIG_ENV_BYTES";

/// How to bring the state before the block back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum How {
    /// From histories where they suffice, else by a replay.
    #[default]
    Fastest,
    /// By a replay of all blocks before.
    Replay,
}

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Blocks replayed.
    pub done: u64,
    /// Blocks to replay.
    pub total: u64,
}

/// Explains a transaction of a ledger.
///
/// Most explanations look up single keys in the histories, and take milliseconds however long the
/// chain is. Ranges, private keys and keys in namespaces with key-level policies have no histories:
/// for them the blocks before are replayed with their stored codes, in one pass over the block file
/// that checks no signature, and of which only the keys are kept that the block names. `progress` is
/// told how far that is.
///
/// # Errors
/// There is no such transaction; or the ledger is damaged or failed.
pub fn explain(
    ledger: &Ledger,
    block: BlockNumber,
    tx: TxIndex,
    how: How,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Explanation, Error> {
    let height = ledger.height();
    if block.0 >= height {
        let number = block;
        return Err(Error::NoBlock { number, height });
    }
    let past = Stored { ledger, block, tx };
    past.check_exists()?;
    // What decodes or evaluates may need a deep stack.
    let workers = rayon::ThreadPoolBuilder::new()
        .stack_size(limits::WORKER_STACK_BYTES)
        .build()?;
    workers.install(|| {
        if how == How::Fastest
            && let Some(explanation) = past.by_history()?
        {
            return Ok(explanation);
        }
        past.by_replay(progress)
    })
}

/// A stored transaction.
struct Stored<'l> {
    ledger: &'l Ledger,
    block: BlockNumber,
    tx: TxIndex,
}

impl Stored<'_> {
    fn check_exists(&self) -> Result<(), Error> {
        let bytes = self.bytes(self.block)?;
        let data = Block::decode(&bytes).unwrap_or_default().data;
        let count = data.unwrap_or_default().data.len();
        if usize::try_from(self.tx.0).is_ok_and(|tx| tx < count) {
            return Ok(());
        }
        let (block, tx) = (self.block, self.tx);
        Err(Error::NoTransaction { block, tx, count })
    }

    /// The explanation from what histories say; `None` where they do not suffice.
    fn by_history(&self) -> Result<Option<Explanation>, Error> {
        let view = self.ledger.view()?;
        let with_metadata = view.namespaces_with_metadata()?;
        let bundle = self.bundle_from_blocks(&view)?;
        let state = HistoricState::new(view, self.block, with_metadata.clone());
        let explanation = self.explain(bundle, &state, with_metadata, Removals::new());
        // An error or a contradiction may come from a wrong answer, too.
        Ok(explanation.ok().filter(|explanation| {
            let inconsistent = matches!(explanation.reason, Reason::Inconsistent { .. });
            state.sufficed() && !inconsistent
        }))
    }

    fn by_replay(&self, progress: &mut dyn FnMut(Progress)) -> Result<Explanation, Error> {
        let total = self.block.0;
        let watched = self.watched()?;
        let replayed = Replayed::new(self.ledger, self.block, &watched, &mut |done| {
            progress(Progress { done, total });
        })?;
        let Replayed { state, removals } = replayed;
        let bundle = match self.block {
            BlockNumber(0) => None,
            block => {
                let config = state.get(NamespaceRef::public(""), CONFIG_KEY)?;
                let config = config.ok_or(Error::NoConfig { block })?;
                Some(self.bundle(&config.value)?)
            }
        };
        let with_metadata = state.namespaces_with_metadata().cloned().collect();
        self.explain(bundle, &state, with_metadata, removals)
    }

    fn explain(
        &self,
        bundle: Option<Arc<Bundle>>,
        state: &(dyn StateReader + Sync),
        with_metadata: Vec<Namespace>,
        removals: Removals,
    ) -> Result<Explanation, Error> {
        let past = LedgerPast {
            ledger: self.ledger,
            removals,
        };
        let before = Before {
            channel: self.ledger.channel(),
            number: self.block,
            bundle,
            state,
            past: &past,
            with_metadata,
        };
        BlockExplainer::new(before, self.bytes(self.block)?)?.explain(self.tx)
    }

    fn bytes(&self, number: BlockNumber) -> Result<Bytes, Error> {
        let block = self.ledger.view()?.block(number)?;
        let height = self.ledger.height();
        block
            .map(Bytes::from_owner)
            .ok_or(Error::NoBlock { number, height })
    }

    fn bundle(&self, config_envelope: &[u8]) -> Result<Arc<Bundle>, Error> {
        let bundle = Bundle::from_genesis(self.ledger.channel(), config_envelope)?;
        Ok(Arc::new(bundle))
    }

    /// The configuration in force before the block, from the last config block before it.
    fn bundle_from_blocks(&self, view: &View) -> Result<Option<Arc<Bundle>>, Error> {
        if self.block.0 == 0 {
            return Ok(None);
        }
        let last = self.ledger.info()?.last_config;
        if last.is_some_and(|last| last < self.block) {
            let config = view.get(NamespaceRef::public(""), CONFIG_KEY)?;
            let config = config.ok_or(Error::NoConfig { block: self.block })?;
            return self.bundle(&config.value).map(Some);
        }
        for number in (0..self.block.0).rev().map(BlockNumber) {
            if let Some(config) = config_of(&self.bytes(number)?) {
                return self.bundle(&config).map(Some);
            }
        }
        Err(Error::NoConfig { block: self.block })
    }

    /// What the explanation can ask for.
    fn watched(&self) -> Result<Watched, Error> {
        let raw = RawBlock::new(self.block, self.bytes(self.block)?);
        let block = decode_block(raw, &CpuMeter::default())?;
        Ok(Watched::of(&block, self.tx))
    }
}

/// The configuration that a stored block leads to, if it does.
fn config_of(block: &[u8]) -> Option<Vec<u8>> {
    let block = Block::decode(block).ok()?;
    let number = block.header.as_ref().map_or(0, |header| header.number);
    let metadata = block.metadata.unwrap_or_default().metadata;
    let filter = metadata.get(metadata_index::TRANSACTIONS_FILTER).copied();
    let data = block.data.unwrap_or_default().data;
    if number == 0 {
        let config = ConfigBlock::of_envelope(data.first()?).ok()?;
        return Some(config.config_envelope.to_vec());
    }
    let coded = data.iter().zip(filter.unwrap_or_default());
    let valid = coded.filter(|(_, code)| **code == ValidationCode::Valid.number());
    valid.rev().find_map(|(envelope, _)| config_in(envelope))
}

fn config_in(envelope: &[u8]) -> Option<Vec<u8>> {
    // A glance first: most transactions are none.
    let payload = Payload::decode(Envelope::decode(envelope).ok()?.payload).ok()?;
    let header = ChannelHeader::decode(payload.header?.channel_header).ok()?;
    if header.r#type != header_type::CONFIG {
        return None;
    }
    match decode_transaction(envelope).body {
        TxBody::Signed {
            kind: SignedKind::Config(config),
            ..
        } => Some(config.to_vec()),
        TxBody::Signed { .. } | TxBody::Refused(_) => None,
    }
}
