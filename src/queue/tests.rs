//! Order, bound, push-back and closing of the queues.

use std::thread;
use std::time::Duration;

use bytes::Bytes;

use super::{Closed, Room, queue};

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
    assert_eq!(
        inbox.receive_within(Duration::from_millis(1)),
        Err(Closed)
    );
}

#[test]
fn what_has_no_room_waits_until_others_leave() {
    let room = Room::new(10);
    let bytes = |len: usize| Bytes::from(vec![7; len]);
    let (first, second) = (room.enter(bytes(6)), room.enter(bytes(4)));
    let entered = |len| {
        let (room, bytes) = (room.clone(), bytes(len));
        let (told, heard) = queue("test_test", 1);
        let thread = thread::spawn(move || told.send(room.enter(bytes)));
        (thread, heard)
    };
    let (thread, heard) = entered(5);
    drop(second);
    assert_eq!(heard.receive_within(Duration::from_millis(20)), Ok(None));
    // A slice keeps the bytes, and so their place.
    let slice = first.slice(..1);
    drop(first);
    assert_eq!(heard.receive_within(Duration::from_millis(20)), Ok(None));
    drop(slice);
    let third = heard.receive().expect("it has room now");
    assert_eq!(third, bytes(5));
    thread.join().expect("thread").expect("heard");
    // What is larger than the room is alone in it.
    let (thread, heard) = entered(50);
    assert_eq!(heard.receive_within(Duration::from_millis(20)), Ok(None));
    drop(third);
    assert_eq!(heard.receive().map(|bytes| bytes.len()), Some(50));
    thread.join().expect("thread").expect("heard");
}
