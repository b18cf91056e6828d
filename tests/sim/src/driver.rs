//! A peer: its core, and what drives it here in place of sockets, disks and orderers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use heddle::crypto::sha256;
use heddle::gossip::core::{
    Action, ChannelConfig, Core, CoreSetup, Counters, GossipOptions, Lane, LinkId, PkiId,
    blocks_answer,
};
use heddle::sys::clock::Instant;
use heddle::types::{BlockNumber, ChannelId, Digest};

use crate::liar::Liar;
use crate::net::{At, End, Event};
use crate::scenario::PeerPlan;
use crate::trust::{Certificate, Registry, SimTrust, View};
use crate::world::{World, msp};
use crate::{Sabotage, chain};

/// Blocks that an answer carries at most.
const ANSWER_BLOCKS: u64 = 16;

/// A peer, alive or not.
pub(crate) struct Peer {
    pub(crate) at: usize,
    pub(crate) plan: PeerPlan,
    pub(crate) certificate: Certificate,
    pub(crate) tls: Digest,
    pub(crate) view: Arc<Mutex<View>>,
    pub(crate) view_since: Instant,
    trust: Arc<SimTrust>,
    pub(crate) core: Option<Core>,
    pub(crate) life: u64,
    /// Each connection of the core, and which end of it this is.
    pub(crate) links: BTreeMap<LinkId, (u64, usize)>,
    pub(crate) disks: Vec<Disk>,
    wakes_at: Option<Instant>,
    /// Ticks in a row that left something to do at once.
    hurry: u32,
    pub(crate) liar: Liar,
    past: Counters,
}

/// What a peer has of a channel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Disk {
    pub(crate) joined: bool,
    pub(crate) durable: u64,
    /// What the pipeline has.
    pub(crate) next: u64,
    last: [u8; 32],
    /// The pipeline's run.
    run: u32,
    session: Option<Session>,
}

/// A stream with an orderer.
#[derive(Debug, Clone, Copy)]
struct Session {
    id: u64,
    next: u64,
    connected: bool,
}

impl Peer {
    pub(crate) fn certificate(seed: u64, at: usize, plan: &PeerPlan) -> Certificate {
        let never = Instant::from_micros(u64::MAX);
        Certificate::new(
            &msp(plan.org),
            &format!("peer{at}"),
            plan.expires.unwrap_or(never),
            seed,
        )
    }

    pub(crate) fn new(
        at: usize,
        plan: PeerPlan,
        certificate: Certificate,
        registry: &Arc<Registry>,
        truth: &View,
        sabotage: Sabotage,
    ) -> Self {
        let view = Arc::new(Mutex::new(truth.clone()));
        let trust = SimTrust {
            registry: Arc::clone(registry),
            own: certificate.clone(),
            view: Arc::clone(&view),
            sabotage,
        };
        let joined = |orgs: &std::collections::BTreeSet<_>| orgs.contains(&msp(plan.org));
        // In the order of the channels' names, which is that of the world.
        let disks = truth.channels.values().map(|orgs| Disk {
            joined: joined(orgs),
            ..Disk::default()
        });
        let shown = if sabotage == Sabotage::Binding { 0 } else { at };
        Self {
            at,
            tls: sha256(format!("TLS certificate of peer{shown}").as_bytes()),
            disks: disks.collect(),
            view,
            view_since: Instant::default(),
            trust: Arc::new(trust),
            core: None,
            life: 0,
            links: BTreeMap::new(),
            wakes_at: None,
            hurry: 0,
            liar: Liar::default(),
            past: Counters::default(),
            certificate,
            plan,
        }
    }

    pub(crate) fn pki(&self) -> PkiId {
        self.certificate.pki
    }

    /// Of all lives together, what the report shows.
    pub(crate) fn counters(&self) -> Counters {
        let now = self.core.as_ref().map(Core::counters).unwrap_or_default();
        Counters {
            bans: self.past.bans + now.bans,
            blocks_rejected: self.past.blocks_rejected + now.blocks_rejected,
            ..now
        }
    }
}

impl World {
    // Lives.

    pub(crate) fn start(&mut self, at: usize) {
        if self.peers[at].core.is_some() {
            return;
        }
        self.note(2, at, &[]);
        let now = self.now;
        let seed = self.random.any();
        let options = self.options_of(at);
        let peer = &mut self.peers[at];
        peer.life += 1;
        let setup = CoreSetup {
            identity: peer.certificate.bytes.clone(),
            msp: peer.certificate.msp.clone(),
            tls: peer.tls,
            incarnation: now.as_micros() * 1000 + 1,
            options,
            trust: Arc::clone(&peer.trust) as _,
            seed,
        };
        let Ok(core) = Core::new(now, setup) else {
            return self.fail("an identity is none".to_owned());
        };
        peer.core = Some(core);
        peer.wakes_at = None;
        for channel in 0..self.channels.len() {
            if !self.peers[at].disks[channel].joined {
                continue;
            }
            let height = self.empty_pipeline(at, channel);
            self.peers[at].disks[channel].session = None;
            let (id, config) = (self.channels[channel].clone(), self.config());
            self.with_core(at, |core| core.join(now, id, config, height));
        }
        self.with_core(at, |_| ());
    }

    /// What the pipeline had is lost; the disk is not. The number that is due then.
    fn empty_pipeline(&mut self, at: usize, channel: usize) -> BlockNumber {
        let disk = &mut self.peers[at].disks[channel];
        disk.next = disk.durable;
        disk.run += 1;
        let before = disk.durable.checked_sub(1);
        let last = before.and_then(|last| self.chains[channel].block(last));
        disk.last = last.map_or([0; 32], |block| chain::hash(block));
        BlockNumber(disk.durable)
    }

    /// The pipelines of a peer refuse what they have, and begin anew.
    pub(crate) fn rewind(&mut self, at: usize) {
        for channel in 0..self.channels.len() {
            if self.peers[at].core.is_some() && self.peers[at].disks[channel].joined {
                let number = self.empty_pipeline(at, channel);
                let (now, id) = (self.now, self.channels[channel].clone());
                self.with_core(at, |core| core.rewound(now, &id, number));
            }
        }
    }

    fn options_of(&self, at: usize) -> GossipOptions {
        let plan = &self.peers[at].plan;
        let bootstrap = (0..self.peers.len()).find(|other| self.peers[*other].plan.org == plan.org);
        GossipOptions {
            bootstrap: bootstrap.map(internal).into_iter().collect(),
            endpoint: internal(at),
            external_endpoint: plan.is_public.then(|| external(at)),
            ..self.scenario.options.clone()
        }
    }

    /// The first peer of each organization is its anchor peer.
    fn config(&self) -> ChannelConfig {
        let mut anchors = Vec::new();
        for org in 0..self.scenario.orgs {
            let first = self.peers.iter().find(|peer| peer.plan.org == org);
            anchors.extend(first.map(|peer| (msp(org), external(peer.at))));
        }
        ChannelConfig { anchors }
    }

    pub(crate) fn crash(&mut self, at: usize) {
        self.note(3, at, &[]);
        let peer = &mut self.peers[at];
        let Some(core) = peer.core.take() else {
            return;
        };
        let counters = core.counters();
        peer.past.bans += counters.bans;
        peer.past.blocks_rejected += counters.blocks_rejected;
        let links = std::mem::take(&mut peer.links);
        for disk in &mut peer.disks {
            disk.session = None;
        }
        for (conn, side) in links.into_values() {
            if let Some(gone) = self.net.conns.remove(&conn) {
                // The others find out when their connections fall silent.
                let wait = Duration::from_millis(500 + self.random.below(5000));
                self.after(wait, Event::Closed(gone.ends[1 - side]));
            }
        }
    }

    // The core and its time.

    pub(crate) fn with_core(&mut self, at: usize, input: impl FnOnce(&mut Core)) {
        let Some(core) = &mut self.peers[at].core else {
            return;
        };
        input(core);
        while let Some(action) = self.peers[at].core.as_mut().and_then(Core::next_action) {
            self.perform(at, action);
        }
        self.check_peer(at);
        let Some(core) = &self.peers[at].core else {
            return;
        };
        let wakes_at = core.wake_at().max(self.now.plus(Duration::from_micros(1)));
        let peer = &mut self.peers[at];
        if peer.wakes_at.is_none_or(|before| wakes_at < before) {
            peer.wakes_at = Some(wakes_at);
            self.at(wakes_at, Event::Tick(at));
        }
    }

    pub(crate) fn tick(&mut self, at: usize) {
        let now = self.now;
        // An earlier one may have taken its place.
        if self.peers[at].wakes_at == Some(now) {
            self.peers[at].wakes_at = None;
            self.with_core(at, |core| core.tick(now));
            let core = self.peers[at].core.as_ref();
            let again = core.is_some_and(|core| core.wake_at() <= now);
            let hurry = &mut self.peers[at].hurry;
            *hurry = if again { *hurry + 1 } else { 0 };
            if *hurry > 3 {
                self.fail(format!("peer {at} would tick for ever"));
            }
        }
    }

    fn perform(&mut self, at: usize, action: Action) {
        match action {
            Action::Dial { link, endpoint } => self.dial(at, link, &endpoint),
            Action::Close { link, .. } => {
                if let Some((conn, side)) = self.conn_of(at, link) {
                    self.drop_conn(conn, Some(side));
                }
            }
            Action::Send { link, lane, bytes } => self.send(at, link, lane, &bytes),
            Action::Serve {
                link,
                channel,
                nonce,
                first,
                last,
            } => self.serve(at, link, &channel, nonce, first..=last),
            Action::Verify {
                channel,
                number,
                block,
                ..
            } => {
                let at = self.at_of(at, &channel);
                let wait = Duration::from_micros(200 + self.random.below(2000));
                let number = number.0;
                self.after(wait, Event::Checked { at, number, block });
            }
            Action::Pull { channel, from } => self.pull(at, &channel, from),
            Action::StopPull { channel } => {
                let channel = self.at_of(at, &channel).channel;
                self.peers[at].disks[channel].session = None;
            }
        }
    }

    fn at_of(&self, peer: usize, channel: &ChannelId) -> At {
        let found = self.channels.iter().position(|id| id == channel);
        At {
            peer,
            life: self.peers[peer].life,
            channel: found.unwrap_or(0),
            run: self.peers[peer].disks[found.unwrap_or(0)].run,
        }
    }

    fn is_current(&self, at: At) -> bool {
        let peer = &self.peers[at.peer];
        peer.core.is_some() && peer.life == at.life
    }

    /// Whether the channel's pipeline is still the same, too.
    fn is_in_run(&self, at: At) -> bool {
        self.is_current(at) && self.peers[at.peer].disks[at.channel].run == at.run
    }

    // Connections.

    fn dial(&mut self, at: usize, link: LinkId, endpoint: &str) {
        let from = End {
            peer: at,
            link: Some(link),
        };
        let target = (0..self.peers.len())
            .find(|other| [internal(*other), external(*other)].contains(&endpoint.into()));
        let target = target.filter(|target| self.can_connect(at, *target));
        let Some(target) = target else {
            let wait = Duration::from_millis(200 + self.random.below(2000));
            return self.after(wait, Event::Closed(from));
        };
        let conn = self.net.connect(self.now, from, target, false);
        self.peers[at].links.insert(link, (conn, 0));
        let wait = self.net.delay(&mut self.random);
        self.after(wait, Event::Accept(conn));
    }

    pub(crate) fn can_connect(&self, from: usize, to: usize) -> bool {
        self.peers[to].core.is_some() && self.net.reaches(from, to) && self.net.reaches(to, from)
    }

    pub(crate) fn accept(&mut self, conn: u64) {
        let Some([from, to]) = self.net.conns.get(&conn).map(|conn| conn.ends) else {
            return;
        };
        let (now, tls) = (self.now, self.peers[from.peer].tls);
        let core = self.peers[to.peer].core.as_mut();
        let Some(link) = core.and_then(|core| core.accepted(now, tls)) else {
            return self.drop_conn(conn, Some(1));
        };
        self.note(4, to.peer, &[]);
        self.peers[to.peer].links.insert(link, (conn, 1));
        let ready_at = now.plus(self.net.delay(&mut self.random));
        if let Some(open) = self.net.conns.get_mut(&conn) {
            open.ends[1].link = Some(link);
            open.ready_at = ready_at;
        }
        self.at(ready_at, Event::Dialed(conn));
        self.with_core(to.peer, |_| ());
    }

    pub(crate) fn dialed(&mut self, conn: u64) {
        let Some([from, to]) = self.net.conns.get(&conn).map(|conn| conn.ends) else {
            return;
        };
        let (now, tls) = (self.now, self.peers[to.peer].tls);
        match from.link {
            Some(link) => self.with_core(from.peer, |core| core.dialed(now, link, tls)),
            None => self.relay_handshake(conn),
        }
    }

    pub(crate) fn closed(&mut self, end: End) {
        let now = self.now;
        if let Some(link) = end.link {
            self.peers[end.peer].links.remove(&link);
            self.with_core(end.peer, |core| core.closed(now, link));
        }
    }

    fn send(&mut self, at: usize, link: LinkId, lane: Lane, bytes: &Bytes) {
        if let Some((conn, side)) = self.conn_of(at, link) {
            self.check_sent(at, conn, side, bytes);
            self.transmit(conn, side, lane, bytes);
        }
    }

    pub(crate) fn arrives(&mut self, conn: u64, side: usize, lane: Lane, bytes: Bytes) {
        let Some(end) = self.net.conns.get(&conn).map(|conn| conn.ends[side]) else {
            return;
        };
        self.note(5, end.peer, &bytes);
        self.report.messages += 1;
        if self.peers[end.peer].plan.lies {
            self.peers[end.peer].liar.overhear(&bytes);
        }
        let now = self.now;
        if let Some(link) = end.link {
            self.with_core(end.peer, |core| core.received(now, link, lane, bytes));
        }
    }

    // Blocks.

    fn serve(
        &mut self,
        at: usize,
        link: LinkId,
        channel: &ChannelId,
        nonce: u64,
        range: std::ops::RangeInclusive<BlockNumber>,
    ) {
        let number = self.at_of(at, channel).channel;
        let (first, last) = (
            range.start().0,
            range.end().0.min(range.start().0 + ANSWER_BLOCKS),
        );
        let blocks = (first..=last).filter_map(|block| self.chains[number].block(block).cloned());
        let blocks = blocks.collect();
        let answer = self.lie_about_range(at, first, blocks);
        if let Some(blocks) = answer {
            let answer = blocks_answer(channel, nonce, first, blocks);
            self.send(at, link, Lane::Transfer, &answer);
        }
        if let Some(core) = &mut self.peers[at].core {
            core.served(link);
        }
    }

    pub(crate) fn checked(&mut self, at: At, number: u64, block: &Bytes) {
        if !self.is_in_run(at) {
            return;
        }
        self.note(6, at.peer, block);
        let (now, id) = (self.now, self.channels[at.channel].clone());
        let disk = &mut self.peers[at.peer].disks[at.channel];
        let is_good =
            chain::is_next(block, number, disk.last) || self.options.sabotage == Sabotage::Blocks;
        if !is_good {
            return self.with_core(at.peer, |core| core.rejected(now, &id, BlockNumber(number)));
        }
        let expected = disk.next;
        disk.last = chain::hash(block);
        disk.next = number + 1;
        self.check_stored(at, number, expected, block);
        let wait = Duration::from_millis(1 + self.random.below(20));
        let height = number + 1;
        self.after(wait, Event::Durable { at, height });
        self.with_core(at.peer, |core| core.verified(now, &id, BlockNumber(number)));
    }

    pub(crate) fn durable(&mut self, at: At, height: u64) {
        if !self.is_in_run(at) {
            return;
        }
        self.note(7, at.peer, &height.to_le_bytes());
        let disk = &mut self.peers[at.peer].disks[at.channel];
        disk.durable = disk.durable.max(height);
        let (now, id) = (self.now, self.channels[at.channel].clone());
        let height = BlockNumber(disk.durable);
        self.with_core(at.peer, |core| core.committed(now, &id, height));
    }

    // Orderers.

    fn pull(&mut self, at: usize, channel: &ChannelId, from: BlockNumber) {
        let at = self.at_of(at, channel);
        let session = self.random.any();
        self.peers[at.peer].disks[at.channel].session = Some(Session {
            id: session,
            next: from.0,
            connected: false,
        });
        let wait = Duration::from_millis(5 + self.random.below(50));
        self.after(wait, Event::OrdererTurn { at, session });
    }

    pub(crate) fn wake_orderers(&mut self) {
        for peer in 0..self.peers.len() {
            for channel in 0..self.channels.len() {
                if let Some(session) = self.peers[peer].disks[channel].session {
                    let life = self.peers[peer].life;
                    let at = At {
                        peer,
                        life,
                        channel,
                        run: self.peers[peer].disks[channel].run,
                    };
                    let wait = self.net.delay(&mut self.random);
                    let session = session.id;
                    self.after(wait, Event::OrdererTurn { at, session });
                }
            }
        }
    }

    /// Whether orderers serve a peer on a channel.
    fn orderer_serves(&self, at: At) -> bool {
        let peer = &self.peers[at.peer];
        let gone = &self.orderer_gone;
        let (channel, org) = (&self.channels[at.channel], &peer.certificate.msp);
        !gone.contains(&at.peer)
            && !gone.contains(&usize::MAX)
            && self.truth.admits(channel, org, peer.pki())
    }

    pub(crate) fn orderer_turn(&mut self, at: At, session: u64) {
        let disk = self.peers[at.peer].disks[at.channel];
        let open = disk
            .session
            .filter(|open| open.id == session && self.is_current(at));
        let Some(open) = open else {
            return;
        };
        // A liar that leads does not pull what it should pass on.
        let serves = self.orderer_serves(at) && !self.peers[at.peer].plan.lies;
        self.note(8, at.peer, &open.next.to_le_bytes());
        let (now, id) = (self.now, self.channels[at.channel].clone());
        if serves != open.connected {
            if let Some(open) = &mut self.peers[at.peer].disks[at.channel].session {
                open.connected = serves;
            }
            self.with_core(at.peer, |core| core.orderer_works(now, &id, serves));
        }
        let retry = Event::OrdererTurn { at, session };
        if !serves {
            return self.after(Duration::from_secs(1), retry);
        }
        let Some(block) = self.chains[at.channel].block(open.next).cloned() else {
            return;
        };
        let mut taken = false;
        let (number, bytes) = (BlockNumber(open.next), block.len());
        self.with_core(at.peer, |core| {
            taken = core.ordered(now, &id, number, block)
        });
        if !taken {
            return self.after(Duration::from_millis(20), retry);
        }
        if let Some(open) = &mut self.peers[at.peer].disks[at.channel].session
            && open.id == session
            && open.next == number.0
        {
            open.next += 1;
            let arrivals = self.net.arrivals(now, &mut self.random, usize::MAX, bytes);
            let next = arrivals.first().copied();
            self.at(next.unwrap_or(now.plus(Duration::from_millis(5))), retry);
        }
    }
}

pub(crate) fn internal(at: usize) -> Arc<str> {
    format!("inside{at}:7051").into()
}

pub(crate) fn external(at: usize) -> Arc<str> {
    format!("peer{at}:7051").into()
}
