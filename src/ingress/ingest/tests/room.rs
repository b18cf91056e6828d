//! Room: budgets, push-back without deadlock, and the number of feeders.

use std::time::Duration;

use super::{Room, chain, framed};
use crate::ingress::ingest::desk::FeederId;
use crate::ingress::ingest::refusal::RefusalKind;
use crate::limits;

const MIB: usize = 1 << 20;

/// Sends as much as is wanted; how many of the blocks.
fn send_while_wanted(room: &mut Room, id: FeederId, blocks: &[Vec<u8>]) -> usize {
    let wanted = blocks.iter().take_while(|block| {
        let wants = room.desk.wants_read(id);
        if wants {
            room.send_block(id, block);
        }
        wants
    });
    wanted.count()
}

#[test]
fn a_feeder_is_parked_at_its_budget_and_goes_on_when_there_is_room() {
    let blocks = chain(40, MIB);
    let mut room = Room::new();
    let id = room.greeted();
    // All but the first: none of them can go on.
    let sent = send_while_wanted(&mut room, id, &blocks[1..]);
    let budget = limits::INGEST_FEEDER_BYTES_MAX / MIB;
    assert_eq!(sent, budget, "one more than fits is begun");
    // The next block is taken from another feeder whatever waits.
    let other = room.greeted();
    assert_eq!(send_while_wanted(&mut room, other, &blocks[9..]), budget);
    let third = room.greeted();
    room.send_block(third, &blocks[0]);
    room.settle();
    assert!(room.desk.wants_read(id));
    send_while_wanted(&mut room, id, &blocks[sent + 1..]);
    room.settle();
    assert!(room.height() > 10);
}

#[test]
fn a_feeder_in_order_never_waits_for_itself() {
    let blocks = chain(60, MIB);
    let mut room = Room::new();
    // Another one fills its budget with late blocks, and never has the next one.
    let late = room.greeted();
    send_while_wanted(&mut room, late, &blocks[30..]);
    let good = room.greeted();
    let mut at = 0;
    while at < blocks.len() {
        let sent = send_while_wanted(&mut room, good, &blocks[at..]);
        assert!(sent > 0, "stuck at block {at}");
        at += sent;
        room.settle();
    }
    assert_eq!(room.height(), 60);
}

#[test]
fn a_block_far_ahead_waits() {
    let blocks = chain(limits::INGEST_WINDOW_BLOCKS + 2, 1);
    let mut room = Room::new();
    let (ahead, good) = (room.greeted(), room.greeted());
    room.send_block(ahead, blocks.last().expect("blocks"));
    assert!(!room.desk.wants_read(ahead));
    blocks.iter().for_each(|block| room.send_block(good, block));
    room.settle();
    assert!(room.desk.wants_read(ahead));
    assert_eq!(room.height(), blocks.len() as u64);
}

#[test]
fn a_large_block_is_taken_in_turn_and_not_by_everybody_at_once() {
    let size = limits::INGEST_FEEDER_BYTES_MAX + 1;
    let blocks = chain(3, size);
    let mut room = Room::new();
    let feeders: Vec<FeederId> = (0..5).map(|_| room.greeted()).collect();
    for id in &feeders {
        room.send(*id, &framed(&blocks[0])[..1000]);
    }
    let reading = feeders
        .iter()
        .filter(|id| room.desk.wants_read(**id))
        .count();
    assert_eq!(reading, limits::INGEST_LARGE_BLOCKS_MAX);
    // Those that hold it up lose their turn.
    room.wait(limits::INGEST_BLOCK_WAIT);
    room.check_refused(feeders[0], RefusalKind::Slow);
    assert!(room.desk.wants_read(feeders[2]));
    room.send(feeders[2], &framed(&blocks[0])[1000..]);
    room.settle();
    assert_eq!(room.height(), 1);
    room.check_stays(feeders[2]);
}

#[test]
fn the_pipeline_gets_no_more_than_its_bytes() {
    let blocks = chain(10, 7 * MIB);
    let mut room = Room::new();
    let id = room.greeted();
    for block in &blocks {
        if room.desk.wants_read(id) {
            room.send_block(id, block);
        }
        room.admit();
    }
    let bytes: usize = room.pipeline.iter().map(|pick| pick.bytes.len()).sum();
    assert!(bytes <= limits::INGEST_IN_FLIGHT_BYTES_MAX, "{bytes}");
    assert!(room.pipeline.len() > 5);
}

#[test]
fn a_feeder_whose_order_keeps_everybody_waiting_is_cut_off() {
    let blocks = chain(20, MIB);
    let mut room = Room::new();
    let id = room.greeted();
    room.send_block(id, &blocks[10]);
    send_while_wanted(&mut room, id, &blocks[1..9]);
    assert!(!room.desk.wants_read(id), "block 0 would come after these");
    room.wait(limits::INGEST_ORDER_WAIT);
    room.check_refused(id, RefusalKind::OutOfOrder);
}

#[test]
fn a_feeder_with_later_blocks_in_order_waits_as_long_as_it_takes() {
    let blocks = chain(20, MIB);
    let mut room = Room::new();
    let id = room.greeted();
    send_while_wanted(&mut room, id, &blocks[5..]);
    assert!(!room.desk.wants_read(id));
    room.wait(limits::INGEST_ORDER_WAIT * 100);
    room.check_stays(id);
}

#[test]
fn connections_are_counted_and_the_idle_make_room() {
    let mut room = Room::new();
    let feeders: Vec<FeederId> = (0..limits::INGEST_FEEDERS_MAX)
        .map(|_| room.greeted())
        .collect();
    for _ in 0..limits::INGEST_FEEDERS_MAX {
        let busy = room.join();
        let said = String::from_utf8_lossy(&room.read(busy)).into_owned();
        assert!(said.ends_with("try again later"), "{said}");
        assert!(room.desk.is_told_all(busy));
    }
    assert!(room.desk.join(room.now).is_none(), "not even to be told so");
    room.wait(limits::INGEST_LINGER);
    // One of them was of use meanwhile.
    room.wait(limits::INGEST_IDLE_WAIT - limits::INGEST_LINGER - Duration::from_secs(1));
    room.send_block(feeders[0], &chain(1, 1)[0]);
    room.settle();
    room.wait(Duration::from_secs(1));
    for _ in 1..limits::INGEST_FEEDERS_MAX {
        let new = room.greeted();
        room.check_stays(new);
    }
    room.check_stays(feeders[0]);
    room.check_refused(feeders[1], RefusalKind::Idle);
}
