//! Peers that lie. Each has a core, so that it knows whom to lie to, and does beside that what no honest
//! peer does.

use std::time::Duration;

use bytes::Bytes;
use heddle::gossip::core::{Lane, LinkId, PkiId};
use heddle::proto::messages::gossip::gossip_message::{Content, Tag};
use heddle::proto::messages::gossip::{
    DataMessage, Envelope, GossipHello, GossipMessage, LeadershipMessage, Payload, PeerTime,
    Properties, PullMsgType, RemoteStateRequest, RemoteStateResponse, StateInfo,
};
use prost::Message as _;

use crate::chain;
use crate::net::{End, Event};
use crate::world::World;

/// Messages that a liar keeps to use them again.
const OVERHEARD_MAX: usize = 64;

/// What a liar has heard.
#[derive(Debug, Default)]
pub(crate) struct Liar {
    overheard: Vec<Bytes>,
    handshakes: Vec<Bytes>,
    heard: usize,
}

impl Liar {
    pub(crate) fn overhear(&mut self, bytes: &Bytes) {
        if bytes.len() > 4096 {
            return;
        }
        let envelope = Envelope::decode(bytes.clone()).unwrap_or_default();
        let message = GossipMessage::decode(envelope.payload).unwrap_or_default();
        let kept = match message.content {
            Some(Content::Conn(_)) => &mut self.handshakes,
            _ => &mut self.overheard,
        };
        if kept.len() < OVERHEARD_MAX {
            kept.push(bytes.clone());
        } else {
            let at = self.heard % OVERHEARD_MAX;
            kept[at] = bytes.clone();
        }
        self.heard += 1;
    }
}

impl World {
    /// What a liar answers to a request for blocks; `None`: nothing at all.
    pub(crate) fn lie_about_range(
        &mut self,
        at: usize,
        first: u64,
        blocks: Vec<Bytes>,
    ) -> Option<Vec<Bytes>> {
        if !self.peers[at].plan.lies {
            return Some(blocks);
        }
        match self.random.below(4) {
            0 => None,
            1 => Some(vec![chain::forged(first, [7; 32], b"forged")]),
            2 => Some(Vec::new()),
            _ => Some(blocks),
        }
    }

    pub(crate) fn liar_turn(&mut self, at: usize) {
        let wait = Duration::from_millis(100 + self.random.below(1500));
        self.after(wait, Event::LiarTurn(at));
        let links: Vec<LinkId> = self.peers[at].links.keys().copied().collect();
        if self.peers[at].core.is_none() || links.is_empty() {
            return;
        }
        let link = links[self.pick(links.len())];
        let Some((conn, side)) = self.conn_of(at, link) else {
            return;
        };
        match self.random.below(14) {
            0 => self.flood(at, conn, side),
            1 => self.relay(at),
            2 => {
                let junk = vec![0xff; self.pick(300)];
                self.transmit(conn, side, Lane::Control, &junk.into());
            }
            3 if self.random.below(10) == 0 => {
                let huge = vec![0; Lane::Control.bytes_max() + 1];
                self.transmit(conn, side, Lane::Control, &huge.into());
            }
            4..7 => {
                if let Some(bytes) = self.overheard(at) {
                    self.transmit(conn, side, Lane::Control, &bytes);
                }
            }
            7..9 => {
                if let Some(bytes) = self.overheard(at).and_then(|it| self.forge(at, it)) {
                    self.transmit(conn, side, Lane::Control, &bytes);
                }
            }
            _ => {
                let (lane, bytes) = self.invent(at);
                self.transmit(conn, side, lane, &bytes);
            }
        }
    }

    fn pick(&mut self, below: usize) -> usize {
        usize::try_from(self.random.below(below as u64)).unwrap_or(0)
    }

    fn overheard(&mut self, at: usize) -> Option<Bytes> {
        let count = self.peers[at].liar.overheard.len();
        let place = self.pick(count);
        self.peers[at].liar.overheard.get(place).cloned()
    }

    fn flood(&mut self, at: usize, conn: u64, side: usize) {
        let Some(bytes) = self.overheard(at) else {
            return;
        };
        for _ in 0..200 {
            self.transmit(conn, side, Lane::Control, &bytes);
        }
    }

    /// Calls somebody with a TLS certificate of its own and another's handshake.
    fn relay(&mut self, at: usize) {
        let target = self.pick(self.peers.len());
        if target != at && self.can_connect(at, target) {
            let from = End {
                peer: at,
                link: None,
            };
            let conn = self.net.connect(self.now, from, target, true);
            self.after(Duration::from_millis(5), Event::Accept(conn));
        }
    }

    pub(crate) fn relay_handshake(&mut self, conn: u64) {
        let Some(at) = self.net.conns.get(&conn).map(|conn| conn.ends[0].peer) else {
            return;
        };
        let place = self.pick(self.peers[at].liar.handshakes.len());
        let Some(bytes) = self.peers[at].liar.handshakes.get(place).cloned() else {
            return;
        };
        // Another liar may have relayed our own to us: with our own certificate it would rightly be believed.
        let own = self.peers[at].pki().0;
        if !bytes.windows(own.len()).any(|part| part == own) {
            self.transmit(conn, 0, Lane::Control, &bytes);
        }
    }

    /// Another's message with another content, under the old signature or the liar's own.
    fn forge(&mut self, at: usize, bytes: Bytes) -> Option<Bytes> {
        let mut envelope = Envelope::decode(bytes).ok()?;
        let mut message = GossipMessage::decode(envelope.payload.clone()).ok()?;
        match message.content.as_mut()? {
            Content::AliveMsg(alive) => {
                alive.timestamp.as_mut()?.seq_num += 1000;
                alive.membership.as_mut()?.endpoint = "liar:1".to_owned();
            }
            Content::StateInfo(info) => {
                info.timestamp.as_mut()?.seq_num += 1000;
                info.properties.as_mut()?.ledger_height += 1000;
            }
            Content::LeadershipMsg(leads) => {
                leads.timestamp.as_mut()?.seq_num += 1000;
                leads.is_declaration = true;
            }
            Content::PeerIdentity(identity) => identity.cert.push(1),
            _ => message.nonce += 1,
        }
        envelope.payload = message.encode_to_vec().into();
        if self.random.below(2) == 0 {
            envelope.signature = self.peers[at].certificate.sign(&envelope.payload);
        }
        Some(envelope.encode_to_vec().into())
    }

    /// Something that the liar may sign, and should not say; or may not ask.
    fn invent(&mut self, at: usize) -> (Lane, Bytes) {
        let channel = self.pick(self.channels.len());
        let name = self.channels[channel].as_str().as_bytes().to_vec();
        let next = self.chains[channel].height();
        let own = self.peers[at].pki();
        let time = Some(PeerTime {
            inc_num: self.now.as_micros() * 1000 + 1,
            seq_num: self.now.as_micros(),
        });
        let number = next.saturating_sub(self.random.below(3));
        let (lane, tag, content) = match self.random.below(6) {
            0 => (
                Lane::Control,
                Tag::ChanOrOrg,
                self.boast(channel, own, time),
            ),
            1 => (Lane::Blocks, Tag::ChanAndOrg, fork(number)),
            2 => (
                Lane::Control,
                Tag::ChanAndOrg,
                Content::LeadershipMsg(LeadershipMessage {
                    pki_id: own.0.to_vec(),
                    timestamp: time,
                    is_declaration: true,
                }),
            ),
            3 => {
                let mut hello = GossipHello {
                    nonce: self.random.any(),
                    ..GossipHello::default()
                };
                hello.set_msg_type(PullMsgType::BlockMsg);
                (Lane::Control, Tag::ChanAndOrg, Content::Hello(hello))
            }
            4 => {
                let request = RemoteStateRequest {
                    start_seq_num: self.random.below(next + 1),
                    end_seq_num: self.random.any(),
                };
                (
                    Lane::Control,
                    Tag::ChanOrOrg,
                    Content::StateRequest(request),
                )
            }
            _ => {
                let payloads = vec![payload(number)];
                let response = RemoteStateResponse { payloads };
                (
                    Lane::Transfer,
                    Tag::ChanOrOrg,
                    Content::StateResponse(response),
                )
            }
        };
        let has_channel = !matches!(content, Content::StateInfo(_));
        let mut message = GossipMessage {
            channel: if has_channel { name } else { Vec::new() },
            content: Some(content),
            ..GossipMessage::default()
        };
        message.set_tag(tag);
        (lane, self.sign_lie(at, &message))
    }

    fn sign_lie(&self, at: usize, message: &GossipMessage) -> Bytes {
        let payload = message.encode_to_vec();
        let envelope = Envelope {
            signature: self.peers[at].certificate.sign(&payload),
            payload: payload.into(),
            secret_envelope: None,
        };
        envelope.encode_to_vec().into()
    }

    /// A height that nobody has.
    fn boast(&self, channel: usize, own: PkiId, timestamp: Option<PeerTime>) -> Content {
        let name = self.channels[channel].as_str().as_bytes();
        Content::StateInfo(StateInfo {
            timestamp,
            pki_id: own.0.to_vec(),
            channel_mac: heddle::crypto::sha256_parts(&[&own.0, name]).0.to_vec(),
            properties: Some(Properties {
                ledger_height: self.chains[channel].height() + 1_000_000,
                left_channel: false,
                chaincodes: Vec::new(),
            }),
        })
    }
}

fn payload(number: u64) -> Payload {
    Payload {
        seq_num: number,
        data: chain::forged(number, [1; 32], b"a fork"),
        private_data: Vec::new(),
    }
}

fn fork(number: u64) -> Content {
    Content::DataMsg(DataMessage {
        payload: Some(payload(number)),
    })
}
