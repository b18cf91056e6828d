//! The desk without sockets: feeders' bytes as slices, a pipeline that is a list, time by hand.

mod order;
mod random;
mod refusals;
mod room;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::desk::{Desk, FeederId, Pick};
use super::door::{Verdict, examine};
use super::protocol::{Greeting, ServerFrame};
use super::refusal::RefusalKind;
use crate::ingress::{KnownBlocks, SignatureCheck, Signatures};
use crate::ledger::{self, data_hash, header_hash};
use crate::proto::common::Block;
use crate::proto::wire::{put_bytes, put_element, put_uint, put_varint};
use crate::sys::clock::Instant;
use crate::types::{BlockNumber, ChannelId, Digest};

/// Header hashes of what is committed.
#[derive(Clone, Default)]
struct Committed(Arc<Mutex<Vec<Digest>>>);

impl KnownBlocks for Committed {
    fn height(&self) -> BlockNumber {
        BlockNumber(self.0.lock().expect("a lock").len() as u64)
    }

    fn header_hash(&self, number: BlockNumber) -> Result<Option<Digest>, ledger::Error> {
        let hashes = self.0.lock().expect("a lock");
        Ok(hashes
            .get(usize::try_from(number.0).expect("small"))
            .copied())
    }
}

/// A desk with everything around it.
struct Room {
    desk: Desk,
    committed: Committed,
    now: Instant,
    /// What the pipeline has that is not committed.
    pipeline: Vec<Pick>,
    /// Whether the door knows the configuration.
    configured: bool,
}

/// What the tests take for a signature.
const SIGNED: &[u8] = b"signed";

struct Door(bool);

impl SignatureCheck for Door {
    fn check(&mut self, _: BlockNumber, _: &[u8], block: &Block<'_>) -> Signatures {
        match self.0 {
            false => Signatures::Unknown,
            true if is_signed(block) => Signatures::Good,
            true => Signatures::Bad("nobody has signed it".to_owned()),
        }
    }
}

fn is_signed(block: &Block<'_>) -> bool {
    let metadata = block.metadata.as_ref().map(|slots| &slots.metadata);
    metadata.is_some_and(|slots| slots.first() == Some(&SIGNED))
}

impl Room {
    fn new() -> Self {
        let committed = Committed::default();
        let now = Instant::default();
        let channel = ChannelId::new("cars").expect("a name");
        let desk = Desk::new(channel, Box::new(committed.clone()), now).expect("a desk");
        Self {
            desk,
            committed,
            now,
            pipeline: Vec::new(),
            configured: true,
        }
    }

    fn join(&mut self) -> FeederId {
        self.desk.join(self.now).expect("room")
    }

    /// A feeder that has heard its greeting.
    fn greeted(&mut self) -> FeederId {
        let id = self.join();
        let height = self.committed.height().0;
        let mut bytes = self.read(id);
        let greeting = Greeting::read(&mut bytes.as_slice()).expect("a greeting");
        assert_eq!(
            (greeting.height, greeting.channel.as_str()),
            (height, "cars")
        );
        bytes.drain(..greeting.to_bytes().len());
        id
    }

    fn send(&mut self, id: FeederId, bytes: &[u8]) {
        self.desk.received(id, bytes, self.now);
    }

    fn send_block(&mut self, id: FeederId, block: &[u8]) {
        self.send(id, &framed(block));
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.desk.tick(self.now);
    }

    /// Reads all that is there for a feeder.
    fn read(&mut self, id: FeederId) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let output = self.desk.output(id).to_vec();
            if output.is_empty() {
                return bytes;
            }
            self.desk.wrote(id, output.len());
            bytes.extend(output);
        }
    }

    /// The frames that are there for a feeder which was greeted.
    fn frames(&mut self, id: FeederId) -> Vec<ServerFrame> {
        let bytes = self.read(id);
        let mut rest = bytes.as_slice();
        let mut frames = Vec::new();
        while !rest.is_empty() {
            frames.push(ServerFrame::read(&mut rest).expect("a frame"));
        }
        frames
    }

    #[track_caller]
    fn check_refused(&mut self, id: FeederId, kind: RefusalKind) {
        let frames = self.frames(id);
        let Some(ServerFrame::Refusal { number, reason }) = frames.last() else {
            panic!("no refusal: {frames:?}");
        };
        assert_eq!(*number, kind.number(), "{reason}");
        assert!(self.desk.is_told_all(id));
    }

    #[track_caller]
    fn check_stays(&mut self, id: FeederId) {
        let frames = self.frames(id);
        let refused = frames
            .iter()
            .any(|frame| matches!(frame, ServerFrame::Refusal { .. }));
        assert!(!refused && !self.desk.is_done(id), "{frames:?}");
    }

    /// The door lets in what it can.
    fn admit(&mut self) {
        while let Some(pick) = self.desk.next() {
            match examine(&pick, &mut Door(self.configured)) {
                Verdict::Admit => {
                    assert!(self.desk.admit(&pick, self.now));
                    self.pipeline.push(pick);
                }
                Verdict::Doubt => self.desk.doubt(&pick),
                Verdict::Refuse(refusal) => self.desk.refuse(&pick, &refusal, self.now),
            }
        }
    }

    /// The pipeline commits what it has, up to the first block that is not signed.
    fn commit(&mut self) {
        for pick in std::mem::take(&mut self.pipeline) {
            let block = <Block<'_> as crate::proto::wire::Message<'_>>::decode(&pick.bytes);
            if !is_signed(&block.expect("a block")) {
                let rejected = self.desk.rejected("not signed".to_owned(), self.now);
                assert!(rejected.expect("a ledger"), "somebody is to blame");
                return;
            }
            let mut committed = self.committed.0.lock().expect("a lock");
            assert_eq!(
                pick.start.number.0,
                committed.len() as u64,
                "in order, once"
            );
            committed.push(pick.start.header_hash);
            let height = committed.len() as u64;
            drop(committed);
            self.desk.committed(height, self.now);
        }
    }

    /// Admits and commits until nothing moves.
    fn settle(&mut self) {
        loop {
            self.admit();
            if self.pipeline.is_empty() {
                return;
            }
            self.commit();
        }
    }

    fn height(&self) -> u64 {
        self.committed.height().0
    }
}

/// With its length in front.
fn framed(block: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_varint(&mut bytes, block.len() as u64);
    bytes.extend_from_slice(block);
    bytes
}

/// A block, and its header hash.
fn block(number: u64, previous: Option<Digest>, data: &[u8], signed: bool) -> (Vec<u8>, Digest) {
    let previous = previous.map(|hash| hash.0.to_vec()).unwrap_or_default();
    let hash = data_hash(&[data]);
    let mut header = Vec::new();
    put_uint(&mut header, 1, number);
    put_bytes(&mut header, 2, &previous);
    put_bytes(&mut header, 3, hash.as_ref());
    let mut list = Vec::new();
    put_element(&mut list, 1, data);
    let mut slots = Vec::new();
    put_element(&mut slots, 1, if signed { SIGNED } else { b"" });
    (0..4).for_each(|_| put_element(&mut slots, 1, b""));
    let mut block = Vec::new();
    put_element(&mut block, 1, &header);
    put_element(&mut block, 2, &list);
    put_element(&mut block, 3, &slots);
    (
        block,
        header_hash(BlockNumber(number), &previous, hash.as_ref()),
    )
}

/// A chain of signed blocks with so many bytes of data each.
fn chain(blocks: u64, bytes: usize) -> Vec<Vec<u8>> {
    let mut previous = None;
    let numbers = 0..blocks;
    numbers
        .map(|number| {
            let data = [&number.to_be_bytes()[..], &vec![7; bytes]].concat();
            let (block, hash) = block(number, previous, &data, true);
            previous = Some(hash);
            block
        })
        .collect()
}

/// The header hash of a block of a chain.
fn hash_of(bytes: &[u8]) -> Digest {
    let header = crate::ingress::header(bytes).expect("a header");
    header_hash(
        BlockNumber(header.number),
        header.previous_hash,
        header.data_hash,
    )
}

#[test]
fn greeting_and_frames_come_back() {
    let greeting = Greeting {
        height: 1 << 40,
        channel: ChannelId::new("a.channel").expect("a name"),
    };
    let bytes = greeting.to_bytes();
    assert_eq!(
        Greeting::read(&mut bytes.as_slice()).expect("a greeting"),
        greeting
    );
    for length in 0..bytes.len() {
        assert!(Greeting::read(&mut &bytes[..length]).is_err());
    }
    assert!(Greeting::read(&mut &b"HTTP/1.1 400 Bad Request"[..]).is_err());
    let refusal = ServerFrame::Refusal {
        number: 7,
        reason: "why".to_owned(),
    };
    for frame in [ServerFrame::Durable(u64::MAX), refusal] {
        let bytes = frame.to_bytes();
        assert_eq!(
            ServerFrame::read(&mut bytes.as_slice()).expect("a frame"),
            frame
        );
    }
    assert!(ServerFrame::read(&mut &[9_u8][..]).is_err());
}

#[test]
fn kinds_of_refusals_have_numbers_of_their_own() {
    for (index, kind) in (1..).zip(RefusalKind::ALL) {
        assert_eq!(kind.number(), index);
        assert_eq!(RefusalKind::may_retry(index), index <= 3, "{}", kind.name());
    }
}

#[test]
fn a_block_survives_any_split_of_its_bytes() {
    let blocks = chain(3, 300);
    let bytes: Vec<u8> = blocks.iter().flat_map(|block| framed(block)).collect();
    for step in [1, 2, 3, 7, 64, 299, 400] {
        let mut room = Room::new();
        let id = room.greeted();
        bytes.chunks(step).for_each(|chunk| room.send(id, chunk));
        room.admit();
        let got: Vec<&Bytes> = room.pipeline.iter().map(|pick| &pick.bytes).collect();
        assert_eq!(got, blocks.iter().collect::<Vec<_>>(), "step {step}");
    }
}
