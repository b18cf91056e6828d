//! An answer to a request for blocks, in pieces: the blocks' bytes are never copied.

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use crate::gossip::core::blocks_answer;
use crate::proto::messages::gossip::Envelope;
use crate::types::ChannelId;

// Field numbers of gossip/message.proto.
const ENVELOPE_PAYLOAD: u32 = 1;
const MESSAGE_STATE_RESPONSE: u32 = 19;
const RESPONSE_PAYLOADS: u32 = 1;
const PAYLOAD_SEQ_NUM: u32 = 1;
const PAYLOAD_DATA: u32 = 2;

/// The bytes of [`blocks_answer`], which is the plain form of this, as pieces: each block is one of them.
#[must_use]
pub fn answer_pieces(
    channel: &ChannelId,
    nonce: u64,
    first: u64,
    blocks: Vec<Bytes>,
) -> Vec<Bytes> {
    // What comes before the answer's content, which is the last field: of one without blocks.
    let empty = blocks_answer(channel, nonce, first, Vec::new());
    let message = Envelope::decode(empty).unwrap_or_default().payload;
    let empty_content = key_len(MESSAGE_STATE_RESPONSE) + 1;
    let head = message.slice(..message.len().saturating_sub(empty_content));

    let numbered: Vec<(Vec<u8>, Bytes)> = (first..)
        .zip(blocks)
        .map(|(number, block)| (before_block(number, block.len()), block))
        .collect();
    let content: usize = numbered
        .iter()
        .map(|(before, block)| before.len() + block.len())
        .sum();
    let message =
        head.len() + key_len(MESSAGE_STATE_RESPONSE) + encoded_len_varint(content as u64) + content;

    let mut start = Vec::new();
    before_bytes(&mut start, ENVELOPE_PAYLOAD, message);
    start.extend_from_slice(&head);
    before_bytes(&mut start, MESSAGE_STATE_RESPONSE, content);
    let pieces = numbered
        .into_iter()
        .flat_map(|(before, block)| [before.into(), block]);
    std::iter::once(start.into()).chain(pieces).collect()
}

/// `gossip.Payload` of a block, up to the block.
fn before_block(number: u64, block: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    if number > 0 {
        encode_key(PAYLOAD_SEQ_NUM, WireType::Varint, &mut payload);
        encode_varint(number, &mut payload);
    }
    if block > 0 {
        before_bytes(&mut payload, PAYLOAD_DATA, block);
    }
    let mut before = Vec::new();
    before_bytes(&mut before, RESPONSE_PAYLOADS, payload.len() + block);
    before.extend_from_slice(&payload);
    before
}

fn before_bytes(to: &mut Vec<u8>, field: u32, length: usize) {
    encode_key(field, WireType::LengthDelimited, to);
    encode_varint(length as u64, to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_the_plain_answer() {
        let channel = ChannelId::new("mychannel").unwrap();
        for first in [0, 1, 127, 128, 70_000] {
            for nonce in [0, 9, u64::MAX] {
                for sizes in [&[][..], &[0], &[1], &[5, 127, 128, 3], &[20_000, 0, 1]] {
                    let blocks = sizes.iter().map(|size| Bytes::from(vec![7; *size]));
                    let blocks: Vec<Bytes> = blocks.collect();
                    let plain = blocks_answer(&channel, nonce, first, blocks.clone());
                    let pieces = answer_pieces(&channel, nonce, first, blocks.clone());
                    assert_eq!(pieces.concat(), plain, "{first} {nonce} {sizes:?}");
                    let same = |(at, block): (usize, &Bytes)| {
                        pieces[2 * at + 2].as_ptr() == block.as_ptr()
                    };
                    assert!(blocks.iter().enumerate().all(same), "nothing is copied");
                }
            }
        }
    }
}
