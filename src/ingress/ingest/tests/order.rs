//! Order, doubles, acknowledgements, and feeders that come and go.

use super::{Room, chain, framed};
use crate::ingress::ingest::protocol::ServerFrame;
use crate::ingress::ingest::refusal::RefusalKind;

#[test]
fn heights_are_acknowledged_to_all_and_coalesced() {
    let blocks = chain(10, 10);
    let mut room = Room::new();
    let (first, second) = (room.greeted(), room.greeted());
    blocks
        .iter()
        .for_each(|block| room.send_block(first, block));
    room.settle();
    assert_eq!(room.height(), 10);
    // Ten heights, one frame: a feeder that does not read costs nothing.
    assert_eq!(room.frames(first), [ServerFrame::Durable(10)]);
    assert_eq!(room.frames(second), [ServerFrame::Durable(10)]);
}

#[test]
fn a_feeder_that_never_reads_has_a_small_outbox() {
    let blocks = chain(100, 10);
    let mut room = Room::new();
    let id = room.join();
    for block in &blocks {
        room.send_block(id, block);
        room.settle();
    }
    assert_eq!(room.height(), 100);
    // The greeting is still to be read; the height waits behind it.
    let unread = room.desk.output(id).len();
    assert!(unread < 64, "{unread} bytes");
}

#[test]
fn interleaved_and_reversed_blocks_come_out_in_order() {
    let blocks = chain(40, 10);
    let mut room = Room::new();
    let (even, odd) = (room.greeted(), room.greeted());
    for block in blocks.iter().skip(1).step_by(2).rev() {
        room.send_block(odd, block);
        room.admit();
    }
    assert!(room.pipeline.is_empty(), "block 0 is missing");
    for block in blocks.iter().step_by(2) {
        room.send_block(even, block);
        room.settle();
    }
    assert_eq!(room.height(), 40);
    assert_eq!(room.desk.tally().doubles, 0);
}

#[test]
fn the_same_block_from_many_costs_one_commit() {
    let blocks = chain(20, 10);
    let mut room = Room::new();
    let feeders = [room.greeted(), room.greeted(), room.greeted()];
    for block in &blocks {
        for id in feeders {
            room.send_block(id, block);
            room.send_block(id, block);
        }
        room.settle();
    }
    // What is committed is dropped and acknowledged, as long as it is the same.
    for id in feeders {
        blocks.iter().for_each(|block| room.send_block(id, block));
        assert_eq!(room.frames(id), [ServerFrame::Durable(20)]);
    }
    assert_eq!(room.height(), 20);
    let tally = room.desk.tally();
    assert_eq!((tally.received, tally.doubles), (180, 160));
}

#[test]
fn a_feeder_that_goes_takes_its_waiting_blocks_along() {
    let blocks = chain(3, 10);
    let mut room = Room::new();
    let (gone, stays) = (room.greeted(), room.greeted());
    room.send_block(gone, &blocks[0]);
    room.send_block(gone, &blocks[1]);
    room.send_block(stays, &blocks[1]);
    room.desk.ended(gone, true, room.now);
    room.settle();
    assert_eq!(room.height(), 0, "nobody stands for block 0");
    room.send_block(stays, &blocks[0]);
    room.settle();
    assert_eq!(room.height(), 2);
}

#[test]
fn a_block_in_the_pipeline_outlives_its_feeder() {
    let blocks = chain(2, 10);
    let mut room = Room::new();
    let id = room.greeted();
    room.send_block(id, &blocks[0]);
    room.admit();
    room.desk.ended(id, true, room.now);
    room.settle();
    assert_eq!(room.height(), 1);
}

#[test]
fn a_block_that_left_while_the_door_looked_at_it_is_not_admitted() {
    let blocks = chain(1, 10);
    let mut room = Room::new();
    let id = room.greeted();
    room.send_block(id, &blocks[0]);
    let pick = room.desk.next().expect("a block");
    room.desk.ended(id, true, room.now);
    assert!(!room.desk.admit(&pick, room.now));
    assert!(room.desk.next().is_none());
}

#[test]
fn a_feeder_may_shut_down_its_sending_half_and_hear_the_end() {
    let blocks = chain(2, 10);
    let mut room = Room::new();
    let id = room.greeted();
    blocks.iter().for_each(|block| room.send_block(id, block));
    room.desk.ended(id, false, room.now);
    room.check_stays(id);
    assert!(!room.desk.wants_read(id));
    room.settle();
    assert_eq!(room.frames(id), [ServerFrame::Durable(2)]);
    assert!(room.desk.is_told_all(id));
    room.desk.ended(id, false, room.now);
    assert!(room.desk.is_done(id));
}

#[test]
fn closing_tells_everybody_the_last_height_first() {
    let blocks = chain(3, 10);
    let mut room = Room::new();
    let id = room.greeted();
    blocks.iter().for_each(|block| room.send_block(id, block));
    room.settle();
    room.desk.close(room.now);
    let frames = room.frames(id);
    assert_eq!(frames[0], ServerFrame::Durable(3));
    assert!(matches!(
        &frames[1],
        ServerFrame::Refusal { number, .. } if *number == RefusalKind::Stopping.number()
    ));
    room.send(id, &framed(&blocks[0]));
    room.wait(crate::limits::INGEST_LINGER);
    assert!(room.desk.is_deserted());
}
