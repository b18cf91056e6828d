//! Where a run begins: what the stages must know of the ledger.

use std::sync::Arc;

use super::error::Stop;
use crate::channel::Bundle;
use crate::ledger::{Ledger, StateReader, View};
use crate::types::{BlockNumber, Digest, Namespace, NamespaceRef};
use crate::verify::{Chain, ChainTip};

/// The key of the channel configuration in the world state, in the namespace without a name.
const CONFIG_KEY: &[u8] = b"CHANNEL_CONFIG_ENV_BYTES";

/// A ledger's last block, as the stages need it.
#[derive(Debug)]
pub(super) struct Start {
    /// The next block's number.
    pub(super) next: BlockNumber,
    /// For verify.
    pub(super) chain: Chain,
    /// For endorsement: where keys have metadata.
    pub(super) with_metadata: Vec<Namespace>,
    /// For mvcc: the last commit hash.
    pub(super) commit_hash: Option<Digest>,
}

impl Start {
    /// What the ledger says.
    ///
    /// # Errors
    /// The ledger failed, or its configuration is not one.
    pub(super) fn of(ledger: &Ledger) -> Result<Self, Stop> {
        let info = ledger.info()?;
        let next = BlockNumber(info.height);
        let last = info
            .height
            .checked_sub(1)
            .map(BlockNumber)
            .zip(info.header_hash);
        let Some((number, header_hash)) = last else {
            let chain = Chain::founding(ledger.channel().clone());
            return Ok(Self {
                next,
                chain,
                with_metadata: Vec::new(),
                commit_hash: None,
            });
        };
        let view = ledger.view()?;
        let bundle = config_in_force(ledger, &view)?;
        Ok(Self {
            next,
            chain: Chain::at(
                ChainTip {
                    number,
                    header_hash,
                },
                Arc::new(bundle),
            ),
            with_metadata: view.namespaces_with_metadata()?,
            commit_hash: info.commit_hash,
        })
    }
}

/// The configuration for the block that follows the view's last one.
///
/// # Errors
/// The ledger failed, or has no configuration that this version can use.
pub fn config_in_force(ledger: &Ledger, view: &View) -> Result<Bundle, Stop> {
    let config = view
        .get(NamespaceRef::public(""), CONFIG_KEY)?
        .ok_or(Stop::NoConfig)?;
    Ok(Bundle::from_genesis(ledger.channel(), &config.value)?)
}
