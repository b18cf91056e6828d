//! Hostile feeders: each is cut off with its reason, and another feeder's block takes the place.

use std::time::Duration;

use super::{Room, block, chain, framed, hash_of};
use crate::ingress::ingest::refusal::RefusalKind;
use crate::limits;
use crate::proto::wire::{put_element, put_varint};

#[track_caller]
fn check_bytes(bytes: &[u8], kind: RefusalKind) {
    let mut room = Room::new();
    let (hostile, good) = (room.greeted(), room.greeted());
    room.send(hostile, bytes);
    room.admit();
    room.check_refused(hostile, kind);
    chain(3, 10)
        .iter()
        .for_each(|block| room.send_block(good, block));
    room.settle();
    room.check_stays(good);
    assert_eq!(room.height(), 3);
}

#[test]
fn bytes_that_are_no_block() {
    let mut length = Vec::new();
    put_varint(&mut length, limits::BLOCK_BYTES_MAX as u64 + 1);
    check_bytes(&length, RefusalKind::Oversize);
    check_bytes(&[0xff; 10], RefusalKind::NotABlock);
    check_bytes(&[0xff; 9], RefusalKind::NotABlock);
    check_bytes(&[0], RefusalKind::NotABlock);
    check_bytes(b"GET / HTTP/1.1\r\n\r\n", RefusalKind::NotABlock);
    // A header that does not stand first, is cut off, too long, or does not decode.
    check_bytes(&[4, 0x12, 0, 0x0a, 0], RefusalKind::NotABlock);
    check_bytes(&[3, 0x0a, 9, 0], RefusalKind::NotABlock);
    check_bytes(&[100, 0x0a, 0xff, 0xff, 0x7f], RefusalKind::NotABlock);
    check_bytes(&[4, 0x0a, 2, 0x0f, 0x0f], RefusalKind::NotABlock);
    // A header, and then bytes that are no message.
    let (good, _) = block(0, None, b"data", true);
    check_bytes(
        &framed(&[&good[..], &[0xff]].concat()),
        RefusalKind::NotABlock,
    );
}

#[test]
fn a_second_header_does_not_change_the_first() {
    let (good, _) = block(0, None, b"data", true);
    let mut twice = good.clone();
    put_element(&mut twice, 1, &[0x08, 5]);
    check_bytes(&framed(&twice), RefusalKind::NotABlock);
}

#[test]
fn forged_blocks_do_not_pass_the_door() {
    let blocks = chain(3, 10);
    let tip = Some(hash_of(&blocks[0]));
    let (unsigned, _) = block(1, tip, b"forged", false);
    let mut other_data = blocks[1].clone();
    let at = other_data
        .windows(10)
        .position(|bytes| bytes == [7; 10])
        .expect("the data");
    other_data[at] ^= 1;
    let few_slots = &blocks[1][..blocks[1].len() - 2];
    let mut few_slots = few_slots.to_vec();
    // The metadata's length stands before its 5 slots: signature, and 4 empty ones.
    let length = few_slots.len() - (2 + 6 + 3 * 2) - 1;
    few_slots[length] -= 2;
    let fork = block(1, Some(hash_of(&blocks[2])), b"forged", true).0;
    for (forged, kind) in [
        (unsigned, RefusalKind::Forged),
        (other_data, RefusalKind::Forged),
        (few_slots, RefusalKind::Forged),
        (fork, RefusalKind::Fork),
    ] {
        let mut room = Room::new();
        let (hostile, good) = (room.greeted(), room.greeted());
        room.send_block(good, &blocks[0]);
        room.settle();
        room.send_block(hostile, &forged);
        room.send_block(good, &blocks[1]);
        room.send_block(good, &blocks[2]);
        room.settle();
        room.check_refused(hostile, kind);
        room.check_stays(good);
        assert_eq!(room.height(), 3);
        assert_eq!(room.desk.tally().restarts, 0);
    }
}

#[test]
fn a_forged_block_that_only_the_pipeline_can_tell_is_blamed_on_its_feeder_alone() {
    let blocks = chain(6, 10);
    let mut room = Room::new();
    let (hostile, good) = (room.greeted(), room.greeted());
    room.send_block(good, &blocks[0]);
    room.settle();
    room.configured = false;
    let (forged, forged_hash) = block(1, Some(hash_of(&blocks[0])), b"forged", false);
    let (follows, _) = block(2, Some(forged_hash), b"forged, too", false);
    room.send_block(hostile, &forged);
    room.send_block(hostile, &follows);
    blocks[1..]
        .iter()
        .for_each(|block| room.send_block(good, block));
    room.admit();
    // The forged ones came first; what does not follow them is not refused for that.
    assert_eq!(room.pipeline.len(), 2);
    room.check_stays(good);
    room.commit();
    room.check_refused(hostile, RefusalKind::Rejected);
    room.settle();
    room.check_stays(good);
    assert_eq!((room.height(), room.desk.tally().restarts), (6, 1));
}

#[test]
fn a_rejection_that_no_feeder_is_to_blame_for_is_not_tried_again() {
    let mut room = Room::new();
    let rejected = room.desk.rejected("of itself".to_owned(), room.now);
    assert!(!rejected.expect("a ledger"));
}

#[test]
fn a_fork_is_refused_before_and_after_the_commit() {
    let blocks = chain(4, 10);
    let (other, _) = block(1, Some(hash_of(&blocks[0])), b"other", true);
    // Another signed block of the same number: whichever is committed first, the other is a fork.
    let mut room = Room::new();
    let (good, forked, late) = (room.greeted(), room.greeted(), room.greeted());
    blocks.iter().for_each(|block| room.send_block(good, block));
    room.send_block(forked, &other);
    room.settle();
    room.check_refused(forked, RefusalKind::Fork);
    room.send_block(late, &other);
    room.check_refused(late, RefusalKind::Fork);
    room.check_stays(good);
    assert_eq!(room.height(), 4);
}

#[test]
fn other_metadata_of_the_same_block_are_no_fork() {
    let blocks = chain(2, 10);
    let mut other = blocks[1].clone();
    // The last slot, which nobody signs.
    let end = other.len() - 1;
    other[end] = 1;
    other.push(9);
    let length = other.len() - (2 + 6 + 4 * 2 + 1) - 1;
    other[length] += 1;
    let mut room = Room::new();
    let (first, second) = (room.greeted(), room.greeted());
    room.send_block(first, &blocks[0]);
    room.send_block(first, &blocks[1]);
    room.send_block(second, &other);
    room.settle();
    assert_eq!(room.height(), 2);
    room.check_stays(first);
    room.check_stays(second);
}

#[test]
fn half_a_block_is_waited_for_but_not_forever() {
    let blocks = chain(3, 100);
    let mut room = Room::new();
    let (slow, good) = (room.greeted(), room.greeted());
    let bytes = framed(&blocks[0]);
    room.send(slow, &bytes[..50]);
    blocks.iter().for_each(|block| room.send_block(good, block));
    room.settle();
    assert_eq!(room.height(), 3, "nobody waits for the slow one");
    room.wait(limits::INGEST_BLOCK_WAIT - Duration::from_secs(1));
    // A byte now and then does not help.
    room.send(slow, &bytes[50..51]);
    room.check_stays(slow);
    room.wait(Duration::from_secs(1));
    room.check_refused(slow, RefusalKind::Slow);
    room.check_stays(good);
    room.wait(limits::INGEST_LINGER);
    assert!(room.desk.is_done(slow));
}

#[test]
fn what_a_feeder_sends_after_its_refusal_is_thrown_away() {
    let blocks = chain(1, 10);
    let mut room = Room::new();
    let id = room.greeted();
    room.send(id, &[0]);
    room.check_refused(id, RefusalKind::NotABlock);
    assert!(room.desk.wants_read(id));
    room.send_block(id, &blocks[0]);
    room.settle();
    assert_eq!(room.height(), 0);
    assert_eq!(room.frames(id), []);
}
