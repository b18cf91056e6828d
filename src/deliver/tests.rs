//! Which blocks a request stands for, and what is left of a filtered block.

use std::time::Duration;

use prost::Message as _;

use super::filtered::filtered_block;
use super::request::{SeekError, SeekRequest};
use crate::proto::messages::common::{
    Block, ChannelHeader, Envelope, Header, Payload, SignatureHeader, Status,
};
use crate::proto::messages::orderer::seek_position::Type;
use crate::proto::messages::orderer::{
    SeekInfo, SeekNewest, SeekNextCommit, SeekOldest, SeekPosition, SeekSpecified,
};
use crate::proto::messages::protos::filtered_transaction::Data;
use crate::testing::kit::ns;
use crate::testing::play::Play;

const NOW: i64 = 1_780_000_000;

const OLDEST: Type = Type::Oldest(SeekOldest {});
const NEWEST: Type = Type::Newest(SeekNewest {});
const NEXT: Type = Type::NextCommit(SeekNextCommit {});

const fn at(number: u64) -> Type {
    Type::Specified(SeekSpecified { number })
}

fn read(start: Option<Type>, stop: Option<Type>, time: i64) -> Result<SeekRequest, SeekError> {
    let position = |position: Option<Type>| SeekPosition { r#type: position };
    let seek = SeekInfo {
        start: Some(position(start)),
        stop: Some(position(stop)),
        ..SeekInfo::default()
    };
    let channel = ChannelHeader {
        timestamp: Some(prost_types::Timestamp {
            seconds: time,
            nanos: 0,
        }),
        ..ChannelHeader::default()
    };
    let header = Header {
        channel_header: channel.encode_to_vec(),
        signature_header: SignatureHeader::default().encode_to_vec(),
    };
    let payload = Payload {
        header: Some(header),
        data: seek.encode_to_vec(),
    };
    let envelope = Envelope {
        payload: payload.encode_to_vec().into(),
        ..Envelope::default()
    };
    SeekRequest::read(envelope, NOW, Duration::from_secs(900))
}

/// Of a channel of height 5.
fn check(start: Type, stop: Type, expected: Result<(u64, u64), Status>) {
    let request = read(Some(start), Some(stop), NOW).unwrap();
    assert_eq!(request.range(5), expected, "{start:?} to {stop:?}");
}

#[test]
fn requests_stand_for_blocks() {
    check(OLDEST, OLDEST, Ok((0, 0)));
    check(OLDEST, NEWEST, Ok((0, 4)));
    check(NEWEST, NEWEST, Ok((4, 4)));
    check(NEWEST, at(u64::MAX), Ok((4, u64::MAX)));
    check(NEXT, at(u64::MAX), Ok((5, u64::MAX)));
    check(NEXT, NEWEST, Ok((5, 5)));
    check(at(2), at(3), Ok((2, 3)));
    check(at(2), OLDEST, Ok((2, 2)));
    check(at(2), NEXT, Ok((2, 5)));
    // The next block may be waited for, none behind it.
    check(at(5), at(9), Ok((5, 9)));
    check(at(6), at(9), Err(Status::NotFound));
    check(at(3), at(2), Err(Status::BadRequest));
    check(NEWEST, at(2), Err(Status::BadRequest));
}

#[test]
fn requests_that_are_none_are_refused() {
    let missing = |part| SeekError::Missing { part };
    let refused = |start, stop, time| read(start, stop, time).map(|_| ()).unwrap_err();
    assert_eq!(refused(None, Some(NEWEST), NOW), missing("start"));
    assert_eq!(refused(Some(NEWEST), None, NOW), missing("stop"));
    for time in [NOW - 901, NOW + 901] {
        let late = refused(Some(NEWEST), Some(NEWEST), time);
        assert!(matches!(late, SeekError::Time { .. }), "{late}");
    }
    assert!(read(Some(NEWEST), Some(NEWEST), NOW - 900).is_ok());
}

#[test]
fn a_filtered_block_has_ids_types_and_codes() {
    let mut play = Play::with_orgs(1).unwrap();
    let one = play.tx("cc", [ns("cc").write("a", "1")]);
    let two = play.tx("cc", [ns("cc").write("b", "2")]);
    let ids = [one.tx_id(), two.tx_id()];
    let draft = play.chain.draft([one.envelope(), two.envelope()]);
    let mut block = Block::decode(draft.serialize().as_slice()).unwrap();
    let slots = &mut block.metadata.as_mut().unwrap().metadata;
    slots.resize(5, bytes::Bytes::new());
    slots[2] = vec![0, 11].into();
    let filtered = filtered_block(&block).unwrap();
    assert_eq!(filtered.number, 1);
    let found = filtered.filtered_transactions.iter();
    let found: Vec<_> = found
        .map(|tx| (tx.txid.clone(), tx.r#type, tx.tx_validation_code))
        .collect();
    let [first, second] = ids;
    assert_eq!(found, [(first, 3, 0), (second, 3, 11)]);
    let has_actions = |data: &Option<Data>| matches!(data, Some(Data::TransactionActions(_)));
    assert!(
        filtered
            .filtered_transactions
            .iter()
            .all(|tx| has_actions(&tx.data))
    );
    // A config transaction has no actions; one that does not decode leaves no filtered block.
    let genesis = Block::decode(play.blocks[0].as_ref()).unwrap();
    let filtered = filtered_block(&genesis).unwrap();
    assert_eq!(filtered.filtered_transactions[0].r#type, 1);
    assert_eq!(filtered.filtered_transactions[0].data, None);
    block.data.as_mut().unwrap().data[1] = vec![0xff].into();
    assert_eq!(filtered_block(&block), None);
    play.chain.push(&draft);
}
