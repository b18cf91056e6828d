//! Peers with ledgers that gossip over one machine's network; an orderer is a list of blocks.

mod altered;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::gossip::core::LeaderMode;
use crate::gossip::service::Input;
use crate::gossip::service::source::{Desk, GossipSource, Offered};
use crate::host::Channel;
use crate::ingress::BlockSource as _;
use crate::peer::FeedSource as _;
use crate::pipeline::IngestDoor;
use crate::testing::gossip::{Bed, fast};
use crate::types::BlockNumber;
use crate::verify::ChainTip;
use altered::{with_other_data, with_other_link, with_other_signature};

#[test]
fn one_peer_pulls_and_the_others_have_its_blocks() {
    let mut bed = Bed::new(fast());
    let leader = bed.peer("peer0", LeaderMode::Always, &[]);
    let follower = bed.peer("peer1", LeaderMode::Never, &[leader]);
    bed.join(leader);
    bed.join(follower);
    bed.order(5);
    bed.all_at(&[leader, follower], 6);
    // One that comes late has what is there already from its neighbours.
    let late = bed.peer("peer2", LeaderMode::Never, &[follower]);
    bed.join(late);
    bed.all_at(&[late], 6);
    bed.order(3);
    bed.all_at(&[leader, follower, late], 9);
    assert_eq!(bed.orderers.pulled_by(), 1);
    let state = bed.state(late);
    assert_eq!(state.members.len(), 2);
    let channel = &state.channels[0];
    assert!(!channel.leads && !channel.pulls_orderer);
    assert_eq!(channel.peers.len(), 2);

    // The leader ends; one that pulls for itself goes on, and the others with it.
    bed.end(leader);
    let another = bed.peer("peer3", LeaderMode::Always, &[late]);
    bed.join(another);
    bed.order(2);
    bed.all_at(&[follower, late, another], 11);
    assert_eq!(bed.orderers.pulled_by(), 2);
}

#[test]
fn a_peer_without_others_pulls_for_itself_again_and_again() {
    let mut bed = Bed::new(fast());
    let alone = bed.peer("peer0", LeaderMode::Always, &[]);
    bed.join(alone);
    // More than the core takes at once.
    bed.order(200);
    bed.all_at(&[alone], 201);
    let folder = bed.end(alone);
    bed.order(1);
    let alone = bed.peer_at("peer0", LeaderMode::Always, &[], folder);
    bed.all_at(&[alone], 202);
}

/// A channel's source, and what it tells the driver.
struct Offering<'c> {
    source: GossipSource<'c>,
    tip: ChainTip,
    desk: Arc<Desk>,
    inputs: mpsc::Receiver<Input>,
}

impl<'c> Offering<'c> {
    /// Behind the genesis block.
    fn on(channel: &'c Channel) -> Self {
        let tip = ChainTip {
            number: BlockNumber(0),
            header_hash: channel.info().unwrap().header_hash.unwrap(),
        };
        let (sender, inputs) = mpsc::channel(9);
        let desk = Arc::<Desk>::default();
        let door = IngestDoor::new(channel.ledger());
        let id = channel.id().clone();
        Self {
            source: GossipSource::new(id, door, tip, Arc::clone(&desk), sender),
            tip,
            desk,
            inputs,
        }
    }

    /// Offers a block in a run of the pipeline that refuses it: what the pipeline got, and what was told.
    fn offer(
        &mut self,
        number: u64,
        block: &Bytes,
        from_orderer: bool,
    ) -> (Option<Bytes>, Option<Input>) {
        self.desk.put(Offered {
            number: BlockNumber(number),
            block: block.clone(),
            from_orderer,
        });
        // Where the block is not given, the source waits for another one until it is ended.
        let ender = self.source.ender().unwrap();
        let ending = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            ender.end();
        });
        let given = self.source.next_block().unwrap();
        ending.join().unwrap();
        let told = self.inputs.try_recv().ok();
        self.source.rejected(self.tip, "a test".to_owned());
        assert!(matches!(self.inputs.try_recv(), Ok(Input::Rewound { .. })));
        (given, told)
    }
}

#[test]
fn what_is_not_the_channels_next_block_is_refused() {
    let mut bed = Bed::new(fast());
    let peer = bed.peer("peer0", LeaderMode::Never, &[]);
    bed.join(peer);
    let blocks = bed.order(2);
    let [first, second] = &blocks[..] else {
        panic!("two blocks");
    };
    let channel = bed.channel(peer);
    let mut offering = Offering::on(&channel);
    for from_orderer in [false, true] {
        let (given, told) = offering.offer(1, first, from_orderer);
        assert_eq!(given.as_ref(), Some(first));
        assert!(matches!(told, Some(Input::Verified { .. })));
        for wrong in [
            second.clone(),
            Bytes::new(),
            Bytes::from_static(b"no block"),
            with_other_signature(first),
            with_other_link(first),
        ] {
            let (given, told) = offering.offer(1, &wrong, from_orderer);
            assert_eq!(given, None);
            assert!(matches!(told, Some(Input::Rejected { .. })));
        }
        // Offered before the driver heard that the pipeline begins anew.
        let (given, told) = offering.offer(2, second, from_orderer);
        assert!(given.is_none() && told.is_none());
    }
    let (given, told) = offering.offer(1, &with_other_data(first), false);
    assert!(given.is_none() && matches!(told, Some(Input::Rejected { .. })));
    let Offering {
        source, mut inputs, ..
    } = offering;
    drop(source);
    assert!(matches!(inputs.try_recv(), Ok(Input::Left { .. })));
}
