//! What the ledger itself reads of a stored block: header, validation codes, commit hash.

use super::block_store::BlockBytes;
use super::error::{Damage, Error};
use super::hash;
use crate::proto::common::{Block, BlockHeader, BlockMetadata, Metadata, metadata_index};
use crate::proto::wire::{Fields, MESSAGE_DEPTH_MAX, Message, Value, WireError};
use crate::types::{BlockNumber, Digest, TxIndex, ValidationCode};

/// Header and metadata of a stored block; its data is skipped.
#[derive(Debug)]
pub(crate) struct StoredBlock<'a> {
    pub(crate) header: BlockHeader<'a>,
    pub(crate) metadata: BlockMetadata<'a>,
}

impl<'a> StoredBlock<'a> {
    /// Reads block `number`.
    pub(crate) fn read(block: &'a BlockBytes, number: BlockNumber) -> Result<Self, Error> {
        let unreadable = |part| {
            move |source| Error::UnreadableBlock {
                block: number,
                part,
                source,
            }
        };
        let mut header = BlockHeader::default();
        let mut metadata = BlockMetadata::default();
        let mut fields = Fields::new(block.as_ref());
        while let Some(field) = fields.next_field().map_err(unreadable("envelope"))? {
            match (field.number, field.value) {
                (1, Value::Bytes(bytes)) => {
                    header
                        .merge(bytes, MESSAGE_DEPTH_MAX)
                        .map_err(unreadable("header"))?;
                }
                (3, Value::Bytes(bytes)) => {
                    metadata
                        .merge(bytes, MESSAGE_DEPTH_MAX)
                        .map_err(unreadable("metadata"))?;
                }
                _ => {}
            }
        }
        Ok(Self { header, metadata })
    }

    /// The header's hash.
    pub(crate) fn header_hash(&self) -> Digest {
        let BlockHeader {
            number,
            previous_hash,
            data_hash,
        } = &self.header;
        hash::header_hash(BlockNumber(*number), previous_hash, data_hash)
    }

    /// The validation code of a transaction, `None` where the filter has none that we know.
    pub(crate) fn code(&self, index: TxIndex) -> Option<ValidationCode> {
        let filter = self.slot(metadata_index::TRANSACTIONS_FILTER);
        let number = filter.get(usize::try_from(index.0).ok()?)?;
        ValidationCode::from_number(*number)
    }

    /// The commit hash, `None` where the block has none, as the genesis block.
    pub(crate) fn commit_hash(&self) -> Result<Option<Digest>, WireError> {
        let metadata = Metadata::decode(self.slot(metadata_index::COMMIT_HASH))?;
        Ok(metadata.value.try_into().ok().map(Digest))
    }

    fn slot(&self, index: usize) -> &'a [u8] {
        self.metadata
            .metadata
            .get(index)
            .copied()
            .unwrap_or_default()
    }
}

/// Checks a stored block against its number and its predecessor; returns its header's hash.
pub(crate) fn check(
    block: &BlockBytes,
    number: BlockNumber,
    previous: Option<Digest>,
) -> Result<Digest, Damage> {
    let block = Block::decode(block.as_ref()).map_err(|_| Damage::Undecodable)?;
    let header = block.header.ok_or(Damage::Undecodable)?;
    if header.number != number.0 {
        return Err(Damage::HeaderNumber);
    }
    if previous.is_some_and(|previous| header.previous_hash != previous.as_ref()) {
        return Err(Damage::PreviousHash);
    }
    let data = block.data.unwrap_or_default();
    if header.data_hash != hash::data_hash(&data.data).as_ref() {
        return Err(Damage::DataHash);
    }
    Ok(hash::header_hash(
        number,
        header.previous_hash,
        header.data_hash,
    ))
}
