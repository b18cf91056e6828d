//! The chain as verification sees it: its tip, the configuration in force, and the next block.

use std::sync::Arc;

use rayon::prelude::*;

use super::block_signature::check_block_signatures;
use super::error::{Fault, Refusal, Rejection};
use super::transaction::{TxVerdict, verify_transactions};
use crate::channel::{Bundle, ConfigBlock};
use crate::decode::{DecodedBlock, SignedKind, TxBody};
use crate::stage::InStage;
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
        }
    }

    /// A channel whose last block is `tip`, with `bundle` in force.
    #[must_use]
    pub fn at(tip: ChainTip, bundle: Arc<Bundle>) -> Self {
        Self {
            channel: bundle.channel_id().clone(),
            running: Some((tip, bundle)),
        }
    }

    /// Verifies the next blocks and moves the tip: gives what [`Self::verify`] says of one after the
    /// other, up to the first that is refused. They are checked side by side, on the current rayon pool,
    /// where the same configuration is in force for all.
    pub fn verify_all(
        &mut self,
        blocks: Vec<DecodedBlock>,
        meter: &CpuMeter,
    ) -> Vec<(BlockNumber, Result<VerifiedBlock, Refusal>)> {
        let mut all_but_last = blocks.iter().rev().skip(1);
        let checked = match &self.running {
            Some((tip, bundle)) if !all_but_last.any(DecodedBlock::has_config) => {
                let before = blocks.iter().map(ChainTip::of);
                let tips: Vec<ChainTip> = std::iter::once(*tip).chain(before).collect();
                let checks = blocks.par_iter().zip(tips);
                let checks = checks.map(|(block, tip)| Some(check(block, tip, bundle, meter)));
                checks.collect()
            }
            Some(_) | None => blocks.iter().map(|_| None).collect::<Vec<_>>(),
        };
        let mut results = Vec::with_capacity(blocks.len());
        for (block, checked) in blocks.into_iter().zip(checked) {
            let number = block.number();
            let result = match checked {
                None => self.verify(block, meter),
                Some(checked) => checked.and_then(|verdicts| self.advance(block, verdicts)),
            };
            let refused = result.is_err();
            results.push((number, result));
            if refused {
                break;
            }
        }
        results
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

/// Checks the block's place behind `tip`, the orderers' signatures, and then those of its transactions.
fn check(
    decoded: &DecodedBlock,
    tip: ChainTip,
    bundle: &Bundle,
    meter: &CpuMeter,
) -> Result<Vec<TxVerdict>, Refusal> {
    check_place(decoded, tip)?;
    meter.count_serial(|| check_block_signatures(decoded, bundle))?;
    Ok(verify_transactions(decoded, bundle, meter))
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
