//! Elections: what is said when, and to whom.

use std::time::Duration;

use prost::Message as _;

use super::{actions, started};
use crate::gossip::core::election::{Election, Say};
use crate::gossip::core::options::{ElectionOptions, GossipOptions};
use crate::gossip::core::trust::PkiId;
use crate::gossip::core::wire::Stamp;
use crate::gossip::core::{Action, Core, LeaderMode, LinkId};
use crate::proto::messages::gossip::gossip_message::Content;
use crate::proto::messages::gossip::{Envelope, GossipMessage};
use crate::sys::clock::Instant;
use crate::types::Digest;

const SECOND: Duration = Duration::from_secs(1);

fn options() -> ElectionOptions {
    GossipOptions::default().election
}

/// One that nobody has told anything, and who runs at the end of its first, patient wait.
fn lonely() -> (Election, Instant) {
    let now = Instant::from_micros(1);
    let own = PkiId([7; 32]);
    let election = Election::new(now, own, LeaderMode::Elected, options());
    (election, now.plus(options().startup_grace))
}

fn stamp(sequence: u64) -> Stamp {
    Stamp {
        incarnation: 1,
        sequence,
    }
}

/// What it says until `until`, and when, woken when it wants to be.
fn said(election: &mut Election, mut now: Instant, until: Instant) -> Vec<(Instant, Say)> {
    let mut all = Vec::new();
    while now <= until {
        all.extend(election.tick(now, 1).map(|say| (now, say)));
        let wakes = election.wake_at().expect("it is elected");
        assert!(wakes > now, "it would tick for ever");
        now = wakes;
    }
    all
}

#[test]
fn a_candidate_proposes_each_second_and_then_leads() {
    let (mut election, runs_at) = lonely();
    let until = runs_at.plus(options().duration);
    let proposals = (0..5).map(|second| (runs_at.plus(SECOND * second), Say::Proposal));
    let expected: Vec<_> = proposals.chain([(until, Say::Declaration)]).collect();
    assert_eq!(said(&mut election, runs_at, until), expected);
    assert!(election.leads());
}

#[test]
fn a_candidate_that_is_answered_follows() {
    let (mut election, runs_at) = lonely();
    let until = runs_at.plus(SECOND * 2);
    assert_eq!(said(&mut election, runs_at, until).len(), 3);
    let leader = PkiId([9; 32]);
    election.hear(until, leader, stamp(1), Say::Declaration);
    assert!(!election.leads());
    assert_eq!(election.leader(), Some(leader));
    let later = until.plus(options().alive_threshold);
    assert_eq!(said(&mut election, until, later), []);
}

#[test]
fn a_leader_answers_each_proposal_within_a_second() {
    let (mut election, runs_at) = lonely();
    let leads_at = runs_at.plus(options().duration);
    said(&mut election, runs_at, leads_at);
    let asked = leads_at.plus(SECOND / 2);
    election.hear(asked, PkiId([9; 32]), stamp(1), Say::Proposal);
    let due = leads_at.plus(SECOND);
    assert_eq!(election.wake_at(), Some(due));
    assert_eq!(election.tick(due, 1), Some(Say::Declaration));
    assert_eq!(election.heard().collect::<Vec<_>>(), [PkiId([9; 32])]);
}

/// Two peers and their connection. What the second says of its height is lost.
struct Pair {
    cores: [Core; 2],
    links: [LinkId; 2],
}

impl Pair {
    fn connected(mut cores: [Core; 2], now: Instant) -> Self {
        let [one, other] = &mut cores;
        let first = one.accepted(now, Digest([2; 32])).expect("there is room");
        let second = other.accepted(now, Digest([1; 32])).expect("there is room");
        Self {
            cores,
            links: [first, second],
        }
    }

    /// What both have to say arrives.
    fn talk(&mut self, now: Instant) {
        loop {
            let mut messages = Vec::new();
            for (at, core) in self.cores.iter_mut().enumerate() {
                for action in actions(core) {
                    if let Action::Send { lane, bytes, .. } = action {
                        messages.push((at, lane, bytes));
                    }
                }
            }
            if messages.is_empty() {
                return;
            }
            for (from, lane, bytes) in messages {
                let to = 1 - from;
                if from == 0 || !tells_height(&bytes) {
                    self.cores[to].received(now, self.links[to], lane, bytes);
                }
            }
        }
    }
}

fn tells_height(bytes: &[u8]) -> bool {
    let envelope = Envelope::decode(bytes).expect("an envelope");
    let message = GossipMessage::decode(envelope.payload).expect("a message");
    let content = message.content.expect("content");
    matches!(content, Content::StateInfo(_) | Content::StateSnapshot(_))
}

#[test]
fn who_proposes_hears_who_leads_before_its_height_is_known() {
    let mut now = Instant::from_micros(7);
    let (mut leading, channel) = started(1, LeaderMode::Elected);
    let (mut coming, _) = started(2, LeaderMode::Elected);
    while !leading.channel(&channel).expect("joined").leads {
        now = leading.wake_at();
        leading.tick(now);
    }
    leading.orderer_works(now, &channel, true);
    actions(&mut leading);
    actions(&mut coming);
    let mut pair = Pair::connected([leading, coming], now);
    let until = now.plus(SECOND * 30);
    while now < until {
        pair.talk(now);
        now = pair.cores.iter().map(Core::wake_at).min().expect("two");
        pair.cores.iter_mut().for_each(|core| core.tick(now));
    }
    let [leading, coming] = pair.cores.each_ref();
    let [leading, coming] = [leading, coming].map(|core| core.channel(&channel).expect("joined"));
    assert!(leading.peers.is_empty(), "the height came through");
    assert!(leading.leads && !coming.leads);
    assert_eq!(coming.leader, leading.leader);
}
