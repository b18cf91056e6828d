//! Whether a block is the channel's next one (validation-spec 1.2 to 1.6).

use heddle::crypto::{sha256, sha256_parts};
use heddle::proto::common::{
    Block, BlockHeader, ChannelHeader, Envelope, IdentifierHeader, Metadata, MetadataSignature,
    Payload, SignatureHeader, header_type,
};
use heddle::proto::wire::{Fields, Message, Value, put_bytes, put_varint};

use crate::policy::{Config, Signed};
use crate::{Halt, refused};

/// A block's parts, all there.
pub(crate) struct Frame<'a> {
    pub(crate) header: BlockHeader<'a>,
    pub(crate) envelopes: Vec<&'a [u8]>,
    metadata: Vec<&'a [u8]>,
}

impl<'a> Frame<'a> {
    /// 1.5 and 1.6, steps 1 to 3, as far as the block itself tells.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Halt> {
        let block = Block::decode(bytes).map_err(|error| refused(error.to_string()))?;
        let frame = Self {
            header: block.header.ok_or_else(|| refused("no header"))?,
            envelopes: block.data.unwrap_or_default().data,
            metadata: block.metadata.unwrap_or_default().metadata,
        };
        // 1.7: the genesis block is taken as it is.
        let genesis = frame.header.number == 0;
        if frame.metadata.len() < 5 && !genesis {
            return Err(refused("fewer than five metadata slots"));
        }
        let well_formed = || frame.envelopes.iter().all(|bytes| is_well_formed(bytes));
        if frame.envelopes.is_empty() || !(genesis || frame.is_config_block() || well_formed()) {
            return Err(refused("transactions are not well-formed"));
        }
        if frame.header.data_hash != sha256_parts(&frame.envelopes).0 {
            return Err(refused("data hash"));
        }
        Ok(frame)
    }

    /// One transaction, of type CONFIG by its header.
    pub(crate) fn is_config_block(&self) -> bool {
        let header_type = |envelope: &[u8]| {
            let envelope = Envelope::decode(envelope).ok()?;
            let header = Payload::decode(envelope.payload).ok()?.header?;
            Some(ChannelHeader::decode(header.channel_header).ok()?.r#type)
        };
        match &*self.envelopes {
            [only] => header_type(only) == Some(header_type::CONFIG),
            _ => false,
        }
    }

    /// 1.2: the signed bytes of the header.
    fn header_bytes(&self) -> Vec<u8> {
        let mut number = self.header.number.to_be_bytes().to_vec();
        number.insert(0, 0);
        while let [0, next, ..] = *number
            && next < 0x80
        {
            number.remove(0);
        }
        let content = [
            der(0x02, &number),
            der(0x04, self.header.previous_hash),
            der(0x04, self.header.data_hash),
        ];
        der(0x30, &content.concat())
    }

    pub(crate) fn header_hash(&self) -> Vec<u8> {
        sha256(&self.header_bytes()).0.to_vec()
    }

    /// 1.6, signatures.
    pub(crate) fn check_signatures(&self, config: &Config) -> Result<(), Halt> {
        let undecodable = |_| refused("signatures do not decode");
        let slot = self.metadata.first().copied().unwrap_or_default();
        let metadata = Metadata::decode(slot).map_err(undecodable)?;
        let header_bytes = self.header_bytes();
        let bft = config.bundle.capabilities().bft();
        let consenters = &config.bundle.orderer().consenters;
        let mut set = Vec::new();
        for entry in &metadata.signatures {
            let MetadataSignature {
                signature_header,
                signature,
                identifier_header,
            } = *entry;
            let by_id = bft && signature_header.is_empty() && !identifier_header.is_empty();
            let (identity, header) = if by_id {
                let named = IdentifierHeader::decode(identifier_header).map_err(undecodable)?;
                let mut known = consenters.iter();
                match known.find(|consenter| consenter.id == named.identifier) {
                    Some(consenter) if !consenter.serialized_identity.is_empty() => {
                        (&*consenter.serialized_identity, identifier_header)
                    }
                    Some(_) | None => continue,
                }
            } else {
                let header = SignatureHeader::decode(signature_header).map_err(undecodable)?;
                (header.creator, signature_header)
            };
            set.push(Signed {
                identity,
                message: [metadata.value, header, &header_bytes].concat(),
                signature,
            });
        }
        let signers = config.signers(&set);
        if config.satisfies_channel("/Channel/Orderer/BlockValidation", &signers) {
            Ok(())
        } else {
            Err(refused("BlockValidation is not satisfied"))
        }
    }
}

/// 1.5: payload and signature are there, and writing the envelope again gives the same bytes.
fn is_well_formed(bytes: &[u8]) -> bool {
    let Ok(envelope) = Envelope::decode(bytes) else {
        return false;
    };
    let mut canonical = Vec::new();
    put_bytes(&mut canonical, 1, envelope.payload);
    put_bytes(&mut canonical, 2, envelope.signature);
    let mut fields = Fields::new(bytes);
    while let Ok(Some(field)) = fields.next_field() {
        let known = matches!((field.number, field.value), (1 | 2, Value::Bytes(_)));
        if !known {
            let tag = u64::from(field.number) << 3 | u64::from(field.wire_type);
            put_varint(&mut canonical, tag);
            canonical.extend_from_slice(field.raw);
        }
    }
    !envelope.payload.is_empty() && !envelope.signature.is_empty() && canonical == bytes
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let bytes: Vec<u8> = length
        .to_be_bytes()
        .into_iter()
        .skip_while(|byte| *byte == 0)
        .collect();
    let head = match u8::try_from(length) {
        Ok(short) if short < 0x80 => vec![tag, short],
        _ => [
            vec![tag, 0x80 | u8::try_from(bytes.len()).unwrap_or(8)],
            bytes,
        ]
        .concat(),
    };
    [&*head, content].concat()
}
