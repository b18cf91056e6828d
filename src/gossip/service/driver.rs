//! The task that owns the core: tells it what happened, and does what it wants.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Input;
use super::pull::{Ordered, Orderers, Pull};
use super::serve::{Range, answer};
use super::source::{Desk, Offered};
use super::trust::{MspTrust, config_of};
use crate::channel::Bundle;
use crate::gossip::core::{Action, Core, CoreState, Lane, LinkId};
use crate::gossip::net::{Event, Net};
use crate::host::Channel;
use crate::limits;
use crate::metrics::Durations;
use crate::sys::clock::{Clock, Instant};
use crate::tls::MutualTls;
use crate::types::{BlockNumber, ChannelId};

/// What the driver is made of, before there is a network.
#[derive(Debug)]
pub(super) struct DriverSetup {
    pub(super) core: Core,
    pub(super) trust: Arc<MspTrust>,
    pub(super) tls: Arc<MutualTls>,
    pub(super) orderers: Arc<dyn Orderers>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) state: Arc<ArcSwapOption<CoreState>>,
    pub(super) commit_duration: Arc<Durations>,
}

/// The core and all that it works with.
pub(super) struct Driver {
    with: DriverSetup,
    net: Net,
    runtime: Handle,
    channels: BTreeMap<ChannelId, Hosted>,
    /// Pulls that are to end, and may not have yet.
    ending: Vec<Pull>,
    pulls: u64,
    /// Messages for which a lane had no room.
    dropped: u64,
}

/// A channel of the peer.
struct Hosted {
    channel: Arc<Channel>,
    bundle: Arc<Bundle>,
    desk: Arc<Desk>,
    watcher: JoinHandle<()>,
    pull: Option<Pull>,
    /// What the core was last told of the orderers.
    orderer_works: bool,
    /// A block of the orderers for which there was no room.
    waiting: Option<Ordered>,
    /// When blocks went into the pipeline that are not durable yet.
    committing: VecDeque<(BlockNumber, Instant)>,
}

impl Hosted {
    fn begins_to_commit(&mut self, number: BlockNumber, now: Instant) {
        if self.committing.len() >= limits::GOSSIP_COMMITTING_MAX {
            self.committing.pop_front();
        }
        self.committing.push_back((number, now));
    }

    /// Since when the blocks below this height were in the pipeline.
    fn committed(&mut self, height: BlockNumber) -> Vec<Instant> {
        let waiting = self.committing.iter();
        let durable = waiting.take_while(|(number, _)| *number < height).count();
        self.committing
            .drain(..durable)
            .map(|(_, since)| since)
            .collect()
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl Driver {
    pub(super) fn new(with: DriverSetup, net: Net, runtime: &Handle) -> Self {
        with.tls.set_authorities(with.trust.tls_authorities());
        Self {
            with,
            net,
            runtime: runtime.clone(),
            channels: BTreeMap::new(),
            ending: Vec::new(),
            pulls: 0,
            dropped: 0,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are taken in")]
    pub(super) async fn run(
        mut self,
        mut inputs: mpsc::Receiver<Input>,
        mut events: mpsc::Receiver<Event>,
    ) {
        let mut look = interval(limits::GOSSIP_STATE_AGE);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = loop {
            self.perform();
            let wait = self.with.core.wake_at().since(self.now());
            tokio::select! {
                Some(event) = events.recv() => self.hear(event),
                Some(input) = inputs.recv() => match input {
                    Input::End(ended) => break ended,
                    input => self.take(input),
                },
                () = sleep(wait) => {
                    let now = self.now();
                    self.with.core.tick(now);
                }
                _ = look.tick() => self.look(),
            }
        };
        drop(events);
        self.end(inputs, ended).await;
    }

    fn now(&self) -> Instant {
        self.with.clock.now()
    }

    // Inputs.

    fn hear(&mut self, event: Event) {
        let now = self.now();
        let core = &mut self.with.core;
        match event {
            Event::Dialed(link, connection) => {
                if self.net.is_dialing(link) {
                    let tls = connection.tls();
                    self.net.open(link, connection);
                    core.dialed(now, link, tls);
                }
            }
            Event::Accepted(connection) => {
                if let Some(link) = core.accepted(now, connection.tls()) {
                    self.net.open(link, connection);
                }
            }
            Event::Closed(link) => {
                if self.net.closed(link) {
                    core.closed(now, link);
                }
            }
            Event::Received(message) => {
                let (link, lane) = (message.link, message.lane);
                core.received(now, link, lane, message.bytes.clone());
                if lane == Lane::Control {
                    // Where the core did not like it, the connection is closed before anything is read.
                    self.net.admit_blocks(link);
                }
            }
            Event::TooLong(link) => core.received_too_long(now, link),
            Event::Served(link) => core.served(link),
        }
    }

    fn take(&mut self, input: Input) {
        let now = self.now();
        let core = &mut self.with.core;
        match input {
            Input::Opened {
                channel,
                desk,
                height,
            } => self.opened(channel, desk, height),
            Input::Left { channel } => self.left(&channel),
            Input::Verified { channel, number } => {
                core.verified(now, &channel, number);
                if let Some(hosted) = self.channels.get_mut(&channel) {
                    hosted.begins_to_commit(number, now);
                }
                self.offer_again(&channel);
            }
            Input::Rejected { channel, number } => {
                core.rejected(now, &channel, number);
                self.offer_again(&channel);
            }
            Input::Rewound { channel, number } => {
                core.rewound(now, &channel, number);
                if let Some(hosted) = self.channels.get_mut(&channel) {
                    hosted.committing.clear();
                }
            }
            Input::Committed { channel, height } => self.committed(&channel, height),
            Input::Ordered { channel, ordered } => self.offer(&channel, ordered),
            Input::Read { link, pieces } => {
                let sent = pieces.is_some_and(|pieces| self.net.serve(link, pieces));
                if !sent {
                    core.served(link);
                }
            }
            Input::Renewed => core.tls_renewed(self.with.tls.key_pair().certificate_hash()),
            // The loop has dealt with it.
            Input::End(_) => {}
        }
    }

    fn opened(&mut self, channel: Arc<Channel>, desk: Arc<Desk>, height: BlockNumber) {
        let (now, id) = (self.now(), channel.id().clone());
        self.with.trust.add(&channel);
        let watcher = watch(Arc::clone(&channel), self.with.inputs.clone());
        let hosted = Hosted {
            bundle: channel.bundle(),
            watcher: self.runtime.spawn(watcher),
            desk,
            pull: None,
            orderer_works: false,
            waiting: None,
            committing: VecDeque::new(),
            channel: Arc::clone(&channel),
        };
        self.channels.insert(id.clone(), hosted);
        self.configured();
        self.with.core.trust_changed(now);
        self.with.core.join(now, id, config_of(&channel), height);
    }

    fn left(&mut self, channel: &ChannelId) {
        let now = self.now();
        self.with.core.leave(now, channel);
        // What the core still wants of the channel is done while it is known.
        self.perform();
        if let Some(mut hosted) = self.channels.remove(channel) {
            self.ending.extend(hosted.pull.take());
        }
        self.with.trust.remove(channel);
        self.configured();
        self.with.core.trust_changed(now);
    }

    fn committed(&mut self, channel: &ChannelId, height: u64) {
        let now = self.now();
        let Some(hosted) = self.channels.get_mut(channel) else {
            return;
        };
        let durable = hosted.committed(BlockNumber(height));
        let bundle = hosted.channel.bundle();
        if !Arc::ptr_eq(&bundle, &hosted.bundle) {
            hosted.bundle = bundle;
            let config = config_of(&hosted.channel);
            self.configured();
            self.with.core.configure(now, channel, config);
        }
        for since in durable {
            let duration = u64::try_from(now.since(since).as_micros()).unwrap_or(u64::MAX);
            let labels = [channel.as_str()];
            self.with.commit_duration.record_us(&labels, duration);
        }
        self.with.core.committed(now, channel, BlockNumber(height));
        self.offer_again(channel);
    }

    /// Another organization may have come, or other authorities.
    fn configured(&self) {
        let authorities = self.with.trust.tls_authorities();
        self.with.tls.set_authorities(authorities);
    }

    // Orderers.

    fn offer(&mut self, channel: &ChannelId, ordered: Ordered) {
        let now = self.now();
        let Some(hosted) = self.channels.get_mut(channel) else {
            return;
        };
        let pull = hosted.pull.as_ref().map(|pull| pull.id);
        if pull != Some(ordered.pull) {
            return;
        }
        let block = ordered.block.clone();
        if self.with.core.ordered(now, channel, ordered.number, block) {
            let _ = ordered.taken.send(());
        } else {
            hosted.waiting = Some(ordered);
        }
    }

    fn offer_again(&mut self, channel: &ChannelId) {
        let hosted = self.channels.get_mut(channel);
        if let Some(waiting) = hosted.and_then(|hosted| hosted.waiting.take()) {
            self.offer(channel, waiting);
        }
    }

    fn pull(&mut self, channel: &ChannelId) {
        let Some(hosted) = self.channels.get_mut(channel) else {
            return;
        };
        tracing::info!(%channel, "blocks are pulled from the orderers");
        self.pulls += 1;
        let of = Arc::clone(&hosted.channel);
        let (orderers, inputs) = (Arc::clone(&self.with.orderers), self.with.inputs.clone());
        let pull = Pull::start(self.pulls, of, orderers, inputs);
        self.ending.extend(hosted.pull.replace(pull));
    }

    fn stop_pull(&mut self, channel: &ChannelId) {
        tracing::info!(%channel, "blocks are no longer pulled from the orderers");
        self.with.orderers.forget(channel);
        if let Some(hosted) = self.channels.get_mut(channel) {
            let pull = hosted.pull.take();
            pull.iter().for_each(Pull::end);
            self.ending.extend(pull);
            hosted.orderer_works = false;
            hosted.waiting = None;
        }
    }

    /// Shows how things stand, and sees how the orderers are.
    fn look(&mut self) {
        let now = self.now();
        for (channel, hosted) in &mut self.channels {
            let works = hosted.pull.is_some() && self.with.orderers.works(channel);
            if works != hosted.orderer_works {
                hosted.orderer_works = works;
                self.with.core.orderer_works(now, channel, works);
            }
        }
        self.ending.retain(|pull| !pull.is_over());
        let mut state = self.with.core.state();
        state.counters.dropped += self.dropped;
        state.counters.bytes_sent = self.net.bytes_sent();
        self.with.state.store(Some(Arc::new(state)));
    }

    // Actions.

    fn perform(&mut self) {
        while let Some(action) = self.with.core.next_action() {
            match action {
                Action::Dial { link, endpoint } => self.net.dial(link, endpoint),
                Action::Close { link, reason } => {
                    tracing::debug!(%link, ?reason, "a connection is closed");
                    self.net.close(link);
                }
                Action::Send { link, lane, bytes } => {
                    self.dropped += u64::from(!self.net.send(link, lane, bytes));
                }
                Action::Serve {
                    link,
                    channel,
                    nonce,
                    first,
                    last,
                } => {
                    let range = Range { nonce, first, last };
                    self.serve(link, &channel, range);
                }
                Action::Verify {
                    channel,
                    number,
                    block,
                    from_orderer,
                } => {
                    if let Some(hosted) = self.channels.get(&channel) {
                        hosted.desk.put(Offered {
                            number,
                            block,
                            from_orderer,
                        });
                    }
                }
                Action::Pull { channel, .. } => self.pull(&channel),
                Action::StopPull { channel } => self.stop_pull(&channel),
            }
        }
    }

    fn serve(&mut self, link: LinkId, channel: &ChannelId, range: Range) {
        let Some(hosted) = self.channels.get(channel) else {
            return self.with.core.served(link);
        };
        let (channel, inputs) = (Arc::clone(&hosted.channel), self.with.inputs.clone());
        // The files may have to be read from the disk.
        self.runtime.spawn_blocking(move || {
            let pieces = answer(&channel, range);
            if let Err(error) = &pieces {
                let channel = channel.id();
                tracing::error!(%channel, %error, "blocks for another peer cannot be read");
            }
            let pieces = pieces.ok();
            let _ = inputs.blocking_send(Input::Read { link, pieces });
        });
    }

    /// Leaves every channel, says so, and lets go of everything.
    async fn end(mut self, inputs: mpsc::Receiver<Input>, ended: oneshot::Sender<()>) {
        let channels: Vec<ChannelId> = self.channels.keys().cloned().collect();
        for channel in channels {
            self.left(&channel);
        }
        self.perform();
        // Whoever waits to tell something hears that nobody listens.
        drop(inputs);
        let pulls = std::mem::take(&mut self.ending);
        let joined = tokio::task::spawn_blocking(|| pulls.into_iter().for_each(Pull::join));
        let _ = joined.await;
        if self.net.open_count() > 0 {
            sleep(limits::GOSSIP_FAREWELL).await;
        }
        self.net.end().await;
        let _ = ended.send(());
    }
}

/// Tells how many blocks are durable, until the channel is gone.
async fn watch(channel: Arc<Channel>, inputs: mpsc::Sender<Input>) {
    let mut heights = channel.heights();
    let id = channel.id().clone();
    loop {
        let height = *heights.borrow_and_update();
        let channel = id.clone();
        if inputs
            .send(Input::Committed { channel, height })
            .await
            .is_err()
        {
            return;
        }
        if heights.changed().await.is_err() {
            return;
        }
    }
}
