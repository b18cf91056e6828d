//! BFT channels: blocks from one orderer, headers from the others.

use std::time::Duration;

use super::bed::{Bed, Manner, seek_info};

#[test]
fn headers_are_asked_of_those_who_do_not_send_blocks() {
    let bed = Bed::new(
        6,
        true,
        vec![Manner::Honest, Manner::Honest, Manner::Honest],
    );
    let (mut source, status) = bed.source(0);
    bed.take_all(&mut source);
    bed.idle(&mut source, Duration::from_millis(600));
    let reading = status.read();
    assert_eq!((reading.failures, reading.offences), (0, 0), "{reading:?}");
    assert_eq!(reading.state.header_streams, 2);
    let kinds = bed.orderers.iter().map(|orderer| {
        let asked = orderer.asked.lock().unwrap();
        let kinds = asked.iter().map(|seek| seek_info(seek).content_type);
        kinds.collect::<Vec<_>>()
    });
    let kinds: Vec<Vec<i32>> = kinds.collect();
    assert_eq!(kinds, [vec![0], vec![1], vec![1]]);
}

#[test]
fn who_withholds_blocks_is_replaced() {
    let manners = vec![Manner::Withhold(4), Manner::Honest, Manner::Honest];
    let bed = Bed::new(8, true, manners);
    let (mut source, status) = bed.source(0);
    bed.take_all(&mut source);
    let reading = status.read();
    assert_eq!(reading.state.sources.len(), 3);
    let mut sources = reading.state.sources.iter();
    let first = sources.find(|source| source.address == bed.addresses[0]);
    let first = first.unwrap();
    assert_eq!(first.offences, 1);
    let (_, trouble) = first.trouble.clone().unwrap();
    assert!(trouble.contains("withholds block 4"), "{trouble}");
    assert_ne!(reading.state.source.as_ref(), Some(&bed.addresses[0]));
}

#[test]
fn who_claims_blocks_that_nobody_signed_is_not_believed() {
    let bed = Bed::new(5, true, vec![Manner::Honest, Manner::Boast]);
    let (mut source, status) = bed.source(0);
    bed.take_all(&mut source);
    bed.idle(&mut source, Duration::from_millis(900));
    let reading = status.read();
    assert_eq!(reading.state.source.as_ref(), Some(&bed.addresses[0]));
    assert_eq!(reading.offences, 1);
    let mut sources = reading.state.sources.iter();
    let boaster = sources.find(|source| source.address == bed.addresses[1]);
    let (_, trouble) = boaster.unwrap().trouble.clone().unwrap();
    assert!(trouble.contains("the header of block 6"), "{trouble}");
}
