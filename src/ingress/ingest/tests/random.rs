//! Feeders that do everything in any order: with one good one, the whole chain is committed once.

use super::{Room, block, chain, framed, hash_of};
use crate::ingress::ingest::desk::FeederId;
use crate::limits;

/// A small generator: the seed is the test.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).expect("53 bits") % sides
    }
}

/// A feeder that sends the chain from a place on, in pieces of any size.
struct InOrder {
    id: FeederId,
    bytes: Vec<u8>,
    at: usize,
}

#[test]
fn the_chain_is_committed_once_whatever_the_others_do() {
    for seed in 1..60 {
        play(seed);
    }
}

fn play(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let blocks = chain(30, 400);
    let mut room = Room::new();
    room.configured = dice.roll(2) == 0;
    let mut feeders: Vec<InOrder> = (0..3)
        .map(|_| InOrder {
            id: room.greeted(),
            bytes: blocks.iter().flat_map(|block| framed(block)).collect(),
            at: 0,
        })
        .collect();
    let mut steps = 0;
    while room.height() < 30 {
        steps += 1;
        assert!(steps < 100_000, "seed {seed} is stuck at {}", room.height());
        match dice.roll(8) {
            0..4 => {
                let feeder = &mut feeders[dice.roll(3)];
                if room.desk.wants_read(feeder.id) {
                    let end = (feeder.at + 1 + dice.roll(3000)).min(feeder.bytes.len());
                    room.send(feeder.id, &feeder.bytes[feeder.at..end]);
                    feeder.at = end;
                }
            }
            4 => hostile(&mut room, &blocks, &mut dice),
            5 => room.admit(),
            6 => room.commit(),
            // Not so long that a good feeder would be too slow.
            _ => room.wait(limits::INGEST_LINGER / 64),
        }
    }
    for feeder in &feeders {
        room.check_stays(feeder.id);
    }
    assert_eq!(room.height(), 30, "seed {seed}");
}

/// One more connection, and something that is not right.
fn hostile(room: &mut Room, blocks: &[Vec<u8>], dice: &mut Dice) {
    let Some(id) = room.desk.join(room.now) else {
        return;
    };
    let height = room.height();
    let next = usize::try_from(height).expect("small");
    let tip = next.checked_sub(1).map(|last| hash_of(&blocks[last]));
    let bytes = match dice.roll(6) {
        0 => (0..64)
            .map(|_| u8::try_from(dice.roll(256)).expect("a byte"))
            .collect(),
        1 => framed(&block(height, tip, b"forged", false).0),
        2 => {
            let mut flipped = blocks[next].clone();
            let at = dice.roll(flipped.len());
            // Bits of the signature are the pipeline's affair; the test's are a word.
            flipped[at] ^= 1 << dice.roll(8);
            framed(&flipped)
        }
        3 => framed(&blocks[dice.roll(30)]),
        4 => framed(&block(height + 1, tip, b"fork", true).0),
        _ => framed(&blocks[next])[..dice.roll(400)].to_vec(),
    };
    room.send(id, &bytes);
    if dice.roll(2) == 0 {
        room.desk.ended(id, dice.roll(2) == 0, room.now);
    }
}
