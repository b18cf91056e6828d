//! Gossip: any bytes as messages, and any sequence of events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;

use super::choices::Choices;
use crate::gossip::core::{
    Action, ChannelConfig, Core, CoreSetup, GossipOptions, Lane, LeaderMode, LinkId, MspId, PkiId,
    Standing, Trust,
};
use crate::limits;
use crate::proto::messages::gossip::gossip_message::Content;
use crate::proto::messages::gossip::{ConnEstablish, Envelope, GossipMessage};
use crate::proto::messages::msp::SerializedIdentity;
use crate::sys::clock::Instant;
use crate::types::{BlockNumber, ChannelId, Digest};

/// Believes every certificate and every signature that begins with a one: both sides of each check are a
/// byte apart.
#[derive(Debug)]
struct Gullible;

impl Trust for Gullible {
    fn identify(&self, identity: &[u8]) -> Option<Standing> {
        let identity = SerializedIdentity::decode(identity).ok()?;
        Some(Standing {
            msp: MspId(identity.mspid.into()),
            expires: Instant::from_micros(1 << 40),
        })
    }

    fn admits(&self, _channel: &ChannelId, identity: &[u8]) -> bool {
        identity.len().is_multiple_of(2)
    }

    fn verify(&self, _identity: &[u8], _message: &[u8], signature: &[u8]) -> bool {
        signature.first() == Some(&1)
    }

    fn sign(&self, _message: &[u8]) -> Option<Vec<u8>> {
        Some(vec![1])
    }
}

const TLS: Digest = Digest([7; 32]);

struct Bed {
    core: Core,
    now: Instant,
    channel: ChannelId,
    links: Vec<LinkId>,
    verifying: Vec<BlockNumber>,
    height: u64,
}

fn identity(msp: &str, name: &[u8]) -> Vec<u8> {
    let identity = SerializedIdentity {
        mspid: msp.to_owned(),
        id_bytes: name.to_vec(),
    };
    identity.encode_to_vec()
}

impl Bed {
    fn new(leader: LeaderMode) -> Option<Self> {
        let mut options = GossipOptions {
            bootstrap: vec!["seed:1".into()],
            endpoint: "own:1".into(),
            external_endpoint: Some("own:2".into()),
            leader,
            ..GossipOptions::default()
        };
        options.transfer.enabled = true;
        let setup = CoreSetup {
            identity: identity("Org1", b"own!"),
            msp: MspId("Org1".into()),
            tls: TLS,
            incarnation: 1,
            options,
            trust: Arc::new(Gullible),
            seed: 1,
        };
        let now = Instant::default();
        let mut core = Core::new(now, setup).ok()?;
        let channel = ChannelId::new("c").ok()?;
        core.join(
            now,
            channel.clone(),
            ChannelConfig::default(),
            BlockNumber(3),
        );
        Some(Self {
            core,
            now,
            channel,
            links: Vec::new(),
            verifying: Vec::new(),
            height: 3,
        })
    }

    /// Does what the core asks for, as far as this bed has it, and holds it to its bounds.
    fn act(&mut self) {
        while let Some(action) = self.core.next_action() {
            match action {
                Action::Dial { link, .. } => self.links.push(link),
                Action::Close { link, .. } => self.links.retain(|other| *other != link),
                Action::Send { lane, bytes, .. } => {
                    assert!(bytes.len() <= lane.bytes_max(), "a message is too large");
                    assert!(Envelope::decode(bytes).is_ok(), "a message is an envelope");
                }
                Action::Serve { link, last, .. } => {
                    assert!(last.0 < self.height, "only what is there is served");
                    self.core.served(link);
                }
                Action::Verify { number, .. } => self.verifying.push(number),
                Action::Pull { .. } | Action::StopPull { .. } => {}
            }
        }
        let sizes = self.core.sizes();
        assert!(sizes.members <= limits::GOSSIP_MEMBERS_MAX);
        assert!(sizes.identities <= limits::GOSSIP_IDENTITIES_MAX);
        assert!(sizes.buffered_bytes_of_a_channel <= limits::GOSSIP_BUFFER_BYTES_MAX);
        assert!(sizes.requests_of_a_channel <= limits::GOSSIP_REQUESTS_MAX);
        assert!(self.verifying.len() <= 1, "one block at a time");
    }

    /// A connection with a peer of this organization and name.
    fn connect(&mut self, msp: &str, name: &[u8]) {
        let Some(link) = self.core.accepted(self.now, TLS) else {
            return;
        };
        self.links.push(link);
        let identity = identity(msp, name);
        let content = Content::Conn(ConnEstablish {
            pki_id: PkiId::of(&identity)
                .map(|pki| pki.0.to_vec())
                .unwrap_or_default(),
            identity,
            tls_cert_hash: TLS.0.to_vec(),
            probe: false,
        });
        let message = GossipMessage {
            content: Some(content),
            ..GossipMessage::default()
        };
        let envelope = Envelope {
            payload: message.encode_to_vec().into(),
            signature: vec![1],
            secret_envelope: None,
        };
        let bytes = Bytes::from(envelope.encode_to_vec());
        self.core.received(self.now, link, Lane::Control, bytes);
        self.act();
    }

    fn settle(&mut self, is_good: bool) {
        let Some(number) = self.verifying.pop() else {
            return;
        };
        if is_good {
            self.height = self.height.max(number.0.saturating_add(1));
            self.core.verified(self.now, &self.channel, number);
            let height = BlockNumber(self.height);
            self.core.committed(self.now, &self.channel, height);
        } else {
            self.core.rejected(self.now, &self.channel, number);
        }
        self.act();
    }
}

/// One message from a peer of the own organization and of another, on each lane.
pub fn gossip_message(data: &[u8]) {
    let Some(mut bed) = Bed::new(LeaderMode::Elected) else {
        return;
    };
    bed.act();
    bed.connect("Org1", b"peer");
    bed.connect("Org2", b"peer");
    for link in bed.links.clone() {
        for lane in [Lane::Control, Lane::Blocks, Lane::Transfer] {
            let bytes = Bytes::copy_from_slice(data);
            bed.core.received(bed.now, link, lane, bytes);
            bed.act();
        }
    }
    for is_good in [true, false, true] {
        bed.settle(is_good);
    }
    bed.now = bed.now.plus(Duration::from_secs(30));
    bed.core.tick(bed.now);
    bed.act();
}

/// A sequence of events: connections, messages built from the bytes, time, verdicts.
pub fn gossip_core(data: &[u8]) {
    let mut choices = Choices::new(data);
    let leader = [LeaderMode::Elected, LeaderMode::Always, LeaderMode::Never];
    let leader = choices.one_of(&leader).copied();
    let Some(mut bed) = Bed::new(leader.unwrap_or(LeaderMode::Elected)) else {
        return;
    };
    bed.act();
    while !choices.are_made() {
        event(&mut bed, &mut choices);
        bed.act();
    }
}

fn event(bed: &mut Bed, choices: &mut Choices<'_>) {
    let link = choices.one_of(&bed.links.clone()).copied();
    let now = bed.now;
    match (choices.below(12), link) {
        (0, _) => {
            let msp = if choices.one_in(3) { "Org2" } else { "Org1" };
            let name = choices.bytes::<2>();
            bed.connect(msp, &name);
        }
        (1, Some(link)) => bed.core.dialed(now, link, TLS),
        (2, Some(link)) => {
            bed.links.retain(|other| *other != link);
            bed.core.closed(now, link);
        }
        (8, Some(link)) => bed.core.received_too_long(now, link),
        (9, _) => {
            let number = BlockNumber(bed.height);
            bed.verifying.clear();
            bed.core.rewound(now, &bed.channel.clone(), number);
        }
        (10, _) => bed.core.tls_renewed(Digest([choices.byte(); 32])),
        (3, _) => {
            bed.now = now.plus(Duration::from_millis(u64::from(choices.byte()) * 100));
            bed.core.tick(bed.now);
        }
        (4, _) => bed.settle(choices.one_in(2)),
        (5, _) => {
            let number = BlockNumber(bed.height.saturating_add(u64::from(choices.below(3))));
            let block = Bytes::copy_from_slice(&choices.bytes::<3>());
            bed.core.ordered(now, &bed.channel.clone(), number, block);
        }
        (6, _) => {
            let works = choices.one_in(2);
            bed.core.orderer_works(now, &bed.channel.clone(), works);
        }
        (_, Some(link)) => {
            let lanes = [Lane::Control, Lane::Blocks, Lane::Transfer];
            let lane = choices.one_of(&lanes).copied().unwrap_or(Lane::Control);
            let bytes = choices.bytes::<64>();
            let length = usize::from(choices.below(65));
            let bytes = bytes.get(..length).unwrap_or_default();
            // The payload as it comes, or in an envelope with a signature that is believed.
            let bytes = if choices.one_in(2) {
                let envelope = Envelope {
                    payload: Bytes::copy_from_slice(bytes),
                    signature: vec![1],
                    secret_envelope: None,
                };
                envelope.encode_to_vec().into()
            } else {
                Bytes::copy_from_slice(bytes)
            };
            bed.core.received(now, link, lane, bytes);
        }
        (_, None) => {}
    }
}
