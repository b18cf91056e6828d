//! Order, bound, push-back and closing of the queues.

use std::thread;
use std::time::Duration;

use bytes::Bytes;

use super::{Closed, Inbox, Room, RoomSize, queue};

#[test]
fn items_come_out_in_order_and_the_bound_holds() {
    let (outbox, inbox) = queue("test_test", 2);
    let gauge = outbox.gauge();
    let producer = thread::spawn(move || (0..1000).try_for_each(|item| outbox.send(item)));
    let received: Vec<i32> = std::iter::from_fn(|| inbox.receive()).collect();
    assert_eq!(received, (0..1000).collect::<Vec<_>>());
    assert_eq!(producer.join().expect("producer"), Ok(()));
    let reading = gauge.read();
    assert!(reading.depth_max <= reading.capacity, "{reading:?}");
    assert_eq!((reading.passed, reading.depth), (1000, 0));
}

#[test]
fn a_full_queue_is_counted_and_pushes_back() {
    let (outbox, inbox) = queue("test_test", 1);
    outbox.send(1).expect("room");
    let producer = thread::spawn({
        let outbox = outbox.clone();
        move || outbox.send(2)
    });
    while outbox.gauge().read().full == 0 {
        thread::yield_now();
    }
    assert_eq!((inbox.receive(), inbox.receive()), (Some(1), Some(2)));
    assert_eq!(producer.join().expect("producer"), Ok(()));
}

#[test]
fn a_gone_consumer_closes_the_producer() {
    let (outbox, inbox) = queue("test_test", 1);
    drop(inbox);
    assert_eq!(outbox.send(1), Err(Closed));
}

#[test]
fn a_gone_producer_lets_the_consumer_drain() {
    let (outbox, inbox) = queue("test_test", 4);
    outbox.send(1).expect("room");
    drop(outbox);
    assert_eq!(inbox.receive(), Some(1));
    assert_eq!(inbox.receive(), None);
    assert_eq!(inbox.receive_within(Duration::from_millis(1)), Err(Closed));
}

/// A thread that has so many bytes enter, and what tells of it.
fn enters(room: &Room, len: usize) -> (thread::JoinHandle<()>, Inbox<Bytes>) {
    let (room, bytes) = (room.clone(), Bytes::from(vec![7; len]));
    let (told, heard) = queue("test_test", 1);
    let thread = thread::spawn(move || told.send(room.enter(bytes)).expect("heard"));
    (thread, heard)
}

#[test]
fn what_has_no_room_waits_until_others_leave() {
    let room = Room::new(RoomSize {
        bytes_enough: 10,
        items_always: 2,
        bytes_max: 30,
    });
    let bytes = |len: usize| Bytes::from(vec![7; len]);
    let waits = |heard: &Inbox<Bytes>| {
        let heard = heard.receive_within(Duration::from_millis(20));
        assert_eq!(heard, Ok(None));
    };
    let (first, second) = (room.enter(bytes(6)), room.enter(bytes(4)));
    let (thread, heard) = enters(&room, 5);
    waits(&heard);
    // Two may have more than is enough.
    drop(second);
    let third = heard.receive().expect("it has room now");
    thread.join().expect("thread");
    let (thread, heard) = enters(&room, 24);
    waits(&heard);
    drop(third);
    let fourth = heard.receive().expect("it has room now");
    thread.join().expect("thread");
    // What is larger than the room is alone in it. A slice keeps its bytes there.
    let (thread, heard) = enters(&room, 50);
    let slice = first.slice(..1);
    drop((first, fourth));
    waits(&heard);
    drop(slice);
    assert_eq!(heard.receive().map(|bytes| bytes.len()), Some(50));
    thread.join().expect("thread");
}
