//! Blocks as orderers make them, linked and signed.

use super::identity::Identity;
use super::wire::Wire;
use crate::ledger::{data_hash, hash};
use crate::types::BlockNumber;

/// Who signs blocks, and in which form.
#[derive(Debug, Clone)]
pub enum BlockSigning {
    /// Each with a signature header: raft, solo.
    Raft(Vec<Identity>),
    /// Each with its consenter's id.
    Bft(Vec<(u32, Identity)>),
}

/// A chain of blocks up to its tip.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The next block's number.
    pub next: u64,
    /// The last block's header hash; empty before the first.
    pub previous_hash: Vec<u8>,
    /// The last config block.
    pub last_config: u64,
    /// Who signs.
    pub signing: BlockSigning,
}

/// A block, ready to be changed before it is signed.
#[derive(Debug, Clone)]
pub struct BlockDraft {
    /// Its number.
    pub number: u64,
    /// The header hash of the block before.
    pub previous_hash: Vec<u8>,
    /// The data hash, where it is not to be the right one.
    pub data_hash: Option<Vec<u8>>,
    /// The serialized envelopes.
    pub envelopes: Vec<Vec<u8>>,
    /// The last config block, as the signed metadata tell.
    pub last_config: u64,
    /// Who signs; nobody signs a genesis block.
    pub signing: BlockSigning,
    /// The signatures slot, where it is not to be the right one.
    pub signatures_slot: Option<Vec<u8>>,
    /// The slots after the first one.
    pub other_slots: Vec<Vec<u8>>,
}

impl Chain {
    /// A chain without blocks.
    #[must_use]
    pub fn new(signing: BlockSigning) -> Self {
        Self {
            next: 0,
            previous_hash: Vec::new(),
            last_config: 0,
            signing,
        }
    }

    /// The next block with these envelopes, to be changed.
    #[must_use]
    pub fn draft(&self, envelopes: impl IntoIterator<Item = Vec<u8>>) -> BlockDraft {
        let last_config = Wire::new().uint(1, self.last_config);
        let last_config = Wire::new().bytes(1, last_config).done();
        BlockDraft {
            number: self.next,
            previous_hash: self.previous_hash.clone(),
            data_hash: None,
            envelopes: envelopes.into_iter().collect(),
            last_config: self.last_config,
            signing: self.signing.clone(),
            signatures_slot: None,
            other_slots: vec![last_config, Vec::new(), Vec::new(), Vec::new()],
        }
    }

    /// Makes a draft the chain's new tip. Returns the serialized block.
    pub fn push(&mut self, draft: &BlockDraft) -> Vec<u8> {
        self.next = draft.number + 1;
        self.previous_hash = draft.header_hash();
        self.last_config = draft.last_config;
        draft.serialize()
    }

    /// The next block with these envelopes.
    pub fn block(&mut self, envelopes: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
        let draft = self.draft(envelopes);
        self.push(&draft)
    }

    /// The next block with envelopes that are serialized already, which large blocks want.
    pub fn block_of(&mut self, data: &BlockData) -> Vec<u8> {
        let mut draft = self.draft([]);
        draft.data_hash = Some(data.hash.clone());
        let block = draft.serialize_around(&data.bytes);
        self.next = draft.number + 1;
        self.previous_hash = draft.header_hash();
        block
    }

    /// The next block with a config transaction.
    pub fn config_block(&mut self, envelope: Vec<u8>) -> Vec<u8> {
        self.last_config = self.next;
        self.block([envelope])
    }
}

/// A serialized `BlockData` with its hash: all of a block that takes long to make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockData {
    bytes: Vec<u8>,
    hash: Vec<u8>,
}

impl BlockData {
    /// The data of a block with these envelopes.
    #[must_use]
    pub fn new<E: AsRef<[u8]>>(envelopes: &[E]) -> Self {
        let length = |bytes: &E| bytes.as_ref().len() + 8;
        let bytes: usize = envelopes.iter().map(length).sum();
        let envelopes = envelopes.iter().map(AsRef::as_ref);
        let slices: Vec<&[u8]> = envelopes.clone().collect();
        Self {
            hash: data_hash(&slices).0.to_vec(),
            bytes: Wire::with_capacity(bytes).elements(1, envelopes).done(),
        }
    }
}

impl BlockDraft {
    fn data_hash(&self) -> Vec<u8> {
        let envelopes: Vec<&[u8]> = self.envelopes.iter().map(|bytes| &**bytes).collect();
        let given = self.data_hash.clone();
        given.unwrap_or_else(|| data_hash(&envelopes).0.to_vec())
    }

    /// The header hash.
    #[must_use]
    pub fn header_hash(&self) -> Vec<u8> {
        let number = BlockNumber(self.number);
        let hash = crate::ledger::header_hash(number, &self.previous_hash, &self.data_hash());
        hash.0.to_vec()
    }

    /// The bytes of the header that are signed.
    #[must_use]
    pub fn header_bytes(&self) -> Vec<u8> {
        hash::header_bytes(
            BlockNumber(self.number),
            &self.previous_hash,
            &self.data_hash(),
        )
    }

    /// What orderers sign besides the header: a serialized `OrdererBlockMetadata`.
    #[must_use]
    pub fn signed_value(&self) -> Vec<u8> {
        let last_config = Wire::new().uint(1, self.last_config);
        Wire::new().element(1, last_config).done()
    }

    /// The entry of a signer with a signature header.
    #[must_use]
    pub fn raft_signature(&self, signer: &Identity) -> Vec<u8> {
        let header = Wire::new()
            .bytes(1, signer.serialized())
            .bytes(2, "nonce of a block sig....")
            .done();
        let signature = signer.sign(&[&self.signed_value(), &header, &self.header_bytes()]);
        Wire::new().bytes(1, header).bytes(2, signature).done()
    }

    /// The entry of a consenter with its id.
    #[must_use]
    pub fn bft_signature(&self, id: u32, signer: &Identity) -> Vec<u8> {
        let header = Wire::new().uint(1, u64::from(id)).bytes(2, "nonce").done();
        let signature = signer.sign(&[&self.signed_value(), &header, &self.header_bytes()]);
        Wire::new().bytes(2, signature).bytes(3, header).done()
    }

    /// The signatures slot with these entries.
    #[must_use]
    pub fn slot_of(&self, entries: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
        let slot = Wire::new().bytes(1, self.signed_value());
        slot.elements(2, entries).done()
    }

    fn signatures(&self) -> Vec<u8> {
        if let Some(given) = &self.signatures_slot {
            return given.clone();
        }
        let entries: Vec<Vec<u8>> = match &self.signing {
            _ if self.number == 0 => Vec::new(),
            BlockSigning::Raft(signers) => signers
                .iter()
                .map(|signer| self.raft_signature(signer))
                .collect(),
            BlockSigning::Bft(signers) => signers
                .iter()
                .map(|(id, signer)| self.bft_signature(*id, signer))
                .collect(),
        };
        self.slot_of(entries)
    }

    /// The serialized `Block`.
    #[must_use]
    pub fn serialize(&self) -> Vec<u8> {
        let bytes: usize = self.envelopes.iter().map(|bytes| bytes.len() + 8).sum();
        let data = Wire::with_capacity(bytes).elements(1, &self.envelopes);
        self.serialize_around(data.as_ref())
    }

    fn serialize_around(&self, data: &[u8]) -> Vec<u8> {
        let header = Wire::new()
            .uint(1, self.number)
            .bytes(2, &self.previous_hash)
            .bytes(3, self.data_hash());
        let metadata = Wire::new()
            .element(1, self.signatures())
            .elements(1, &self.other_slots);
        Wire::with_capacity(data.len() + 4096)
            .element(1, header)
            .element(2, data)
            .element(3, metadata)
            .done()
    }
}
