//! The chain as verification sees it: its tip, the configuration in force, and the next block.

use std::sync::Arc;

use super::block_signature::{check_block_signatures, check_signatures};
use super::error::{Fault, Refusal, Rejection};
use super::transaction::{TxVerdict, verify_transactions};
use crate::channel::{Bundle, ConfigBlock};
use crate::decode::{DecodedBlock, SignedKind, TxBody};
use crate::stage::{InStage, Workers};
use crate::sys::process::CpuMeter;
use crate::types::{BlockNumber, ChannelId, Digest};

/// The last block of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainTip {
    /// Its number.
    pub number: BlockNumber,
    /// Its header hash.
    pub header_hash: Digest,
}

impl ChainTip {
    fn of(block: &DecodedBlock) -> Self {
        Self {
            number: block.number(),
            header_hash: block.header_hash(),
        }
    }
}

/// A channel's chain up to its last verified block.
#[derive(Debug)]
pub struct Chain {
    channel: ChannelId,
    /// The last block and the configuration for the next one; `None` before the genesis block.
    running: Option<(ChainTip, Arc<Bundle>)>,
    /// The last block that was begun, behind `running`.
    begun: Option<ChainTip>,
}

/// A block with what its checks need: the one before it, and the configuration that is in force as far
/// as is known yet.
#[derive(Debug)]
pub struct BegunBlock {
    decoded: DecodedBlock,
    /// `None` while there is no configuration at all.
    assumed: Option<(ChainTip, Arc<Bundle>)>,
}

/// A block that was checked against what was known when it was begun.
#[derive(Debug)]
pub struct CheckedBlock {
    begun: BegunBlock,
    /// `None` where nothing could be checked.
    verdicts: Option<Result<Vec<TxVerdict>, Refusal>>,
}

/// A block that is the channel's next, with a verdict on every signature in it.
#[derive(Debug)]
pub struct VerifiedBlock {
    decoded: DecodedBlock,
    bundle: Arc<Bundle>,
    verdicts: Vec<TxVerdict>,
    config_changed: bool,
}

impl VerifiedBlock {
    /// The block.
    #[must_use]
    pub fn decoded(&self) -> &DecodedBlock {
        &self.decoded
    }

    /// The configuration that the block is validated with: that of the block before. For the genesis
    /// block, its own.
    #[must_use]
    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// One verdict per transaction.
    #[must_use]
    pub fn verdicts(&self) -> &[TxVerdict] {
        &self.verdicts
    }

    /// Whether a config transaction of this block takes effect with the next one.
    #[must_use]
    pub fn config_changed(&self) -> bool {
        self.config_changed
    }
}

impl Chain {
    /// A channel that has no block yet.
    #[must_use]
    pub fn founding(channel: ChannelId) -> Self {
        Self {
            channel,
            running: None,
            begun: None,
        }
    }

    /// A channel whose last block is `tip`, with `bundle` in force.
    #[must_use]
    pub fn at(tip: ChainTip, bundle: Arc<Bundle>) -> Self {
        Self {
            channel: bundle.channel_id().clone(),
            running: Some((tip, bundle)),
            begun: None,
        }
    }

    /// The next block's checks, to be done beside those of the blocks before it.
    pub fn begin(&mut self, decoded: DecodedBlock) -> BegunBlock {
        let before = self.begun.replace(ChainTip::of(&decoded));
        let assumed = self.running.clone();
        let assumed = assumed.map(|(tip, bundle)| (before.unwrap_or(tip), bundle));
        BegunBlock { decoded, assumed }
    }

    /// Takes a block whose checks were begun: gives what [`Self::verify`] says of it. Where it was begun
    /// with another configuration than is in force now, or behind another block, it is checked anew.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn finish(
        &mut self,
        checked: CheckedBlock,
        workers: &Workers,
    ) -> Result<VerifiedBlock, Refusal> {
        let CheckedBlock { begun, verdicts } = checked;
        let result = match (&self.running, begun.assumed, verdicts) {
            (Some((tip, bundle)), Some((before, assumed)), Some(verdicts))
                if *tip == before && Arc::ptr_eq(bundle, &assumed) =>
            {
                verdicts.and_then(|verdicts| self.advance(begun.decoded, verdicts))
            }
            _ => workers.spread(|| self.verify(begun.decoded, &workers.meter)),
        };
        if result.is_err() {
            self.begun = None;
        }
        result
    }

    /// Verifies the next block and moves the tip. `meter` counts what the workers spend.
    ///
    /// # Errors
    /// The block is refused, or the channel must stop. Either way the chain has not moved.
    pub fn verify(
        &mut self,
        decoded: DecodedBlock,
        meter: &CpuMeter,
    ) -> Result<VerifiedBlock, Refusal> {
        let Some((tip, bundle)) = &self.running else {
            return self.found(decoded);
        };
        let verdicts = check(&decoded, *tip, bundle, meter)?;
        self.advance(decoded, verdicts)
    }

    /// Moves the tip to a block that was checked.
    fn advance(
        &mut self,
        decoded: DecodedBlock,
        verdicts: Vec<TxVerdict>,
    ) -> Result<VerifiedBlock, Refusal> {
        let Some((_, bundle)) = &self.running else {
            return self.found(decoded);
        };
        let bundle = Arc::clone(bundle);
        let next = apply_config(&decoded, &verdicts, &bundle)?;
        let config_changed = next.is_some();
        let next = next.unwrap_or_else(|| Arc::clone(&bundle));
        self.running = Some((ChainTip::of(&decoded), next));
        Ok(VerifiedBlock {
            decoded,
            bundle,
            verdicts,
            config_changed,
        })
    }

    /// Takes the genesis block: trusted as it is, if it founds this channel (validation-spec 1.7).
    fn found(&mut self, decoded: DecodedBlock) -> Result<VerifiedBlock, Refusal> {
        let expected = BlockNumber(0);
        if decoded.number() != expected {
            return Err(Rejection::Number {
                expected,
                found: decoded.number(),
            }
            .into());
        }
        let [transaction] = decoded.contents().transactions.as_slice() else {
            return Err(Rejection::NotGenesis.into());
        };
        let config = ConfigBlock::of_envelope(transaction.envelope).map_err(Rejection::Genesis)?;
        if config.channel_id != self.channel {
            let (expected, found) = (self.channel.clone(), config.channel_id);
            return Err(Rejection::OtherChannel { expected, found }.into());
        }
        let bundle = Bundle::from_genesis(&self.channel, config.config_envelope)
            .map_err(Rejection::Genesis)?;
        let bundle = Arc::new(bundle);
        self.running = Some((ChainTip::of(&decoded), Arc::clone(&bundle)));
        let verdicts = vec![TxVerdict::Config];
        Ok(VerifiedBlock {
            decoded,
            bundle,
            verdicts,
            config_changed: true,
        })
    }
}

/// Checks blocks that were begun one after another, on the current rayon pool: their signatures go
/// through together. `meter` counts what the workers spend.
#[must_use]
pub fn check_all(begun: Vec<BegunBlock>, meter: &CpuMeter) -> Vec<CheckedBlock> {
    let mut verdicts = Vec::with_capacity(begun.len());
    for run in begun.chunk_by(BegunBlock::goes_with) {
        let assumed = run.iter().map(|block| block.assumed.as_ref());
        let tips = assumed.map(|assumed| assumed.map(|(tip, _)| *tip));
        let placed: Option<Vec<_>> = run
            .iter()
            .map(|block| &block.decoded)
            .zip(tips)
            .map(|(block, tip)| Some((block, tip?)))
            .collect();
        match (placed, run.first().and_then(|block| block.assumed.as_ref())) {
            (Some(placed), Some((_, bundle))) => {
                verdicts.extend(check_together(&placed, bundle, meter).into_iter().map(Some));
            }
            _ => verdicts.extend(run.iter().map(|_| None)),
        }
    }
    let checked = begun.into_iter().zip(verdicts);
    checked
        .map(|(begun, verdicts)| CheckedBlock { begun, verdicts })
        .collect()
}

impl BegunBlock {
    /// Whether the same configuration was in force.
    fn goes_with(&self, next: &Self) -> bool {
        match (&self.assumed, &next.assumed) {
            (Some((_, ours)), Some((_, theirs))) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }
}

/// Checks the block's place behind `tip`, the orderers' signatures, and then those of its transactions.
fn check(
    decoded: &DecodedBlock,
    tip: ChainTip,
    bundle: &Bundle,
    meter: &CpuMeter,
) -> Result<Vec<TxVerdict>, Refusal> {
    check_place(decoded, tip)?;
    let contents = decoded.contents();
    let header = decoded.header_bytes();
    check_signatures(decoded.number(), header, &contents.metadata, bundle)?;
    let transactions: Vec<_> = contents.transactions.iter().collect();
    Ok(verify_transactions(&transactions, bundle, meter))
}

/// [`check`] of several blocks at once.
fn check_together(
    blocks: &[(&DecodedBlock, ChainTip)],
    bundle: &Bundle,
    meter: &CpuMeter,
) -> Vec<Result<Vec<TxVerdict>, Refusal>> {
    let mut signed = meter.count_serial(|| {
        let decoded: Vec<_> = blocks.iter().map(|(block, _)| *block).collect();
        check_block_signatures(&decoded, bundle)
    });
    for ((block, tip), signed) in blocks.iter().zip(&mut signed) {
        if let Err(misplaced) = check_place(block, *tip) {
            *signed = Err(misplaced.into());
        }
    }
    let good = blocks
        .iter()
        .zip(&signed)
        .filter(|(_, signed)| signed.is_ok());
    let transactions = good.flat_map(|((block, _), _)| &block.contents().transactions);
    let transactions: Vec<_> = transactions.collect();
    let mut verdicts = verify_transactions(&transactions, bundle, meter).into_iter();
    let results = blocks.iter().zip(signed).map(|((block, _), signed)| {
        let count = block.contents().transactions.len();
        signed.map(|()| verdicts.by_ref().take(count).collect())
    });
    results.collect()
}

fn check_place(decoded: &DecodedBlock, tip: ChainTip) -> Result<(), Rejection> {
    let expected = tip.number.next();
    let number = decoded.number();
    if number != expected {
        return Err(Rejection::Number {
            expected,
            found: number,
        });
    }
    let previous = decoded.contents().previous_hash;
    if previous != tip.header_hash.as_ref() {
        let found = previous.iter().map(|byte| format!("{byte:02x}")).collect();
        return Err(Rejection::PreviousHash {
            number,
            expected: tip.header_hash,
            found,
        });
    }
    Ok(())
}

/// Applies the block's config transactions, in order; `None` where there are none.
///
/// Fabric: `core/peer/channel.go:Apply`; an error there ends the process.
fn apply_config(
    decoded: &DecodedBlock,
    verdicts: &[TxVerdict],
    bundle: &Bundle,
) -> Result<Option<Arc<Bundle>>, Fault> {
    let mut current: Option<Arc<Bundle>> = None;
    let transactions = decoded.contents().transactions.iter();
    for (tx, (transaction, verdict)) in transactions.zip(verdicts).enumerate() {
        let (
            TxVerdict::Config,
            TxBody::Signed {
                kind: SignedKind::Config(config),
                ..
            },
        ) = (verdict, &transaction.body)
        else {
            continue;
        };
        let next = current.as_deref().unwrap_or(bundle).apply(config);
        let number = decoded.number();
        current = Some(Arc::new(next.map_err(|error| Fault::Config {
            number,
            tx,
            error,
        })?));
    }
    Ok(current)
}

impl InStage for VerifiedBlock {
    fn number(&self) -> BlockNumber {
        self.decoded.number()
    }

    fn transactions(&self) -> usize {
        self.verdicts.len()
    }
}
