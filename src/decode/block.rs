//! A block's frame: header, metadata slots, well-formed envelopes, data hash.

use bytes::Bytes;
use rayon::prelude::*;
use self_cell::self_cell;

use super::error::{EnvelopeProblem, Rejection};
use super::transaction::{DecodedTx, SignedKind, TxBody, decode_transactions};
use crate::crypto::sha256;
use crate::ingress::{DataCheck, RawBlock};
use crate::ledger::{data_hash_and_payloads, header_bytes};
use crate::proto::common::{Block, ChannelHeader, Envelope, Payload, header_type, metadata_index};
use crate::proto::wire::{Message, varint_len};
use crate::stage::InStage;
use crate::sys::process::CpuMeter;
use crate::types::{BlockNumber, Digest};

/// Everything in a block, borrowed from its bytes.
#[derive(Debug)]
pub struct BlockContents<'a> {
    /// The header's previous hash.
    pub previous_hash: &'a [u8],
    /// The header's data hash, equal to the hash of the data.
    pub data_hash: &'a [u8],
    /// The metadata slots as they came.
    pub metadata: Vec<&'a [u8]>,
    /// The serialized envelopes.
    pub envelopes: Vec<&'a [u8]>,
    /// The envelopes, decoded.
    pub transactions: Vec<DecodedTx<'a>>,
}

self_cell!(
    struct Cell {
        owner: Bytes,
        #[covariant]
        dependent: BlockContents,
    }
    impl {Debug}
);

/// A block whose frame is sound and whose transactions are decoded.
#[derive(Debug)]
pub struct DecodedBlock {
    cell: Cell,
    number: BlockNumber,
    header_bytes: Vec<u8>,
    header_hash: Digest,
}

impl DecodedBlock {
    /// The number in the header.
    #[must_use]
    pub fn number(&self) -> BlockNumber {
        self.number
    }

    /// The bytes of the header that orderers sign.
    #[must_use]
    pub fn header_bytes(&self) -> &[u8] {
        &self.header_bytes
    }

    /// The header hash.
    #[must_use]
    pub fn header_hash(&self) -> Digest {
        self.header_hash
    }

    /// What is in the block.
    #[must_use]
    pub fn contents(&self) -> &BlockContents<'_> {
        self.cell.borrow_dependent()
    }

    /// The bytes that the block came in.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.cell.borrow_owner()
    }

    /// Whether one of its transactions is a config transaction, whatever becomes of it.
    #[must_use]
    pub fn has_config(&self) -> bool {
        let transactions = &self.contents().transactions;
        transactions.iter().any(|transaction| {
            matches!(
                transaction.body,
                TxBody::Signed {
                    kind: SignedKind::Config(_),
                    ..
                }
            )
        })
    }

    /// How many bytes the block has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.cell.borrow_owner().len()
    }
}

/// Decodes a block. Transactions are decoded in parallel on the current rayon pool; `meter` counts what
/// its workers spend.
///
/// # Errors
/// The block is refused as a whole.
pub fn decode_block(raw: RawBlock, meter: &CpuMeter) -> Result<DecodedBlock, Rejection> {
    let (expected, data) = (raw.expected, raw.data);
    let mut number = BlockNumber::default();
    let cell = Cell::try_new(raw.bytes, |bytes| {
        let block = meter
            .count_serial(|| Block::decode(bytes))
            .map_err(|error| Rejection::Undecodable { expected, error })?;
        let header = block
            .header
            .as_ref()
            .ok_or(Rejection::NoHeader { expected })?;
        number = BlockNumber(header.number);
        decode_contents(&block, number, data, meter)
    })?;
    let contents = cell.borrow_dependent();
    let header_bytes = header_bytes(number, contents.previous_hash, contents.data_hash);
    let header_hash = sha256(&header_bytes);
    Ok(DecodedBlock {
        cell,
        number,
        header_bytes,
        header_hash,
    })
}

fn decode_contents<'a>(
    block: &Block<'a>,
    number: BlockNumber,
    data: DataCheck,
    meter: &CpuMeter,
) -> Result<BlockContents<'a>, Rejection> {
    let header = block.header.clone().unwrap_or_default();
    let metadata = block
        .metadata
        .as_ref()
        .map(|m| m.metadata.clone())
        .unwrap_or_default();
    let envelopes = block
        .data
        .as_ref()
        .map(|data| data.data.clone())
        .unwrap_or_default();
    // Fabric: the genesis block is taken as it is, without steps A and B.
    let genesis = number == BlockNumber(0);
    if !genesis && metadata.len() < metadata_index::SLOTS {
        return Err(Rejection::TooFewMetadata {
            number,
            found: metadata.len(),
        });
    }
    if envelopes.is_empty() {
        return Err(Rejection::Empty { number });
    }
    if u32::try_from(envelopes.len()).is_err() {
        return Err(Rejection::TooManyTransactions {
            number,
            found: envelopes.len(),
        });
    }
    let payloads = if genesis || is_config_data(&envelopes) {
        Vec::new()
    } else {
        meter.count_serial(|| well_formed(&envelopes, number))?
    };
    let check = || match data {
        DataCheck::Good { payload_digests } => Ok(payload_digests),
        DataCheck::Unknown => {
            meter.count_serial(|| check_data(&envelopes, &payloads, header.data_hash, number))
        }
    };
    let (digests, mut transactions): (_, Vec<DecodedTx<'a>>) = rayon::join(check, || {
        envelopes
            .par_chunks(ENVELOPES_PER_TASK)
            .with_max_len(1)
            .flat_map_iter(|chunk| meter.count(|| decode_transactions(chunk)))
            .collect()
    });
    if let Some(digests) = digests? {
        note_digests(&mut transactions, &payloads, digests);
    }
    Ok(BlockContents {
        previous_hash: header.previous_hash,
        data_hash: header.data_hash,
        metadata,
        envelopes,
        transactions,
    })
}

/// Envelopes that one task decodes at least: a task must be worth its hand-over.
const ENVELOPES_PER_TASK: usize = 32;

/// Whether the data have the header's hash; the digests of the payloads, where they cost nothing.
fn check_data(
    envelopes: &[&[u8]],
    payloads: &[&[u8]],
    data_hash: &[u8],
    number: BlockNumber,
) -> Result<Option<Vec<Digest>>, Rejection> {
    let (found, digests) = data_hash_and_payloads(envelopes, payloads);
    if found.as_ref() == data_hash {
        return Ok(digests);
    }
    let expected = data_hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Err(Rejection::DataHash {
        number,
        expected,
        found,
    })
}

/// Notes digests of payloads where they belong.
fn note_digests(transactions: &mut [DecodedTx<'_>], payloads: &[&[u8]], digests: Vec<Digest>) {
    for ((transaction, payload), digest) in transactions.iter_mut().zip(payloads).zip(digests) {
        if let TxBody::Signed { creator, .. } = &mut transaction.body
            && std::ptr::eq(creator.payload, *payload)
        {
            creator.payload_digest = Some(digest);
        }
    }
}

/// Whether the data are those of a config block. Any decode problem makes them not so.
///
/// Fabric: `protoutil/commonutils.go:HasConfigTx`.
fn is_config_data(envelopes: &[&[u8]]) -> bool {
    match envelopes {
        [envelope] => is_config(envelope),
        _ => false,
    }
}

/// Whether an envelope says that it has a config transaction.
#[must_use]
pub fn is_config(envelope: &[u8]) -> bool {
    let header_type = || {
        let envelope = Envelope::decode(envelope).ok()?;
        let header = Payload::decode(envelope.payload).ok()?.header?;
        Some(ChannelHeader::decode(header.channel_header).ok()?.r#type)
    };
    header_type() == Some(header_type::CONFIG)
}

/// The payloads of well-formed envelopes.
fn well_formed<'a>(
    envelopes: &[&'a [u8]],
    number: BlockNumber,
) -> Result<Vec<&'a [u8]>, Rejection> {
    let mut payloads = Vec::with_capacity(envelopes.len());
    for (tx, bytes) in envelopes.iter().enumerate() {
        match check_envelope(bytes) {
            Ok(payload) => payloads.push(payload),
            Err(problem) => {
                return Err(Rejection::NotWellFormed {
                    number,
                    tx,
                    problem,
                });
            }
        }
    }
    Ok(payloads)
}

/// An envelope must be what Go writes for it: payload, signature, then unknown fields as they came
/// but with their tags in the shortest form. Gives the payload.
///
/// Fabric: `protoutil/blockutils.go:VerifyTransactionsAreWellFormed`.
fn check_envelope(bytes: &[u8]) -> Result<&[u8], EnvelopeProblem> {
    let envelope = Envelope::decode(bytes).map_err(EnvelopeProblem::Undecodable)?;
    if envelope.payload.is_empty() {
        return Err(EnvelopeProblem::NoPayload);
    }
    if envelope.signature.is_empty() {
        return Err(EnvelopeProblem::NoSignature);
    }
    let known = [(0x0a_u8, envelope.payload), (0x12_u8, envelope.signature)];
    let mut rest = bytes;
    for (tag, value) in known {
        rest = strip_canonical(rest, tag, value).ok_or(EnvelopeProblem::NotCanonical)?;
    }
    // What is left are the unknown fields, in their order, if nothing stood before or between the
    // known ones; a known field in what is left, or a long tag, makes the lengths differ.
    if rest.len() == envelope.unknown_len {
        Ok(envelope.payload)
    } else {
        Err(EnvelopeProblem::NotCanonical)
    }
}

/// Strips `tag`, the shortest length prefix and `value` from the front of `bytes`.
fn strip_canonical<'a>(bytes: &'a [u8], tag: u8, value: &[u8]) -> Option<&'a [u8]> {
    let (&first, rest) = bytes.split_first()?;
    let mut after_length = rest;
    let length = crate::proto::wire::take_varint(&mut after_length).ok()?;
    let canonical = rest.len() - after_length.len() == varint_len(length)
        && length == value.len() as u64
        && first == tag;
    canonical.then_some(())?;
    after_length.strip_prefix(value)
}

impl InStage for DecodedBlock {
    fn number(&self) -> BlockNumber {
        self.number
    }

    fn transactions(&self) -> usize {
        self.contents().transactions.len()
    }
}
