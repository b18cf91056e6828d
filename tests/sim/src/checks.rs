//! What must never be wrong, and what has to be right in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use heddle::gossip::core::{Health, LeaderMode, MspId, PkiId, Stamp};
use heddle::limits;
use heddle::proto::messages::gossip::gossip_message::Content;
use heddle::proto::messages::gossip::{Envelope, GossipMessage, PeerTime};
use heddle::types::ChannelId;
use prost::Message as _;

use crate::driver::external;
use crate::net::{At, Event};
use crate::trust::View;
use crate::world::World;

/// What honest peers have said of themselves: the truth that others may believe.
#[derive(Debug, Default)]
pub(crate) struct Issued {
    alive: BTreeMap<PkiId, Stamp>,
    heights: BTreeMap<(usize, PkiId, Stamp), u64>,
}

/// How long a core may take to act on what it knows.
const SLACK: Duration = Duration::from_secs(2);

fn stamp(time: Option<&PeerTime>) -> Stamp {
    let time = time.copied().unwrap_or_default();
    Stamp {
        incarnation: time.inc_num,
        sequence: time.seq_num,
    }
}

impl World {
    /// After each input of a peer: no table is larger than it may be.
    pub(crate) fn check_peer(&mut self, at: usize) {
        let Some(core) = &self.peers[at].core else {
            return;
        };
        let sizes = core.sizes();
        let bounds = [
            (
                sizes.links,
                limits::GOSSIP_LINKS_MAX + limits::GOSSIP_LINKS_DIALED_MAX,
            ),
            (sizes.identities, limits::GOSSIP_IDENTITIES_MAX),
            (sizes.members, limits::GOSSIP_MEMBERS_MAX),
            (sizes.tombstones, limits::GOSSIP_TOMBSTONES_MAX),
            (sizes.offenders, limits::GOSSIP_OFFENDERS_MAX),
            (sizes.infos_of_a_channel, limits::GOSSIP_MEMBERS_MAX),
            (sizes.pulls_of_a_channel, 2 * limits::GOSSIP_PULLS_MAX),
            (
                sizes.recent_blocks_of_a_channel,
                self.scenario.options.blocks_kept,
            ),
            (
                sizes.recent_bytes_of_a_channel,
                limits::GOSSIP_RECENT_BYTES_MAX,
            ),
            (
                sizes.buffered_bytes_of_a_channel,
                limits::GOSSIP_BUFFER_BYTES_MAX,
            ),
            (sizes.requests_of_a_channel, limits::GOSSIP_REQUESTS_MAX),
            (sizes.candidates_of_an_election, limits::GOSSIP_MEMBERS_MAX),
            (sizes.actions, 0),
        ];
        if let Some(broken) = bounds.iter().find(|(size, bound)| size > bound) {
            self.fail(format!("peer {at}: {broken:?} of {sizes:?}"));
        }
    }

    /// A block has gone to the pipeline.
    pub(crate) fn check_stored(&mut self, at: At, number: u64, expected: u64, block: &Bytes) {
        if number != expected {
            self.fail(format!(
                "{at:?} stores block {number} where {expected} is due"
            ));
        }
        if self.chains[at.channel].block(number) != Some(block) {
            self.fail(format!(
                "{at:?} stores a block {number} that no orderer made"
            ));
        }
    }

    /// A message leaves a peer: may its receiver have it?
    pub(crate) fn check_sent(&mut self, at: usize, conn: u64, side: usize, bytes: &Bytes) {
        let Some(through) = self.net.conns.get(&conn) else {
            return;
        };
        let (to, is_raw) = (through.ends[1 - side].peer, through.is_raw);
        if self.peers[at].plan.lies {
            return;
        }
        let envelope = Envelope::decode(bytes.clone()).unwrap_or_default();
        let message = GossipMessage::decode(envelope.payload.clone()).unwrap_or_default();
        let Some(content) = message.content else {
            return self.fail(format!("peer {at} sends no message"));
        };
        if is_raw && !matches!(content, Content::Conn(_)) {
            return self.fail(format!("peer {at} believes a handshake that {to} relayed"));
        }
        self.note_issued(at, &content);
        self.check_secrets(at, to, &envelope, &content);
        let channel = self
            .channels
            .iter()
            .find(|id| id.as_str().as_bytes() == message.channel);
        let channel = channel.cloned().or_else(|| self.channel_of_mac(&content));
        if let Some(channel) = channel {
            let (view, receiver) = (self.view(at), &self.peers[to].certificate);
            if !view.admits(&channel, &receiver.msp, receiver.pki) {
                self.fail(format!("peer {at} tells {to} of {channel}: {content:?}"));
            }
        }
        let is_ours = self.peers[at].plan.org == self.peers[to].plan.org;
        let stays = matches!(
            content,
            Content::DataMsg(_)
                | Content::Hello(_)
                | Content::DataDig(_)
                | Content::LeadershipMsg(_)
        );
        if stays && !is_ours {
            self.fail(format!(
                "peer {at} lets {to} of another organization have {content:?}"
            ));
        }
    }

    fn view(&self, at: usize) -> View {
        let view = self.peers[at].view.lock();
        view.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The channel that a state info is of.
    fn channel_of_mac(&self, content: &Content) -> Option<ChannelId> {
        let (pki, mac) = match content {
            Content::StateInfo(info) => (&info.pki_id, &info.channel_mac),
            _ => return None,
        };
        let is_of = |channel: &&ChannelId| {
            heddle::crypto::sha256_parts(&[pki, channel.as_str().as_bytes()]).0 == mac.as_slice()
        };
        self.channels.iter().find(is_of).cloned()
    }

    /// Internal addresses stay inside.
    fn check_secrets(&mut self, at: usize, to: usize, envelope: &Envelope, content: &Content) {
        let receiver = self.peers[to].certificate.msp.clone();
        let leaks = |envelope: &Envelope| envelope.secret_envelope.is_some();
        let leaked = match content {
            Content::AliveMsg(alive) => {
                leaks(envelope) && self.author(alive.membership.as_ref()) != Some(receiver)
            }
            Content::MemReq(request) => {
                let own = request.self_information.as_ref();
                own.is_some_and(leaks) && self.peers[at].certificate.msp != receiver
            }
            Content::MemRes(response) => {
                let mut all = response.alive.iter().chain(&response.dead);
                all.any(|inside| {
                    let message = GossipMessage::decode(inside.payload.clone());
                    let author = match message.unwrap_or_default().content {
                        Some(Content::AliveMsg(alive)) => self.author(alive.membership.as_ref()),
                        _ => None,
                    };
                    leaks(inside) && author.as_ref() != Some(&receiver)
                })
            }
            _ => false,
        };
        if leaked {
            self.fail(format!(
                "peer {at} tells {to} an internal address: {content:?}"
            ));
        }
    }

    fn author(&self, member: Option<&heddle::proto::messages::gossip::Member>) -> Option<MspId> {
        let pki = PkiId::from_wire(&member?.pki_id)?;
        let at = self.by_pki.get(&pki)?;
        Some(self.peers[*at].certificate.msp.clone())
    }

    /// What a peer says of itself.
    fn note_issued(&mut self, at: usize, content: &Content) {
        let own = self.peers[at].pki();
        let is_own = |pki: &[u8]| pki == own.0.as_slice();
        let mut alive = |stamp: Stamp| {
            let newest = self.issued.alive.entry(own).or_default();
            *newest = stamp.max(*newest);
        };
        let of_envelope = |envelope: &Envelope| {
            let message = GossipMessage::decode(envelope.payload.clone()).unwrap_or_default();
            match message.content {
                Some(Content::AliveMsg(alive)) => Some(alive),
                _ => None,
            }
        };
        let is_own_alive = |said: &heddle::proto::messages::gossip::AliveMessage| {
            said.membership
                .as_ref()
                .is_some_and(|told| is_own(&told.pki_id))
        };
        match content {
            Content::AliveMsg(said) if is_own_alive(said) => alive(stamp(said.timestamp.as_ref())),
            Content::MemReq(request) => {
                let said = request.self_information.as_ref().and_then(of_envelope);
                said.iter()
                    .for_each(|said| alive(stamp(said.timestamp.as_ref())));
            }
            Content::MemRes(response) => {
                let all = response.alive.iter().filter_map(of_envelope);
                all.filter(is_own_alive)
                    .for_each(|said| alive(stamp(said.timestamp.as_ref())));
            }
            Content::StateInfo(info) if is_own(&info.pki_id) => self.note_height(own, info),
            Content::StateSnapshot(snapshot) => {
                for envelope in &snapshot.elements {
                    let message = GossipMessage::decode(envelope.payload.clone());
                    if let Some(Content::StateInfo(info)) = message.unwrap_or_default().content
                        && is_own(&info.pki_id)
                    {
                        self.note_height(own, &info);
                    }
                }
            }
            _ => {}
        }
    }

    fn note_height(&mut self, own: PkiId, info: &heddle::proto::messages::gossip::StateInfo) {
        let of = self.channel_of_mac(&Content::StateInfo(info.clone()));
        let at = self.channels.iter().position(|id| Some(id) == of.as_ref());
        let height = info.properties.as_ref().map_or(0, |it| it.ledger_height);
        let key = (at.unwrap_or(0), own, stamp(info.timestamp.as_ref()));
        self.issued.heights.insert(key, height);
    }

    /// Each second: what do honest peers believe?
    pub(crate) fn second(&mut self) {
        for at in 0..self.peers.len() {
            if !self.peers[at].plan.lies {
                self.check_beliefs(at);
            }
        }
        for conn in self.net.dying(self.now) {
            self.drop_conn(conn, None);
        }
        self.after(Duration::from_secs(1), Event::Second);
    }

    fn check_beliefs(&mut self, at: usize) {
        let Some(core) = &self.peers[at].core else {
            return;
        };
        let mut problem = None;
        for member in core.members() {
            let Some(about) = self
                .by_pki
                .get(&member.pki_id)
                .map(|about| &self.peers[*about])
            else {
                problem = Some(format!("{member:?}, who does not exist"));
                break;
            };
            let is_over = self.now.since(about.certificate.expires) > SLACK;
            let knows_revoked = self.now.since(self.peers[at].view_since) > SLACK
                && self.view(at).revoked.contains(&member.pki_id);
            if is_over || knows_revoked {
                problem = Some(format!("{member:?}, whose certificate is over"));
            }
            let newest = self.issued.alive.get(&member.pki_id);
            let is_false = newest.is_none_or(|newest| member.stamp > *newest)
                || (!member.endpoint.is_empty() && member.endpoint != external(about.at));
            if is_false && !about.plan.lies {
                problem = Some(format!("{member:?}, who said at most {newest:?}"));
            }
        }
        for (number, id) in self.channels.iter().enumerate() {
            let peers = core.channel(id).map(|channel| channel.peers);
            for peer in peers.unwrap_or_default() {
                let about = self
                    .by_pki
                    .get(&peer.pki_id)
                    .map(|about| &self.peers[*about]);
                let said = self.issued.heights.get(&(number, peer.pki_id, peer.stamp));
                let is_honest = about.is_some_and(|about| !about.plan.lies);
                if is_honest && said != Some(&peer.height.0) {
                    problem = Some(format!("{peer:?} of {id}, who said {said:?}"));
                }
            }
        }
        if let Some(problem) = problem {
            self.fail(format!("peer {at} believes {problem}"));
        }
    }

    /// Peers that have to be where the orderers are: honest, with a certificate that lasts.
    fn counted(&self) -> Vec<usize> {
        let lasts = |at: &usize| {
            let peer = &self.peers[*at];
            !peer.plan.lies
                && peer.plan.expires.is_none()
                && !self.truth.revoked.contains(&peer.pki())
        };
        (0..self.peers.len()).filter(lasts).collect()
    }

    /// What is not yet as it has to be in the end.
    pub(crate) fn missing(&self) -> Option<String> {
        let counted = self.counted();
        let behind = counted.iter().find_map(|at| self.behind(*at));
        behind
            .or_else(|| counted.iter().find_map(|at| self.unknown(*at, &counted)))
            .or_else(|| self.misled(&counted))
            .or_else(|| self.disagree(&counted))
    }

    /// Peers of an organization that do not agree on who leads.
    fn disagree(&self, counted: &[usize]) -> Option<String> {
        if self.scenario.options.leader != LeaderMode::Elected {
            return None;
        }
        for channel in &self.channels {
            let mut leaders = BTreeMap::new();
            for at in counted {
                let org = self.peers[*at].plan.org;
                let liars = self.has_liars(org);
                let state = self.peers[*at].core.as_ref()?.channel(channel);
                let state = state.filter(|_| !liars && self.serves(org, channel));
                let Some(leader) = state.map(|state| state.leader) else {
                    continue;
                };
                if leader.is_none() || *leaders.entry(org).or_insert(leader) != leader {
                    return Some(format!("peer {at} does not know the leader on {channel}"));
                }
            }
        }
        None
    }

    fn behind(&self, at: usize) -> Option<String> {
        let peer = &self.peers[at];
        for (number, channel) in self.channels.iter().enumerate() {
            let admitted = self
                .truth
                .admits(channel, &peer.certificate.msp, peer.pki());
            let (has, all) = (peer.disks[number].durable, self.chains[number].height());
            if admitted && has != all {
                return Some(format!("peer {at} has {has} of {all} blocks of {channel}"));
            }
        }
        None
    }

    /// Who should be known to a peer and is not.
    fn unknown(&self, at: usize, counted: &[usize]) -> Option<String> {
        let core = self.peers[at].core.as_ref()?;
        let alive = core
            .members()
            .filter(|member| member.health == Health::Alive);
        let alive: BTreeSet<PkiId> = alive.map(|member| member.pki_id).collect();
        let own = &self.peers[at].plan;
        for other in counted.iter().filter(|other| **other != at) {
            let plan = &self.peers[*other].plan;
            let should = plan.org == own.org || (plan.is_public && own.is_public);
            if should && !alive.contains(&self.peers[*other].pki()) {
                return Some(format!("peer {at} does not know {other} to be alive"));
            }
        }
        None
    }

    /// One leader for each organization and channel, and nobody else has a stream with the orderers.
    fn misled(&self, counted: &[usize]) -> Option<String> {
        (0..self.scenario.orgs).find_map(|org| self.misled_in(org, counted))
    }

    fn misled_in(&self, org: usize, counted: &[usize]) -> Option<String> {
        if self.scenario.options.leader != LeaderMode::Elected {
            return None;
        }
        let of_org = |at: &&usize| self.peers[**at].plan.org == org;
        let channels = self.channels.iter();
        for channel in channels.filter(|channel| self.serves(org, channel)) {
            let states: Vec<_> = counted
                .iter()
                .filter(of_org)
                .filter_map(|at| self.peers[*at].core.as_ref()?.channel(channel))
                .collect();
            let leaders = states.iter().filter(|state| state.leads).count();
            let least = usize::from(!self.has_liars(org) && !states.is_empty());
            if leaders > 1 || leaders < least {
                return Some(format!(
                    "{leaders} leaders of organization {org} on {channel}"
                ));
            }
            let strays = states
                .iter()
                .any(|state| state.pulls_orderer && !state.leads);
            // Who boasts makes others ask the orderers now and then.
            if strays && self.report.liars == 0 {
                return Some(format!(
                    "a follower of {org} pulls {channel} from the orderers"
                ));
            }
        }
        None
    }

    fn has_liars(&self, org: usize) -> bool {
        let mut peers = self.peers.iter();
        peers.any(|peer| peer.plan.org == org && peer.plan.lies)
    }

    fn serves(&self, org: usize, channel: &ChannelId) -> bool {
        let orgs = self.truth.channels.get(channel);
        orgs.is_some_and(|orgs| orgs.contains(&crate::world::msp(org)))
    }

    /// After everything was good once: leaders stay, and there are never two. Whether it is still good.
    ///
    /// Where peers of the organization lie, an election may still have been going on, as nobody there has to
    /// know a leader: it has to end well, and then everything is good anew.
    pub(crate) fn still(&self) -> Result<bool, String> {
        let counted = self.counted();
        let mut good = true;
        for org in 0..self.scenario.orgs {
            match self.misled_in(org, &counted) {
                None => {}
                Some(_) if self.has_liars(org) => good = false,
                Some(problem) => return Err(format!("after convergence: {problem}")),
            }
        }
        Ok(good)
    }
}
