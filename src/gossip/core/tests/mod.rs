//! The core as a whole; what many of them do together is in `tests/sim`.

mod electing;

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;

use super::{
    Action, ChannelConfig, CloseReason, Core, CoreSetup, GossipOptions, LeaderMode, MspId, Offence,
    Standing, Trust,
};
use crate::proto::messages::msp::SerializedIdentity;
use crate::sys::clock::Instant;
use crate::types::{BlockNumber, ChannelId, Digest};

/// Believes everybody.
#[derive(Debug)]
struct Gullible;

impl Trust for Gullible {
    fn identify(&self, _: &[u8]) -> Option<Standing> {
        Some(Standing {
            msp: MspId("Org1MSP".into()),
            expires: Instant::from_micros(u64::MAX),
        })
    }

    fn admits(&self, _: &ChannelId, _: &[u8]) -> bool {
        true
    }

    fn verify(&self, _: &[u8], _: &[u8], _: &[u8]) -> bool {
        true
    }

    fn sign(&self, _: &[u8]) -> Option<Vec<u8>> {
        Some(vec![1])
    }
}

fn now() -> Instant {
    Instant::from_micros(7)
}

/// A peer that pulls from the orderers, alone on a channel of which it has the genesis block.
fn alone() -> (Core, ChannelId) {
    started(1, LeaderMode::Always)
}

/// A peer of one channel, whose number is in its certificates.
fn started(number: u8, leader: LeaderMode) -> (Core, ChannelId) {
    let identity = SerializedIdentity {
        mspid: "Org1MSP".to_owned(),
        id_bytes: format!("certificate {number}").into_bytes(),
    };
    let setup = CoreSetup {
        identity: identity.encode_to_vec(),
        msp: MspId("Org1MSP".into()),
        tls: Digest([number; 32]),
        incarnation: 1,
        options: GossipOptions {
            leader,
            ..GossipOptions::default()
        },
        trust: Arc::new(Gullible),
        seed: 1,
    };
    let mut core = Core::new(now(), setup).unwrap();
    let channel = ChannelId::new("mychannel").unwrap();
    core.join(
        now(),
        channel.clone(),
        ChannelConfig::default(),
        BlockNumber(1),
    );
    (core, channel)
}

fn actions(core: &mut Core) -> Vec<Action> {
    std::iter::from_fn(|| core.next_action()).collect()
}

#[test]
fn a_channel_begins_anew_where_the_pipeline_does() {
    let (mut core, channel) = alone();
    let pull = |from| Action::Pull {
        channel: channel.clone(),
        from: BlockNumber(from),
    };
    let stop = Action::StopPull {
        channel: channel.clone(),
    };
    let verify = |number| Action::Verify {
        channel: channel.clone(),
        number: BlockNumber(number),
        block: Bytes::from_static(b"block"),
        from_orderer: true,
    };
    assert_eq!(actions(&mut core), [pull(1)]);
    for number in [1, 2] {
        let block = Bytes::from_static(b"block");
        assert!(core.ordered(now(), &channel, BlockNumber(number), block));
        assert_eq!(actions(&mut core), [verify(number)]);
        core.verified(now(), &channel, BlockNumber(number));
    }
    core.rewound(now(), &channel, BlockNumber(1));
    assert_eq!(actions(&mut core), [stop, pull(1)]);
    // What was on its way when it began anew is too early.
    core.verified(now(), &channel, BlockNumber(3));
    assert_eq!(core.channel(&channel).unwrap().next, BlockNumber(1));
    let block = Bytes::from_static(b"block");
    assert!(core.ordered(now(), &channel, BlockNumber(1), block));
    assert_eq!(actions(&mut core), [verify(1)]);
}

#[test]
fn a_message_that_was_too_long_to_be_read_is_an_offence() {
    let (mut core, _) = alone();
    let link = core.accepted(now(), Digest([2; 32])).unwrap();
    actions(&mut core);
    core.received_too_long(now(), link);
    let reason = CloseReason::Banned(Offence::Oversize);
    assert_eq!(actions(&mut core), [Action::Close { link, reason }]);
    core.received_too_long(now(), link);
    let oversize = core.state().offences;
    assert!(oversize.contains(&(Offence::Oversize, 1)), "{oversize:?}");
}
