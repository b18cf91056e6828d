//! A channel played block by block: transactions of the kit in, codes of the sequential driver out.

use std::cell::Cell;

use bytes::Bytes;

use super::kit::{
    BlockDraft, Chain, ChaincodeDefinition, ChannelSpec, ConfigUpdate, Identity, Network, RwSet,
    Seed, Transaction,
};
use super::memory::MemoryState;
use super::sequential::{SequentialChannel, Stop};
use crate::mvcc::ValidatedBlock;
use crate::proto::messages::common::ConfigGroup;
use crate::types::{ChannelId, InvalidChannelId, NamespaceRef};

/// A network, its chain, and a channel that has committed it.
#[derive(Debug)]
pub struct Play {
    /// The channel and its members.
    pub network: Network,
    /// The chain up to the last block made.
    pub chain: Chain,
    /// The blocks that were committed.
    pub blocks: Vec<Bytes>,
    channel: SequentialChannel,
    nonces: Cell<u64>,
}

/// A play cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Unplayable {
    /// The channel's name.
    #[error(transparent)]
    Channel(#[from] InvalidChannelId),
    /// The genesis block.
    #[error(transparent)]
    Genesis(#[from] Stop),
}

impl Play {
    /// Commits the network's genesis block.
    ///
    /// # Errors
    /// The network's configuration founds no channel.
    pub fn new(network: Network) -> Result<Self, Unplayable> {
        let (chain, genesis) = network.found();
        let mut channel = SequentialChannel::new(ChannelId::new(network.channel())?);
        let genesis = Bytes::from(genesis);
        channel.commit(genesis.clone())?;
        Ok(Self {
            network,
            chain,
            blocks: vec![genesis],
            channel,
            nonces: Cell::new(0),
        })
    }

    /// The usual channel with so many organizations.
    ///
    /// # Errors
    /// As [`Play::new`].
    pub fn with_orgs(orgs: usize) -> Result<Self, Unplayable> {
        Self::new(Network::new(&Seed::new(1), orgs, ChannelSpec::default()))
    }

    /// A transaction of the first organization's client, endorsed by one peer of each organization.
    #[must_use]
    pub fn tx(&self, chaincode: &str, rwset: impl Into<RwSet>) -> Transaction<'_> {
        let nonce = self.nonces.get();
        self.nonces.set(nonce + 1);
        let creator = self.creator();
        let nonce = format!("nonce {nonce:018}");
        Transaction::new(self.network.channel(), creator, nonce, chaincode, rwset)
            .endorsed_by(self.network.orgs.iter().map(|org| &org.peer))
    }

    fn creator(&self) -> &Identity {
        let first = self.network.orgs.first().unwrap_or(&self.network.orderer);
        &first.client
    }

    /// A transaction that commits a chaincode definition.
    #[must_use]
    pub fn definition(&self, definition: &ChaincodeDefinition) -> Transaction<'_> {
        self.tx("_lifecycle", [definition.writes()])
    }

    /// The config transaction of an update that every administrator signs. From now on
    /// [`Play::network`] has the new configuration.
    pub fn config_update(&mut self, edit: impl FnOnce(&mut ConfigGroup)) -> Vec<u8> {
        let network = &mut self.network;
        let admins = network.orgs.iter().chain([&network.orderer]);
        let update = ConfigUpdate::new(&network.spec.channel, &network.config, edit)
            .signed_by(admins.map(|org| &org.admin));
        let creator = network.orgs.first().unwrap_or(&network.orderer);
        let envelope = update.envelope(&creator.admin, &network.orderer.orderer);
        network.config = update.next;
        envelope
    }

    /// Commits a block with these envelopes.
    ///
    /// # Errors
    /// It is refused, or the channel stops.
    pub fn commit(
        &mut self,
        envelopes: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<ValidatedBlock, Stop> {
        let draft = self.chain.draft(envelopes);
        self.commit_draft(&draft)
    }

    /// Commits a block as it is. A refused one leaves the chain where it was.
    ///
    /// # Errors
    /// It is refused, or the channel stops.
    pub fn commit_draft(&mut self, draft: &BlockDraft) -> Result<ValidatedBlock, Stop> {
        let block = Bytes::from(draft.serialize());
        let validated = self.channel.commit(block.clone())?;
        self.chain.push(draft);
        self.blocks.push(block);
        Ok(validated)
    }

    /// Commits a config block.
    ///
    /// # Errors
    /// It is refused, or the channel stops.
    pub fn commit_config(&mut self, envelope: Vec<u8>) -> Result<ValidatedBlock, Stop> {
        let mut draft = self.chain.draft([envelope]);
        draft.last_config = draft.number;
        self.commit_draft(&draft)
    }

    /// The number of the next block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.chain.next
    }

    /// Value, metadata and version of a key; `None` where it does not exist.
    #[must_use]
    pub fn state(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Option<StateOf> {
        let state = self.channel.frontier().state();
        let found = state.keys.get(&(namespace.to_owned(), key.to_vec()))?;
        Some(StateOf {
            value: found.value.clone(),
            metadata: found.metadata.clone(),
            version: (found.version.block, found.version.tx),
        })
    }

    /// The whole state.
    #[must_use]
    pub fn all_state(&self) -> std::sync::Arc<MemoryState> {
        self.channel.frontier().state()
    }
}

/// What the state has for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateOf {
    /// The value.
    pub value: Vec<u8>,
    /// The metadata, serialized.
    pub metadata: Vec<u8>,
    /// Block and transaction of the last write.
    pub version: (u64, u64),
}
